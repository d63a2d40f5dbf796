/** Sets of prefixes. */
import { contains, type IpPrefix, mappedOctets } from "../base/ip.ts";
import { compareOctets, compareText } from "../base/text.ts";

/** `inner` is `outer`, or a part of it. */
export const within = (inner: IpPrefix, outer: IpPrefix): boolean =>
  inner.bits >= outer.bits && contains(outer, inner);

interface Holder {
  readonly prefix: IpPrefix;
}

/** Those that overlap, as pairs: each with the narrowest other that it is within, the first given of equal ones. */
export function nestedPairs<Item extends Holder>(
  items: readonly Item[],
): readonly (readonly [inner: Item, outer: Item])[] {
  const sorted = items.toSorted(({ prefix: a }, { prefix: b }) => compareWideFirst(a, b));
  const pairs: (readonly [Item, Item])[] = [];
  // Of the prefixes before, those that the next one can be within.
  const open: Item[] = [];
  for (const item of sorted) {
    for (let last = open.at(-1); last && !within(item.prefix, last.prefix); last = open.at(-1))
      open.pop();
    const outer = open.at(-1);
    if (outer) pairs.push([item, outer]);
    open.push(item);
  }
  return pairs;
}

/** By family, then address, and wide ones before those that they hold. */
function compareWideFirst(a: IpPrefix, b: IpPrefix): number {
  return (
    compareText(a.family, b.family) ||
    compareOctets(mappedOctets(a), mappedOctets(b)) ||
    a.bits - b.bits
  );
}
