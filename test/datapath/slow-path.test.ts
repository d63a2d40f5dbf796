/** Frames that are handed to the agent, and frames of his: what is in front of and behind them, and whether they go. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { monotonicNs } from "../../src/io/clock.ts";
import {
  BUCKET_SCOPE,
  INJECT_KIND,
  LAYOUTS,
  LIMIT,
  PUNT_REASON,
  TRAILER_MAGIC,
} from "../../src/rows/abi.generated.ts";
import { integerOf, octetsOf, pack } from "../../src/rows/pack.ts";
import { arp, ethernet, filler, hex, ip4, join, udp } from "./frame.ts";
import { entropyOf, expected } from "./outer.ts";
import {
  DROP,
  FOR_EVER_NS,
  NETWORK,
  NEXT,
  OTHER_NETWORK,
  type Outcome,
  PEERS,
  PORTS,
  REDIRECT,
  Rig,
} from "./rig.ts";

const [ME, NEIGHBOUR] = [PORTS[1], PORTS[2]];
const OWNER = 4711;
const SPACE = 77;

const datagram = ip4({ from: "10.1.0.1", to: "10.1.0.2", protocol: 17 }, udp(1, 2, filler(40)));
const frame = ethernet({ to: NEIGHBOUR, from: ME }, 0x0800, datagram);
const question = ethernet(
  { to: "ff:ff:ff:ff:ff:ff", from: ME },
  0x0806,
  arp({ senderMac: ME, sender: "10.1.0.1", target: "10.1.0.9" }),
);

let rig: Rig;
before(() => {
  rig = new Rig("slow-path");
  rig.addStages();
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  rig.attach("port1", 1, { owner: OWNER, space: SPACE });
  hears(FOR_EVER_NS);
  for (const id of [OWNER, 99]) rig.remove("bucket", pack("bucketKey", { scope: PUNT, id }));
  rig.delta();
});

const PUNT = BUCKET_SCOPE.BUCKET_PUNT;

/** The agent listens on the spare interface. */
function hears(heardUntilNs: bigint): void {
  rig.setAt("slow", 0, { ifindex: rig.ifindex("spare"), heardUntilNs });
}

const punt = (octets: Uint8Array = frame, gsoOctets = 0): Outcome =>
  rig.run("hand_over", octets, "port1", gsoOctets);

describe("handed over", () => {
  test("a port's frame, behind all that is known of it", () => {
    const { action, delta, octets } = punt();
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { punted: 1 } });
    const header = pack("puntHeader", {
      ...{ magic: TRAILER_MAGIC.PUNT_MAGIC, reason: PUNT_REASON.PUNT_FRAGMENT, port: 1 },
      ...{ network: NETWORK, space: SPACE, owner: OWNER, mtu: 1400 },
    });
    assert.equal(hex(octets), hex(join(header, frame)));
    assert.equal(rig.portCounter(1).fromPackets, 1);
  });

  test("a frame from the underlay with its outer headers, and where the inner one is", () => {
    const { action, delta, octets } = rig.run("hand_over_outer", frame, "uplink");
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { punted: 1 } });
    const header = pack("puntHeader", {
      ...{ magic: TRAILER_MAGIC.PUNT_MAGIC, reason: PUNT_REASON.PUNT_TTL, peer: 7 },
      ...{ owner: 99, innerAt: 50 },
    });
    assert.equal(hex(octets), hex(join(header, frame)));
  });

  test("a frame that is no IP packet", () => {
    const { action, delta, octets } = punt(question);
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { punted: 1 } });
    assert.equal(hex(octets.subarray(LAYOUTS.puntHeader.octets)), hex(question));
  });

  for (const [what, ifindex, heardUntilNs] of [
    ["nobody ever listened", 0, FOR_EVER_NS],
    ["who listened has not been heard for too long", 1, 1n],
  ] as const)
    test(`not when ${what}`, () => {
      rig.setAt("slow", 0, { ifindex, heardUntilNs });
      const { action, delta, octets } = punt();
      assert.deepEqual({ action, delta }, { action: DROP, delta: { "punt-unheard": 1 } });
      assert.equal(hex(octets), hex(frame));
    });

  test("no more than the tenant's budget, which is no other's", () => {
    // As if it had all been spent a moment ago: wall clock decides nothing here.
    const key = pack("bucketKey", { scope: PUNT, id: OWNER });
    rig.set("bucket", key, { spentUntilNs: monotonicNs() + 3_600_000_000_000n });
    const { action, delta } = punt();
    assert.deepEqual({ action, delta }, { action: DROP, delta: { "punt-limited": 1 } });
    assert.deepEqual(rig.run("hand_over_outer", frame, "uplink").delta, { punted: 1 });
  });

  for (const [what, octets, gsoOctets, packets] of [
    ["a packet costs one", frame, 0, 1n],
    ["an aggregate what its packets cost", join(frame, filler(3000)), 500, 7n],
  ] as const)
    test(`${what} of the budget`, () => {
      const key = pack("bucketKey", { scope: PUNT, id: OWNER });
      // Most of it is spent: while none of that is earned back, what is added is to the nanosecond.
      const before = monotonicNs() + (9n * BigInt(LIMIT.PUNT_BURST_NS)) / 10n;
      rig.set("bucket", key, { spentUntilNs: before });
      assert.deepEqual(punt(octets, gsoOctets).delta, { punted: 1 });
      const row = rig.get("bucket", key);
      assert.ok(row);
      const each = 1_000_000_000n / BigInt(LIMIT.PUNTS_PER_SECOND);
      assert.equal(
        new DataView(row.buffer).getBigUint64(0, true),
        before + packets * each,
        "what was added",
      );
    });
});

