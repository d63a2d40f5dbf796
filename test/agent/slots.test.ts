/** Slots of a peer's next hops: shares as the weights say, and no slot changes that must not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Candidate, fillSlots } from "../../src/agent/slots.ts";
import { LIMIT } from "../../src/rows/abi.generated.ts";

const hops = (...weights: readonly number[]): readonly Candidate[] =>
  weights.map((weight, i) => ({ id: i + 1, weight }));
const allOf = (candidates: readonly Candidate[]): ReadonlySet<number> =>
  new Set(candidates.map(({ id }) => id));
const without = (candidates: readonly Candidate[], lost: number): ReadonlySet<number> =>
  new Set(candidates.map(({ id }) => id).filter((id) => id !== lost));

/** How many slots each id has. */
function counts(slots: readonly number[]): Readonly<Record<number, number>> {
  return Object.fromEntries([...Map.groupBy(slots, (id) => id)].map(([id, at]) => [id, at.length]));
}

const fresh = (...weights: readonly number[]): readonly number[] => {
  const candidates = hops(...weights);
  return fillSlots(candidates, allOf(candidates), []);
};

test("as many slots as the weights say, in the number that suits them best", () => {
  assert.deepEqual(fresh(), []);
  assert.deepEqual(fresh(7), [1]);
  assert.deepEqual(counts(fresh(1, 1)), { 1: 8, 2: 8 });
  assert.deepEqual(counts(fresh(3, 1)), { 1: 12, 2: 4 });
  assert.deepEqual(counts(fresh(1, 1, 1)), { 1: 5, 2: 5, 3: 5 });
  assert.deepEqual(counts(fresh(1, 2)), { 1: 5, 2: 10 });
  assert.deepEqual(counts(fresh(1, 1, 1, 1, 1, 1, 1)), {
    1: 2,
    2: 2,
    3: 2,
    4: 2,
    5: 2,
    6: 2,
    7: 2,
  });
  assert.deepEqual(counts(fresh(256, 1)), { 1: 16 });
});

test("of more next hops than slots the heaviest", () => {
  const weights = Array.from({ length: 20 }, (_, i) => (i < 5 ? 1 : 2));
  const slots = fresh(...weights);
  assert.deepEqual(
    [...slots].sort((a, b) => a - b),
    Array.from({ length: 15 }, (_, i) => i + 6)
      .concat(slots.length === 16 ? [slots[15] ?? 0] : [])
      .sort((a, b) => a - b),
  );
});

test("one that is lost leaves its slots to the others, and takes as many again", () => {
  const candidates = hops(1, 1, 1, 1);
  const before = fresh(1, 1, 1, 1);
  const lost = fillSlots(candidates, without(candidates, 2), before);
  for (const [slot, id] of before.entries()) if (id !== 2) assert.equal(lost[slot], id);
  assert.deepEqual(counts(lost), { 1: 6, 3: 5, 4: 5 });
  const back = fillSlots(candidates, allOf(candidates), lost);
  assert.deepEqual(counts(back), { 1: 4, 2: 4, 3: 4, 4: 4 });
  assert.equal(back.filter((id, slot) => id !== lost[slot]).length, 4);
});

test("the number of slots stays when a next hop goes for good, and is chosen anew when one comes", () => {
  const three = fresh(1, 1, 1);
  const two = fillSlots(hops(1, 1), allOf(hops(1, 1)), three);
  assert.deepEqual(counts(two), { 1: 8, 2: 7 });
  assert.deepEqual(fillSlots(hops(1, 1), allOf(hops(1, 1)), two), two);
  const one = fillSlots(hops(1), new Set([1]), two);
  assert.deepEqual(counts(one), { 1: 15 });
  assert.deepEqual(counts(fillSlots(hops(1, 1), allOf(hops(1, 1)), one)), { 1: 8, 2: 8 });
});

test("nobody usable: no slots; and then everything anew", () => {
  const candidates = hops(1, 1);
  assert.deepEqual(fillSlots(candidates, new Set(), fresh(1, 1)), []);
});

/** A next hop, and whether it is usable. */
type Step = readonly { readonly id: number; readonly weight: number; readonly usable: boolean }[];

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.uniqueArray(
    fc.record({
      id: fc.integer({ min: 1, max: 9 }),
      weight: fc.integer({ min: 1, max: 4 }),
      usable: fc.boolean(),
    }),
    { selector: ({ id }) => id, maxLength: 6 },
  ),
  { minLength: 2, maxLength: 8 },
);

test("whatever comes and goes: shares within one slot, no slot moved that could stay, stable at rest", () => {
  let kept = 0;
  fc.assert(
    fc.property(steps, (sequence) => {
      let before: readonly number[] = [];
      for (const step of sequence) {
        const usable = step.filter((one) => one.usable);
        const ids = new Set(usable.map(({ id }) => id));
        const slots = fillSlots(step, ids, before);
        assert.ok(slots.length <= LIMIT.PEER_ADJACENCIES_MAX);
        assert.equal(slots.length > 0, usable.length > 0);
        assert.ok(slots.every((id) => ids.has(id)));
        const total = usable.reduce((sum, { weight }) => sum + weight, 0);
        const has = counts(slots);
        for (const { id, weight } of usable)
          assert.ok(Math.abs((has[id] ?? 0) - (slots.length * weight) / total) < 1);
        if (slots.length === before.length) {
          const held = counts(before);
          const moved = slots.filter((id, slot) => id !== before[slot]).length;
          // Those that nobody usable had, and those that somebody had too many of.
          const must = Object.entries(held).reduce(
            (sum, [id, count]) => sum + Math.max(0, count - (has[Number(id)] ?? 0)),
            0,
          );
          assert.equal(moved, must);
          kept++;
        }
        assert.deepEqual(fillSlots(step, ids, slots), slots);
        before = slots;
      }
    }),
    { numRuns: 500 },
  );
  assert.ok(kept > 100, `only ${kept} steps kept the number of slots`);
});
