/** What a workload may send, and where it goes: every guard and every lookup of from_port. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  ATTACH_FLAG,
  SOURCE_KIND,
  VERDICTS,
  type VerdictName,
} from "../../src/rows/abi.generated.ts";
import { integerOf, octetsOf, pack } from "../../src/rows/pack.ts";
import {
  arp,
  ethernet,
  filler,
  hex,
  icmp6,
  ip,
  ip4,
  ip6,
  join,
  mac,
  macOption,
  tcp,
  u16,
  u32,
  udp,
} from "./frame.ts";
import { type Delta, DROP, NETWORK, OTHER_NETWORK, PEERS, PORTS, REDIRECT, Rig } from "./rig.ts";

const STRANGER = "02:00:00:00:09:09";
const [ME, NEIGHBOUR] = [PORTS[1], PORTS[2]];
const MY_LINK_LOCAL = "fe80::ff:fe00:1";

const send = (type: number, ...payload: readonly Uint8Array[]): Uint8Array =>
  ethernet({ to: NEIGHBOUR, from: ME }, type, ...payload);
const datagram = udp(1000, 2000, filler(30));
const over4 = (from: string, header: object = {}, body: Uint8Array = datagram): Uint8Array =>
  send(0x0800, ip4({ from, to: "10.1.0.2", protocol: 17, ...header }, body));
const over6 = (from: string, next = 17, ...body: readonly Uint8Array[]): Uint8Array =>
  send(0x86dd, ip6({ from, to: "fd00::2", next }, ...(body.length > 0 ? body : [datagram])));

let rig: Rig;
before(() => {
  rig = new Rig("from-port");
});
after(() => rig.close());
beforeEach(() => rig.populate());

/** The frame is dropped, for this reason alone, and as it was. */
function refused(why: VerdictName, frame: Uint8Array): void {
  const { action, delta, octets } = rig.run("port", frame, "port1");
  assert.deepEqual({ action, delta }, { action: DROP, delta: { [why]: 1 } });
  assert.equal(hex(octets), hex(frame));
}

/** The frame reaches the neighbour's port, as it was; counted beside it: `beside`. */
function delivered(frame: Uint8Array, beside: Delta = {}): void {
  const { action, delta, octets } = rig.run("port", frame, "port1");
  assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { ...beside, delivered: 1 } });
  assert.equal(hex(octets), hex(frame));
}

const withFlags = (flags: number): void => rig.setPort(1, { flags });

test("its own addresses and MAC are a workload's to use", () => {
  delivered(over4("10.1.0.1"));
  delivered(over6("fd00::1"));
  delivered(send(0x88b5, filler(50)));
});

test("no other MAC", () => {
  refused(
    "source-mac",
    ethernet(
      { to: NEIGHBOUR, from: STRANGER },
      0x0800,
      ip4({ from: "10.1.0.1", to: "10.1.0.2", protocol: 17 }, datagram),
    ),
  );
  refused("source-mac", ethernet({ to: NEIGHBOUR, from: NEIGHBOUR }, 0x88b5, filler(50)));
});

test("no other IPv4 address", () => {
  for (const from of ["10.1.0.2", "10.1.0.0", "0.0.0.0", "255.255.255.255"])
    refused("source-ipv4", over4(from));
});

test("no other IPv6 address", () => {
  for (const from of ["fd00::2", "::", "::1", "::ffff:10.1.0.1", MY_LINK_LOCAL])
    refused("source-ipv6", over6(from));
});

test("further prefixes by longest match, of that port alone", () => {
  rig.addSource(1, "10.9.0.0", 96 + 16);
  rig.addSource(1, MY_LINK_LOCAL, 128);
  rig.addSource(1, "fd09::", 32);
  rig.addSource(2, "10.8.0.0", 96 + 16);
  refused("source-ipv4", over4("10.9.1.1")); // the port's row says that there are none
  withFlags(ATTACH_FLAG.ATTACH_SOURCES);
  for (const from of ["10.1.0.1", "10.9.0.0", "10.9.255.255"]) delivered(over4(from));
  for (const from of ["fd00::1", MY_LINK_LOCAL, "fd09::1", "fd09:0:ffff::"]) delivered(over6(from));
  for (const from of ["10.10.0.0", "10.8.0.1", "0.0.0.0"]) refused("source-ipv4", over4(from));
  for (const from of ["fd09:1::1", "fe80::1", "::ffff:10.8.0.1", "::ffff:10.9.0.1"])
    refused("source-ipv6", over6(from));
});