describe("told of", () => {
  beforeEach(() => {
    rig.events();
  });

  test("what shows an address, while the frame goes on as it was", () => {
    const { action, delta, octets } = rig.run("tell_of", question, "port1");
    assert.deepEqual({ action, delta }, { action: NEXT, delta: { delivered: 1, discovered: 1 } });
    assert.equal(hex(octets), hex(question));
    const [event, ...more] = rig.events();
    assert.ok(event && more.length === 0);
    assert.equal(integerOf("eventRow", event, "port"), 1);
    const captured = integerOf("eventRow", event, "capturedOctets");
    assert.equal(hex(octetsOf("eventRow", event, "headers").subarray(0, captured)), hex(question));
  });

  test("nothing, when nobody listens or the budget is spent", () => {
    hears(1n);
    assert.deepEqual(rig.run("tell_of", question, "port1").delta, { delivered: 1 });
    hears(FOR_EVER_NS);
    const key = pack("bucketKey", { scope: PUNT, id: OWNER });
    rig.set("bucket", key, { spentUntilNs: monotonicNs() + 3_600_000_000_000n });
    assert.deepEqual(rig.run("tell_of", question, "port1").delta, {
      delivered: 1,
      "punt-limited": 1,
    });
    assert.deepEqual(rig.events(), []);
  });
});

interface Trailer {
  readonly kind: number;
  readonly id: number;
  readonly magic?: number;
  readonly zero?: number;
}

const withTrailer = (octets: Uint8Array, trailer: Trailer): Uint8Array =>
  join(octets, pack("injectTrailer", { magic: TRAILER_MAGIC.INJECT_MAGIC, ...trailer }));
const inject = (octets: Uint8Array, trailer: Trailer): Outcome =>
  rig.run("slow", withTrailer(octets, trailer), "spare");

