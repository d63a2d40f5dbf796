/**
 * What the datapath says to a port by ICMP: errors about what was dropped, with every octet of them, and echoes. The
 * expected octets are written by the test's own hand. Needs root.
 */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import {
  ATTACH_FLAG,
  BUCKET_SCOPE,
  LIMIT,
  type VerdictName,
} from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";
import {
  ethernet,
  filler,
  hex,
  icmp4,
  icmp6,
  ip,
  ip4,
  ip6,
  join,
  tcp,
  u16,
  u32,
  udp,
} from "./frame.ts";
import { DROP, FOR_EVER_NS, NETWORK, type Outcome, PORTS, REDIRECT, Rig } from "./rig.ts";

const ME = PORTS[1];
const GATEWAY = "02:00:00:00:00:fe";
const ADDRESSES = {
  ipv4: { me: "10.1.0.1", far: "198.51.100.9", gateway: "10.1.0.254" },
  ipv6: { me: "fd00::1", far: "2001:db8:9::9", gateway: "fd00::fe" },
} as const;
const { ipv4, ipv6 } = ADDRESSES;
const ANY_SOURCE = ATTACH_FLAG.ATTACH_ANY_IPV4 | ATTACH_FLAG.ATTACH_ANY_IPV6;
const BUDGET = pack("bucketKey", { scope: BUCKET_SCOPE.BUCKET_ANSWER, id: 1 });

let rig: Rig;
before(() => {
  rig = new Rig("answers");
  rig.addStages();
});
after(() => rig.close());
beforeEach(() => {
  rig.populate();
  setGateway(ipv4.gateway, ipv6.gateway);
  earn();
});

const earn = (): void => rig.set("bucket", BUDGET, { spentUntilNs: 0n });
const setGateway = (v4: string, v6: string): void =>
  rig.set("gateway", pack("gatewayKey", { network: NETWORK }), { ipv4: ip(v4), ipv6: ip(v6) });

const over4 = (body: Uint8Array, header: object = {}, to = GATEWAY): Uint8Array =>
  ethernet(
    { to, from: ME },
    0x0800,
    ip4({ from: ipv4.me, to: ipv4.far, protocol: 17, ...header }, body),
  );
const over6 = (body: Uint8Array, header: object = {}, to = GATEWAY): Uint8Array =>
  ethernet(
    { to, from: ME },
    0x86dd,
    ip6({ from: ipv6.me, to: ipv6.far, next: 17, ...header }, body),
  );
const datagram = udp(1000, 2000, filler(30));
const extension = (next: number, units = 0): Uint8Array => join([next, units], u8s(6 + 8 * units));
const u8s = (count: number): Uint8Array => new Uint8Array(count);
const fragment = (next: number, offset: number): Uint8Array =>
  join([next, 0], u16(offset), u32(0x1234));

type Refusal = "ttl" | "route" | "gateway" | "blackhole";
const refuse = (why: Refusal, frame: Uint8Array): Outcome =>
  rig.run(`refuse_${why}`, frame, "port1");
const VERDICT: Readonly<Record<Refusal, VerdictName>> = {
  ttl: "ttl-exceeded",
  route: "no-route",
  gateway: "gateway-closed",
  blackhole: "blackhole",
};

interface Message {
  readonly type: number;
  readonly code?: number;
  readonly value?: number;
  readonly from?: string;
  readonly tos?: number;
}

/** The whole error about the packet in `frame`, of which `octets` are the packet's. */
function error4(message: Message, frame: Uint8Array, octets = frame.length - 14): Uint8Array {
  const { type, code = 0, value = 0, from = ipv4.gateway, tos = 0xc0 } = message;
  const quote = frame.subarray(14, 14 + Math.min(octets, 512));
  const body = icmp4(type, join(u32(value), quote), code);
  return ethernet(
    { to: ME, from: GATEWAY },
    0x0800,
    ip4({ from, to: ipv4.me, protocol: 1, tos }, body),
  );
}

function error6(message: Message, frame: Uint8Array, octets = frame.length - 14): Uint8Array {
  const { type, code = 0, value = 0, from = ipv6.gateway } = message;
  const quote = frame.subarray(14, 14 + Math.min(octets, 1232));
  const ends = { from, to: ipv6.me };
  const body = icmp6(ends, type, join(u32(value), quote), code);
  return ethernet({ to: ME, from: GATEWAY }, 0x86dd, ip6({ ...ends, next: 58, class: 0xc0 }, body));
}

/** The frame was dropped for `why`, and `error` came back. */
function told(why: VerdictName, { action, delta, octets }: Outcome, error: Uint8Array): void {
  assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { [why]: 1, "icmp-sent": 1 } });
  assert.equal(hex(octets), hex(error));
}

