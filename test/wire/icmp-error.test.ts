/** ICMP errors about a packet: their octets, what they quote, and about what there is none. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { icmpErrorAbout } from "../../src/wire/icmp-error.ts";
import {
  checksum,
  filler,
  hex,
  icmp6,
  ip,
  ip4,
  ip6,
  join,
  tcp,
  u16,
  u32,
  udp,
} from "../datapath/frame.ts";

const GATEWAY = { ipv4: ip("10.1.0.1"), ipv6: ip("fd00:1::1") };
const payload = udp(1000, 2000, filler(30));
const packet4 = ip4({ from: "10.1.0.5", to: "10.2.0.9", protocol: 17 }, payload);
const packet6 = ip6({ from: "fd00:1::5", to: "fd00:2::9", next: 17 }, payload);

const about4 = (packet: Uint8Array, problem: Parameters<typeof icmpErrorAbout>[1]["problem"]) =>
  icmpErrorAbout(packet, { problem, source: GATEWAY.ipv4, mtu: 1400 });
const about6 = (packet: Uint8Array, problem: Parameters<typeof icmpErrorAbout>[1]["problem"]) =>
  icmpErrorAbout(packet, { problem, source: GATEWAY.ipv6, mtu: 1400 });

/** Written a second time, from RFC 792 and RFC 1191. */
function expected4(type: number, code: number, word: number, quoted: Uint8Array): Uint8Array {
  const fields = (sum: number): Uint8Array => join([type, code], u16(sum), u32(word), quoted);
  const message = fields(checksum(fields(0)));
  return ip4({ from: "10.1.0.1", to: "10.1.0.5", protocol: 1, tos: 0xc0 }, message);
}

describe("an error about an IPv4 packet", () => {
  for (const [problem, type, code, word] of [
    ["ttl-exceeded", 11, 0, 0],
    ["too-big", 3, 4, 1400],
    ["no-route", 3, 0, 0],
    ["port-unreachable", 3, 3, 0],
  ] as const)
    test(`${problem}: type ${type}, code ${code}`, () => {
      const error = about4(packet4, problem);
      assert.ok(error);
      assert.equal(hex(error), hex(expected4(type, code, word, packet4)));
    });

  test("quotes what goes into 576 octets (RFC 1812 4.3.2.3)", () => {
    const long = ip4({ from: "10.1.0.5", to: "10.2.0.9", protocol: 17 }, udp(1, 2, filler(1400)));
    const error = about4(long, "too-big");
    assert.ok(error);
    assert.equal(error.length, 576);
    assert.equal(hex(error), hex(expected4(3, 4, 1400, long.subarray(0, 548))));
  });

  test("quotes nothing of the padding behind the packet", () => {
    const error = about4(join(packet4, filler(20)), "no-route");
    assert.ok(error);
    assert.equal(hex(error), hex(expected4(3, 0, 0, packet4)));
  });

  test("quotes what there is of a packet that was cut short", () => {
    const error = about4(packet4.subarray(0, 28), "ttl-exceeded");
    assert.ok(error);
    assert.equal(hex(error), hex(expected4(11, 0, 0, packet4.subarray(0, 28))));
  });

  test("quotes options as part of the header", () => {
    const header = { from: "10.1.0.5", to: "10.2.0.9", protocol: 17, options: [7, 3, 4, 0] };
    const recorded = ip4(header, payload);
    const error = about4(recorded, "no-route");
    assert.ok(error);
    assert.equal(hex(error), hex(expected4(3, 0, 0, recorded)));
  });
});

const icmp4 = (type: number): Uint8Array =>
  ip4({ from: "10.1.0.5", to: "10.2.0.9", protocol: 1 }, [type, 0], u16(0), filler(12));
const from4 = (from: string): Uint8Array => ip4({ from, to: "10.2.0.9", protocol: 17 }, payload);
const to4 = (to: string): Uint8Array => ip4({ from: "10.1.0.5", to, protocol: 17 }, payload);

describe("no error about an IPv4 packet (RFC 1122 3.2.2)", () => {
  const packets: Readonly<Record<string, Uint8Array>> = {
    "that is an ICMP error": icmp4(3),
    "that is a source quench": icmp4(4),
    "that is a redirect": icmp4(5),
    "that is of an ICMP type nobody knows": icmp4(200),
    "whose ICMP type is cut off": icmp4(8).subarray(0, 20),
    "that is a later fragment": ip4(
      { from: "10.1.0.5", to: "10.2.0.9", protocol: 17, fragment: 0x0001 },
      payload,
    ),
    "from nobody": from4("0.0.0.0"),
    "from a loopback address": from4("127.0.0.1"),
    "from a group": from4("224.0.0.1"),
    "from everybody": from4("255.255.255.255"),
    "to a group": to4("239.1.2.3"),
    "to everybody": to4("255.255.255.255"),
    "that is cut in its header": packet4.subarray(0, 19),
    "that is none": filler(40),
  };
  for (const [what, packet] of Object.entries(packets))
    test(what, () => assert.equal(about4(packet, "ttl-exceeded"), null));

  test("but about a first fragment, a question, and a TCP segment", () => {
    const first = { from: "10.1.0.5", to: "10.2.0.9", protocol: 17, fragment: 0x2000 };
    const segment = ip4({ from: "10.1.0.5", to: "10.2.0.9", protocol: 6 }, tcp(1, 2, filler(9)));
    for (const packet of [ip4(first, payload), icmp4(8), icmp4(13), segment])
      assert.notEqual(about4(packet, "ttl-exceeded"), null);
  });
});

