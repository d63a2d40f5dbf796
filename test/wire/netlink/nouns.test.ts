/** Each noun's codec on octets that Linux 6.18 wrote (statistics and sysctls cut out), and on noise. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseIp } from "../../../src/base/ip.ts";
import { parseAddress } from "../../../src/wire/netlink/address.ts";
import { parseEvent } from "../../../src/wire/netlink/event.ts";
import {
  bridgeCreation,
  linkChange,
  linkQuery,
  parseLink,
  vxlanExternalCreation,
} from "../../../src/wire/netlink/link.ts";
import type { Request } from "../../../src/wire/netlink/message.ts";
import {
  neighbourManaging,
  neighbourRelease,
  parseNeighbour,
} from "../../../src/wire/netlink/neighbour.ts";
import { nsidQuery, parseNsid } from "../../../src/wire/netlink/nsid.ts";
import { parseRoute, routeQuery } from "../../../src/wire/netlink/route.ts";
import { decode, type Reader } from "../../../src/wire/reader.ts";
import { hex } from "./octets.ts";

const veth = `
  00000100 02000000 43100100 00000000 07000300 76300000 08000d00 e8030000 05001000 06000000
  08000400 78050000 08001e00 00000000 05002100 01000000 0a000100 02000000 0a010000
  0a000200 ffffffff ffff0000 10001200 09000100 76657468 00000000 08002500 03000000
  08000500 02000000 14001a00 04000200 0c000a00 05000800 01000000`;
const vxlan = `
  00000100 03000000 02100000 00000000 07000300 78300000 05001000 02000000 08000400 dc050000
  08001e00 02000000 05002100 00000000 0a000100 ee16d876 748b0000 08000a00 07000000
  4c001200 0a000100 76786c61 6e000000 3c000200 08000100 00000000 05001900 01000000
  05000700 00000000 06000f00 12b50000 05001200 00000000 05001300 01000000 05001400 01000000`;

const quiet = { promiscuity: 0, master: null, lower: null, lowerNamespace: null };

/** [why, parser, octets, what we must read]. */
const vectors: readonly (readonly [string, (r: Reader) => unknown, string, unknown])[] = [
  [
    "a veth with its peer in namespace 3",
    parseLink,
    veth,
    {
      ...quiet,
      ...{ index: 2, name: "v0", hardware: 1, mac: "02:00:00:00:0a:01", mtu: 1400, up: true },
      ...{ arp: true, operstate: "up", carrier: true, kind: "veth", lower: 2, lowerNamespace: 3 },
      ...{ addressGeneration: "none", vxlan: null },
    },
  ],
  [
    "an external vxlan device under a bridge",
    parseLink,
    vxlan,
    {
      ...quiet,
      ...{ index: 3, name: "x0", hardware: 1, mac: "ee:16:d8:76:74:8b", mtu: 1500, up: false },
      ...{ arp: true, operstate: "down", carrier: false, promiscuity: 2, kind: "vxlan", master: 7 },
      addressGeneration: null,
      vxlan: {
        ...{ external: true, vni: 0, port: 4789, learning: false, udpSum: false },
        ...{ zeroSum6Send: true, zeroSum6Receive: true },
      },
    },
  ],
  [
    "a loopback device without ARP or hardware address",
    parseLink,
    "00000403 01000000 c0000100 00000000 07000300 6c6f0000",
    {
      ...quiet,
      ...{ index: 1, name: "lo", hardware: 772, mac: null, mtu: 0, up: false, arp: false },
      ...{ operstate: "unknown", carrier: false, kind: null, addressGeneration: null, vxlan: null },
    },
  ],
  [
    "a bridge's word about its port as nothing",
    parseLink,
    "07000100 02000000 43100100 00000000 07000300 76300000 08001a00 deadbeef",
    null,
  ],
  [
    "a permanent IPv4 address",
    parseAddress,
    `02188000 02000000 08000100 c6336401 08000200 c6336401 07000300 76300000 08000800 80000000`,
    {
      index: 2,
      address: "198.51.100.1",
      bits: 24,
      scope: "global",
      usable: true,
      autojoin: false,
      protocol: 0,
    },
  ],
  [
    "a tentative link-local IPv6 address",
    parseAddress,
    `0a40c0fd 02000000 14000100 fe800000 00000000 000000ff fe000a01 08000800 c0000000`,
    {
      index: 2,
      address: "fe80::ff:fe00:a01",
      bits: 64,
      scope: "link",
      usable: false,
      autojoin: false,
      protocol: 0,
    },
  ],
  [
    "this end of a point-to-point address",
    parseAddress,
    "02200000 02000000 08000100 c0000202 08000200 c0000201",
    {
      index: 2,
      address: "192.0.2.1",
      bits: 32,
      scope: "global",
      usable: true,
      autojoin: false,
      protocol: 0,
    },
  ],
  [
    "a multipath route with weights, an MTU and an IPv6 gateway",
    parseRoute,
    `02180000 fe030001 00000000 08000f00 fe000000 08000100 cb007100 0c000800 08000200 14050000
     34000900 10000002 02000000 08000500 c6336402 20001000 02000000 16001200 0a002001 0db80001
     00000000 00000000 00020000`,
    {
      ...{ type: "unicast", table: 254, destination: "203.0.113.0", bits: 24, source: null },
      mtu: 1300,
      nexthops: [
        { oif: 2, gateway: "198.51.100.2", weight: 3, usable: true },
        { oif: 2, gateway: "2001:db8:1::2", weight: 1, usable: false },
      ],
    },
  ],
  [
    "the way of one packet, with its source",
    parseRoute,
    `02200000 fe000001 00020000 08000f00 fe000000 08000100 cb007105 08000400 02000000
     08000700 c6336401 08000500 c6336402 08001900 00000000`,
    {
      ...{ type: "unicast", table: 254, destination: "203.0.113.5", bits: 32, mtu: null },
      source: "198.51.100.1",
      nexthops: [{ oif: 2, gateway: "198.51.100.2", weight: 1, usable: true }],
    },
  ],
  [
    "a permanent neighbour",
    parseNeighbour,
    "02000000 02000000 80000001 08000100 c6336409 0a000200 02000000 00090000 08000400 00000000",
    {
      ...{ index: 2, address: "198.51.100.9", mac: "02:00:00:00:00:09", state: "permanent" },
      ...{ router: false, managed: false },
    },
  ],
  [
    "a managed neighbour that is not resolved yet",
    parseNeighbour,
    `0a000000 02000000 01008001 14000100 20010db8 00010000 00000000 00000009 08000f00 01000000`,
    {
      ...{ index: 2, address: "2001:db8:1::9", mac: null, state: "incomplete" },
      ...{ router: true, managed: true },
    },
  ],
  [
    "a bridge's FDB entry as nothing",
    parseNeighbour,
    "07000000 02000000 80000200 0a000200 02000000 00090000",
    null,
  ],
  ["a namespace's number", parseNsid, "00000000 08000100 05000000", 5],
  ["no number", parseNsid, "00000000 08000100 ffffffff", null],
];