test("a short IPv6 prefix covers no IPv4 address, though tables hold them mapped", () => {
  const kind = SOURCE_KIND.SOURCE_IPV6_ONLY;
  rig.addSource(1, "::", 16, kind);
  withFlags(ATTACH_FLAG.ATTACH_SOURCES);
  for (const from of ["::2", "::ffff:0:0:1"]) delivered(over6(from));
  for (const from of ["10.1.0.2", "203.0.113.9"]) refused("source-ipv4", over4(from));
  refused(
    "source-arp",
    send(0x0806, arp({ senderMac: ME, sender: "10.1.0.2", target: "10.1.0.3" })),
  );
  rig.addSource(1, "203.0.113.0", 96 + 24);
  delivered(over4("203.0.113.9"));
  refused("source-ipv4", over4("10.1.0.2"));
});

test("any address of a family, for a forwarding workload; the other family is as guarded as before", () => {
  withFlags(ATTACH_FLAG.ATTACH_ANY_IPV4);
  for (const from of ["10.1.0.2", "203.0.113.9", "0.0.0.0"]) delivered(over4(from));
  refused("source-ipv6", over6("fd00::9"));
  withFlags(ATTACH_FLAG.ATTACH_ANY_IPV6);
  for (const from of ["fd00::9", "2001:db8::9"]) delivered(over6(from));
  refused("source-ipv4", over4("10.1.0.2"));
});

test("a DHCP client that has no address yet asks for one, and says nothing else", () => {
  const ask = (sport: number, dport: number, header: object = {}): Uint8Array =>
    over4("0.0.0.0", header, udp(sport, dport, filler(240)));
  delivered(ask(68, 67));
  for (const frame of [
    ask(67, 68),
    ask(68, 68),
    ask(67, 67),
    ask(68, 67, { fragment: 0x2000 }),
    ask(68, 67, { fragment: 0x0001 }),
    over4("0.0.0.0", { protocol: 6 }, tcp(68, 67, filler(10))),
  ])
    refused("source-ipv4", frame);
});

test("ARP for itself, or a probe with no address", () => {
  const ask = (sender: string, senderMac: string = ME, operation = 1): Uint8Array =>
    send(0x0806, arp({ operation, senderMac, sender, target: "10.1.0.2" }));
  delivered(ask("10.1.0.1"), { "neighbour-unicast": 1 });
  delivered(ask("0.0.0.0"), { "neighbour-unicast": 1 });
  delivered(ask("10.1.0.1", ME, 2));
  for (const operation of [1, 2]) {
    refused("source-arp", ask("10.1.0.2", ME, operation));
    refused("source-arp", ask("10.1.0.1", STRANGER, operation));
  }
  // Other hardware, other protocol, other address lengths: whatever they claim, nobody checks it.
  for (const at of [1, 3, 4, 5]) {
    const odd = ask("10.1.0.1");
    odd[14 + at] = 9;
    refused("source-arp", odd);
  }
});

