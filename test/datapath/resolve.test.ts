/**
 * Who is answered in another's place, by ARP and neighbour discovery, with every octet of the answer; and who is
 * left to ask on. The expected octets are written by the test's own hand. Needs root.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { mappedOctets } from "../../src/base/ip.ts";
import { ATTACH_FLAG, ROUTE_FLAG, TARGET_KIND } from "../../src/rows/abi.generated.ts";
import { pack, type Values } from "../../src/rows/pack.ts";
import {
  type Arp,
  arp,
  ethernet,
  filler,
  hex,
  icmp6,
  ip,
  ip6,
  join,
  mac,
  macOption,
  u32,
} from "./frame.ts";
import {
  type Delta,
  DROP,
  FOR_EVER_NS,
  NETWORK,
  OTHER_NETWORK,
  type Outcome,
  PEERS,
  PORTS,
  REDIRECT,
  Rig,
} from "./rig.ts";

const SPACE = 50_001;
const ALL = "ff:ff:ff:ff:ff:ff";
const NOBODY = "00:00:00:00:00:00";
const ME = PORTS[1];
const GATEWAY = "02:00:00:00:00:fe";

interface Owner {
  readonly mac: string;
  readonly ipv4: string;
  readonly ipv6: string;
}
/** Who has which addresses: a port of this host, a workload behind a peer, the gateway. */
const NEAR = { mac: PORTS[2], ipv4: "10.1.0.2", ipv6: "fd00::2" };
const FAR = { mac: PEERS[0].mac, ipv4: "10.1.0.9", ipv6: "fd00::9" };
const ROUTER = { mac: GATEWAY, ipv4: "10.1.0.254", ipv6: "fe80::fe" };
const OWN = { mac: ME, ipv4: "10.1.0.1", ipv6: "fd00::1" };
const UNKNOWN = { ipv4: "10.1.0.77", ipv6: "fd00::77" };

let rig: Rig;
before(() => {
  rig = new Rig("resolve");
});
after(() => rig.close());

function setHost(owner: Owner, values: Values<"routeRow">): void {
  for (const address of [owner.ipv4, owner.ipv6]) {
    const key = { space: SPACE, address: mappedOctets({ octets: ip(address) }) };
    rig.set("host", pack("hostKey", key), { network: NETWORK, mac: mac(owner.mac), ...values });
  }
}

beforeEach(() => {
  rig.populate();
  rig.attach("port1", 1, { space: SPACE });
  setHost(OWN, { kind: TARGET_KIND.TARGET_PORT, target: 1 });
  setHost(NEAR, { kind: TARGET_KIND.TARGET_PORT, target: 2 });
  setHost(FAR, { kind: TARGET_KIND.TARGET_GROUP, target: 1 });
  setHost(ROUTER, { kind: TARGET_KIND.TARGET_GATEWAY });
});

const run = (frame: Uint8Array): Outcome => rig.run("port", frame, "port1");

/** The frame became `answer`, which goes back. */
function answered(frame: Uint8Array, answer: Uint8Array): void {
  const { action, delta, octets } = run(frame);
  assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { answered: 1 } });
  assert.equal(hex(octets), hex(answer));
}

/** The frame went to everybody; counted beside it: `beside`. */
function flooded(frame: Uint8Array, beside: Delta = {}): void {
  assert.deepEqual(run(frame).delta, { ...beside, flooded: 1 });
}

/** The frame went to one port, as it was. */
function delivered(frame: Uint8Array, beside: Delta = {}): void {
  const { action, delta, octets } = run(frame);
  assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { ...beside, delivered: 1 } });
  assert.equal(hex(octets), hex(frame));
}

function dropped(frame: Uint8Array, beside: Delta = {}): void {
  const { action, delta, octets } = run(frame);
  assert.deepEqual(
    { action, delta },
    { action: DROP, delta: { ...beside, "neighbour-unknown": 1 } },
  );
  assert.equal(hex(octets), hex(frame));
}

