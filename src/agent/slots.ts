/**
 * Which next hop each of a peer's slots leads to. The datapath picks a slot by the flow's hash, each with the same
 * chance; so a next hop has as many slots as its weight says, by largest remainder, and no weight is looked at for a packet.
 *
 * No flow changes its way but must: a slot is a range of hashes, and keeps its next hop as long as that may have as
 * many. What is lost leaves its slots to the others, what comes takes a slot from those who have too many, and the
 * number of slots, which all ranges hang on, is chosen anew only when somebody comes who had none: flows move then
 * anyway. Being a function of what was before, it comes to the same after a restart, which reads that from the kernel.
 */
import { LIMIT } from "../rows/abi.generated.ts";

export interface Candidate {
  /** Of the adjacency. */
  readonly id: number;
  readonly weight: number;
}

interface Share extends Candidate {
  /** Slots that it had before. */
  readonly held: number;
}

/**
 * Adjacency ids by slot: of those candidates that are `usable`, in the number of slots that suits all of them, so that
 * one that is lost and comes again changes no range. LIMIT: 16 next hops, the heaviest; less than half a slot is none.
 */
export function fillSlots(
  candidates: readonly Candidate[],
  usable: ReadonlySet<number>,
  before: readonly number[],
): readonly number[] {
  const held = Map.groupBy(before, (id) => id);
  const all = candidates.map((one) => ({ ...one, held: held.get(one.id)?.length ?? 0 }));
  const shares = heaviest(all.filter(({ id }) => usable.has(id)));
  if (shares.length === 0) return [];
  const isNew = shares.some((share) => share.held === 0);
  const count = isNew ? slotCount(heaviest(all)) : before.length;
  const wanted = portions(shares, count);
  const slots = Array.from({ length: count }, (_, slot): number | null => {
    // The one that the middle of the range led to, should there have been another number of them.
    const id = before[Math.floor(((slot + 0.5) * before.length) / count)];
    const left = id === undefined ? 0 : (wanted.get(id) ?? 0);
    if (id === undefined || left === 0) return null;
    wanted.set(id, left - 1);
    return id;
  });
  return slots.map((id) => id ?? takeFrom(wanted));
}

const heaviest = (shares: readonly Share[]): readonly Share[] =>
  [...shares]
    .sort((a, b) => b.weight - a.weight || b.held - a.held)
    .slice(0, LIMIT.PEER_ADJACENCIES_MAX);

/** Of whoever is to have the most more. */
function takeFrom(wanted: Map<number, number>): number {
  const [id, left] = [...wanted].reduce((most, one) => (one[1] > most[1] ? one : most));
  wanted.set(id, left - 1);
  return id;
}

/** Slots of each share, by largest remainder; of equal ones it goes to who has a slot more already. */
function portions(shares: readonly Share[], count: number): Map<number, number> {
  const total = shares.reduce((sum, { weight }) => sum + weight, 0);
  const parts = shares.map(({ id, weight, held }) => {
    const whole = Math.floor((count * weight) / total);
    return { id, whole, rest: (count * weight) % total, more: held - whole };
  });
  const spare = count - parts.reduce((sum, { whole }) => sum + whole, 0);
  const lucky = [...parts].sort((a, b) => b.rest - a.rest || b.more - a.more).slice(0, spare);
  return new Map(parts.map((part) => [part.id, part.whole + (lucky.includes(part) ? 1 : 0)]));
}

/** The number of slots that comes closest to the weights; of equally good ones the largest, which loses evenly. */
function slotCount(shares: readonly Share[]): number {
  if (shares.length === 1) return 1;
  const total = shares.reduce((sum, { weight }) => sum + weight, 0);
  let [best, least] = [1, Number.POSITIVE_INFINITY];
  for (let count = LIMIT.PEER_ADJACENCIES_MAX; count >= 1; count--) {
    const slots = portions(shares, count);
    const errors = shares.map(({ id, weight }) =>
      Math.abs((slots.get(id) ?? 0) / count - weight / total),
    );
    const error = Math.max(...errors);
    if (error < least - 1e-9) [best, least] = [count, error];
  }
  return best;
}