describe("neighbour discovery", () => {
  const LINK = { from: "fd00::1", to: "ff02::1" };
  const nd = (type: number, body: Uint8Array, from = "fd00::1"): Uint8Array =>
    over6(from, 58, icmp6({ ...LINK, from }, type, body));
  const target = (address: string, ...options: readonly Uint8Array[]): Uint8Array =>
    join(u32(0), ip(address), ...options);
  const advertise = (address: string, ...options: readonly Uint8Array[]): Uint8Array =>
    nd(136, target(address, ...options));
  const foreign = macOption(2, STRANGER);

  test("an advertisement is for its own address and MAC", () => {
    delivered(advertise("fd00::1", macOption(2, ME)), { "neighbour-own": 1 });
    delivered(advertise("fd00::1"), { "neighbour-own": 1 });
    refused("source-nd", advertise("fd00::2", macOption(2, ME)));
    refused("source-nd", advertise("fd00::1", foreign));
    refused("source-nd", advertise("fd00::1", macOption(2, ME), foreign));
    refused("source-nd", advertise("fd00::1", macOption(1, STRANGER)));
  });

  test("a solicitation asks for anybody, from itself", () => {
    delivered(nd(135, target("fd00::2", macOption(1, ME))));
    refused("source-nd", nd(135, target("fd00::2", macOption(1, STRANGER))));
    refused("source-ipv6", nd(135, target("fd00::2", macOption(1, ME)), "fd00::2"));
  });

  test("detection of duplicates is for its own address", () => {
    delivered(nd(135, target("fd00::1"), "::"));
    refused("source-nd", nd(135, target("fd00::2"), "::"));
  });

  test("from nobody come solicitations and listener reports, and nothing else", () => {
    for (const type of [131, 132, 143]) delivered(nd(type, filler(20), "::"));
    delivered(nd(133, u8s(4), "::"));
    for (const type of [1, 128, 129, 130, 134, 136, 137])
      refused("source-ipv6", nd(type, filler(40), "::"));
  });

  test("routers are asked and answer with their own MAC", () => {
    delivered(nd(133, join(u32(0), macOption(1, ME))));
    refused("source-nd", nd(133, join(u32(0), macOption(1, STRANGER))));
    delivered(nd(134, join(u8s(12), macOption(1, ME))));
    refused("source-nd", nd(134, join(u8s(12), macOption(1, STRANGER))));
  });

  test("a redirect names another's MAC by design", () => {
    delivered(nd(137, join(u8s(4), ip("fd00::2"), ip("fd00::3"), foreign)));
    refused(
      "source-nd",
      nd(137, join(u8s(4), ip("fd00::2"), ip("fd00::3"), macOption(1, STRANGER))),
    );
  });

  test("options: sixteen are read, one that does not end is refused", () => {
    const other = Uint8Array.of(14, 1, 0, 0, 0, 0, 0, 0);
    const many = (count: number): Uint8Array => join(...Array.from({ length: count }, () => other));
    delivered(advertise("fd00::1", many(16)), { "neighbour-own": 1 });
    delivered(advertise("fd00::1", many(15), macOption(2, ME)), { "neighbour-own": 1 });
    refused("source-nd", advertise("fd00::1", many(15), foreign));
    refused("source-nd", advertise("fd00::1", many(17)));
    refused("source-nd", advertise("fd00::1", Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)));
    const long = join([14, 4], u8s(30));
    refused("source-nd", advertise("fd00::1", long, foreign));
  });

  test("cut short is refused", () => {
    refused("truncated", over6("fd00::1", 58, Uint8Array.of(136, 0, 0, 0)));
    refused("source-nd", nd(136, u8s(10)));
  });

  const hop = (next: number, units = 0): Uint8Array => join([next, units], u8s(6 + 8 * units));
  const claim = icmp6(LINK, 136, target("fd00::2"));
  const own = icmp6(LINK, 136, target("fd00::1"));
  const echo = icmp6(LINK, 128, filler(20));
  const part = (next: number, offset: number): Uint8Array =>
    join([next, 0], u16(offset), u32(0x1234));

  test("does not hide behind extension headers", () => {
    for (const extension of [0, 43, 60]) {
      delivered(over6("fd00::1", extension, hop(58), own));
      delivered(over6("fd00::1", extension, hop(58, 2), own));
      refused("source-nd", over6("fd00::1", extension, hop(58), claim));
      refused("source-nd", over6("fd00::1", extension, hop(58, 2), claim));
    }
    refused("source-nd", over6("fd00::1", 0, hop(43), hop(60), hop(58), claim));
    delivered(over6("fd00::1", 0, hop(43), hop(60), hop(17), datagram));
    const chain = (count: number): Uint8Array[] =>
      Array.from({ length: count }, (_, i) => hop(i === count - 1 ? 17 : 60));
    delivered(over6("fd00::1", 60, ...chain(5), datagram));
    refused("source-nd", over6("fd00::1", 60, ...chain(6), datagram));
    refused("truncated", over6("fd00::1", 60, Uint8Array.of(58, 0, 0, 0)));
    refused("truncated", over6("fd00::1", 60, hop(60, 0), Uint8Array.of(58, 0)));
  });

  test("does not come in fragments (RFC 6980), the first of which shows it", () => {
    for (const more of [0, 1]) {
      refused("source-nd", over6("fd00::1", 44, part(58, more), own));
      refused("source-nd", over6("fd00::1", 44, part(60, more), hop(58), own));
      refused("source-nd", over6("fd00::1", 60, hop(44), part(58, more), claim));
      delivered(over6("fd00::1", 44, part(58, more), echo));
      delivered(over6("fd00::1", 44, part(17, more), datagram));
    }
    refused("source-nd", over6("fd00::1", 44, part(58, 1)));
    delivered(over6("fd00::1", 44, part(58, 8), claim));
    refused("source-ipv6", over6("::", 44, part(58, 8), own));
    refused("source-ipv6", over6("::", 44, part(58, 1), echo));
  });
});