/** Written a second time, from RFC 4443. */
function expected6(type: number, code: number, word: number, quoted: Uint8Array): Uint8Array {
  const ends = { from: "fd00:1::1", to: "fd00:1::5" };
  const octets = 8 + quoted.length;
  const fields = (sum: number): Uint8Array => join([type, code], u16(sum), u32(word), quoted);
  const pseudo = join(ip(ends.from), ip(ends.to), u32(octets), u32(58));
  return ip6({ ...ends, next: 58 }, fields(checksum(pseudo, fields(0))));
}

describe("an error about an IPv6 packet", () => {
  for (const [problem, type, code, word] of [
    ["ttl-exceeded", 3, 0, 0],
    ["too-big", 2, 0, 1400],
    ["no-route", 1, 0, 0],
    ["port-unreachable", 1, 4, 0],
  ] as const)
    test(`${problem}: type ${type}, code ${code}`, () => {
      const error = about6(packet6, problem);
      assert.ok(error);
      assert.equal(hex(error), hex(expected6(type, code, word, packet6)));
    });

  test("is no longer than the least MTU (RFC 4443 2.4 (c))", () => {
    const long = ip6({ from: "fd00:1::5", to: "fd00:2::9", next: 17 }, udp(1, 2, filler(1400)));
    const error = about6(long, "too-big");
    assert.ok(error);
    assert.equal(error.length, 1280);
    assert.equal(hex(error), hex(expected6(2, 0, 1400, long.subarray(0, 1232))));
  });

  test("who sent to a group is told that it was too big, and nothing else (2.4 (e.3))", () => {
    const group = ip6({ from: "fd00:1::5", to: "ff0e::1", next: 17 }, payload);
    assert.notEqual(about6(group, "too-big"), null);
    assert.equal(about6(group, "ttl-exceeded"), null);
  });
});

describe("no error about an IPv6 packet", () => {
  const ends = { from: "fd00:1::5", to: "fd00:2::9" };
  const message = (type: number): Uint8Array => icmp6(ends, type, filler(12));
  /** Next header, length in units beyond the first, six octets. */
  const destinationOptions = (next: number): Uint8Array => join([next, 0, 1, 4, 0, 0, 0, 0]);
  const fragment = (next: number, offset: number): Uint8Array =>
    join([next, 0], u16(offset << 3), u32(7));
  const packets: Readonly<Record<string, Uint8Array>> = {
    "that is an error": ip6({ ...ends, next: 58 }, message(1)),
    "that is an error of a type to come": ip6({ ...ends, next: 58 }, message(127)),
    "that is a redirect": ip6({ ...ends, next: 58 }, message(137)),
    "that is an error behind options": ip6(
      { ...ends, next: 60 },
      destinationOptions(58),
      message(3),
    ),
    "that is an error in a fragment": ip6({ ...ends, next: 44 }, fragment(58, 0), message(3)),
    "that is a later fragment of ICMP": ip6({ ...ends, next: 44 }, fragment(58, 9), filler(20)),
    "whose headers are cut off": ip6({ ...ends, next: 60 }, filler(4)),
    "from nobody": ip6({ ...ends, from: "::", next: 17 }, payload),
    "from the loopback address": ip6({ ...ends, from: "::1", next: 17 }, payload),
    "from a group": ip6({ ...ends, from: "ff02::1", next: 17 }, payload),
    "that is cut in its header": packet6.subarray(0, 39),
  };
  for (const [what, packet] of Object.entries(packets))
    test(what, () => assert.equal(about6(packet, "ttl-exceeded"), null));

  test("but about an echo, alone and behind options, and a later fragment of UDP", () => {
    for (const packet of [
      ip6({ ...ends, next: 58 }, message(128)),
      ip6({ ...ends, next: 60 }, destinationOptions(58), message(128)),
      ip6({ ...ends, next: 44 }, fragment(17, 9), filler(20)),
    ])
      assert.notEqual(about6(packet, "ttl-exceeded"), null);
  });
});
