/** What a network learns from tunnel packets, and what it does not (RFC 7348 section 4.1). Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { FDB_FLAG, TARGET_KIND, VNI_IN_FLAG } from "../../src/rows/abi.generated.ts";
import { integerOf, pack } from "../../src/rows/pack.ts";
import { ethernet, filler, ip4, join, mac, nvgre, udp, vxlan } from "./frame.ts";
import {
  type Delta,
  LOCAL,
  NETWORK,
  NEXT_HOP,
  OTHER_NETWORK,
  type Outcome,
  PEERS,
  PORTS,
  Rig,
  UPLINK,
} from "./rig.ts";

const STRANGER = "02:00:00:00:09:01";
const AGE_SECONDS = 100;
const MACS_MAX = 3;
const SECOND_NS = 1_000_000_000n;

let rig: Rig;
before(() => {
  rig = new Rig("learning");
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  for (const network of [NETWORK, OTHER_NETWORK])
    for (const encapsulation of ["vxlan", "nvgre"] as const)
      rig.setVniIn({
        ...{ encapsulation, vni: network, network, flags: VNI_IN_FLAG.VNI_IN_LEARN },
        ...{ ageSeconds: AGE_SECONDS, macsMax: MACS_MAX },
      });
  for (const peer of [1, 2, 3, 4]) rig.setAdmit(peer, NETWORK, 0, peer);
  rig.setAdmit(1, OTHER_NETWORK, 0, 1);
  for (const i of [1, 2, 3, 4]) forget(macOf(i));
  forget(STRANGER);
  rig.run("sweep", filler(64), "uplink");
  rig.delta();
});

const macOf = (i: number): string => `02:00:00:00:0a:0${i}`;
const keyOf = (address: string, network = NETWORK): Uint8Array =>
  pack("fdbKey", { network, mac: mac(address) });

function forget(address: string): void {
  for (const network of [NETWORK, OTHER_NETWORK]) rig.remove("fdb", keyOf(address, network));
}

/** From peer 1 (VXLAN) or 2 (NVGRE) to our first port. */
function arrives(from: string, peer: 1 | 2 = 1, network = NETWORK): Outcome {
  const to = network === NETWORK ? PORTS[1] : PORTS[3];
  const payload = ip4({ from: "10.1.0.9", to: "10.1.0.1", protocol: 17 }, udp(1, 2, filler(40)));
  const inner = ethernet({ to, from }, 0x0800, payload);
  const outer = { from: PEERS[peer - 1]?.address ?? "", to: LOCAL.ipv4 };
  const tunnel =
    peer === 1
      ? ip4({ ...outer, protocol: 17 }, udp(5, 4789, join(vxlan(network), inner)))
      : ip4({ ...outer, protocol: 47 }, join(nvgre(network), inner));
  const frame = ethernet({ to: UPLINK, from: NEXT_HOP }, 0x0800, tunnel);
  return rig.run("uplink", frame, "uplink");
}

/** From our first port. */
const leaves = (to: string): Delta => {
  const payload = ip4({ from: "10.1.0.1", to: "10.1.0.9", protocol: 17 }, udp(1, 2, filler(40)));
  return rig.run("port", ethernet({ to, from: PORTS[1] }, 0x0800, payload), "port1").delta;
};

interface Known {
  readonly group: number;
  readonly learned: boolean;
  readonly freshUntilNs: number;
}

function known(address: string, network = NETWORK): Known | null {
  const row = rig.get("fdb", keyOf(address, network));
  if (!row) return null;
  const integer = (name: "target" | "flags" | "freshUntilNs"): number =>
    integerOf("fdbRow", row, name);
  return {
    group: integer("target"),
    learned: (integer("flags") & FDB_FLAG.FDB_LEARNED) !== 0,
    freshUntilNs: integer("freshUntilNs"),
  };
}

function learnedCount(network = NETWORK): number {
  const row = rig.get("learned", pack("learnedKey", { network }));
  return row ? integerOf("learnedRow", row, "count") : 0;
}

/** As if `seconds` had passed since it was learned. */
function age(address: string, group: number, leftNs: bigint): void {
  rig.set("fdb", keyOf(address), {
    target: group,
    kind: TARGET_KIND.TARGET_GROUP,
    flags: FDB_FLAG.FDB_LEARNED,
    freshUntilNs: process.hrtime.bigint() + leftNs,
  });
}

test("a stranger is flooded to, until something came from him", () => {
  assert.deepEqual(leaves(STRANGER), { flooded: 1 });
  assert.deepEqual(arrives(STRANGER).delta, { delivered: 1, learned: 1 });
  assert.equal(known(STRANGER)?.group, 1);
  assert.equal(learnedCount(), 1);
  assert.deepEqual(leaves(STRANGER), { encapsulated: 1 });
  // Learned once: another frame changes nothing.
  assert.deepEqual(arrives(STRANGER).delta, { delivered: 1 });
  assert.equal(learnedCount(), 1);
});