const u8s = (count: number): Uint8Array => new Uint8Array(count);

test("tags would land on the underlay's frame", () => {
  for (const type of [0x8100, 0x88a8, 0x9100])
    refused("tagged", send(type, Uint8Array.of(0, 5, 8, 0), filler(46)));
});

test("shorter than it says it is", () => {
  refused("truncated", send(0x0800, Uint8Array.of(0x65), filler(30)));
  refused("truncated", send(0x0800, Uint8Array.of(0x44), filler(30)));
  const options = ip4({ from: "10.1.0.1", to: "10.1.0.2", protocol: 17, options: u8s(40) });
  delivered(send(0x0800, options));
  refused("truncated", send(0x0800, options.slice(0, 59)));
  refused("truncated", send(0x86dd, Uint8Array.of(0x40), filler(60)));
  refused("truncated", send(0x0806, filler(27)));
});

test("larger than the network carries: dropped, and told if somebody wants to hear it", () => {
  const answered = (frame: Uint8Array): void => {
    const { action, delta } = rig.run("port", frame, "port1");
    assert.deepEqual(
      { action, delta },
      { action: REDIRECT, delta: { "too-big": 1, "icmp-sent": 1 } },
    );
  };
  const body = udp(1, 2, filler(1472));
  delivered(over4("10.1.0.1", {}, body));
  refused("punt-unheard", over4("10.1.0.1", { fragment: 0 }, join(body, [0])));
  delivered(over6("fd00::1", 17, udp(1, 2, filler(1452))));
  answered(over6("fd00::1", 17, udp(1, 2, filler(1453))));
  delivered(send(0x88b5, filler(1500)));
  refused("too-big", send(0x88b5, filler(1501)));
});

test("an aggregate is as large as its segments, headers included", () => {
  const aggregate = (gsoOctets: number, frame: Uint8Array): object =>
    rig.run("port", frame, "port1", gsoOctets).delta;
  const tcp4 = over4("10.1.0.1", { protocol: 6 }, tcp(1, 2, filler(3000)));
  assert.deepEqual(aggregate(1460, tcp4), { delivered: 1 });
  assert.deepEqual(aggregate(1461, tcp4), { "too-big": 1, "icmp-sent": 1 });
  const tcp6 = over6("fd00::1", 6, tcp(1, 2, filler(3000)));
  assert.deepEqual(aggregate(1440, tcp6), { delivered: 1 });
  assert.deepEqual(aggregate(1441, tcp6), { "too-big": 1, "icmp-sent": 1 });
  const udp4 = over4("10.1.0.1", {}, udp(1, 2, filler(3000)));
  assert.deepEqual(aggregate(1472, udp4), { delivered: 1 });
  assert.deepEqual(aggregate(1473, udp4), { "too-big": 1, "icmp-sent": 1 });
});

