import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { giveIds, idOf } from "../../src/intent/id-book.ts";
import type { IdSpace } from "../../src/rows/rows.ts";

const empty: IdSpace = { next: 1, idsByName: {} };

test("new ids are given in order of names, from 1", () => {
  assert.deepEqual(giveIds(empty, ["b", "a", "b"], 10), { next: 3, idsByName: { a: 1, b: 2 } });
});

test("a freed id is not given again before the space is used up, then the lowest is", () => {
  const first = giveIds(empty, ["a", "b"], 4);
  const second = giveIds(first, ["b", "c"], 4);
  assert.deepEqual(second, { next: 4, idsByName: { b: 2, c: 3 } });
  const third = giveIds(second, ["b", "c", "d"], 4);
  assert.deepEqual(third, { next: 4, idsByName: { b: 2, c: 3, d: 1 } });
  assert.throws(() => giveIds(third, ["b", "c", "d", "e"], 4), /all 3 ids are in use/);
});

test("a name without an id is our bug", () => {
  assert.throws(() => idOf(empty, "x"), /no id was given to x/);
});

test("over any history: who stays keeps his id, no two share one, all are below the bound", () => {
  const names = fc.uniqueArray(fc.constantFrom(..."abcdefghij"), { maxLength: 7 });
  fc.assert(
    fc.property(fc.array(names, { maxLength: 12 }), (history) => {
      let space = empty;
      for (const now of history) {
        const next = giveIds(space, now, 9);
        assert.deepEqual(Object.keys(next.idsByName), [...now].sort());
        const ids = Object.values(next.idsByName);
        assert.equal(new Set(ids).size, ids.length);
        for (const id of ids) assert.ok(id >= 1 && id < 9, String(id));
        for (const name of now)
          if (space.idsByName[name] !== undefined)
            assert.equal(next.idsByName[name], space.idsByName[name]);
        space = next;
      }
    }),
  );
});
