/** IPv4, IPv6 and extension headers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checksumOf, sumOctets } from "../../src/wire/checksum.ts";
import { emitIpv4, type Ipv4Header, parseIpv4 } from "../../src/wire/ipv4.ts";
import {
  emitExtension,
  emitIpv6,
  extensionOf,
  parseExtension,
  parseIpv6,
} from "../../src/wire/ipv6.ts";
import { parseHex } from "../../src/wire/octets.ts";
import { decode, type Reader } from "../../src/wire/reader.ts";
import { holdsRoundTrip, octets, record, u8, u16, u32, unitsOfEight, words } from "./codec.ts";

const hex = (text: string): Uint8Array => parseHex(text) ?? assert.fail(text);

const ipv4Values: fc.Arbitrary<Ipv4Header> = record({
  source: octets(4),
  destination: octets(4),
  protocol: u8,
  ttl: u8,
  trafficClass: u8,
  identification: u16,
  dontFragment: fc.boolean(),
  moreFragments: fc.boolean(),
  fragmentOffset: fc.nat(0x1fff),
  totalOctets: u16,
  options: words(40),
});

test("the fragment of RFC 791 appendix A, example 2", () =>
  // Version 4, IHL 5, total length 472, identification 111, MF clear, offset 64, TTL 123, protocol 6.
  assert.deepEqual(
    decode("ipv4", hex("4500 01d8 006f 0040 7b06 0000 c0000201 c0000202"), parseIpv4),
    {
      ok: true,
      value: {
        source: hex("c0000201"),
        destination: hex("c0000202"),
        protocol: 6,
        ttl: 123,
        trafficClass: 0,
        identification: 111,
        dontFragment: false,
        moreFragments: false,
        fragmentOffset: 64,
        totalOctets: 472,
        options: new Uint8Array(0),
      },
    },
  ));

for (const [why, text, fault] of [
  ["another version", "6500 0014 0000 0000 4006 0000 c0000201 c0000202", "bad-value"],
  ["a header of 16 octets", "4400 0014 0000 0000 4006 0000 c0000201 c0000202", "bad-value"],
  ["options cut off", "4600 0018 0000 0000 4006 0000 c0000201 c0000202 01", "truncated"],
] as const)
  test(`refuses IPv4 with ${why}`, () => {
    const got = decode("ipv4", hex(text), parseIpv4);
    assert.ok(!got.ok);
    assert.equal(got.error.fault, fault);
  });

test("the emitted checksum verifies, options included (RFC 1071)", () =>
  fc.assert(
    fc.property(ipv4Values, (header) => {
      const out = new DataView(new ArrayBuffer(64));
      assert.equal(checksumOf(sumOctets(out, 0, emitIpv4(out, 0, header))), 0);
    }),
  ));

test("an IPv6 header: class 0xb8, label 0x54321 (RFC 8200 3)", () => {
  const source = "20010db8000000000000000000000001";
  const destination = "20010db8000000000000000000000002";
  assert.deepEqual(decode("ipv6", hex(`6b854321 0010 11 40 ${source} ${destination}`), parseIpv6), {
    ok: true,
    value: {
      source: hex(source),
      destination: hex(destination),
      nextHeader: 17,
      hopLimit: 64,
      trafficClass: 0xb8,
      flowLabel: 0x54321,
      payloadOctets: 16,
    },
  });
});

test("extension headers by number (RFC 8200 4.3 to 4.6)", () => {
  const known = Array.from({ length: 256 }, (_, number) => [number, extensionOf(number)]);
  assert.deepEqual(
    known.filter(([, kind]) => kind !== null),
    [
      [0, "hop-by-hop"],
      [43, "routing"],
      [44, "fragment"],
      [60, "destination-options"],
    ],
  );
});

test("a fragment header: offset 185 eights, more to come (RFC 8200 4.5)", () =>
  assert.deepEqual(
    decode("fragment", hex("11 00 05c9 00000007"), (r) => parseExtension(r, "fragment")),
    {
      ok: true,
      value: {
        kind: "fragment",
        nextHeader: 17,
        fragmentOffset: 185,
        moreFragments: true,
        identification: 7,
      },
    },
  ));

holdsRoundTrip({ what: "ipv4", values: ipv4Values, emit: emitIpv4, parse: parseIpv4 });

holdsRoundTrip({
  what: "ipv6",
  values: record({
    source: octets(16),
    destination: octets(16),
    nextHeader: u8,
    hopLimit: u8,
    trafficClass: u8,
    flowLabel: fc.nat(0xfffff),
    payloadOctets: u16,
  }),
  emit: emitIpv6,
  parse: parseIpv6,
});

for (const kind of ["hop-by-hop", "routing", "destination-options"] as const)
  holdsRoundTrip({
    what: kind,
    values: record({ kind: fc.constant(kind), nextHeader: u8, body: unitsOfEight(255) }),
    emit: emitExtension,
    parse: (r: Reader) => {
      const extension = parseExtension(r, kind);
      assert.ok(extension.kind === kind);
      return extension;
    },
  });

holdsRoundTrip({
  what: "fragment",
  values: record({
    kind: fc.constant("fragment" as const),
    nextHeader: u8,
    fragmentOffset: fc.nat(0x1fff),
    moreFragments: fc.boolean(),
    identification: u32,
  }),
  emit: emitExtension,
  parse: (r: Reader) => {
    const extension = parseExtension(r, "fragment");
    assert.ok(extension.kind === "fragment");
    return extension;
  },
});
