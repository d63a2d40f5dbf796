/** Host-local ids that never move while their object lives. */
import { invariant } from "../base/result.ts";
import { compareText } from "../base/text.ts";
import type { IdSpace } from "../rows/rows.ts";

/**
 * `space` for exactly `names`: who has an id keeps it, the others get theirs in order of names. Ids below `max`
 * that were never given come first, then the lowest free ones: a late packet, counter or event then seldom
 * meets a new owner.
 */
export function giveIds(space: IdSpace, names: Iterable<string>, max: number): IdSpace {
  const sorted = [...new Set(names)].sort(compareText);
  const taken = new Set<number>();
  for (const name of sorted) {
    const id = space.idsByName[name];
    if (id !== undefined) taken.add(id);
  }
  let { next } = space;
  let lowest = 1;
  const fresh = (): number => {
    if (next < max) return next++;
    while (taken.has(lowest)) lowest++;
    invariant(lowest < max, `all ${max - 1} ids are in use`);
    return lowest;
  };
  const entries = sorted.map((name): [string, number] => {
    const id = space.idsByName[name] ?? fresh();
    taken.add(id);
    return [name, id];
  });
  return { next, idsByName: Object.fromEntries(entries) };
}

/** The id of `name`, which has one. */
export function idOf(space: IdSpace, name: string): number {
  const id = space.idsByName[name];
  invariant(id !== undefined, `no id was given to ${name}`);
  return id;
}
