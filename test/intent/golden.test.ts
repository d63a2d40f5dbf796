/**
 * Intent in, every finding and every host's rows out, compared with what is on file. UPDATE=1 writes the files anew;
 * read the difference before you commit it.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { readIntentFiles } from "../../src/io/files.ts";
import { renderRows } from "../../src/rows/render.ts";
import { emptyIdBook } from "../../src/rows/rows.ts";

const GOLDEN = "test/golden";
const update = process.env.UPDATE === "1";

/** Where each case's intent is; the others have theirs in `input`. */
const inputs: Readonly<Record<string, string>> = { "three-orgs": "examples/three-orgs" };

test("golden files are not written in CI", () => {
  assert.ok(!(update && process.env.CI), "UPDATE=1 with CI set");
});

const cases = new Set([...Object.keys(inputs), ...readdirSync(GOLDEN)]);

test("there are golden cases", () => assert.ok(cases.size >= 4, [...cases].join(" ")));

for (const name of cases)
  test(`golden ${name}`, async () => {
    const outputs = await outputsOf(inputs[name] ?? join(GOLDEN, name, "input"));
    const expected = join(GOLDEN, name, "expected");
    if (update && !process.env.CI) write(expected, outputs);
    assert.ok(existsSync(expected), `${expected} is missing: UPDATE=1 writes it`);
    assert.deepEqual(readdirSync(expected).sort(), [...outputs.keys()].sort());
    for (const [file, text] of outputs)
      assert.deepEqual(text.split("\n"), readFileSync(join(expected, file), "utf8").split("\n"));
  });

async function outputsOf(input: string): Promise<ReadonlyMap<string, string>> {
  const files = await readIntentFiles(input);
  assert.ok(files.ok, input);
  const { intent, findings } = compileIntent(files.value);
  const outputs = new Map([
    ["findings.ndjson", findings.map((finding) => `${JSON.stringify(finding)}\n`).join("")],
  ]);
  for (const host of intent.hosts.keys())
    outputs.set(`rows.${host}.ndjson`, renderRows(compileHost(intent, host, emptyIdBook).rows));
  return outputs;
}

function write(directory: string, outputs: ReadonlyMap<string, string>): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  for (const [file, text] of outputs) writeFileSync(join(directory, file), text);
}