describe("ARP", () => {
  const ask = (target: string, more: Partial<Arp> & { readonly to?: string } = {}): Uint8Array => {
    const { to = ALL, ...fields } = more;
    const said = arp({ senderMac: ME, sender: OWN.ipv4, target, ...fields });
    return ethernet({ to, from: ME }, 0x0806, said);
  };
  const answer = (owner: Owner, to: string = OWN.ipv4): Uint8Array => {
    const said = { operation: 2, senderMac: owner.mac, sender: owner.ipv4 };
    return ethernet(
      { to: ME, from: owner.mac },
      0x0806,
      arp({ ...said, targetMac: ME, target: to }),
    );
  };

  test("is answered for a port, a workload behind a peer, and the gateway", () => {
    for (const owner of [NEAR, FAR, ROUTER]) answered(ask(owner.ipv4), answer(owner));
  });

  test("a group address is as good as broadcast, and padding stays", () => {
    answered(ask(FAR.ipv4, { to: "01:00:5e:00:00:01" }), answer(FAR));
    answered(join(ask(FAR.ipv4), filler(18)), join(answer(FAR), filler(18)));
  });

  test("a probe is answered: the address is taken", () => {
    for (const owner of [NEAR, FAR, ROUTER])
      answered(ask(owner.ipv4, { sender: "0.0.0.0" }), answer(owner, "0.0.0.0"));
  });

  test("its own address is nobody else's to answer for", () => {
    flooded(ask(OWN.ipv4, { sender: "0.0.0.0" }), { "neighbour-own": 1 });
    for (const operation of [1, 2]) flooded(ask(OWN.ipv4, { operation }), { "neighbour-own": 1 });
  });

  test("an address that it takes over is announced, though the tables know another owner", () => {
    rig.addSource(1, NEAR.ipv4, 128);
    rig.attach("port1", 1, { space: SPACE, flags: ATTACH_FLAG.ATTACH_SOURCES });
    for (const operation of [1, 2])
      flooded(ask(NEAR.ipv4, { operation, sender: NEAR.ipv4 }), { "neighbour-own": 1 });
  });

  test("a neighbour that is asked himself answers himself; the gateway is not there to do so", () => {
    for (const target of [NEAR.ipv4, FAR.ipv4, UNKNOWN.ipv4, "10.1.0.3"])
      delivered(ask(target, { to: NEAR.mac }), { "neighbour-unicast": 1 });
    answered(ask(ROUTER.ipv4, { to: GATEWAY }), answer(ROUTER));
    answered(ask(ROUTER.ipv4, { to: NEAR.mac }), answer(ROUTER));
  });

  test("replies and other operations go on", () => {
    for (const operation of [2, 3, 4, 0x0100]) flooded(ask(FAR.ipv4, { operation }));
    delivered(ask(NEAR.ipv4, { operation: 2, to: NEAR.mac }));
  });

  test("nobody's address: flooded, or not", () => {
    flooded(ask(UNKNOWN.ipv4), { "neighbour-miss": 1 });
    flooded(ask(UNKNOWN.ipv4, { sender: "0.0.0.0" }), { "neighbour-miss": 1 });
    flooded(ask("0.0.0.0", { sender: "0.0.0.0" }), { "neighbour-miss": 1 });
    rig.attach("port1", 1, { space: SPACE, flags: ATTACH_FLAG.ATTACH_NEIGHBOURS_DROP });
    dropped(ask(UNKNOWN.ipv4));
    // All else is as before.
    answered(ask(FAR.ipv4), answer(FAR));
    flooded(ask(OWN.ipv4), { "neighbour-own": 1 });
    flooded(ask(OWN.ipv4, { sender: "0.0.0.0" }), { "neighbour-own": 1 });
    delivered(ask(UNKNOWN.ipv4, { to: NEAR.mac }), { "neighbour-unicast": 1 });
  });

  test("a row of another network, without a MAC, or that says drop, is none", () => {
    for (const values of [
      { network: OTHER_NETWORK, kind: TARGET_KIND.TARGET_PORT, target: 2 },
      { network: OTHER_NETWORK, kind: TARGET_KIND.TARGET_GATEWAY },
      { mac: mac(NOBODY), kind: TARGET_KIND.TARGET_GLEAN },
      { kind: TARGET_KIND.TARGET_DROP },
    ]) {
      setHost(FAR, values);
      flooded(ask(FAR.ipv4), { "neighbour-miss": 1 });
    }
  });

  test("another space's row is another's", () => {
    rig.attach("port1", 1, { space: SPACE + 1 });
    flooded(ask(FAR.ipv4), { "neighbour-miss": 1 });
  });

  test("what was discovered ends at its time, what is declared does not", () => {
    const found = { kind: TARGET_KIND.TARGET_GROUP, target: 1, flags: ROUTE_FLAG.ROUTE_DISCOVERED };
    setHost(FAR, { ...found, freshUntilNs: FOR_EVER_NS });
    answered(ask(FAR.ipv4), answer(FAR));
    setHost(FAR, { ...found, freshUntilNs: 1n });
    flooded(ask(FAR.ipv4), { "neighbour-expired": 1, "neighbour-miss": 1 });
    rig.attach("port1", 1, { space: SPACE, flags: ATTACH_FLAG.ATTACH_NEIGHBOURS_DROP });
    dropped(ask(FAR.ipv4), { "neighbour-expired": 1 });
    setHost(FAR, { ...found, flags: ROUTE_FLAG.ROUTE_MOVED, freshUntilNs: 1n });
    answered(ask(FAR.ipv4), answer(FAR));
  });
});