describe("tunnels of its own", () => {
  const tunnels: readonly (readonly [string, Uint8Array])[] = [
    ...[4789, 8472, 4790, 6081].flatMap((port): [string, Uint8Array][] => {
      const inner = udp(40_000, port, filler(60));
      return [
        [`UDP ${port}`, over4("10.1.0.1", {}, inner)],
        [`UDP ${port} behind IPv4 options`, over4("10.1.0.1", { options: u8s(40) }, inner)],
        [`the first fragment of UDP ${port}`, over4("10.1.0.1", { fragment: 0x2000 }, inner)],
        [`UDP ${port} over IPv6`, over6("fd00::1", 17, inner)],
        [
          `UDP ${port} behind an IPv6 extension`,
          over6("fd00::1", 60, Uint8Array.of(17, 0, 0, 0, 0, 0, 0, 0), inner),
        ],
        [
          `the first IPv6 fragment of UDP ${port}`,
          over6("fd00::1", 44, Uint8Array.of(17, 0, 0, 1, 0, 0, 0, 0), inner),
        ],
      ];
    }),
    ...[4, 41, 47].flatMap((protocol): [string, Uint8Array][] => [
      [`protocol ${protocol}`, over4("10.1.0.1", { protocol }, filler(60))],
      [
        `a fragment of protocol ${protocol}`,
        over4("10.1.0.1", { protocol, fragment: 0x2001 }, filler(60)),
      ],
      [`protocol ${protocol} over IPv6`, over6("fd00::1", protocol, filler(60))],
      [
        `protocol ${protocol} behind an IPv6 extension`,
        over6("fd00::1", 60, Uint8Array.of(protocol, 0, 0, 0, 0, 0, 0, 0), filler(60)),
      ],
    ]),
  ];
  for (const [what, frame] of tunnels)
    test(`${what} is payload, or denied`, () => {
      delivered(frame);
      withFlags(ATTACH_FLAG.ATTACH_TUNNELS_DENY);
      refused("tunnel-denied", frame);
    });

  test("where they are denied, all else goes", () => {
    withFlags(ATTACH_FLAG.ATTACH_TUNNELS_DENY);
    delivered(over4("10.1.0.1", {}, udp(4789, 53, filler(20))));
    delivered(over4("10.1.0.1", { protocol: 6 }, tcp(1, 4789, filler(20))));
    delivered(over6("fd00::1"));
    const later = Uint8Array.of(17, 0, 0, 8, 0, 0, 0, 0);
    delivered(over6("fd00::1", 44, later, udp(1, 4789, filler(20))));
    refused("truncated", over6("fd00::1", 60, Uint8Array.of(17, 0, 0, 0, 0, 0, 0, 0), u8s(2)));
  });
});

