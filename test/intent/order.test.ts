/** Equal intent gives equal octets: whatever the order of documents and files, and whatever the spelling. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { labelOf } from "../../src/intent/report.ts";
import { renderRows } from "../../src/rows/render.ts";

/** Every document of the golden inputs and of the example, without what is no YAML. */
const inputs = ["examples/three-orgs", "test/golden/broken/input", "test/golden/foreign/input"].map(
  (directory) =>
    readdirSync(directory)
      .filter((name) => name.endsWith(".yaml") && name !== "lab.yaml")
      .flatMap((name) => readFileSync(`${directory}/${name}`, "utf8").split("---\n"))
      .filter((text) => !text.includes("not: yaml")),
);

function outcome(files: readonly (readonly string[])[]): string {
  const { intent, findings } = compileIntent(
    files.map((documents, i) => ({ path: `${i}.yaml`, text: documents.join("---\n") })),
  );
  const rows = [...intent.hosts.keys()].map((host) => renderRows(compileHost(intent, host).rows));
  const said = findings
    .map(
      ({ code, object, path, message }) =>
        `${code} ${object ? labelOf(object) : ""} ${path} ${message}`,
    )
    .sort();
  return [...rows, ...said].join("\n");
}

for (const [i, documents] of inputs.entries()) {
  const wanted = outcome([documents]);
  test(`order of documents and files, input ${i}`, () => {
    assert.match(wanted, /"table":"flood"/);
    fc.assert(
      fc.property(
        fc.shuffledSubarray([...documents], { minLength: documents.length }),
        fc.integer({ min: 0, max: documents.length }),
        (shuffled, cut) => {
          assert.equal(outcome([shuffled.slice(0, cut), shuffled.slice(cut)]), wanted);
        },
      ),
      { numRuns: 15 },
    );
  });
}

test("order of keys, and spelling of addresses", () => {
  const [documents = []] = inputs;
  const respelled = documents.map((text) =>
    text
      .replaceAll("2001:db8::", "2001:0DB8:0::")
      .replaceAll("fd00:1::/64", "FD00:0001::/64")
      .replace(/^(apiVersion.*\n)(kind.*\n)(metadata.*\n)/m, "$3$2$1"),
  );
  assert.notDeepEqual(respelled, documents);
  assert.equal(outcome([respelled]), outcome([documents]));
});