for (const [why, parse, octets, want] of vectors)
  test(`reads ${why}`, () =>
    assert.deepEqual(decode("netlink", hex(octets), parse), { ok: true, value: want }));

const refused: readonly (readonly [string, (r: Reader) => unknown, string, string])[] = [
  ["a link without its header", parseLink, "00000100 02000000", "truncated"],
  ["an MTU of two octets", parseLink, `${veth} 06000400 78050000`, "truncated"],
  [
    "an address of five octets",
    parseAddress,
    "02188000 02000000 09000100 c6336401 01000000",
    "bad-length",
  ],
  [
    "a gateway of an unknown family",
    parseRoute,
    "02180000 fe030001 00000000 0a001200 63000102 03040000",
    "bad-value",
  ],
  [
    "a next hop shorter than its header",
    parseRoute,
    "02180000 fe030001 00000000 0c000900 07000002 02000000",
    "bad-length",
  ],
  [
    "a next hop of no octets",
    parseRoute,
    "02180000 fe030001 00000000 0c000900 00000002 02000000",
    "bad-length",
  ],
];

for (const [why, parse, octets, fault] of refused)
  test(`refuses ${why}`, () => {
    const got = decode("netlink", hex(octets), parse);
    assert.ok(!got.ok);
    assert.equal(got.error.fault, fault);
  });

const body = (request: Request): Uint8Array => {
  const out = new Uint8Array(256).fill(0xff);
  const end = request.emit(new DataView(out.buffer), 0);
  assert.ok(out.subarray(end).every((octet) => octet === 0xff));
  return out.subarray(0, end);
};
const ip = (text: string) => {
  const address = parseIp(text);
  assert.ok(address);
  return address;
};