/** The frame was dropped for `why` as it was, and nobody was told. */
function untold(why: VerdictName, { action, delta, octets }: Outcome, frame: Uint8Array): void {
  assert.deepEqual({ action, delta }, { action: DROP, delta: { [why]: 1 } });
  assert.equal(hex(octets), hex(frame));
}

describe("too big", () => {
  const run = (frame: Uint8Array, gsoOctets = 0): Outcome =>
    rig.run("port", frame, "port1", gsoOctets);

  test("IPv4 with DF: fragmentation needed, with the network's MTU", () => {
    for (const octets of [1501, 1502, 2000, 3001]) {
      const frame = over4(udp(1, 2, filler(octets - 28)));
      told("too-big", run(frame), error4({ type: 3, code: 4, value: 1500 }, frame));
    }
    rig.setPort(1, { mtu: 600 });
    const frame = over4(udp(1, 2, filler(573)));
    told("too-big", run(frame), error4({ type: 3, code: 4, value: 600 }, frame));
  });

  test("IPv6: packet too big", () => {
    for (const octets of [1501, 1502, 2000, 3001]) {
      const frame = over6(udp(1, 2, filler(octets - 48)));
      told("too-big", run(frame), error6({ type: 2, value: 1500 }, frame));
    }
  });

  test("IPv4 that may be fragmented is the slow path's; about what is no IP nothing is said", () => {
    const open = over4(udp(1, 2, filler(1473)), { fragment: 0 });
    untold("punt-unheard", run(open), open);
    const other = ethernet({ to: GATEWAY, from: ME }, 0x88b5, filler(1501));
    untold("too-big", run(other), other);
  });

  test("a packet that is no longer than it may be, and octets of the link behind it", () => {
    for (const frame of [join(over4(datagram), u8s(1500)), join(over6(datagram), u8s(1500))])
      untold("too-big", run(frame), frame);
  });

  test("an aggregate is answered by one frame about its first octets", () => {
    const four = over4(tcp(1, 2, filler(3000)), { protocol: 6 });
    told("too-big", run(four, 1461), error4({ type: 3, code: 4, value: 1500 }, four));
    const six = over6(tcp(1, 2, filler(3000)), { next: 6 });
    told("too-big", run(six, 1441), error6({ type: 2, value: 1500 }, six));
  });
});

describe("errors about packets of every length", () => {
  test("IPv4", () => {
    for (let octets = 28; octets <= 600; octets++) {
      earn();
      const frame = over4(udp(1, 2, filler(octets - 28)));
      told("ttl-exceeded", refuse("ttl", frame), error4({ type: 11 }, frame));
    }
  });

  test("IPv6", () => {
    for (let octets = 48; octets <= 1300; octets++) {
      earn();
      const frame = over6(udp(1, 2, filler(octets - 48)));
      told("ttl-exceeded", refuse("ttl", frame), error6({ type: 3 }, frame));
    }
  });

  test("headers alone", () => {
    const four = over4(u8s(0), { protocol: 200 });
    told("ttl-exceeded", refuse("ttl", four), error4({ type: 11 }, four));
    const six = over6(u8s(0), { next: 59 });
    told("ttl-exceeded", refuse("ttl", six), error6({ type: 3 }, six));
  });

  test("without the link's padding", () => {
    const four = over4(datagram);
    told("ttl-exceeded", refuse("ttl", join(four, filler(9))), error4({ type: 11 }, four));
    const six = over6(datagram);
    told("ttl-exceeded", refuse("ttl", join(six, filler(9))), error6({ type: 3 }, six));
  });

  test("with IPv4 options, and behind IPv6 extension headers", () => {
    const four = over4(datagram, { options: u8s(40) });
    told("ttl-exceeded", refuse("ttl", four), error4({ type: 11 }, four));
    const six = over6(join(extension(60, 2), extension(17), datagram), { next: 0 });
    told("ttl-exceeded", refuse("ttl", six), error6({ type: 3 }, six));
  });
});

