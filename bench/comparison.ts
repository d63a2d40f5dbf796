/** Contenders on one bed, measured in turn, round after round: weft's datapath against the kernel's own ways. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { timestamp } from "../src/io/clock.ts";
import { type Bed, type BedShape, build, compile, destroy, newBed } from "./bed.ts";
import type { Contender } from "./contender.ts";
import { metrics, type Round, type Sample, type Standard } from "./figures.ts";
import { CPU, LOSS_MAX, measure, ROUND_TRIPS } from "./measure.ts";
import { profile } from "./profile.ts";
import type { Run } from "./report.ts";

/** What is compared. */
export interface Field {
  readonly standard: Standard;
  readonly contenders: readonly Contender[];
  readonly routed: boolean;
}

export interface Asked {
  readonly rounds: number;
  /** Names; those that all are measured against take part always. Null: all. */
  readonly only: readonly string[] | null;
  /** Of the wire. */
  readonly mtu: number;
  /** Whether the uplinks merge what they receive. */
  readonly gro: boolean;
  readonly command: string;
  /** Aborted: stop, and leave nothing behind. */
  readonly signal: AbortSignal;
}

/** Throws if anything could not be measured. */
export async function compare(asked: Asked, field: Field): Promise<Run> {
  const { standard } = field;
  const always = [standard.baseline, standard.floor];
  const chosen = field.contenders.filter(
    ({ name }) => always.includes(name) || !asked.only || asked.only.includes(name),
  );
  const [before = 0] = loadavg();
  const at = timestamp();
  const rounds = await measureRounds(asked, field, chosen);
  const [after = 0] = loadavg();
  return {
    standard,
    at,
    command: asked.command,
    machine: machine(),
    load: [before, after],
    method: [
      `wire MTU ${asked.mtu}, workloads at their path's own; everything on CPU ${CPU}; loss at most ${LOSS_MAX * 100} %; ${ROUND_TRIPS} round trips;`,
      `"offload off": tso, gso, tx-udp_tnl-*, tx-gre-* off on both uplinks, whose gro is ${asked.gro ? "on, as a NIC's" : "off"} throughout;`,
      "figures: median of paired comparisons (least to greatest)",
    ],
    contenders: chosen,
    rounds,
  };
}

const measureRounds = (
  asked: Asked,
  { routed }: Field,
  chosen: readonly Contender[],
): Promise<readonly Round[]> =>
  onBed({ ...asked, routed }, async (bed) => {
    const measured: Round[] = [];
    for (let i = 0; i < asked.rounds; i++) {
      const round = new Map<string, Sample>();
      for (const contender of orderOf(chosen, i)) {
        asked.signal.throwIfAborted();
        const sample = await measure(bed, contender);
        round.set(contender.name, sample);
        process.stderr.write(`round ${i + 1}/${asked.rounds} ${lineOf(contender, sample)}\n`);
      }
      measured.push(round);
    }
    return measured;
  });

/** Shows where the contenders of these names spend their time, and measures nothing. */
export const profileEach = (asked: Asked, field: Field, names: readonly string[]): Promise<void> =>
  onBed({ ...asked, routed: field.routed }, async (bed) => {
    for (const contender of field.contenders)
      if (names.includes(contender.name))
        process.stdout.write(`${await profile(bed, contender)}\n`);
  });

/** Builds a bed, and removes it whatever becomes of `what`. */
export async function onBed<T>(shape: BedShape, what: (bed: Bed) => Promise<T>): Promise<T> {
  await compile();
  const bed = newBed(shape);
  try {
    await build(bed);
    return await what(bed);
  } finally {
    await destroy(bed);
  }
}

/** Every round begins with another contender, and every second goes backwards: nobody has a place of his own. */
export function orderOf<T>(chosen: readonly T[], round: number): readonly T[] {
  const first = round % chosen.length;
  const turned = [...chosen.slice(first), ...chosen.slice(0, first)];
  return round % 2 === 0 ? turned : turned.reverse();
}

const lineOf = ({ name }: Contender, sample: Sample): string =>
  [
    name.padEnd(17),
    ...metrics.map(({ name: metric, unit }) => `${metric} ${sample[metric].toFixed(1)} ${unit}`),
  ].join("  ");

export function machine(): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  return `${cpus().length} × ${model ?? process.arch}, Linux ${release()}`;
}
