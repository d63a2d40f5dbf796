/**
 * From samples to figures: medians of paired comparisons with their spread, the noise floor, the goals.
 * Pure; leaves out how a sample was taken (measure.ts).
 */
import { BASELINE, FLOOR, KERNEL } from "./names.ts";

export const metrics = [
  { name: "packets", title: "small packets received", unit: "kpps", compare: "ratio" },
  { name: "tcp", title: "TCP, one stream, one CPU", unit: "Gbit/s", compare: "ratio" },
  { name: "tcpSegmented", title: "the same, uplink offload off", unit: "Gbit/s", compare: "ratio" },
  { name: "rttP50", title: "round trip, p50", unit: "µs", compare: "difference" },
  { name: "rttP99", title: "round trip, p99", unit: "µs", compare: "difference" },
] as const;

export type Metric = (typeof metrics)[number];
export type MetricName = Metric["name"];
/** One contender, measured once, in the units above. */
export type Sample = Readonly<Record<MetricName, number>>;
/** Every contender once, by name. */
export type Round = ReadonlyMap<string, Sample>;

export interface Figure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** At least so many rounds make a figure; fewer are a trial. */
export const ROUNDS_MIN = 9;
/** A run in which two equal things differ by more is void. */
export const FLOOR_MAX = 0.05;

export interface Goal {
  readonly metric: MetricName;
  readonly against: string;
  readonly bound: "at least" | "at most";
  readonly value: number;
}

/** For every weft contender. */
export const goals: readonly Goal[] = [
  { metric: "packets", against: BASELINE, bound: "at least", value: 1.15 },
  { metric: "packets", against: KERNEL, bound: "at least", value: 1.7 },
  { metric: "tcp", against: BASELINE, bound: "at least", value: 0.95 },
  { metric: "tcp", against: KERNEL, bound: "at least", value: 1.2 },
  { metric: "tcpSegmented", against: BASELINE, bound: "at least", value: 0.95 },
  { metric: "tcpSegmented", against: KERNEL, bound: "at least", value: 1.2 },
  { metric: "rttP50", against: BASELINE, bound: "at most", value: 0 },
  { metric: "rttP99", against: BASELINE, bound: "at most", value: 10 },
];

export interface Judged extends Goal {
  readonly contender: string;
  readonly figure: Figure;
  readonly met: boolean;
}

/** Median, least and greatest; null of nothing. */
export function figureOf(values: readonly number[]): Figure | null {
  const sorted = values.toSorted((a, b) => a - b);
  const [low] = sorted;
  const high = sorted.at(-1);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.floor((sorted.length - 1) / 2)];
  if (low === undefined || high === undefined || upper === undefined || lower === undefined)
    return null;
  return { median: (lower + upper) / 2, low, high };
}

const metricOf = (name: MetricName): Metric => {
  for (const metric of metrics) if (metric.name === name) return metric;
  throw new Error(`no metric ${name}`);
};

/** The contender's own values. */
export function absolute(
  rounds: readonly Round[],
  metric: MetricName,
  contender: string,
): Figure | null {
  return figureOf(
    rounds.flatMap((round) => {
      const sample = round.get(contender);
      return sample ? [sample[metric]] : [];
    }),
  );
}

/** The contender against another of the same round: what changes between rounds cancels. */
export function paired(
  rounds: readonly Round[],
  metric: MetricName,
  contender: string,
  against: string,
): Figure | null {
  const { compare } = metricOf(metric);
  return figureOf(
    rounds.flatMap((round) => {
      const [mine, theirs] = [round.get(contender), round.get(against)];
      if (!mine || !theirs) return [];
      return [compare === "ratio" ? mine[metric] / theirs[metric] : mine[metric] - theirs[metric]];
    }),
  );
}

export interface FloorReading {
  readonly metric: MetricName;
  readonly figure: Figure;
  readonly off: boolean;
}

/** Bridge against bridge, for every metric that is a ratio. */
export function floorOf(rounds: readonly Round[]): readonly FloorReading[] {
  return metrics.flatMap(({ name, compare }) => {
    const figure = compare === "ratio" ? paired(rounds, name, FLOOR, BASELINE) : null;
    if (!figure) return [];
    return [{ metric: name, figure, off: Math.abs(figure.median - 1) > FLOOR_MAX }];
  });
}

/** Every goal for every contender that has one and was measured. */
export function judge(rounds: readonly Round[], contenders: readonly string[]): readonly Judged[] {
  return contenders
    .filter((contender) => contender.startsWith("weft-"))
    .flatMap((contender) =>
      goals.flatMap((goal) => {
        const figure = paired(rounds, goal.metric, contender, goal.against);
        if (!figure) return [];
        const met =
          goal.bound === "at least" ? figure.median >= goal.value : figure.median <= goal.value;
        return [{ ...goal, contender, figure, met }];
      }),
    );
}
