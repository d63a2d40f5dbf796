/**
 * Who is the gateway for those hosts of a network that have none of their own: of the candidates, which the intent puts
 * in an order, the first that is there (watch.ts). Everybody comes to that by himself; for as long as two of them see
 * different hosts alive, which a cut between them can bring about, there may be two, or for less than a second none.
 */
import type { StandbyRow } from "../rows/rows.ts";

/** Addresses to be watched: those before us, whose place we take, and those behind, who take ours. */
export const watchedOf = (rows: readonly StandbyRow[]): ReadonlySet<string> =>
  new Set(
    rows.flatMap(({ candidates, self }) =>
      candidates.filter((_, index) => index !== self).map(({ address }) => address),
    ),
  );

/** Networks that this host is the gateway of. */
export function servedOf(
  rows: readonly StandbyRow[],
  isAlive: (address: string) => boolean,
): ReadonlySet<number> {
  const served = rows.filter(({ candidates, self }) =>
    candidates.slice(0, self).every(({ address }) => !isAlive(address)),
  );
  return new Set(served.map(({ network }) => network));
}

/** Those that must be dead for it that we, when we last ran, were the gateway of `served`. */
export const deadOf = (
  rows: readonly StandbyRow[],
  served: ReadonlySet<number>,
): ReadonlySet<string> =>
  new Set(
    rows
      .filter(({ network }) => served.has(network))
      .flatMap(({ candidates, self }) => candidates.slice(0, self).map(({ address }) => address)),
  );

/**
 * Networks whose gateway is to be announced here: those newly served, and those served all along of which another
 * candidate is back: he, or we, had been cut off, and others may have taken him for the gateway meanwhile.
 */
export function announcedOf(
  rows: readonly StandbyRow[],
  [before, after]: readonly [ReadonlySet<number>, ReadonlySet<number>],
  back: ReadonlySet<string>,
): readonly number[] {
  return rows
    .filter(({ network, candidates }) => {
      const isNew = !before.has(network);
      return after.has(network) && (isNew || candidates.some(({ address }) => back.has(address)));
    })
    .map(({ network }) => network);
}
