/**
 * Many routes: what they cost the rate of small packets. A sample is three rates of one contender, brought up once: with
 * few routes, with many, with few again; each with as many destinations as routes, all equally likely.
 */
import { monotonicMs, sleepMs } from "../src/io/clock.ts";
import { Agents } from "./agents.ts";
import {
  BEHIND,
  type Bed,
  hostOf,
  ip,
  type Side,
  setWorkloadMtu,
  sides,
  uplinkAddress,
  workloadAddress,
} from "./bed.ts";
import { type Asked, onBed, orderOf } from "./comparison.ts";
import { type Contender, type Encapsulation, nothingToEnd, overheadOctets } from "./contender.ts";
import { type Irb, routedIntent } from "./intents.ts";
import { between, measureRate } from "./measure.ts";
import { destinationsIn, prefixesOf } from "./prefixes.ts";
import type { RouteRound, RouteSample } from "./route-figures.ts";
import { joinByRouters, weftName } from "./routed.ts";
import { routedStandard } from "./standards.ts";

export interface RoutesAsked extends Asked {
  /** How many are many. */
  readonly routes: number;
  /** Of the prefixes, in turn. */
  readonly lengths: readonly number[];
}

/** So many are few. */
export const FEW = 100;
/** Routes that are not in force within this time never will be. */
const IN_FORCE_MS = 120_000;
const LOOK_MS = 10;

interface RouteContender extends Contender {
  /** Routes these prefixes, and no others, to the second workload; returns when they are in force. */
  readonly route: (bed: Bed, prefixes: readonly string[]) => Promise<void>;
  /** Waits until nothing more is done about them. */
  readonly rest: () => Promise<void>;
}

const linux: RouteContender = {
  name: routedStandard.baseline,
  summary: "plain Linux router on either host",
  overheadOctets: 0,
  up: joinByRouters,
  down: nothingToEnd,
  route: async (bed, prefixes) => {
    const vias = [uplinkAddress(2), workloadAddress(bed, 2)];
    for (const [i, via] of vias.entries())
      await ip(hostOf(bed, i === 0 ? 1 : 2), [
        `route flush root ${BEHIND}`,
        ...prefixes.map((prefix) => `route add ${prefix} via ${via}`),
      ]);
  },
  rest: nothingToEnd,
};

function weftWithRoutes(encapsulation: Encapsulation, irb: Irb): RouteContender {
  const name = weftName(encapsulation, irb);
  const agents = new Agents(`routes-${name}`);
  const intent = (bed: Bed, prefixes: readonly string[]): string =>
    routedIntent(bed, { encapsulation, irb, prefixes });
  let routed = 0;
  return {
    name,
    summary: `weft's agents and datapath, ${encapsulation}, ${irb}`,
    overheadOctets: overheadOctets[encapsulation],
    up: async (bed) => {
      routed = 0;
      await setWorkloadMtu(bed, bed.mtu - overheadOctets[encapsulation]);
      await agents.start(bed, intent(bed, []));
    },
    down: (bed) => agents.stop(bed),
    rest: () => agents.rest(),
    route: async (bed, prefixes) => {
      const before = await Promise.all(sides.map((side) => rowsWritten(agents, bed, side)));
      agents.rewrite(bed, intent(bed, prefixes));
      // The prefixes begin alike, so the difference of the numbers is that of the tables.
      const wanted = Math.abs(prefixes.length - routed);
      routed = prefixes.length;
      const endMs = monotonicMs() + IN_FORCE_MS;
      for (const [i, side] of sides.entries())
        while ((await rowsWritten(agents, bed, side)) - (before[i] ?? 0) < wanted) {
          bed.signal.throwIfAborted();
          if (monotonicMs() > endMs)
            throw new Error(`${wanted} routes are not in force on h${side}`);
          await sleepMs(LOOK_MS);
        }
    },
  };
}

/** Rows of tables written or removed so far. */
async function rowsWritten(agents: Agents, bed: Bed, side: Side): Promise<number> {
  const { set, removed } = await agents.writesOf(bed, side);
  return set + removed;
}

const routeContenders: readonly RouteContender[] = [
  linux,
  weftWithRoutes("vxlan", "symmetric"),
  weftWithRoutes("vxlan", "asymmetric"),
  weftWithRoutes("nvgre", "symmetric"),
];

/** Throws if anything could not be measured. The router takes part always. */
export const measureRoutes = (asked: RoutesAsked): Promise<readonly RouteRound[]> =>
  onBed({ ...asked, routed: true }, async (bed) => {
    const chosen = routeContenders.filter(
      ({ name }) => name === linux.name || !asked.only || asked.only.includes(name),
    );
    const rounds: RouteRound[] = [];
    for (let i = 0; i < asked.rounds; i++) {
      const round = new Map<string, RouteSample>();
      for (const contender of orderOf(chosen, i)) {
        asked.signal.throwIfAborted();
        const sample = await between(bed, contender, () => measureUp(bed, contender, asked));
        round.set(contender.name, sample);
        process.stderr.write(`round ${i + 1}/${asked.rounds} ${lineOf(contender, sample)}\n`);
      }
      rounds.push(round);
    }
    return rounds;
  });

async function measureUp(
  bed: Bed,
  contender: RouteContender,
  { routes, lengths }: RoutesAsked,
): Promise<RouteSample> {
  const rateWith = async (count: number): Promise<readonly [kpps: number, loadMs: number]> => {
    const startedMs = monotonicMs();
    await contender.route(bed, prefixesOf(count, lengths));
    const loadMs = monotonicMs() - startedMs;
    await contender.rest();
    return [await measureRate(bed, contender, destinationsIn(count)), loadMs];
  };
  const [few] = await rateWith(FEW);
  const [many, loadMs] = await rateWith(routes);
  const [again] = await rateWith(FEW);
  return { few, many, again, loadMs };
}

const lineOf = ({ name }: Contender, { few, many, again, loadMs }: RouteSample): string =>
  `${name.padEnd(17)}  few ${few.toFixed(1)}  many ${many.toFixed(1)}  few again ${again.toFixed(1)} kpps  loaded in ${loadMs.toFixed(0)} ms`;
