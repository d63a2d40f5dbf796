/** Underlay groups: one copy out, and what comes in for a group of ours (RFC 7348 section 4.2). Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { mappedOctets } from "../../src/base/ip.ts";
import { FAMILY, VTEP_FLAG } from "../../src/rows/abi.generated.ts";
import { ethernet, filler, ip, ip4, join, mac, nvgre, udp, vxlan } from "./frame.ts";
import {
  DROP,
  LOCAL,
  NETWORK,
  NEXT,
  NEXT_HOP,
  OTHER_NETWORK,
  PEERS,
  PORTS,
  Rig,
  UPLINK,
} from "./rig.ts";

const GROUP = "239.1.10.0";
const GROUP_MAC = "01:00:5e:01:0a:00";
const OTHER_GROUP = "239.1.10.1";
/** As a peer: everybody. */
const EVERYBODY = 9;
const BROADCAST = "ff:ff:ff:ff:ff:ff";

let rig: Rig;
before(() => {
  rig = new Rig("multicast");
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  rig.setAdjacency(EVERYBODY, { dmac: mac(GROUP_MAC), nextHop: mapped(GROUP) });
  rig.setAt("peer", EVERYBODY, {
    ...{ remote: mapped(GROUP), local: mapped(LOCAL.ipv4), family: FAMILY.FAMILY_IPV4 },
    ...{ mtu: 9000, adjacencies: 1, adjacency: [EVERYBODY] },
  });
  rig.setFlood(NETWORK, [[1, 2], [], [EVERYBODY], [], []]);
  for (const group of [GROUP, OTHER_GROUP]) rig.setVtep(group, VTEP_FLAG.VTEP_GROUP);
  rig.setVniIn({ vtep: GROUP, encapsulation: "vxlan" });
});

const mapped = (address: string): Uint8Array => mappedOctets({ octets: ip(address) });

const inner = ethernet({ to: BROADCAST, from: PEERS[0].mac }, 0x88b5, filler(50));

const arriving = (group: string, shim: Uint8Array, from: string = PEERS[0].address): Uint8Array =>
  ethernet(
    { to: GROUP_MAC, from: NEXT_HOP },
    0x0800,
    ip4({ from, to: group, protocol: 17 }, udp(5, 4789, join(shim, inner))),
  );

test("a broadcast leaves once, to the group's address and MAC", () => {
  const received = rig.listen("uplink", "port2");
  const frame = ethernet({ to: BROADCAST, from: PORTS[1] }, 0x88b5, filler(50));
  assert.deepEqual(rig.run("port", frame, "port1").delta, { flooded: 1 });
  const { uplink = [], port2 = [] } = received();
  assert.equal(port2.length, 1);
  const [copy] = uplink;
  assert.ok(copy && uplink.length === 1, `${uplink.length} copies`);
  assert.deepEqual(copy.subarray(0, 12), join(mac(GROUP_MAC), mac(UPLINK)));
  assert.deepEqual(copy.subarray(14 + 12, 14 + 20), join(ip(LOCAL.ipv4), ip(GROUP)));
  assert.deepEqual(copy.subarray(14 + 20 + 8), join(vxlan(NETWORK), frame));
});

test("what comes for a group of ours reaches every port of the network, and no other", () => {
  const received = rig.listen("uplink", "port1", "port2", "port3");
  const { delta } = rig.run("uplink", arriving(GROUP, vxlan(NETWORK)), "uplink");
  assert.deepEqual(delta, { flooded: 1 });
  const { port1 = [], port2 = [], port3 = [], uplink = [] } = received();
  assert.deepEqual([port1, port2, port3, uplink], [[inner], [inner], [], []]);
});

test("guards are those of any tunnel packet: who sends, and may he", () => {
  const from = (address: string): Uint8Array => arriving(GROUP, vxlan(NETWORK), address);
  assert.deepEqual(rig.run("uplink", from("192.0.2.99"), "uplink").delta, { "unknown-peer": 1 });
  rig.setVniIn({ vtep: GROUP, vni: OTHER_NETWORK, network: OTHER_NETWORK });
  const other = arriving(GROUP, vxlan(OTHER_NETWORK));
  assert.deepEqual(rig.run("uplink", other, "uplink").delta, { "not-admitted": 1 });
});

test("a shared group brings others' networks: filtered, and counted by a verdict of their own", () => {
  for (const frame of [
    arriving(GROUP, vxlan(NETWORK + 7)),
    // A number of ours, on a group that is not its own.
    arriving(OTHER_GROUP, vxlan(NETWORK)),
  ]) {
    const { action, delta } = rig.run("uplink", frame, "uplink");
    assert.deepEqual({ action, delta }, { action: DROP, delta: { "group-foreign": 1 } });
  }
  const underNvgre = ethernet(
    { to: GROUP_MAC, from: NEXT_HOP },
    0x0800,
    ip4({ from: PEERS[1].address, to: GROUP, protocol: 47 }, join(nvgre(NETWORK), inner)),
  );
  assert.deepEqual(rig.run("uplink", underNvgre, "uplink").delta, { "group-foreign": 1 });
});

test("a group that we are not in is none of ours", () => {
  const { action, delta } = rig.run("uplink", arriving("239.1.10.2", vxlan(NETWORK)), "uplink");
  assert.deepEqual({ action, delta }, { action: NEXT, delta: { passed: 1 } });
});

test("on a shared address another overlay may be in the group too", () => {
  rig.setVtep(GROUP, VTEP_FLAG.VTEP_GROUP | VTEP_FLAG.VTEP_SHARED);
  const { action, delta } = rig.run("uplink", arriving(GROUP, vxlan(NETWORK + 7)), "uplink");
  assert.deepEqual({ action, delta }, { action: NEXT, delta: { "passed-shared": 1 } });
});