describe("neighbour discovery", () => {
  interface Question {
    readonly to?: string;
    readonly from?: string;
    readonly destination?: string;
    readonly options?: Uint8Array;
    readonly hops?: number;
    readonly code?: number;
    readonly type?: number;
  }

  /** ff02::1:ff00:0/104 and the MAC of it, for addresses whose last octets are few. */
  const groupOf = (target: string): { readonly ip: string; readonly mac: string } => {
    const [a = 0, b = 0, c = 0] = ip(target).subarray(13);
    const octets = [a, b, c].map((octet) => octet.toString(16).padStart(2, "0"));
    return {
      ip: `ff02::1:ff${octets[0]}:${octets[1]}${octets[2]}`,
      mac: `33:33:ff:${octets.join(":")}`,
    };
  };

  function ask(target: string, question: Question = {}): Uint8Array {
    const {
      from = OWN.ipv6,
      options = macOption(1, ME),
      hops = 255,
      code = 0,
      type = 135,
    } = question;
    const group = groupOf(target);
    const ends = { from, to: question.destination ?? group.ip };
    const body = icmp6(ends, type, join(u32(0), ip(target), options), code);
    return ethernet(
      { to: question.to ?? group.mac, from: ME },
      0x86dd,
      ip6({ ...ends, next: 58, hops }, body),
    );
  }

  const [SOLICITED, OVERRIDE, IS_ROUTER] = [0x40000000, 0x20000000, 0x80000000];

  function answer(owner: Owner, flags: number, to: string = OWN.ipv6): Uint8Array {
    const ends = { from: owner.ipv6, to };
    const body = icmp6(ends, 136, join(u32(flags), ip(owner.ipv6), macOption(2, owner.mac)));
    const ether = { to: to === "ff02::1" ? "33:33:00:00:00:01" : ME, from: owner.mac };
    return ethernet(ether, 0x86dd, ip6({ ...ends, next: 58, hops: 255 }, body));
  }

  const none = new Uint8Array(0);
  const nonce = Uint8Array.of(14, 1, 1, 2, 3, 4, 5, 6);
  const ANY = ATTACH_FLAG.ATTACH_ANY_IPV6;

  test("is answered for a port, a workload behind a peer, and the gateway, a router", () => {
    for (const owner of [NEAR, FAR]) answered(ask(owner.ipv6), answer(owner, SOLICITED | OVERRIDE));
    answered(ask(ROUTER.ipv6), answer(ROUTER, (SOLICITED | OVERRIDE | IS_ROUTER) >>> 0));
  });

  test("whatever the options were", () => {
    for (const options of [none, nonce, join(macOption(1, ME), nonce), join(nonce, nonce, nonce)])
      answered(ask(FAR.ipv6, { options }), answer(FAR, SOLICITED | OVERRIDE));
    answered(join(ask(FAR.ipv6), filler(6)), answer(FAR, SOLICITED | OVERRIDE));
    answered(join(ask(FAR.ipv6, { options: none }), filler(8)), answer(FAR, SOLICITED | OVERRIDE));
    answered(join(ask(FAR.ipv6, { options: none }), filler(9)), answer(FAR, SOLICITED | OVERRIDE));
  });

  test("several may have the address: the answer overrides nothing", () => {
    setHost(FAR, {
      kind: TARGET_KIND.TARGET_GROUP,
      target: 1,
      flags: ROUTE_FLAG.ROUTE_SHARED_ADDRESS,
    });
    answered(ask(FAR.ipv6), answer(FAR, SOLICITED));
  });

  test("who looks for duplicates hears of them with all others", () => {
    rig.attach("port1", 1, { space: SPACE, flags: ANY });
    for (const options of [none, nonce])
      answered(ask(FAR.ipv6, { from: "::", options }), answer(FAR, OVERRIDE, "ff02::1"));
    answered(
      ask(ROUTER.ipv6, { from: "::", options: none }),
      answer(ROUTER, (OVERRIDE | IS_ROUTER) >>> 0, "ff02::1"),
    );
  });

  test("its own address is nobody else's to answer for", () => {
    flooded(ask(OWN.ipv6, { from: "::", options: none }), { "neighbour-own": 1 });
    flooded(ask(OWN.ipv6), { "neighbour-own": 1 });
    const all = { to: "33:33:00:00:00:01", destination: "ff02::1" };
    flooded(ask(OWN.ipv6, { ...all, type: 136, options: macOption(2, ME) }), {
      "neighbour-own": 1,
    });
  });

  test("a neighbour that is asked himself answers himself; the gateway is not there to do so", () => {
    for (const target of [NEAR.ipv6, FAR.ipv6, UNKNOWN.ipv6])
      delivered(ask(target, { to: NEAR.mac, destination: target }), { "neighbour-unicast": 1 });
    const flags = (SOLICITED | OVERRIDE | IS_ROUTER) >>> 0;
    for (const to of [GATEWAY, NEAR.mac])
      answered(ask(ROUTER.ipv6, { to, destination: ROUTER.ipv6 }), answer(ROUTER, flags));
  });

  test("an advertisement that was solicited goes on", () => {
    const body = join(u32(SOLICITED), ip(OWN.ipv6), macOption(2, ME));
    const ends = { from: OWN.ipv6, to: NEAR.ipv6 };
    const said = ip6({ ...ends, next: 58, hops: 255 }, icmp6(ends, 136, body));
    delivered(ethernet({ to: NEAR.mac, from: ME }, 0x86dd, said));
  });

  test("other ICMPv6 is none of it", () => {
    const ends = { from: OWN.ipv6, to: NEAR.ipv6 };
    for (const body of [
      ...[128, 129, 130, 131, 143].map((type) => icmp6(ends, type, filler(36))),
      icmp6(ends, 133, u32(0)),
    ])
      delivered(
        ethernet({ to: NEAR.mac, from: ME }, 0x86dd, ip6({ ...ends, next: 58, hops: 255 }, body)),
      );
  });

  test("nobody's address: flooded, or not", () => {
    flooded(ask(UNKNOWN.ipv6), { "neighbour-miss": 1 });
    rig.attach("port1", 1, { space: SPACE, flags: ATTACH_FLAG.ATTACH_NEIGHBOURS_DROP });
    dropped(ask(UNKNOWN.ipv6));
    answered(ask(FAR.ipv6), answer(FAR, SOLICITED | OVERRIDE));
    flooded(ask(OWN.ipv6, { from: "::", options: none }), { "neighbour-own": 1 });
  });

  test("an IPv4 address written as IPv6 is nobody's, though tables hold IPv4 so", () => {
    flooded(ask(`::ffff:${FAR.ipv4}`), { "neighbour-miss": 1 });
  });

  test("what was discovered ends at its time", () => {
    const found = { kind: TARGET_KIND.TARGET_GROUP, target: 1, flags: ROUTE_FLAG.ROUTE_DISCOVERED };
    setHost(FAR, { ...found, freshUntilNs: 1n });
    flooded(ask(FAR.ipv6), { "neighbour-expired": 1, "neighbour-miss": 1 });
    setHost(FAR, { ...found, freshUntilNs: FOR_EVER_NS });
    answered(ask(FAR.ipv6), answer(FAR, SOLICITED | OVERRIDE));
  });

  test("a solicitation that is not sound, or says what we do not know, goes on unanswered", () => {
    rig.attach("port1", 1, { space: SPACE, flags: ANY });
    answered(ask(FAR.ipv6), answer(FAR, SOLICITED | OVERRIDE));
    const spoiled = ask(FAR.ipv6);
    spoiled[14 + 40 + 2] = (spoiled[14 + 40 + 2] ?? 0) ^ 1;
    const odd = ask(FAR.ipv6);
    odd[14 + 40 + 4] = 1; // reserved octets: ignored, but summed
    for (const frame of [
      spoiled,
      odd,
      ask(FAR.ipv6, { hops: 254 }),
      ask(FAR.ipv6, { code: 1 }),
      ask("ff02::1"),
      ask(FAR.ipv6, { options: join(macOption(1, ME), Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0)) }),
      ask(FAR.ipv6, { options: macOption(2, ME) }),
      ask(FAR.ipv6, { options: join([14, 2], filler(6)) }),
      ask(FAR.ipv6, { options: join(...Array.from({ length: 6 }, () => nonce)) }),
      ask(FAR.ipv6, { from: "::" }),
      ask(FAR.ipv6, { from: "::", options: none, destination: "ff02::1" }),
      ask(FAR.ipv6, { from: "::", options: none, destination: FAR.ipv6 }),
    ])
      flooded(frame);
    // Behind an extension header nobody looks.
    const ends = { from: OWN.ipv6, to: groupOf(FAR.ipv6).ip };
    const said = icmp6(ends, 135, join(u32(0), ip(FAR.ipv6)));
    const behind = ip6({ ...ends, next: 60, hops: 255 }, join([58, 0, 1, 4, 0, 0, 0, 0], said));
    flooded(ethernet({ to: groupOf(FAR.ipv6).mac, from: ME }, 0x86dd, behind));
  });
});

test("an answer counts as sent on by its port", () => {
  const before = rig.portCounter(1);
  run(
    ethernet(
      { to: ALL, from: ME },
      0x0806,
      arp({ senderMac: ME, sender: OWN.ipv4, target: FAR.ipv4 }),
    ),
  );
  const { fromPackets, toPackets, dropped: drops } = rig.portCounter(1);
  assert.deepEqual(
    [fromPackets, toPackets, drops],
    [before.fromPackets + 1, before.toPackets, before.dropped],
  );
});
