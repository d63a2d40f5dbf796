import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ARP_OPERATION, emitArp, parseArp } from "../../src/wire/arp.ts";
import {
  emitEthernet,
  emitVlanTag,
  isTagType,
  parseEthernet,
  parseVlanTag,
} from "../../src/wire/ethernet.ts";
import { parseHex } from "../../src/wire/octets.ts";
import { decode } from "../../src/wire/reader.ts";
import { holdsRoundTrip, octets, record, u16 } from "./codec.ts";

const hex = (text: string): Uint8Array => parseHex(text) ?? assert.fail(text);

test("a tag: priority 5, drop eligible, VLAN 0x123 (IEEE 802.1Q 9.6)", () =>
  assert.deepEqual(decode("vlan", hex("b123 0800"), parseVlanTag), {
    ok: true,
    value: { priority: 5, dropEligible: true, vid: 0x123, etherType: 0x0800 },
  }));

test("802.1Q, 802.1ad and the type before it announce a tag, and nothing else", () => {
  const types = Array.from({ length: 0x10000 }, (_, type) => type).filter(isTagType);
  assert.deepEqual(types, [0x8100, 0x88a8, 0x9100]);
});

test("an ARP request (RFC 826)", () =>
  assert.deepEqual(
    decode(
      "arp",
      hex("0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002"),
      parseArp,
    ),
    {
      ok: true,
      value: {
        operation: ARP_OPERATION.request,
        senderMac: hex("020000000001"),
        senderAddress: hex("0a000001"),
        targetMac: hex("000000000000"),
        targetAddress: hex("0a000002"),
      },
    },
  ));

for (const [why, octets_, fault] of [
  ["other hardware", "0006 0800 06 04 0001", "bad-value"],
  ["another protocol", "0001 86dd 06 04 0001", "bad-value"],
  ["other lengths", "0001 0800 08 04 0001", "bad-length"],
  ["one cut off", "0001 0800 06 04 0001 0200", "truncated"],
] as const)
  test(`refuses ARP for ${why}`, () => {
    const got = decode("arp", hex(octets_), parseArp);
    assert.ok(!got.ok);
    assert.equal(got.error.fault, fault);
  });

holdsRoundTrip({
  what: "ethernet",
  values: record({ destination: octets(6), source: octets(6), etherType: u16 }),
  emit: emitEthernet,
  parse: parseEthernet,
});

holdsRoundTrip({
  what: "vlan",
  values: record({
    priority: fc.nat(7),
    dropEligible: fc.boolean(),
    vid: fc.nat(4095),
    etherType: u16,
  }),
  emit: emitVlanTag,
  parse: parseVlanTag,
});

holdsRoundTrip({
  what: "arp",
  values: record({
    operation: u16,
    senderMac: octets(6),
    senderAddress: octets(4),
    targetMac: octets(6),
    targetAddress: octets(4),
  }),
  emit: emitArp,
  parse: parseArp,
});