test("a network that does not learn does not", () => {
  rig.setVniIn({ encapsulation: "vxlan", ageSeconds: AGE_SECONDS, macsMax: MACS_MAX });
  assert.deepEqual(arrives(STRANGER).delta, { delivered: 1 });
  assert.equal(known(STRANGER), null);
});

test("one MAC in two networks is two", () => {
  assert.deepEqual(arrives(STRANGER).delta, { delivered: 1, learned: 1 });
  assert.equal(known(STRANGER, OTHER_NETWORK), null);
  assert.deepEqual(arrives(STRANGER, 1, OTHER_NETWORK).delta, { delivered: 1, learned: 1 });
  assert.deepEqual([learnedCount(NETWORK), learnedCount(OTHER_NETWORK)], [1, 1]);
});

test("a MAC that moves is followed, in one step", () => {
  arrives(STRANGER, 1);
  assert.deepEqual(arrives(STRANGER, 2).delta, { delivered: 1, moved: 1 });
  assert.equal(known(STRANGER)?.group, 2);
  assert.equal(learnedCount(), 1);
  assert.deepEqual(arrives(STRANGER, 1).delta, { delivered: 1, moved: 1 });
});

test("what is declared stays: a local port's MAC, a MAC behind another peer", () => {
  // 02: who claims our second port's MAC; 01: what the intent puts behind peer 1.
  for (const [address, peer] of [
    [PORTS[2], 1],
    [PEERS[0].mac, 2],
  ] as const) {
    const before = known(address);
    assert.deepEqual(arrives(address, peer).delta, { delivered: 1, "learn-refused": 1 });
    assert.deepEqual(known(address), before);
  }
  // Where it is declared it may speak, and there is nothing to refuse.
  assert.deepEqual(arrives(PEERS[0].mac, 1).delta, { delivered: 1 });
});

test("the gateway's MAC is nobody's to learn", () => {
  rig.setAt("settings", 0, { hashSeed: 1, vxlanPort: 4789, gatewayMac: mac(STRANGER) });
  assert.deepEqual(arrives(STRANGER).delta, { delivered: 1, "learn-refused": 1 });
  assert.equal(known(STRANGER), null);
});

test("a frame that is refused teaches nothing", () => {
  const group = "03:00:00:00:00:01";
  assert.deepEqual(arrives(group).delta, { "inner-source": 1 });
  assert.equal(known(group), null);
});

test("a network learns no more than it may; room that is given back is used", () => {
  for (const i of [1, 2, 3])
    assert.deepEqual(arrives(macOf(i)).delta, { delivered: 1, learned: 1 });
  assert.deepEqual(arrives(macOf(4)).delta, { delivered: 1, "learn-full": 1 });
  assert.equal(known(macOf(4)), null);
  assert.equal(learnedCount(), MACS_MAX);
  age(macOf(2), 1, -SECOND_NS);
  rig.run("sweep", filler(64), "uplink");
  assert.deepEqual([known(macOf(2)), learnedCount()], [null, 2]);
  assert.deepEqual(arrives(macOf(4)).delta, { delivered: 1, learned: 1 });
});

test("what is learned ends at its time, though nobody sweeps", () => {
  arrives(STRANGER);
  age(STRANGER, 1, SECOND_NS);
  assert.deepEqual(leaves(STRANGER), { encapsulated: 1 });
  age(STRANGER, 1, -SECOND_NS);
  assert.deepEqual(leaves(STRANGER), { flooded: 1 });
});

test("traffic keeps it: the life begins anew, to a sixteenth", () => {
  arrives(STRANGER);
  const life = BigInt(AGE_SECONDS) * SECOND_NS;
  const left = (): bigint => BigInt(known(STRANGER)?.freshUntilNs ?? 0) - process.hrtime.bigint();
  assert.ok(left() > life - SECOND_NS && left() <= life, `${left()}`);
  for (const spentSixteenths of [2n, 15n, 17n]) {
    age(STRANGER, 1, life - (life * spentSixteenths) / 16n);
    assert.deepEqual(arrives(STRANGER).delta, { delivered: 1 });
    assert.ok(left() > life - SECOND_NS, `${spentSixteenths}: ${left()}`);
  }
  // Not written for every packet: other CPUs read the row.
  age(STRANGER, 1, life - life / 32n);
  arrives(STRANGER);
  assert.ok(left() < life - life / 40n, `${left()}`);
});

test("a sweep removes what leads nowhere, and leaves what is declared", () => {
  arrives(STRANGER, 2);
  rig.setAt("group", 2, { members: 0 });
  rig.run("sweep", filler(64), "uplink");
  assert.deepEqual([known(STRANGER), learnedCount()], [null, 0]);
  assert.deepEqual(known(PEERS[1].mac), { group: 2, learned: false, freshUntilNs: 0 });
});
