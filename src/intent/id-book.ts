/** Host-local ids that never move while their object lives. */
import { invariant } from "../base/result.ts";
import { compareText } from "../base/text.ts";
import type { IdChange, IdSpace } from "../rows/rows.ts";

/** Open to change by whoever owns it. */
export interface OpenIdSpace extends IdSpace {
  next: number;
  readonly idsByName: Record<string, number>;
}

/**
 * `space` for exactly `names`: who has an id keeps it, the others get theirs in order of names. Ids below `max`
 * that were never given come first, then the lowest free ones: a late packet, counter or event then seldom
 * meets a new owner.
 */
export function giveIds(space: IdSpace, names: Iterable<string>, max: number): OpenIdSpace {
  const sorted = [...new Set(names)].sort(compareText);
  const kept = sorted.flatMap((name): [string, number][] => {
    const id = space.idsByName[name];
    return id === undefined ? [] : [[name, id]];
  });
  const out: OpenIdSpace = { next: space.next, idsByName: Object.fromEntries(kept) };
  changeIds(out, [], sorted, max);
  return { ...out, idsByName: Object.fromEntries(sorted.map((name) => [name, idOf(out, name)])) };
}

/** The same with what differs only: names that are `gone`, and then names that must have an id. */
export function changeIds(
  space: OpenIdSpace,
  gone: Iterable<string>,
  come: Iterable<string>,
  max: number,
): IdChange {
  const changed: Record<string, number | null> = {};
  for (const name of gone) {
    delete space.idsByName[name];
    changed[name] = null;
  }
  const fresh = [...new Set(come)].filter((name) => space.idsByName[name] === undefined);
  // Only when all were given once is it worth knowing which came back.
  const free = space.next + fresh.length > max ? freeIds(space, max) : null;
  for (const name of fresh.sort(compareText)) {
    const id = space.next < max ? space.next++ : free?.next().value;
    invariant(id !== undefined, `all ${max - 1} ids are in use`);
    space.idsByName[name] = id;
    changed[name] = id;
  }
  return { next: space.next, idsByName: changed };
}

/** Ids that nobody has at the start, in order. */
function* freeIds({ idsByName, next }: IdSpace, max: number): Generator<number, undefined> {
  const taken = new Set(Object.values(idsByName));
  for (let id = 1; id < Math.min(next, max); id++) if (!taken.has(id)) yield id;
}

/** The id of `name`, which has one. */
export function idOf(space: IdSpace, name: string): number {
  const id = space.idsByName[name];
  invariant(id !== undefined, `no id was given to ${name}`);
  return id;
}
