import assert from "node:assert/strict";
import { test } from "node:test";
import { nearest } from "../../src/intent/nearest.ts";
import { fieldNamesAt, fieldsOf } from "../../src/intent/schema/fields.ts";
import { KINDS } from "../../src/intent/schema/kinds.ts";

test("every field of a spec has a meaning", () => {
  const silent = KINDS.flatMap((kind) =>
    fieldsOf(kind)
      .filter((field) => /^spec\.\w+$/.test(field.path) && field.meaning === "")
      .map((field) => `${kind} ${field.path}`),
  );
  assert.deepEqual(silent, []);
});

test("the names at a place are those of that place only", () => {
  assert.deepEqual(fieldNamesAt("Host", "spec.uplinks[]"), ["interface", "mtu", "secure"]);
  assert.deepEqual(fieldNamesAt("Host", ""), ["apiVersion", "kind", "metadata", "spec"]);
  assert.deepEqual(fieldNamesAt("Port", "metadata"), ["name", "tenant", "labels"]);
});

test("did you mean", () => {
  const fields = ["subnets", "vni", "underlay", "encapsulations"];
  for (const [word, wanted] of [
    ["subnetz", "subnets"],
    ["SUBNETS", "subnets"],
    ["encapsulation", "encapsulations"],
    ["vnl", "vni"],
    ["undrlay", "underlay"],
    ["mtu", null],
    ["", null],
  ] as const)
    assert.equal(nearest(word, fields), wanted, word);
});
