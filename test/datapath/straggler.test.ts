/** Frames for an endpoint that has moved to another host: sent on for a while, never back, never for ever. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { FDB_FLAG, TARGET_KIND, VNI_IN_FLAG } from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";
import {
  arp,
  ethernet,
  filler,
  hex,
  ip4,
  ip6,
  join,
  mac,
  nvgre,
  tcp,
  udp,
  vxlan,
} from "./frame.ts";
import { entropyOf, expected, type Peer } from "./outer.ts";
import {
  DROP,
  FOR_EVER_NS,
  LOCAL,
  NETWORK,
  NEXT_HOP,
  PEERS,
  PORTS,
  REDIRECT,
  Rig,
  UPLINK,
} from "./rig.ts";

const GONE = "02:00:00:00:07:07";
const [FAR] = PEERS;

let rig: Rig;
before(() => {
  rig = new Rig("straggler");
});
after(() => rig.close());
beforeEach(() => rig.populate());

/** GONE was here, and is behind group `peer` now. */
const moved = (
  peer: number,
  flags: number = FDB_FLAG.FDB_MOVED,
  freshUntilNs = FOR_EVER_NS,
): void =>
  rig.set("fdb", pack("fdbKey", { network: NETWORK, mac: mac(GONE) }), {
    ...{ target: peer, kind: TARGET_KIND.TARGET_GROUP, flags, freshUntilNs },
  });

/** As `peer` sends a frame to us. */
function arriving(peer: Peer, frame: Uint8Array, ttl = 64, tos = 0): Uint8Array {
  const ends = { from: peer.address, to: LOCAL[peer.family] };
  const isVxlan = peer.encapsulation === "vxlan";
  const shim = isVxlan
    ? udp(50_000, 4789, join(vxlan(NETWORK), frame))
    : join(nvgre(NETWORK), frame);
  const protocol = isVxlan ? 17 : 47;
  return peer.family === "ipv4"
    ? ethernet({ to: UPLINK, from: NEXT_HOP }, 0x0800, ip4({ ...ends, protocol, ttl, tos }, shim))
    : ethernet(
        { to: UPLINK, from: NEXT_HOP },
        0x86dd,
        ip6({ ...ends, next: protocol, hops: ttl, class: tos }, shim),
      );
}

const four = (tos = 0): Uint8Array =>
  ethernet(
    { to: GONE, from: FAR.mac },
    0x0800,
    ip4({ from: "10.1.0.9", to: "10.1.0.7", protocol: 17, tos }, udp(1000, 2000, filler(40))),
  );
const six: Uint8Array = ethernet(
  { to: GONE, from: FAR.mac },
  0x86dd,
  ip6({ from: "fd00::9", to: "fd00::7", next: 6 }, tcp(1, 2, filler(40))),
);
const question: Uint8Array = ethernet(
  { to: GONE, from: FAR.mac },
  0x0806,
  arp({ senderMac: FAR.mac, sender: "10.1.0.9", target: "10.1.0.7" }),
);

/** Sent on by the uplink, a hop older. */
function sentOn(from: Peer, to: Peer, frame: Uint8Array): void {
  const { action, delta, octets } = rig.run("uplink", arriving(from, frame, 17), "uplink");
  const counted = { encapsulated: 1, "forwarded-straggler": 1 };
  assert.deepEqual({ action, delta }, { action: REDIRECT, delta: counted });
  const want = expected(to, frame, 0, { ...entropyOf(to, octets), ttl: 16 });
  assert.equal(hex(octets), hex(want));
}

/** Dropped whole, for this reason alone. */
function refused(why: string, frame: Uint8Array): void {
  const { action, delta, octets } = rig.run("uplink", frame, "uplink");
  assert.deepEqual({ action, delta }, { action: DROP, delta: { [why]: 1 } });
  assert.equal(hex(octets), hex(frame));
}

describe("an endpoint that has moved", () => {
  for (const [i, from] of PEERS.entries())
    for (const [j, to] of PEERS.entries())
      if (i !== j)
        test(`${from.encapsulation} over ${from.family} on to ${to.encapsulation} over ${to.family}`, () => {
          moved(j + 1);
          for (const frame of [four(), six, question]) sentOn(from, to, frame);
        });

  test("a flow keeps the hash that its own host gave it", () => {
    moved(2);
    rig.setFdb(GONE, "group", 3);
    const sender = ethernet(
      { to: GONE, from: PORTS[1] },
      0x0800,
      ip4({ from: "10.1.0.1", to: "10.1.0.7", protocol: 17 }, udp(1000, 2000, filler(40))),
    );
    const direct = rig.run("port", sender, "port1").octets;
    moved(3);
    const on = rig.run("uplink", arriving(FAR, sender), "uplink").octets;
    assert.deepEqual(entropyOf(PEERS[2], on), entropyOf(PEERS[2], direct));
  });

  test("the class goes with it, or not, as the network says", () => {
    moved(2);
    for (const [flags, tos] of [
      [0, 0xba],
      [VNI_IN_FLAG.VNI_IN_DSCP_PIPE, 0x02],
    ] as const) {
      rig.setVniIn({ flags });
      const { octets } = rig.run("uplink", arriving(FAR, four(0xba), 64, 0xba), "uplink");
      const want = expected(PEERS[1], four(0xba), tos, { ...entropyOf(PEERS[1], octets), ttl: 63 });
      assert.equal(hex(octets), hex(want));
    }
  });
});

describe("what does not follow it", () => {
  test("a frame from where it is now", () => {
    moved(1);
    refused("split-horizon", arriving(FAR, four()));
    moved(2);
    sentOn(FAR, PEERS[1], four());
  });

  test("a frame that comes too late, or for one that did not move", () => {
    moved(2, FDB_FLAG.FDB_MOVED, 1n);
    refused("split-horizon", arriving(FAR, four()));
    moved(2, 0);
    refused("split-horizon", arriving(FAR, four()));
  });

  test("a frame that has been sent on too often", () => {
    moved(2);
    refused("ttl-exceeded", arriving(FAR, four(), 1));
    refused("ttl-exceeded", arriving(FAR, four(), 0));
    const { octets } = rig.run("uplink", arriving(FAR, four(), 2), "uplink");
    const want = expected(PEERS[1], four(), 0, { ...entropyOf(PEERS[1], octets), ttl: 1 });
    assert.equal(hex(octets), hex(want));
  });

  test("anything, by a group that leads nowhere: dropped, and no straggler", () => {
    moved(99);
    const { action, delta } = rig.run("uplink", arriving(FAR, four()), "uplink");
    assert.deepEqual({ action, delta }, { action: DROP, delta: { "no-group": 1 } });
  });
});
