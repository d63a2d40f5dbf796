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
  type Outcome,
  paired,
  ROUNDS_MIN,
  type Round,
  type Standard,
} from "./figures.ts";

export interface Run {
  readonly standard: Standard;
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

export function outcomeOf(rounds: readonly Round[], standard: Standard): Outcome {
  if (floorOf(rounds, standard).some(({ off }) => off)) return "void";
  return rounds.length < ROUNDS_MIN ? "trial" : "sound";
}

export function renderText(run: Run): string {
  const { standard } = run;
  const lines = [
    `weft ${standard.title} bench · ${run.at} · ${run.machine}`,
    `${run.command} · ${run.rounds.length} interleaved rounds · load before ${run.load[0].toFixed(2)}, after ${run.load[1].toFixed(2)}`,
    ...run.method,
    "",
    ...run.contenders.map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`),
  ];
  for (const metric of metrics) lines.push("", ...tableOf(run, metric));
  lines.push("", `noise floor: ${standard.floor} against ${standard.baseline}, same run`);
  for (const reading of floorOf(run.rounds, run.standard)) lines.push(`  ${floorLine(reading)}`);
  const outcome = outcomeOf(run.rounds, run.standard);
  if (outcome === "void") {
    lines.push("", `VOID: the floor is off by more than ${FLOOR_MAX * 100} %: nothing is shown.`);
    return `${lines.join("\n")}\n`;
  }
  if (outcome === "trial")
    lines.push("", `TRIAL: fewer than ${ROUNDS_MIN} rounds: for orientation only.`);
  lines.push("", "goals");
  const names = run.contenders.map(({ name }) => name);
  for (const judged of judge(run.rounds, names, run.standard)) lines.push(`  ${goalLine(judged)}`);
  return `${lines.join("\n")}\n`;
}

export function jsonOf(run: Run): object {
  const names = run.contenders.map(({ name }) => name);
  return {
    at: run.at,
    command: run.command,
    machine: run.machine,
    load: run.load,
    rounds: run.rounds.length,
    baseline: run.standard.baseline,
    kernel: run.standard.kernel,
    outcome: outcomeOf(run.rounds, run.standard),
    figures: metrics.flatMap(({ name: metric, unit, compare }) =>
      names.map((contender) => ({
        metric,
        unit,
        contender,
        value: absolute(run.rounds, metric, contender),
        compare,
        againstBaseline: paired(run.rounds, metric, contender, run.standard.baseline),
        againstKernel: paired(run.rounds, metric, contender, run.standard.kernel),
      })),
    ),
    floor: floorOf(run.rounds, run.standard),
    goals: judge(run.rounds, names, run.standard),
    samples: run.rounds.map((round) => Object.fromEntries(round)),
  };
}

function tableOf({ rounds, contenders, standard }: Run, metric: Metric): readonly string[] {
  const { name, title, unit, compare } = metric;
  const sign = compare === "ratio" ? "×" : "minus";
  const rows = contenders.map((contender) => {
    const value = absolute(rounds, name, contender.name);
    const against = [standard.baseline, standard.kernel].map((other) =>
      spread(paired(rounds, name, contender.name, other), compare),
    );
    return [contender.name, value ? value.median.toFixed(1) : "-", ...against];
  });
  const head = [title, unit, `${sign} ${standard.baseline}`, `${sign} ${standard.kernel}`];
  return columns([head, ...rows]);
}

export function columns(
  rows: readonly (readonly string[])[],
  widths: readonly number[] = [30, 9, 24, 24],
): readonly string[] {
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
export function spread(figure: Figure | null, compare: Metric["compare"]): string {
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
  return `${met ? "met    " : "NOT MET"}  ${contender.padEnd(16)}  ${said.padEnd(62)}  ${spread(figure, compare)}`;
}
