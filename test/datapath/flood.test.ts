/** Broadcast, unknown unicast, multicast: who gets a copy, of what, and how many there may be. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { BUCKET_SCOPE } from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";
import { arp, ethernet, filler, hex, ip4, ip6, mac, tcp, udp } from "./frame.ts";
import { entropyOf, expected } from "./outer.ts";
import { type Delta, DROP, NETWORK, OTHER_NETWORK, PEERS, PORTS, Rig } from "./rig.ts";

const ALL = "ff:ff:ff:ff:ff:ff";
const ME = PORTS[1];
/** In the order of the lists. */
const WIRE_ORDER = [PEERS[1], PEERS[0], PEERS[3], PEERS[2]];

let rig: Rig;
before(() => {
  rig = new Rig("flood");
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  for (const [scope, id] of [
    [BUCKET_SCOPE.BUCKET_PORT, 1],
    [BUCKET_SCOPE.BUCKET_PORT, 2],
    [BUCKET_SCOPE.BUCKET_NETWORK, NETWORK],
  ] as const)
    rig.remove("bucket", pack("bucketKey", { scope, id }));
});

const packet4 = ip4({ from: "10.1.0.1", to: "10.1.0.255", protocol: 17 }, udp(1, 2, filler(40)));
const packet6 = ip6({ from: "fd00::1", to: "ff02::1", next: 17 }, udp(1, 2, filler(40)));
const broadcast = ethernet({ to: ALL, from: ME }, 0x0800, packet4);

describe("each receiver gets one copy, the sender and other networks none", () => {
  const frames: readonly (readonly [string, Uint8Array, Delta?])[] = [
    ["IPv4 broadcast", broadcast],
    ["IPv6 multicast", ethernet({ to: "33:33:00:00:00:01", from: ME }, 0x86dd, packet6)],
    [
      "ARP",
      ethernet(
        { to: ALL, from: ME },
        0x0806,
        arp({ senderMac: ME, sender: "10.1.0.1", target: "10.1.0.2" }),
      ),
      { "neighbour-miss": 1 },
    ],
    ["unknown unicast", ethernet({ to: "02:00:00:00:09:09", from: ME }, 0x0800, packet4)],
    ["an EtherType of one's own", ethernet({ to: ALL, from: ME }, 0x88b5, filler(46))],
    ["the largest", ethernet({ to: ALL, from: ME }, 0x88b5, filler(1500))],
  ];
  for (const [what, frame, beside = {}] of frames)
    test(what, () => {
      const heard = rig.listen("uplink", "port1", "port2", "port3");
      const { action, delta } = rig.run("port", frame, "port1");
      assert.deepEqual({ action, delta }, { action: DROP, delta: { ...beside, flooded: 1 } });
      const { uplink = [], port1, port2 = [], port3 } = heard();
      assert.deepEqual([port1, port3], [[], []]);
      assert.deepEqual(port2.map(hex), [hex(frame)]);
      const want = WIRE_ORDER.map((peer, i) => {
        const outer = uplink[i] ?? new Uint8Array(64);
        return hex(expected(peer, frame, 0, entropyOf(peer, outer)));
      });
      assert.deepEqual(uplink.map(hex), want);
    });
});

test("a list of many is walked to its end, and no further than 512", () => {
  for (const [count, want] of [
    [40, 40],
    [600, 512],
  ] as const) {
    rig.setFlood(NETWORK, [[1], [], new Array<number>(count).fill(1)]);
    const heard = rig.listen("uplink");
    assert.deepEqual(rig.run("port", broadcast, "port1").delta, { flooded: 1 });
    assert.equal(heard().uplink?.length, want);
  }
});

test("a network without a flood row, or with the sender alone, has no receiver", () => {
  rig.setFlood(NETWORK, [[1]]);
  assert.deepEqual(rig.run("port", broadcast, "port1").delta, { "no-receiver": 1 });
  rig.setPort(1, { network: 999 });
  assert.deepEqual(rig.run("port", broadcast, "port1").delta, { "no-receiver": 1 });
});

test("members of another generation get nothing", () => {
  const key = pack("floodMemberKey", { network: NETWORK, generation: 2, list: 0, index: 1 });
  rig.set("flood_member", key, { target: 2 });
  rig.setFlood(NETWORK, [[1, 2]]);
  const member = pack("floodMemberKey", { network: NETWORK, generation: 1, list: 0, index: 1 });
  rig.remove("flood_member", member);
  const heard = rig.listen("port2");
  assert.deepEqual(rig.run("port", broadcast, "port1").delta, { "no-receiver": 1 });
  assert.deepEqual(heard(), { port2: [] });
  rig.remove("flood_member", key);
});