describe("where a frame goes", () => {
  const to = (address: string): Uint8Array =>
    ethernet(
      { to: address, from: ME },
      0x0800,
      ip4({ from: "10.1.0.1", to: "10.1.0.2", protocol: 17 }, datagram),
    );

  test("an interface without rows forwards nothing", () => {
    const { action, delta } = rig.run("port", to(NEIGHBOUR), "spare");
    assert.deepEqual({ action, delta }, { action: DROP, delta: { "port-unknown": 1 } });
  });

  test("back where it came from: nowhere", () => refused("hairpin", to(ME)));

  test("a MAC of another network is unknown in this one", () => {
    rig.setFlood(NETWORK, [[1]]);
    refused("no-receiver", to(PORTS[3]));
    withFlags(ATTACH_FLAG.ATTACH_UNKNOWN_DROP);
    refused("unknown-unicast", to(PORTS[3]));
  });

  test("a row that says drop, and one that says nothing we know", () => {
    rig.setFdb(STRANGER, "drop", 0);
    refused("fdb-drop", to(STRANGER));
    rig.set("fdb", pack("fdbKey", { network: NETWORK, mac: mac(STRANGER) }), { kind: 9 });
    refused("fdb-drop", to(STRANGER));
    rig.remove("fdb", pack("fdbKey", { network: NETWORK, mac: mac(STRANGER) }));
  });

  test("rows that contradict one another deliver nothing", () => {
    rig.setFdb(STRANGER, "port", 99);
    refused("no-port", to(STRANGER));
    rig.setFdb(STRANGER, "port", 3); // of another network
    refused("no-port", to(STRANGER));
    rig.setFdb(STRANGER, "group", 99);
    refused("no-group", to(STRANGER));
    const member = [{ peer: 99, vni: NETWORK, encapsulation: 1, weight: 1 }];
    rig.setAt("group", 99, { members: 1, member });
    refused("no-peer", to(STRANGER));
    rig.setAt("group", 99, {});
    rig.remove("fdb", pack("fdbKey", { network: NETWORK, mac: mac(STRANGER) }));
  });

  test("a peer without a way", () => {
    const peer = PEERS[0].mac;
    rig.setAdjacency(1, { oif: 0 });
    refused("no-adjacency", to(peer));
    // Never resolved: IP asks the kernel, all else has no octets to go by.
    rig.setAdjacency(1, { freshUntilNs: 0n });
    const { action, delta } = rig.run("port", to(peer), "port1");
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { encapsulated: 1 } });
    const other = rig.run("port", ethernet({ to: peer, from: ME }, 0x88b5, filler(50)), "port1");
    assert.deepEqual([other.action, other.delta], [DROP, { "no-adjacency": 1 }]);
  });

  test("an aggregate that the kernel makes no room in", () => {
    const { action, delta } = rig.run("port", to(PEERS[0].mac), "port1", 20);
    assert.deepEqual({ action, delta }, { action: DROP, delta: { "encap-failed": 1 } });
  });

  test("ports and octets are counted", () => {
    const [was, theirs] = [rig.portCounter(1), rig.portCounter(2)];
    delivered(to(NEIGHBOUR));
    refused("hairpin", to(ME));
    const [now, then] = [rig.portCounter(1), rig.portCounter(2)];
    assert.deepEqual(now, {
      fromPackets: was.fromPackets + 1,
      toPackets: was.toPackets,
      dropped: was.dropped + 1,
    });
    assert.deepEqual(then, { ...theirs, toPackets: theirs.toPackets + 1 });
  });
});

test("a drop is told: why, of whom, and its first octets", () => {
  rig.events();
  const frame = over4("10.1.0.9", {}, udp(1000, 2000, filler(200)));
  // Unless this second's share of this verdict is used up.
  for (let i = 0; i < 3; i++) refused("source-ipv4", frame);
  const [event] = rig.events();
  assert.ok(event, "an event");
  const field = (
    name: "verdict" | "hook" | "network" | "port" | "ifindex" | "frameOctets",
  ): number => integerOf("eventRow", event, name);
  assert.equal(VERDICTS[field("verdict")], "source-ipv4");
  assert.deepEqual(
    [field("hook"), field("network"), field("port"), field("ifindex"), field("frameOctets")],
    [1, NETWORK, 1, rig.ifindex("port1"), frame.length],
  );
  assert.equal(integerOf("eventRow", event, "capturedOctets"), 128);
  assert.equal(hex(octetsOf("eventRow", event, "headers")), hex(frame.slice(0, 128)));
});

test("what goes on is told of a traced port alone, and a flood of drops is told in part", () => {
  rig.events();
  delivered(over4("10.1.0.1"));
  assert.equal(rig.events().length, 0);
  withFlags(ATTACH_FLAG.ATTACH_TRACE);
  const short = send(0x88b5, filler(1));
  delivered(short);
  const [event, more] = rig.events();
  assert.ok(event && !more, "one event");
  assert.equal(VERDICTS[integerOf("eventRow", event, "verdict")], "delivered");
  assert.equal(integerOf("eventRow", event, "capturedOctets"), short.length);
  withFlags(0);
  for (let i = 0; i < 1000; i++) rig.run("port", send(0x8100, filler(46)), "port1");
  const told = rig.events().length;
  assert.ok(told >= 32 && told < 1000, `${told} of 1000 told`);
});

test("a network's frames stay in it whatever the other's rows say", () => {
  // Port 3 belongs to another network, in which the very same MACs live.
  rig.setFdb(NEIGHBOUR, "port", 3, OTHER_NETWORK);
  delivered(over4("10.1.0.1"));
  assert.equal(rig.run("port", over4("10.1.0.1"), "port3").delta["source-mac"], 1);
});
