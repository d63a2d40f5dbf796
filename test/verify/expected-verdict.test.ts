import assert from "node:assert/strict";
import { test } from "node:test";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { emptyIdBook } from "../../src/rows/rows.ts";
import { expectedVerdicts, hostTables } from "../../src/verify/expected-verdict.ts";

const port = (name: string, network: string, host: string, mac: string): unknown => ({
  kind: "Port",
  metadata: { name, tenant: "org" },
  spec: { network, host, interface: name, mac: `02:00:00:00:00:${mac}` },
});
const network = (name: string, vni: number, unknownUnicast: string): unknown => ({
  kind: "Network",
  metadata: { name, tenant: "org" },
  spec: { vni, unknownUnicast },
});
const host = (n: number): unknown => ({
  kind: "Host",
  metadata: { name: `h${n}` },
  spec: { uplinks: [{ interface: "uplink0" }], vteps: [`192.0.2.${n}`] },
});

/** Wide: two ports here, one there. Lone: one port in all. Strict: drops what it does not know. */
const documents = [
  { kind: "Fabric", metadata: { name: "f" }, spec: {} },
  { kind: "Tenant", metadata: { name: "org" }, spec: {} },
  ...[1, 2].map(host),
  network("wide", 5001, "flood"),
  network("lone", 5002, "flood"),
  network("strict", 5003, "drop"),
  port("wide-1", "wide", "h1", "01"),
  port("wide-2", "wide", "h1", "02"),
  port("wide-3", "wide", "h2", "03"),
  port("lone-1", "lone", "h1", "01"),
  port("strict-1", "strict", "h1", "01"),
  port("strict-2", "strict", "h1", "02"),
];
const text = documents
  .map((d) => JSON.stringify(Object.assign({ apiVersion: "weft.network/v1alpha1" }, d)))
  .join("\n---\n");
const { intent, errors } = compileIntent([{ path: "all.yaml", text }]);
const tables = hostTables(compileHost(intent, "h1", emptyIdBook).rows);

const cases = [
  ["org/wide-1", "02:00:00:00:00:02", "delivered"],
  ["org/wide-1", "02:00:00:00:00:03", "encapsulated"],
  ["org/wide-1", "02:00:00:00:00:01", "hairpin"],
  ["org/wide-1", "02:00:00:00:00:77", "flooded"],
  ["org/wide-1", "ff:ff:ff:ff:ff:ff", "flooded"],
  ["org/lone-1", "02:00:00:00:00:77", "no-receiver"],
  ["org/lone-1", "33:33:ff:00:00:01", "no-receiver"],
  ["org/strict-1", "02:00:00:00:00:77", "unknown-unicast"],
  ["org/strict-1", "02:00:00:00:00:03", "unknown-unicast"],
  ["org/strict-1", "ff:ff:ff:ff:ff:ff", "flooded"],
  ["org/strict-1", "02:00:00:00:00:02", "delivered"],
] as const;

test("the intent of these cases has no errors", () => assert.equal(errors, 0));
for (const [from, to, verdict] of cases)
  test(`${from} to ${to} is ${verdict}`, () =>
    assert.deepEqual(expectedVerdicts(tables, from, to), [verdict]));
