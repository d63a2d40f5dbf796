import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sortRows } from "../../src/rows/order.ts";
import { renderRow, renderRows } from "../../src/rows/render.ts";
import type { Row } from "../../src/rows/rows.ts";

/** At least one row of each table, in the order that is wanted, keys in the order that is wanted. */
const rows: readonly Row[] = [
  { table: "settings", hashSeed: 7, vxlanPort: 4789, gatewayMac: null, routerMac: null },
  { table: "uplink", interface: "up0", mtu: 1500 },
  { table: "uplink", interface: "up10", mtu: 1500 },
  { table: "vtep", address: "9.0.0.1", shared: false },
  { table: "vtep", address: "10.0.0.1", shared: false },
  { table: "vtep", address: "2001:db8::1", shared: true },
  {
    table: "peer",
    peer: 2,
    host: "h2",
    family: "ipv4",
    local: "10.0.0.1",
    remote: "10.0.0.2",
    mtu: 1500,
    routerMac: null,
  },
  {
    table: "peer",
    peer: 10,
    host: "h3",
    family: "ipv4",
    local: "10.0.0.1",
    remote: "10.0.0.3",
    mtu: 1500,
    routerMac: null,
  },
  { table: "peer_in", address: "10.0.0.2", peer: 2 },
  { table: "admit", peer: 2, network: 900, dscpKeep: false, group: null, learns: false },
  { table: "admit", peer: 2, network: 1000, dscpKeep: true, group: null, learns: false },
  { table: "admit", peer: 10, network: 5, dscpKeep: false, group: null, learns: false },
  {
    table: "vni_in",
    vtep: "10.0.0.1",
    encapsulation: "nvgre",
    vni: 900,
    network: 900,
    mtu: 1450,
    dscp: "uniform",
    unknownUnicast: "flood",
    learning: null,
    isRouter: false,
    isGateway: false,
    mssClamp: false,
    space: 900,
    owner: 0,
  },
  {
    table: "vni_in",
    vtep: "10.0.0.1",
    encapsulation: "vxlan",
    vni: 900,
    network: 900,
    mtu: 1450,
    dscp: "pipe",
    unknownUnicast: "drop",
    learning: { ageSeconds: 300, macsMax: 7 },
    isRouter: false,
    isGateway: false,
    mssClamp: false,
    space: 900,
    owner: 0,
  },
  {
    table: "port",
    port: 1,
    tenant: "a",
    name: "p",
    networkName: "n",
    network: 900,
    interface: "w",
    attachment: "veth",
    mtu: 1450,
  },
  {
    table: "attach",
    interface: "w",
    vid: null,
    port: 1,
    network: 900,
    mac: "02:00:00:00:00:01",
    mtu: 1450,
    ipv4: "10.1.0.1",
    ipv6: null,
    anyIpv4: false,
    anyIpv6: true,
    sources: true,
    unknownUnicast: "flood",
    dscp: "uniform",
    tenantTunnels: "deny",
    bumPps: 9,
    routed: false,
    unknownNeighbours: "flood",
    discovers: false,
    mssClamp: false,
    space: 900,
    owner: 0,
  },
  { table: "source", port: 1, prefix: "10.0.0.0/8" },
  { table: "source", port: 1, prefix: "10.0.0.0/16" },
  { table: "source", port: 1, prefix: "fe80::1/128" },
  {
    table: "group",
    group: 1,
    members: [{ peer: 2, vni: 900, encapsulation: "vxlan", weight: 1 }],
  },
  { table: "fdb", network: 900, mac: "02:00:00:00:00:01", kind: "port", target: 1 },
  { table: "fdb", network: 900, mac: "0a:00:00:00:00:01", kind: "group", target: 1 },
  {
    table: "flood",
    network: 900,
    local: [1, 2],
    lists: [{ encapsulation: "vxlan", family: "ipv4", members: [{ peer: 2, vni: 900 }] }],
    bumPps: null,
  },
  {
    ...{ table: "host", space: 900, address: "10.1.0.1", kind: "port", target: 1, network: 900 },
    ...{ mac: "02:00:00:00:00:01", byRouter: false, mtu: 1450 },
  },
  {
    ...{ table: "route", space: 900, prefix: "10.1.0.0/24", kind: "glean", target: 0 },
    ...{ network: 900, mac: null, byRouter: false, mtu: 1450 },
  },
  { table: "space", space: 900, ipv4Lengths: [24], ipv6Lengths: [] },
  { table: "gateway", network: 900, ipv4: "10.1.0.254", ipv6: null },
];

test("rows are sorted by table, then by the octets of their keys", () => {
  fc.assert(
    fc.property(fc.shuffledSubarray([...rows], { minLength: rows.length }), (shuffled) => {
      assert.deepEqual(sortRows(shuffled), rows);
    }),
  );
});

test("a row's text has all of it, in the order of rows.ts, however the object was made", () => {
  for (const row of rows) {
    assert.equal(renderRow(row), JSON.stringify(row));
    const reversed: Row = { ...row, ...Object.fromEntries(Object.entries(row).reverse()) };
    const mixed = Object.fromEntries(Object.entries(reversed).reverse());
    assert.notEqual(JSON.stringify(mixed), JSON.stringify(row));
    assert.equal(renderRow({ ...mixed, ...row }), JSON.stringify(row));
  }
});

test("rows as text: a line each, the last one too", () => {
  assert.equal(
    renderRows(rows.slice(0, 2)),
    '{"table":"settings","hashSeed":7,"vxlanPort":4789,"gatewayMac":null,"routerMac":null}\n{"table":"uplink","interface":"up0","mtu":1500}\n',
  );
  assert.equal(renderRows([]), "");
});
