import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { emptyIdBook } from "../../src/rows/rows.ts";
import { expectedVerdicts, hostTables } from "../../src/verify/expected-verdict.ts";

const port = (name: string, network: string, host: string, last: number): object => ({
  kind: "Port",
  metadata: { name, tenant: "org" },
  spec: { network, host, interface: name, mac: `02:00:00:00:00:0${last}` },
});
const at = (address: string, of: object): object => ({
  ...of,
  spec: { ...("spec" in of && typeof of.spec === "object" ? of.spec : {}), addresses: [address] },
});
const network = (name: string, vni: number, spec: object): object => ({
  kind: "Network",
  metadata: { name, tenant: "org" },
  spec: { vni, ...spec },
});
const host = (n: number): object => ({
  kind: "Host",
  metadata: { name: `h${n}` },
  spec: { uplinks: [{ interface: "uplink0" }], vteps: [`192.0.2.${n}`] },
});

/**
 * Wide: two ports here, one there. Lone: one port in all. Strict: drops what it does not know. Learns: asks the wire.
 * Left and right: joined by a router, whose networks have addresses.
 */
const documents = [
  { kind: "Fabric", metadata: { name: "f" }, spec: {} },
  { kind: "Tenant", metadata: { name: "org" }, spec: {} },
  ...[1, 2].map(host),
  network("wide", 5001, { unknownUnicast: "flood" }),
  network("lone", 5002, { unknownUnicast: "flood" }),
  network("strict", 5003, { unknownUnicast: "drop" }),
  network("learns", 5004, { learning: "flood-and-learn" }),
  network("left", 5005, { subnets: ["10.1.0.0/24"], gateways: ["10.1.0.254"] }),
  network("right", 5006, { subnets: ["10.2.0.0/24"], gateways: ["10.2.0.254"] }),
  port("wide-1", "wide", "h1", 1),
  port("wide-2", "wide", "h1", 2),
  port("wide-3", "wide", "h2", 3),
  port("lone-1", "lone", "h1", 1),
  port("strict-1", "strict", "h1", 1),
  port("strict-2", "strict", "h1", 2),
  port("learns-1", "learns", "h1", 1),
  port("learns-2", "learns", "h2", 2),
  at("10.1.0.1", port("left-1", "left", "h1", 1)),
  at("10.2.0.1", port("right-1", "right", "h1", 2)),
  at("10.2.0.2", port("right-2", "right", "h2", 3)),
  {
    kind: "Router",
    metadata: { name: "main", tenant: "org" },
    spec: {
      networks: ["left", "right"],
      l3vni: 5999,
      routes: [
        { prefix: "10.9.0.0/16", blackhole: true },
        { prefix: "10.9.1.0/24", via: "10.2.0.2" },
      ],
    },
  },
];
const text = documents
  .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
  .join("\n---\n");
const { intent, findings, errors } = compileIntent([{ path: "all.yaml", text }]);
const tables = hostTables(compileHost(intent, "h1", emptyIdBook).rows);

test("the intent of these cases has no errors", () =>
  assert.equal(errors, 0, JSON.stringify(findings)));

describe("to a MAC", () => {
  for (const [from, to, ...verdicts] of [
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
    ["org/learns-1", "02:00:00:00:00:02", "flooded", "encapsulated"],
    ["org/learns-1", "ff:ff:ff:ff:ff:ff", "flooded"],
    ["org/left-1", "02:00:00:00:00:02", "no-receiver"],
  ] as const)
    test(`${from} to ${to} is ${verdicts.join(" or ")}`, () =>
      assert.deepEqual(
        expectedVerdicts(tables, from, { destinationMac: to, destination: null }),
        verdicts,
      ));
});

describe("by the gateway to an address", () => {
  for (const [from, destination, ...verdicts] of [
    ["org/left-1", "10.2.0.1", "delivered"],
    ["org/left-1", "10.2.0.2", "encapsulated"],
    ["org/left-1", "10.1.0.1", "delivered"],
    ["org/left-1", "10.1.0.254", "answered", "gateway-closed"],
    ["org/left-1", "10.2.0.9", "punted", "punt-limited"],
    ["org/left-1", "10.9.2.1", "blackhole"],
    ["org/left-1", "10.9.1.1", "encapsulated"],
    ["org/left-1", "10.3.0.1", "no-route"],
    ["org/left-1", "fd00::1", "no-route"],
    // Without a router the MAC is nobody's.
    ["org/wide-1", "10.2.0.1", "flooded"],
  ] as const)
    test(`${from} to ${destination} is ${verdicts.join(" or ")}`, () => {
      const destinationMac = tables.gatewayMac;
      assert.ok(destinationMac);
      assert.deepEqual(expectedVerdicts(tables, from, { destinationMac, destination }), verdicts);
    });
});
