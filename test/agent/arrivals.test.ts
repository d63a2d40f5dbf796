/** Ports that come to this host: which of them are announced, where, and with what. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Arrivals } from "../../src/agent/arrivals.ts";
import { sightingIn } from "../../src/endpoints/sighting.ts";
import type { AdmitRow, HostRow, PortRow, Row } from "../../src/rows/rows.ts";

const [FOREIGN, LEARNING, OURS] = [7, 8, 9];
const mac = (port: number): string => `02:00:00:00:00:0${port}`;

const port = (id: number, network: number): PortRow => ({
  ...{ table: "port", port: id, tenant: "org", name: `p${id}`, networkName: `n${network}` },
  ...{ network, interface: `port${id}`, attachment: "veth", mtu: 1450 },
});

const admit = (network: number, more: Partial<AdmitRow>): AdmitRow => ({
  ...{ table: "admit", peer: 1, network, dscpKeep: false, group: 1, learns: false },
  ...more,
});

const host = (target: number, network: number, address: string): HostRow => ({
  ...{ table: "host", space: network, address, kind: "port", target, network },
  ...{ mac: mac(target), byRouter: false, mtu: 1450 },
});

const rows: readonly Row[] = [
  ...[port(1, FOREIGN), port(2, LEARNING), port(3, OURS), port(4, FOREIGN)],
  ...[admit(FOREIGN, { dscpKeep: true }), admit(LEARNING, { learns: true }), admit(OURS, {})],
  host(1, FOREIGN, "10.1.0.1"),
  host(1, FOREIGN, "fd00::1"),
  host(2, LEARNING, "10.2.0.2"),
  host(3, OURS, "10.3.0.3"),
  { ...host(1, FOREIGN, "10.1.0.9"), kind: "group" },
];

/** What is said when `after` are there, and were not when `before` were. */
function said(before: readonly string[], after: readonly string[]): readonly string[] {
  const arrivals = new Arrivals();
  assert.deepEqual(
    arrivals.announcements(before, () => rows),
    [],
  );
  return arrivals
    .announcements(after, () => rows)
    .map((one) => {
      const seen = sightingIn(one.frame);
      assert.ok(one.do === "send-from-port" && seen?.overrides);
      return `${one.port} ${seen.address} ${seen.mac}`;
    });
}

describe("announced is a port that comes", () => {
  test("to a network with a host that is not ours, in each of its addresses", () =>
    assert.deepEqual(said([], ["org/p1"]), [`1 10.1.0.1 ${mac(1)}`, `1 fd00::1 ${mac(1)}`]));

  test("to a network that learns", () =>
    assert.deepEqual(said(["org/p1"], ["org/p1", "org/p2"]), [`2 10.2.0.2 ${mac(2)}`]));
});

describe("nobody is told", () => {
  test("of what was there before us, or is there still", () => {
    assert.deepEqual(said(["org/p1"], ["org/p1"]), []);
    assert.deepEqual(said(["org/p1", "org/p2"], ["org/p1"]), []);
  });

  test("in a network of hosts of ours, which the intent tells", () =>
    assert.deepEqual(said([], ["org/p3"]), []));

  test("of a port without addresses", () => assert.deepEqual(said([], ["org/p4"]), []));
});
