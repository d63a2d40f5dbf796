/** The TypeScript side of the datapath's ABI is the one that the C headers give. Needs clang and bpftool. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { LAYOUTS, VERDICTS } from "../../src/rows/abi.generated.ts";

const root = join(import.meta.dirname, "../..");

test("abi.generated.ts is what scripts/gen-abi.ts writes", () => {
  const run = spawnSync(process.execPath, [join(root, "scripts/gen-abi.ts"), "--check"], {
    encoding: "utf8",
  });
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`);
});

test("verdicts are numbered without gaps and named once", () => {
  assert.equal(VERDICTS[0], "none");
  assert.equal(new Set(VERDICTS).size, VERDICTS.length);
  for (const name of VERDICTS) assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
});

for (const [name, { octets, fields }] of Object.entries(LAYOUTS))
  test(`${name}: every octet belongs to one field, so that none is left to chance`, () => {
    let at = 0;
    for (const field of Object.values(fields)) {
      assert.equal(field.at, at);
      at += field.octets;
    }
    assert.equal(at, octets);
  });
