import assert from "node:assert/strict";
import { test } from "node:test";
import { compareOctets, compareText } from "../../src/base/text.ts";

test("text is ordered by code unit, not by language", () => {
  assert.deepEqual(["é", "z", "a", "Z", "10", "9", "a"].sort(compareText), [
    "10",
    "9",
    "Z",
    "a",
    "a",
    "z",
    "é",
  ]);
});

test("octets are ordered as numbers, the shorter first", () => {
  const list = [Uint8Array.of(10), Uint8Array.of(9, 255), Uint8Array.of(9), Uint8Array.of()];
  assert.deepEqual(
    list.sort(compareOctets).map((octets) => [...octets]),
    [[], [9], [9, 255], [10]],
  );
});