describe("which error", () => {
  const tcpSyn = tcp(1, 2, u8s(0));
  const cases: readonly (readonly [Refusal, Uint8Array, Message | null])[] = [
    ["ttl", over4(datagram), { type: 11 }],
    ["ttl", over4(datagram, { tos: 0xb9 }), { type: 11, tos: 0xd8 }],
    ["route", over4(datagram), { type: 3, code: 0 }],
    ["gateway", over4(datagram), { type: 3, code: 3 }],
    ["gateway", over4(tcpSyn, { protocol: 6 }), { type: 3, code: 3 }],
    ["gateway", over4(filler(40), { protocol: 132 }), null],
    ["blackhole", over4(datagram), null],
    ["ttl", over6(datagram), { type: 3 }],
    ["route", over6(datagram), { type: 1, code: 0 }],
    ["gateway", over6(datagram), { type: 1, code: 4 }],
    ["gateway", over6(tcpSyn, { next: 6 }), { type: 1, code: 4 }],
    ["gateway", over6(filler(40), { next: 132 }), null],
    ["blackhole", over6(datagram), null],
  ];
  for (const [why, frame, message] of cases) {
    const six = frame[12] === 0x86;
    const about = `protocol ${frame[six ? 20 : 23]} over ${six ? "IPv6" : "IPv4"}`;
    test(`${why}, ${about}: ${message ? `${message.type}/${message.code ?? 0}` : "silence"}`, () => {
      const outcome = refuse(why, frame);
      if (!message) untold(VERDICT[why], outcome, frame);
      else told(VERDICT[why], outcome, six ? error6(message, frame) : error4(message, frame));
    });
  }
});

test("without a gateway the error comes from the packet's own destination", () => {
  setGateway("0.0.0.0", "::");
  const four = over4(datagram);
  told("no-route", refuse("route", four), error4({ type: 3, from: ipv4.far }, four));
  const six = over6(datagram);
  told("no-route", refuse("route", six), error6({ type: 1, from: ipv6.far }, six));
  rig.remove("gateway", pack("gatewayKey", { network: NETWORK }));
  told("no-route", refuse("route", four), error4({ type: 3, from: ipv4.far }, four));
  told("no-route", refuse("route", six), error6({ type: 1, from: ipv6.far }, six));
});

describe("no error about", () => {
  beforeEach(() => rig.setPort(1, { flags: ANY_SOURCE }));

  const silent: readonly (readonly [string, readonly Uint8Array[]])[] = [
    [
      "ICMP errors and redirects",
      [
        ...[3, 4, 5, 11, 12].map((type) => over4(icmp4(type, filler(36)), { protocol: 1 })),
        ...[1, 2, 3, 4, 127, 137].map((type) =>
          over6(icmp6({ from: ipv6.me, to: ipv6.far }, type, u8s(36)), { next: 58 }),
        ),
        over6(join(extension(58), icmp6({ from: ipv6.me, to: ipv6.far }, 1, filler(36))), {
          next: 60,
        }),
        over4(u8s(0), { protocol: 1 }),
      ],
    ],
    [
      "later fragments",
      [
        over4(datagram, { fragment: 1 }),
        over4(datagram, { fragment: 0x2001 }),
        over6(join(fragment(17, 8), datagram), { next: 44 }),
        over6(join(fragment(17, 9), datagram), { next: 44 }),
      ],
    ],
    [
      "frames to groups",
      ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:01"].flatMap((to) => [
        over4(datagram, {}, to),
        over6(datagram, {}, to),
      ]),
    ],
    [
      "destinations that are not one host",
      [
        ...["0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"].map((to) =>
          over4(datagram, { to }),
        ),
        ...["::", "ff02::1"].map((to) => over6(datagram, { to })),
      ],
    ],
    [
      "sources that are not one host",
      [
        ...["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "255.255.255.255"].map((from) =>
          over4(datagram, { from }),
        ),
        over6(datagram, { from: "ff02::1" }),
      ],
    ],
  ];
  for (const [what, frames] of silent)
    test(what, () => {
      for (const frame of frames) untold("ttl-exceeded", refuse("ttl", frame), frame);
    });

  test("but about echoes, first fragments, and what is unknown", () => {
    for (const frame of [
      over4(icmp4(8, filler(36)), { protocol: 1 }),
      over4(icmp4(0, filler(36)), { protocol: 1 }),
      over4(datagram, { fragment: 0x2000 }),
    ])
      told("ttl-exceeded", refuse("ttl", frame), error4({ type: 11 }, frame));
    for (const frame of [
      over6(icmp6({ from: ipv6.me, to: ipv6.far }, 128, filler(36)), { next: 58 }),
      over6(join(fragment(17, 1), datagram), { next: 44 }),
      over6(filler(20), { next: 200 }),
    ])
      told("ttl-exceeded", refuse("ttl", frame), error6({ type: 3 }, frame));
  });
});

