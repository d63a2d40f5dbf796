import assert from "node:assert/strict";
import { test } from "node:test";
import { checksumOf, sumOctets, sumPseudoHeader } from "../../src/wire/checksum.ts";

const sum = (...octets: number[]): number =>
  sumOctets(new DataView(Uint8Array.from(octets).buffer), 0, octets.length);

test("the example of RFC 1071 section 3", () => {
  assert.equal(checksumOf(sum(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)), 0xffff - 0xddf2);
});

test("an odd last octet is the high half of a word", () => {
  assert.equal(sum(0x12, 0x34, 0x56), 0x1234 + 0x5600);
});

test("carries are folded until none is left", () => {
  assert.equal(checksumOf(0x1_ffff), 0xffff - 1);
  assert.equal(checksumOf(0xffff_ffff), 0);
  assert.equal(checksumOf(0), 0xffff);
});

test("a pseudo-header sums both addresses, the protocol and the length", () => {
  const endpoints = { source: Uint8Array.of(10, 1, 0, 1), destination: Uint8Array.of(10, 1, 0, 2) };
  assert.equal(sumPseudoHeader(endpoints, 17, 16), 0x0a01 + 0x0001 + 0x0a01 + 0x0002 + 17 + 16);
});
