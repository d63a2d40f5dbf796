/** What a host is said to hold is no less than what it gets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { analysisOf, compileHost, compileIntent } from "../../src/intent/compile.ts";
import { beyond, type Entries } from "../../src/intent/passes/limits.ts";
import { readIntentFiles } from "../../src/io/files.ts";
import type { Row } from "../../src/rows/rows.ts";

const countedIn: Readonly<Partial<Record<Row["table"], keyof Entries>>> = {
  peer: "peers",
  admit: "admissions",
  vni_in: "incoming numbers",
  port: "ports",
  group: "groups",
  flood: "networks",
  fdb: "MAC addresses",
  source: "source prefixes",
  host: "addresses",
  route: "routes",
  space: "address spaces",
};

for (const path of [
  "examples/three-orgs",
  "test/golden/routed/input",
  "test/golden/leaked/input",
  "test/golden/foreign/input",
])
  test(`no table gets more than was counted: ${path}`, async () => {
    const files = await readIntentFiles(path);
    assert.ok(files.ok);
    const { intent } = compileIntent(files.value);
    const { entriesByHost } = analysisOf(intent);
    assert.ok(entriesByHost.size > 0);
    for (const [host, entries] of entriesByHost) {
      const rows = Map.groupBy(compileHost(intent, host).rows, ({ table }) => table);
      for (const [table, some] of rows) {
        const what = countedIn[table];
        if (what === undefined) continue;
        const said = `${host}: ${some.length} ${table} rows, ${entries[what]} ${what}`;
        assert.ok(some.length <= entries[what], said);
      }
    }
  });

test("what is beyond a table is told with its bound", async () => {
  const files = await readIntentFiles("test/golden/routed/input");
  assert.ok(files.ok);
  const entries = analysisOf(compileIntent(files.value).intent).entriesByHost.get("h1");
  assert.ok(entries);
  assert.deepEqual(beyond(entries), []);
  const full = { ...entries, addresses: 262145, routes: 262145, "address spaces": 16385 };
  assert.deepEqual(beyond(full), [
    { what: "addresses", count: 262145, most: 262144 },
    { what: "routes", count: 262145, most: 262144 },
    { what: "address spaces", count: 16385, most: 16384 },
  ]);
});