test("a port hears so many errors in a row, and then no more", () => {
  const frame = over4(datagram);
  rig.set("bucket", BUDGET, { spentUntilNs: FOR_EVER_NS });
  const { action, delta, octets } = refuse("ttl", frame);
  assert.deepEqual(
    { action, delta },
    { action: DROP, delta: { "ttl-exceeded": 1, "icmp-limited": 1 } },
  );
  assert.equal(hex(octets), hex(frame));
  earn();
  const all = Array.from({ length: LIMIT.ANSWERS_BURST }, () => refuse("ttl", frame).delta);
  assert.deepEqual(
    all,
    all.map(() => ({ "ttl-exceeded": 1, "icmp-sent": 1 })),
  );
  // Another port has its own.
  rig.set("bucket", BUDGET, { spentUntilNs: FOR_EVER_NS });
  rig.attach("port2", 1, { port: 2 });
  assert.deepEqual(rig.run("refuse_ttl", frame, "port2").delta, {
    "ttl-exceeded": 1,
    "icmp-sent": 1,
  });
});

test("a drop is told of as it was sent, and counted for its port", () => {
  rig.setPort(1, { flags: ATTACH_FLAG.ATTACH_TRACE }); // so that none is left out
  rig.events();
  const before = rig.portCounter(1);
  const frame = over4(datagram, { protocol: 99 });
  refuse("ttl", frame);
  const [event, ...more] = rig.events();
  assert.ok(event && hex(event).includes(hex(frame)));
  assert.deepEqual(more, []);
  const { fromPackets, dropped, toPackets } = rig.portCounter(1);
  assert.deepEqual(
    [fromPackets, toPackets, dropped],
    [before.fromPackets, before.toPackets, before.dropped + 1],
  );
});

describe("echo", () => {
  const ask4 = (body: Uint8Array, header: object = {}): Uint8Array =>
    over4(icmp4(8, body), { to: ipv4.gateway, protocol: 1, ttl: 7, ...header });
  const ends = { from: ipv6.me, to: ipv6.gateway };
  const ask6 = (body: Uint8Array, header: object = {}): Uint8Array =>
    over6(icmp6(ends, 128, body), { to: ipv6.gateway, next: 58, hops: 7, ...header });
  const run = (frame: Uint8Array): Outcome => rig.run("echo", frame, "port1");

  function answered({ action, delta, octets }: Outcome, answer: Uint8Array): void {
    assert.deepEqual({ action, delta }, { action: REDIRECT, delta: { answered: 1 } });
    assert.equal(hex(octets), hex(answer));
  }

  const back4 = (body: Uint8Array, header: object = {}): Uint8Array => {
    const packet = { from: ipv4.gateway, to: ipv4.me, protocol: 1, ttl: 64, ...header };
    return ethernet({ to: ME, from: GATEWAY }, 0x0800, ip4(packet, icmp4(0, body)));
  };

  test("of every size, over IPv4", () => {
    for (let octets = 4; octets < 1473; octets++)
      answered(run(ask4(filler(octets))), back4(filler(octets)));
  });

  test("of every size, over IPv6", () => {
    const back = { from: ipv6.gateway, to: ipv6.me };
    for (let octets = 4; octets < 1453; octets++) {
      const answer = ip6({ ...back, next: 58 }, icmp6(back, 129, filler(octets)));
      answered(run(ask6(filler(octets))), ethernet({ to: ME, from: GATEWAY }, 0x86dd, answer));
    }
  });

  test("whatever its class, options, TTL and sum", () => {
    for (const ttl of [1, 63, 64, 65, 255])
      for (const tos of [0, 0xb8])
        for (const options of [u8s(0), u8s(8)])
          answered(
            run(ask4(filler(56), { ttl, tos, options })),
            back4(filler(56), { tos, options }),
          );
    for (let i = 0; i < 0x10000; i += 97) {
      const body = join(u16(i), u16(1), filler(8));
      answered(run(ask4(body)), back4(body));
    }
  });

  test("nothing else is answered, or changed", () => {
    rig.setPort(1, { flags: ANY_SOURCE });
    for (const frame of [
      ask4(filler(56), { fragment: 0x2000 }),
      ask4(filler(56), { fragment: 0x0001 }),
      ask4(filler(56), { from: "224.0.0.1" }),
      ask4(filler(56), { from: "0.0.0.0" }),
      over4(icmp4(0, filler(56)), { protocol: 1 }),
      over4(icmp4(13, filler(56)), { protocol: 1 }),
      over4(u8s(7), { protocol: 1 }),
      over4(join([8, 0, 0, 0], filler(4)), { protocol: 17 }),
      ask6(filler(56), { from: "ff02::1" }),
      over6(icmp6(ends, 129, filler(56)), { next: 58 }),
      over6(join(extension(58), icmp6(ends, 128, filler(56))), { next: 60 }),
      over6(join(fragment(58, 1), icmp6(ends, 128, filler(56))), { next: 44 }),
    ]) {
      const { action, delta, octets } = run(frame);
      assert.deepEqual({ action, delta }, { action: 0, delta: {} });
      assert.equal(hex(octets), hex(frame));
    }
  });
});