const emissions: readonly (readonly [string, Request, number, string])[] = [
  [
    "a change of everything",
    linkChange(2, {
      up: true,
      arp: false,
      mtu: 1400,
      mac: "02:00:00:00:0a:01",
      addrGenModeNone: true,
    }),
    0x005,
    `00000000 02000000 81000000 81000000 08000400 78050000 0a000100 02000000 0a010000
     10001a80 0c000a80 05000800 01000000`,
  ],
  ["a change of nothing", linkChange(2, {}), 0x005, "00000000 02000000 00000000 00000000"],
  ["down", linkChange(2, { up: false }), 0x005, "00000000 02000000 00000000 01000000"],
  [
    "a link by name",
    linkQuery("v0"),
    0x001,
    "00000000 00000000 00000000 00000000 07000300 76300000 08001d00 08000000",
  ],
  [
    "a vxlan device",
    vxlanExternalCreation("x0", 4789),
    0x605,
    `00000000 00000000 00000000 00000000 07000300 78300000 44001280 0a000100 76786c61 6e000000
     34000280 06000f00 12b50000 05001900 01000000 05000700 00000000 05001200 00000000
     05001300 01000000 05001400 01000000`,
  ],
  [
    "a bridge",
    bridgeCreation("b0"),
    0x605,
    "00000000 00000000 00000000 00000000 07000300 62300000 10001280 0b000100 62726964 67650000",
  ],
  [
    "a link under a bridge",
    linkChange(7, { master: 3 }),
    0x005,
    "00000000 07000000 00000000 00000000 08000a00 03000000",
  ],
  [
    "a route of a packet",
    routeQuery(ip("203.0.113.5"), false),
    0x001,
    "02200000 00000000 00000000 08000100 cb007105",
  ],
  [
    "a route's entry",
    routeQuery(ip("2001:db8::1"), true),
    0x001,
    "0a800000 00000000 00200000 14000100 20010db8 00000000 00000000 00000001",
  ],
  [
    "a neighbour to manage",
    neighbourManaging(2, ip("198.51.100.9")),
    0x505,
    "02000000 02000000 00000100 08000100 c6336409 08000f00 01000000",
  ],
  [
    "a neighbour to release",
    neighbourRelease(2, ip("198.51.100.9")),
    0x105,
    "02000000 02000000 00000100 08000100 c6336409",
  ],
  ["a namespace to number", nsidQuery(12), 0x001, "00000000 08000300 0c000000"],
];

for (const [why, request, flags, octets] of emissions)
  test(`emits ${why}`, () => {
    assert.equal(request.flags, flags);
    assert.deepEqual(body(request), Uint8Array.from(hex(octets)));
  });

test("an event is a message with its meaning; other kinds are none", () => {
  const message = { flags: 0, sequence: 0, port: 0 };
  const on = (type: number, octets: string): unknown => {
    const got = parseEvent({ ...message, type, body: hex(octets) });
    return got.ok && got.value ? [got.value.on, got.value.gone] : got;
  };
  const address = "02188000 02000000 08000100 c6336401";
  const route = "02180000 fe030001 00000000";
  const neighbour = "02000000 02000000 80000001 08000100 c6336409";
  assert.deepEqual(on(16, veth), ["link", false]);
  assert.deepEqual(on(17, veth), ["link", true]);
  assert.deepEqual(on(20, address), ["address", false]);
  assert.deepEqual(on(21, address), ["address", true]);
  assert.deepEqual(on(24, route), ["route", false]);
  assert.deepEqual(on(25, route), ["route", true]);
  assert.deepEqual(on(28, neighbour), ["neighbour", false]);
  assert.deepEqual(on(29, neighbour), ["neighbour", true]);
  assert.deepEqual(on(17, "07000100 02000000 43100100 00000000"), { ok: true, value: null });
  assert.deepEqual(on(36, "ffffff"), { ok: true, value: null });
  assert.deepEqual(on(20, "ffffff"), {
    ok: false,
    error: { kind: "decode", fault: "truncated", what: "netlink.event", offset: 3 },
  });
});

const parsers = [parseLink, parseAddress, parseRoute, parseNeighbour, parseNsid] as const;
const seeds = vectors.map(([, , octets]) => hex(octets));

test("whatever the octets: no throw", () =>
  fc.assert(
    fc.property(fc.constantFrom(...parsers), fc.uint8Array({ maxLength: 120 }), (parse, b) => {
      const got = decode("netlink", b, (r) => parse(r));
      if (!got.ok) assert.ok(got.error.offset <= b.length);
    }),
    { numRuns: 3000 },
  ));

test("a good message with octets changed or cut: no throw", () =>
  fc.assert(
    fc.property(
      fc.constantFrom(...parsers),
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 4 }),
      fc.nat(200),
      (parse, seed, changes, cut) => {
        const b = seed.slice(0, Math.max(0, seed.length - (cut % 7 === 0 ? cut : 0)));
        for (const [at, value] of changes) if (at < b.length) b[at] = value;
        const got = decode("netlink", b, (r) => parse(r));
        if (!got.ok) assert.ok(got.error.offset <= b.length);
      },
    ),
    { numRuns: 3000 },
  ));
