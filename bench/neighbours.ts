/**
 * A next hop with very many endpoints behind it: how many rows an agent writes when its MAC changes. The other host runs
 * no agent; its kernel shows its new MAC as kernels do, by asking for the first host's.
 */
import { sleepMs } from "../src/io/clock.ts";
import { Agents } from "./agents.ts";
import { type Bed, hostOf, ip, namespaceFile, uplinkAddress } from "./bed.ts";
import { type Asked, onBed } from "./comparison.ts";
import { crowdedIntent, crowdInterface, crowdsOf } from "./intents.ts";
import type { NeighbourFigures } from "./neighbour-figures.ts";
import { run } from "./program.ts";

export interface NeighboursAsked extends Asked {
  /** Behind the other host. */
  readonly endpoints: number;
}

const CHANGES = 5;
/** How long rows are counted for a change: a change is written within milliseconds. */
const WATCHED_MS = 2000;
const SETTLE_MS = 3000;
/** Nothing is renewed or audited meanwhile. */
const PATIENCE = ["--fresh-seconds", "3600", "--audit-seconds", "3600"];

/** Throws if anything could not be measured. */
export const measureNeighbours = (asked: NeighboursAsked): Promise<NeighbourFigures> =>
  onBed({ ...asked, routed: false }, async (bed) => {
    const agents = new Agents("neighbours");
    try {
      await addInterfaces(bed, crowdsOf(asked.endpoints));
      await agents.start(bed, crowdedIntent(bed, asked.endpoints), { on: [1], options: PATIENCE });
      await sleepMs(SETTLE_MS);
      const loaded = (await agents.writesOf(bed, 1)).set;
      const quiet = await writtenDuring(agents, bed, () => Promise.resolve());
      const rows: number[] = [];
      for (let i = 1; i <= CHANGES; i++) {
        asked.signal.throwIfAborted();
        rows.push(await writtenDuring(agents, bed, () => showMac(bed, `02:00:00:00:05:0${i}`)));
      }
      return { endpoints: asked.endpoints, loaded, quiet, rows };
    } finally {
      await agents.stop(bed);
    }
  });

/** The far ends stay where they are: nobody speaks there. */
const addInterfaces = (bed: Bed, count: number): Promise<void> =>
  ip(
    hostOf(bed, 1),
    Array.from({ length: count }, (_, crowd) => `link add name ${crowdInterface(crowd)} type veth`),
  );

async function writtenDuring(agents: Agents, bed: Bed, what: () => Promise<void>): Promise<number> {
  const before = await agents.writesOf(bed, 1);
  await what();
  await sleepMs(WATCHED_MS);
  const after = await agents.writesOf(bed, 1);
  return after.set - before.set + after.removed - before.removed;
}

/** The other host's uplink takes another MAC, and the first host's kernel hears of it. */
async function showMac(bed: Bed, mac: string): Promise<void> {
  const far = hostOf(bed, 2);
  await ip(far, [`link set uplink address ${mac}`, "neighbour flush dev uplink"]);
  await run([
    ...["nsenter", `--net=${namespaceFile(far)}`],
    ...["ping", "-n", "-q", "-c", "1", "-W", "2", uplinkAddress(1)],
  ]);
}
