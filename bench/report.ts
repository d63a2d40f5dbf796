/** The figures as text for people, and as one JSON object. */
import type { Contender } from "./contender.ts";
import {
  absolute,
  type Figure,
  FLOOR_MAX,
  type FloorReading,
  floorOf,
  type Judged,
  judge,
  type Metric,
  metrics,
  paired,
  ROUNDS_MIN,
  type Round,
} from "./figures.ts";
import { BASELINE, KERNEL } from "./names.ts";

export interface Run {
  /** UTC, RFC 3339. */
  readonly at: string;
  readonly command: string;
  /** Processor, CPUs, kernel. */
  readonly machine: string;
  /** Load average over one minute before and after. */
  readonly load: readonly [before: number, after: number];
  /** How each figure was taken. */
  readonly method: readonly string[];
  readonly contenders: readonly Contender[];
  readonly rounds: readonly Round[];
}

export type Outcome = "sound" | "trial" | "void";

/** Void: two equal things came out unequal. Trial: too few rounds to say anything. */
export function outcomeOf(rounds: readonly Round[]): Outcome {
  if (floorOf(rounds).some(({ off }) => off)) return "void";
  return rounds.length < ROUNDS_MIN ? "trial" : "sound";
}

export function renderText(run: Run): string {
  const lines = [
    `weft datapath bench · ${run.at} · ${run.machine}`,
    `${run.command} · ${run.rounds.length} interleaved rounds · load before ${run.load[0].toFixed(2)}, after ${run.load[1].toFixed(2)}`,
    ...run.method,
    "",
    ...run.contenders.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`),
  ];
  for (const metric of metrics) lines.push("", ...tableOf(run, metric));
  lines.push("", "noise floor: bridge against bridge, same run");
  for (const reading of floorOf(run.rounds)) lines.push(`  ${floorLine(reading)}`);
  const outcome = outcomeOf(run.rounds);
  if (outcome === "void") {
    lines.push("", `VOID: the floor is off by more than ${FLOOR_MAX * 100} %: nothing is shown.`);
    return `${lines.join("\n")}\n`;
  }
  if (outcome === "trial")
    lines.push("", `TRIAL: fewer than ${ROUNDS_MIN} rounds: for orientation only.`);
  lines.push("", "goals");
  const names = run.contenders.map(({ name }) => name);
  for (const judged of judge(run.rounds, names)) lines.push(`  ${goalLine(judged)}`);
  return `${lines.join("\n")}\n`;
}

export function renderJson(run: Run): string {
  const names = run.contenders.map(({ name }) => name);
  return JSON.stringify({
    at: run.at,
    command: run.command,
    machine: run.machine,
    load: run.load,
    rounds: run.rounds.length,
    outcome: outcomeOf(run.rounds),
    figures: metrics.flatMap(({ name: metric, unit, compare }) =>
      names.map((contender) => ({
        metric,
        unit,
        contender,
        value: absolute(run.rounds, metric, contender),
        compare,
        againstBridge: paired(run.rounds, metric, contender, BASELINE),
        againstKernelVxlan: paired(run.rounds, metric, contender, KERNEL),
      })),
    ),
    floor: floorOf(run.rounds),
    goals: judge(run.rounds, names),
    samples: run.rounds.map((round) => Object.fromEntries(round)),
  });
}

function tableOf({ rounds, contenders }: Run, metric: Metric): readonly string[] {
  const { name, title, unit, compare } = metric;
  const sign = compare === "ratio" ? "×" : "minus";
  const rows = contenders.map((contender) => {
    const value = absolute(rounds, name, contender.name);
    const against = [BASELINE, KERNEL].map((other) =>
      spread(paired(rounds, name, contender.name, other), compare),
    );
    return [contender.name, value ? value.median.toFixed(1) : "-", ...against];
  });
  const head = [title, unit, `${sign} ${BASELINE}`, `${sign} ${KERNEL}`];
  return columns([head, ...rows]);
}

function columns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = [30, 9, 24, 24];
  return rows.map((row) =>
    row
      .map((cell, i) =>
        i === 0 ? cell.padEnd(widths[i] ?? 0) : `  ${cell.padStart(widths[i] ?? 0)}`,
      )
      .join("")
      .trimEnd(),
  );
}

/** Median, then least to greatest. */
function spread(figure: Figure | null, compare: Metric["compare"]): string {
  if (!figure) return "-";
  const digits = compare === "ratio" ? 2 : 1;
  const [median, low, high] = [figure.median, figure.low, figure.high].map((value) =>
    value.toFixed(digits),
  );
  return `${median} (${low} to ${high})`;
}

const titleOf = (name: Metric["name"]): string =>
  metrics.find((metric) => metric.name === name)?.title ?? name;

const floorLine = ({ metric, figure, off }: FloorReading): string =>
  `${titleOf(metric).padEnd(30)}${spread(figure, "ratio")}${off ? "  OFF" : ""}`;

function goalLine({ contender, metric, against, bound, value, figure, met }: Judged): string {
  const compare = metrics.find(({ name }) => name === metric)?.compare ?? "ratio";
  const what = compare === "ratio" ? `× ${against}` : `µs more than ${against}`;
  const said = `${titleOf(metric)}: ${bound} ${value} ${what}`;
  return `${met ? "met    " : "NOT MET"}  ${contender.padEnd(11)}  ${said.padEnd(62)}  ${spread(figure, compare)}`;
}
