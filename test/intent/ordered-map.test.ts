/** An ordered map is what a sorted map would be, and what it gave out before stays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { OrderedMap } from "../../src/intent/ordered-map.ts";

const keys = fc.integer({ min: 0, max: 400 }).map((n) => `k${n}`);
const changes = fc.array(
  fc.array(fc.tuple(keys, fc.option(fc.integer(), { nil: null })), { maxLength: 300 }),
  { maxLength: 6 },
);

test("any changes, in any order", () =>
  fc.assert(
    fc.property(changes, (steps) => {
      const map = new OrderedMap<number>();
      const model = new Map<string, number>();
      const given: [ReadonlyMap<string, number>, string][] = [];
      for (const step of steps) {
        for (const [key, value] of step) {
          map.put(key, value);
          if (value === null) model.delete(key);
          else model.set(key, value);
        }
        const values = map.values();
        const sorted = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
        assert.deepEqual([...values], sorted);
        assert.deepEqual(
          [[...values.keys()], [...values.values()], [...values.entries()], values.size],
          [sorted.map(([key]) => key), sorted.map(([, value]) => value), sorted, sorted.length],
        );
        const seen: [string, number][] = [];
        values.forEach((value, key) => {
          seen.push([key, value]);
        });
        assert.deepEqual(seen, sorted);
        for (const key of ["k0", "k200", "k400", "a", "z"])
          assert.deepEqual([values.get(key), values.has(key)], [model.get(key), model.has(key)]);
        given.push([values, JSON.stringify(sorted)]);
      }
      for (const [values, was] of given) assert.equal(JSON.stringify([...values]), was);
    }),
  ));