describe("from the agent", () => {
  test("in a port's name: to another port", () => {
    const { action, delta, octets } = inject(frame, { kind: INJECT_KIND.INJECT_FROM_PORT, id: 1 });
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { delivered: 1 } });
    assert.equal(hex(octets), hex(frame));
    assert.equal(rig.portCounter(1).fromPackets, fromPackets, "counted when it was handed over");
  });

  let fromPackets: number;
  beforeEach(() => {
    fromPackets = rig.portCounter(1).fromPackets;
  });

  test("in a port's name: through a tunnel", () => {
    const [peer] = PEERS;
    const away = ethernet({ to: peer.mac, from: ME }, 0x0800, datagram);
    const { action, delta, octets } = inject(away, { kind: INJECT_KIND.INJECT_FROM_PORT, id: 1 });
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { encapsulated: 1 } });
    assert.equal(hex(octets), hex(expected(peer, away, 0, entropyOf(peer, octets))));
  });

  test("in a port's name: to everybody but that port", () => {
    const heard = rig.listen("port1", "port2", "port3");
    const { delta } = inject(question, { kind: INJECT_KIND.INJECT_FROM_PORT, id: 1 });
    assert.deepEqual(delta, { flooded: 1, "neighbour-miss": 1 });
    const { port1, port2 = [], port3 } = heard();
    assert.deepEqual([port1, port2.map(hex), port3], [[], [hex(question)], []]);
  });

  test("in a port's name nothing that the port may not send", () => {
    const forged = ethernet({ to: NEIGHBOUR, from: "02:00:00:00:09:09" }, 0x0800, datagram);
    const { action, delta } = inject(forged, { kind: INJECT_KIND.INJECT_FROM_PORT, id: 1 });
    assert.deepEqual({ action, delta }, { action: DROP, delta: { "source-mac": 1 } });
  });

  test("to a port, as it is", () => {
    const { action, delta, octets } = inject(frame, { kind: INJECT_KIND.INJECT_TO_PORT, id: 3 });
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { delivered: 1 } });
    assert.equal(hex(octets), hex(frame));
  });

  test("to everybody on a network, and nobody on another", () => {
    const heard = rig.listen("uplink", "port1", "port2", "port3");
    const { action, delta } = inject(question, {
      ...{ kind: INJECT_KIND.INJECT_TO_NETWORK, id: NETWORK },
    });
    assert.deepEqual({ action, delta }, { action: DROP, delta: { flooded: 1 } });
    const { uplink = [], port1 = [], port2 = [], port3 } = heard();
    assert.deepEqual([port1.map(hex), port2.map(hex)], [[hex(question)], [hex(question)]]);
    assert.deepEqual([uplink.length, port3], [4, []]);
  });

  test("to a network whose one member is a port here", () => {
    rig.setFlood(OTHER_NETWORK, [[3], [], [], [], []]);
    const heard = rig.listen("port3");
    const trailer = { kind: INJECT_KIND.INJECT_TO_NETWORK, id: OTHER_NETWORK };
    assert.deepEqual(inject(question, trailer).delta, { flooded: 1 });
    assert.deepEqual(heard().port3?.map(hex), [hex(question)]);
  });

  for (const [id, peer] of PEERS.entries())
    test(`through a tunnel, as it is: ${peer.encapsulation} over ${peer.family}`, () => {
      const trailer = { kind: INJECT_KIND.INJECT_TO_GROUP, id: id + 1 };
      const { action, delta, octets } = inject(question, trailer);
      assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { encapsulated: 1 } });
      assert.equal(hex(octets), hex(expected(peer, question, 0, entropyOf(peer, octets))));
    });

  for (const [what, trailer] of [
    ["another magic", { kind: 2, id: 1, magic: TRAILER_MAGIC.PUNT_MAGIC }],
    ["a kind that there is not", { kind: 6, id: 1 }],
    ["no kind", { kind: 0, id: 1 }],
    ["something in what must be zero", { kind: 2, id: 1, zero: 1 }],
  ] as const)
    test(`nothing with ${what}`, () => {
      const { action, delta } = inject(frame, trailer);
      assert.deepEqual({ action, delta }, { action: DROP, delta: { "inject-invalid": 1 } });
    });

  test("nothing without a trailer", () => {
    for (const octets of [frame, question, filler(14), filler(29)]) {
      const { action, delta } = rig.run("slow", octets, "spare");
      assert.deepEqual({ action, delta }, { action: DROP, delta: { "inject-invalid": 1 } });
    }
  });

  test("nothing for a port that is not there", () => {
    for (const kind of [INJECT_KIND.INJECT_FROM_PORT, INJECT_KIND.INJECT_TO_PORT]) {
      const { action, delta } = inject(frame, { kind, id: 9 });
      assert.deepEqual({ action, delta }, { action: DROP, delta: { "no-port": 1 } });
    }
  });
});
