/** `npm run bench -- datapath`: weft's datapath against the kernel's own ways, all measured in one run. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";
import { timestamp } from "../src/io/clock.ts";
import { type Bed, build, compile, destroy, newBed } from "./bed.ts";
import { type Contender, contenders } from "./contender.ts";
import { metrics, type Round, type Sample } from "./figures.ts";
import { CPU, LOSS_MAX, measure, ROUND_TRIPS } from "./measure.ts";
import { BASELINE, FLOOR } from "./names.ts";
import { profile } from "./profile.ts";
import { outcomeOf, type Run, renderJson, renderText } from "./report.ts";

export interface Asked {
  readonly rounds: number;
  readonly json: boolean;
  /** Names; the bridges take part always. Null: all. */
  readonly only: readonly string[] | null;
  /** Names: show where these spend their time, and measure nothing. Null: measure. */
  readonly profile: readonly string[] | null;
  /** Of the wire. */
  readonly mtu: number;
  /** Whether the uplinks merge what they receive. */
  readonly gro: boolean;
  readonly command: string;
  /** Aborted: stop, and leave nothing behind. */
  readonly signal: AbortSignal;
}

/** Exit code: 0 measured, 1 void. Throws if anything could not be measured. */
export async function benchDatapath(asked: Asked): Promise<0 | 1> {
  if (asked.profile) {
    await profileEach(asked, asked.profile);
    return 0;
  }
  const chosen = contenders.filter(
    ({ name }) => name === BASELINE || name === FLOOR || !asked.only || asked.only.includes(name),
  );
  const [before = 0] = loadavg();
  const at = timestamp();
  const rounds = await measureRounds(asked, chosen);
  const [after = 0] = loadavg();
  const run: Run = {
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
  process.stdout.write(asked.json ? `${renderJson(run)}\n` : renderText(run));
  return outcomeOf(rounds) === "void" ? 1 : 0;
}

const measureRounds = (asked: Asked, chosen: readonly Contender[]): Promise<readonly Round[]> =>
  onBed(asked, async (bed) => {
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

const profileEach = (asked: Asked, names: readonly string[]): Promise<void> =>
  onBed(asked, async (bed) => {
    for (const contender of contenders)
      if (names.includes(contender.name))
        process.stdout.write(`${await profile(bed, contender)}\n`);
  });

async function onBed<T>(asked: Asked, what: (bed: Bed) => Promise<T>): Promise<T> {
  await compile();
  const bed = newBed(asked);
  try {
    await build(bed);
    return await what(bed);
  } finally {
    await destroy(bed);
  }
}

/** Every round begins with another contender, and every second goes backwards: nobody has a place of his own. */
function orderOf(chosen: readonly Contender[], round: number): readonly Contender[] {
  const first = round % chosen.length;
  const turned = [...chosen.slice(first), ...chosen.slice(0, first)];
  return round % 2 === 0 ? turned : turned.reverse();
}

const lineOf = ({ name }: Contender, sample: Sample): string =>
  [
    name.padEnd(13),
    ...metrics.map(({ name: metric, unit }) => `${metric} ${sample[metric].toFixed(1)} ${unit}`),
  ].join("  ");

function machine(): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  return `${cpus().length} × ${model ?? process.arch}, Linux ${release()}`;
}
