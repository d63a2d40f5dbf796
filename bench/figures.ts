/**
 * From samples to figures: medians of paired comparisons with their spread, the noise floor, the goals.
 * Pure; leaves out how a sample was taken (measure.ts).
 */
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

/** Void: two equal things came out unequal. Trial: too few rounds to say anything. */
export type Outcome = "sound" | "trial" | "void";

export interface Goal {
  readonly metric: MetricName;
  readonly against: string;
  readonly bound: "at least" | "at most";
  readonly value: number;
}

/** What the contenders of one bench are held against. */
export interface Standard {
  /** What is measured: "datapath". */
  readonly title: string;
  /** The contender that all others are measured against. */
  readonly baseline: string;
  /** The same once more: how far apart two equal things come out. */
  readonly floor: string;
  /** What the kernel offers for the same purpose. */
  readonly kernel: string;
  /** For every weft contender. */
  readonly goals: readonly Goal[];
}

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

/** The baseline against itself, for every metric that is a ratio. */
export function floorOf(rounds: readonly Round[], standard: Standard): readonly FloorReading[] {
  return metrics.flatMap(({ name, compare }) => {
    const figure =
      compare === "ratio" ? paired(rounds, name, standard.floor, standard.baseline) : null;
    if (!figure) return [];
    return [{ metric: name, figure, off: isOff(figure) }];
  });
}

/** Of a ratio of equal things. */
export const isOff = ({ median }: Figure): boolean => Math.abs(median - 1) > FLOOR_MAX;

/** Every goal for every contender that has one and was measured. */
export function judge(
  rounds: readonly Round[],
  contenders: readonly string[],
  { goals }: Standard,
): readonly Judged[] {
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