test("a port of another network in the list gets nothing", () => {
  rig.setPort(2, { network: OTHER_NETWORK });
  rig.setFlood(NETWORK, [[1, 2, 3]]);
  const heard = rig.listen("port2", "port3");
  assert.deepEqual(rig.run("port", broadcast, "port1").delta, { "no-receiver": 1 });
  assert.deepEqual(heard(), { port2: [], port3: [] });
});

test("copies that cannot go are counted one by one, and do not keep the others back", () => {
  rig.setFlood(NETWORK, [[1, 2], [2, 2, 2], [1]]);
  rig.setAdjacency(2, { oif: 0 });
  const heard = rig.listen("uplink", "port2");
  assert.deepEqual(rig.run("port", broadcast, "port1").delta, { flooded: 1, "replica-failed": 3 });
  const { uplink, port2 } = heard();
  assert.deepEqual([uplink?.length, port2?.length], [1, 1]);
  rig.setAdjacency(2, { freshUntilNs: 0n });
  assert.deepEqual(rig.run("port", broadcast, "port1").delta, { flooded: 1, "replica-failed": 3 });
  rig.setFlood(NETWORK, [[1], [2, 2]]);
  assert.deepEqual(rig.run("port", broadcast, "port1").delta, {
    "no-receiver": 1,
    "replica-failed": 2,
  });
});

test("an aggregate that cannot be encapsulated goes to no peer, and every copy is missed", () => {
  const frame = ethernet(
    { to: "02:00:00:00:09:09", from: ME },
    0x0800,
    ip4({ from: "10.1.0.1", to: "10.1.0.9", protocol: 6 }, tcp(1, 2, filler(400))),
  );
  rig.setFlood(NETWORK, [[1], [2], [1, 1], [4], [3, 3, 3]]);
  const heard = rig.listen("uplink");
  const { delta } = rig.run("port", frame, "port1", 100);
  assert.deepEqual(delta, { "no-receiver": 1, "encap-failed": 1, "replica-failed": 7 });
  assert.deepEqual(heard(), { uplink: [] });
});

describe("the budget of replicas", () => {
  /** A replica costs so long that no test outlives it. */
  const slow = { bumIntervalNs: 4_000_000_000, bumBurstNs: 4_000_000_000 };
  const run = (port: 1 | 2): object =>
    rig.run("port", ethernet({ to: ALL, from: PORTS[port] }, 0x88b5, filler(46)), `port${port}`)
      .delta;

  test("of a port: the frame that crosses the line goes, those behind it do not", () => {
    rig.setPort(1, slow);
    assert.deepEqual(
      [run(1), run(1), run(1)],
      [{ flooded: 1 }, { "bum-limited": 1 }, { "bum-limited": 1 }],
    );
    assert.deepEqual(run(2), { flooded: 1 }, "another port has its own");
    const unicast = ethernet({ to: PORTS[2], from: ME }, 0x88b5, filler(46));
    assert.deepEqual(rig.run("port", unicast, "port1").delta, { delivered: 1 });
  });

  test("of a network: its ports share it", () => {
    rig.setFlood(NETWORK, [[1, 2], [2], [1], [4], [3]], slow);
    assert.deepEqual(
      [run(1), run(2), run(1)],
      [{ flooded: 1 }, { "bum-limited": 1 }, { "bum-limited": 1 }],
    );
  });

  test("is in replicas, not in frames", () => {
    // Five copies a frame, one millisecond each, and a burst of an hour of them: a frame moves the line by 5 ms.
    rig.setPort(1, { bumIntervalNs: 1_000_000, bumBurstNs: 4_000_000_000 });
    let sent = 0;
    while (sent < 2000 && JSON.stringify(run(1)) === '{"flooded":1}') sent++;
    // 4 s at 5 ms a frame are 800, and time goes on while we send.
    assert.ok(sent >= 800 && sent < 2000, `${sent} frames`);
  });

  test("comes back with time", async () => {
    rig.setPort(1, { bumIntervalNs: 10_000_000, bumBurstNs: 10_000_000 });
    assert.deepEqual(run(1), { flooded: 1 });
    const until = performance.now() + 5000;
    let again = JSON.stringify(run(1));
    assert.equal(again, '{"bum-limited":1}');
    while (again !== '{"flooded":1}' && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      again = JSON.stringify(run(1));
    }
    assert.equal(again, '{"flooded":1}');
  });
});

test("a copy carries the MAC that its group has, not the receiver's", () => {
  const heard = rig.listen("port2");
  const frame = ethernet({ to: "33:33:00:00:00:01", from: ME }, 0x86dd, packet6);
  rig.run("port", frame, "port1");
  assert.equal(
    hex(heard().port2?.[0]?.slice(0, 6) ?? new Uint8Array(0)),
    hex(mac("33:33:00:00:00:01")),
  );
});
