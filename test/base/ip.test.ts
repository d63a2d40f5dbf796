import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import {
  contains,
  formatIp,
  formatPrefix,
  fromMapped,
  type IpAddress,
  type IpPrefix,
  isNetworkPrefix,
  mappedOctets,
  overlaps,
  parseIp,
  parsePrefix,
} from "../../src/base/ip.ts";

function ip(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed, text);
  return parsed;
}

function prefix(text: string): IpPrefix {
  const parsed = parsePrefix(text);
  assert.ok(parsed, text);
  return parsed;
}

const octets = (count: number): fc.Arbitrary<Uint8Array> =>
  fc
    .array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })), {
      minLength: count,
      maxLength: count,
    })
    .map((list) => Uint8Array.from(list));
const addresses: fc.Arbitrary<IpAddress> = fc.oneof(
  octets(4).map((o) => ({ family: "ipv4" as const, octets: o })),
  octets(16).map((o) => ({ family: "ipv6" as const, octets: o })),
);

test("RFC 5952: canonical text", () => {
  for (const [text, canonical] of [
    ["192.0.2.1", "192.0.2.1"],
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["0:0:0:0:0:0:0:0", "::"],
    ["1:0:0:0:0:0:0:0", "1::"],
    ["::ffff:192.0.2.1", "::ffff:c000:201"],
  ] as const)
    assert.equal(formatIp(ip(text)), canonical);
});

test("what is no address", () => {
  for (const text of [
    "",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "01.2.3.4",
    "1.2.3.-4",
    "1.2.3.4 ",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "g::",
    "::1.2.3",
    "1.2.3.4::",
    "fe80::1%eth0",
  ])
    assert.equal(parseIp(text), null, text);
});

test("any text: an address for us is one for the platform, and the other way round", () => {
  const texts = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.string({ unit: fc.constantFrom(..."0123456789abcf:."), maxLength: 24 }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      assert.equal(parseIp(text) !== null, isIP(text) !== 0, text);
    }),
    { numRuns: 2000 },
  );
});

test("text and table octets read back", () => {
  fc.assert(
    fc.property(addresses, (address) => {
      assert.deepEqual(ip(formatIp(address)), address);
      assert.equal(mappedOctets(address).length, 16);
      const mapped = formatIp(address).startsWith("::ffff:") && address.family === "ipv6";
      if (!mapped) assert.deepEqual(fromMapped(mappedOctets(address)), address);
    }),
  );
  assert.deepEqual(fromMapped(mappedOctets(ip("192.0.2.1"))), ip("192.0.2.1"));
});

test("prefixes", () => {
  assert.equal(formatPrefix(prefix("2001:DB8::/32")), "2001:db8::/32");
  for (const text of ["10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/08", "::/1/2"])
    assert.equal(parsePrefix(text), null, text);
  for (const [text, network] of [
    ["10.0.0.0/8", true],
    ["10.0.0.128/25", true],
    ["10.0.0.1/31", false],
    ["10.0.0.1/32", true],
    ["0.0.0.0/0", true],
    ["0.0.0.1/0", false],
    ["2001:db8::/33", true],
    ["2001:db8:4000::/33", false],
  ] as const)
    assert.equal(isNetworkPrefix(prefix(text)), network, text);
});

test("contains and overlaps agree with arithmetic on bits", () => {
  const bitsOf = (value: Uint8Array): string =>
    Array.from(value, (o) => o.toString(2).padStart(8, "0")).join("");
  fc.assert(
    fc.property(
      octets(4),
      octets(4),
      fc.integer({ min: 0, max: 32 }),
      fc.integer({ min: 0, max: 32 }),
      (a, b, aBits, bBits) => {
        const one: IpPrefix = { family: "ipv4", octets: a, bits: aBits };
        const other: IpPrefix = { family: "ipv4", octets: b, bits: bBits };
        const same = (bits: number): boolean =>
          bitsOf(a).slice(0, bits) === bitsOf(b).slice(0, bits);
        assert.equal(contains(one, other), same(aBits));
        assert.equal(overlaps(one, other), same(Math.min(aBits, bBits)));
      },
    ),
  );
  assert.equal(contains(prefix("0.0.0.0/0"), ip("::")), false);
  assert.equal(overlaps(prefix("0.0.0.0/0"), prefix("::/0")), false);
});
