/** The prefixes of many routes: one in each of the 131 072 slots of 10.0.0.0/8, at its start. Pure. */
import type { Destinations } from "./measure.ts";

/** Of a /25. */
const SLOT_ADDRESSES = 128;
export const SLOTS = 2 ** 24 / SLOT_ADDRESSES;
/** A prefix must not be greater than its slot. */
export const LENGTH_MIN = 25;

const FIRST = 10 * 2 ** 24;

const addressText = (address: number): string =>
  [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");

/** `count` prefixes whose lengths are `lengths` in turn. */
export const prefixesOf = (count: number, lengths: readonly number[]): readonly string[] =>
  Array.from({ length: count }, (_, slot) => {
    const bits = lengths[slot % lengths.length] ?? LENGTH_MIN;
    return `${addressText(FIRST + slot * SLOT_ADDRESSES)}/${bits}`;
  });

/** An address in each of the first `count` prefixes, whatever their lengths. */
export const destinationsIn = (count: number): Destinations => ({
  first: addressText(FIRST + 1),
  step: SLOT_ADDRESSES,
  count,
});
