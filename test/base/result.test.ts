import assert from "node:assert/strict";
import { test } from "node:test";
import { textOf } from "../../src/base/command.ts";
import { err, InvariantError, invariant, ok, unreachable } from "../../src/base/result.ts";

test("outcomes", () => {
  assert.deepEqual(
    [ok(1), err("no")],
    [
      { ok: true, value: 1 },
      { ok: false, error: "no" },
    ],
  );
});

test("a broken invariant throws its message, a kept one does nothing", () => {
  assert.equal(invariant(true, "kept"), undefined);
  assert.throws(() => invariant(false, "broken"), new InvariantError("broken"));
});

test("a case that cannot be says what it was", () => {
  // What a stale file may bring, whatever the types say.
  const value: { kind: "old" } | { kind: "older" } = JSON.parse('{"kind":"new"}');
  if (value.kind === "old" || value.kind === "older") assert.fail("it is neither");
  const impossible: never = value;
  assert.throws(() => unreachable(impossible), new InvariantError('unreachable: {"kind":"new"}'));
});

test("an option's text: flags and absent ones have none", () => {
  const given = { host: "h1", json: true, ports: ["a"] } as const;
  assert.deepEqual(
    ["host", "json", "ports", "absent"].map((name) => textOf(given, name)),
    ["h1", undefined, undefined, undefined],
  );
});
