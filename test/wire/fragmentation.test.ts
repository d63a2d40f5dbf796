/** IPv4 fragmentation: the pieces, octet by octet, and that they make the whole again. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fragmentIpv4 } from "../../src/wire/fragmentation.ts";
import { parseIpv4 } from "../../src/wire/ipv4.ts";
import { Reader } from "../../src/wire/reader.ts";
import { filler, hex, ip4, join } from "../datapath/frame.ts";

const ENDS = { from: "10.1.0.5", to: "10.2.0.9", protocol: 17 };
const MORE = 0x2000;
const DF = 0x4000;

const piecesOf = (packet: Uint8Array, mtu: number): readonly string[] | null =>
  fragmentIpv4(packet, mtu)?.map(hex) ?? null;

test("pieces of multiples of 8 octets, the last with what is left (RFC 791 3.2)", () => {
  const whole = filler(100);
  const packet = ip4({ ...ENDS, fragment: 0, tos: 0x48, ttl: 9 }, whole);
  // 20 octets of header and 44 of payload: 40 go.
  assert.deepEqual(piecesOf(packet, 64), [
    hex(ip4({ ...ENDS, fragment: MORE, tos: 0x48, ttl: 9 }, whole.subarray(0, 40))),
    hex(ip4({ ...ENDS, fragment: MORE | 5, tos: 0x48, ttl: 9 }, whole.subarray(40, 80))),
    hex(ip4({ ...ENDS, fragment: 10, tos: 0x48, ttl: 9 }, whole.subarray(80))),
  ]);
});

test("the last piece may be as long as the MTU", () => {
  const packet = ip4({ ...ENDS, fragment: 0 }, filler(84));
  assert.deepEqual(
    fragmentIpv4(packet, 64)?.map((piece) => piece.length),
    [60, 64],
  );
});

test("a fragment in pieces keeps its place, and that more follow", () => {
  const part = filler(64);
  const packet = ip4({ ...ENDS, fragment: MORE | 100 }, part);
  assert.deepEqual(piecesOf(packet, 60), [
    hex(ip4({ ...ENDS, fragment: MORE | 100 }, part.subarray(0, 40))),
    hex(ip4({ ...ENDS, fragment: MORE | 105 }, part.subarray(40))),
  ]);
});

test("options with the copied bit are in every piece, others in the first alone", () => {
  // No operation, router alert (copied), record route (not copied), end.
  const options = [1, 148, 4, 0, 0, 7, 3, 4, 0, 0, 0, 0];
  const packet = ip4({ ...ENDS, fragment: 0, options }, filler(80));
  assert.deepEqual(piecesOf(packet, 72), [
    hex(ip4({ ...ENDS, fragment: MORE, options }, filler(80).subarray(0, 40))),
    hex(ip4({ ...ENDS, fragment: 5, options: [148, 4, 0, 0] }, filler(80).subarray(40))),
  ]);
});

test("options that lie about their length end the list", () => {
  for (const options of [
    [148, 40, 0, 0],
    [148, 0, 0, 0],
    [148, 1, 0, 0],
    [7, 3, 4, 148],
  ]) {
    const packet = ip4({ ...ENDS, fragment: 0, options }, filler(80));
    const pieces = fragmentIpv4(packet, 64);
    assert.deepEqual(
      pieces?.map((piece) => 4 * ((piece[0] ?? 0) & 15)),
      [24, 20],
      options.join(),
    );
  }
});

test("padding behind the packet is nobody's", () => {
  const packet = ip4({ ...ENDS, fragment: 0 }, filler(60));
  assert.deepEqual(piecesOf(join(packet, filler(18)), 64), piecesOf(packet, 64));
});

test("what fits is not touched, be it never to be fragmented", () => {
  for (const fragment of [0, DF]) {
    const packet = ip4({ ...ENDS, fragment }, filler(44));
    assert.deepEqual(piecesOf(packet, 64), [hex(packet)]);
  }
});

describe("no pieces", () => {
  const packets: Readonly<Record<string, readonly [Uint8Array, number]>> = {
    "of a packet that is not to be fragmented": [ip4({ ...ENDS, fragment: DF }, filler(60)), 64],
    "of a packet that is cut short": [
      ip4({ ...ENDS, fragment: 0 }, filler(60)).subarray(0, 70),
      64,
    ],
    "of a packet shorter than its header": [ip4({ ...ENDS, fragment: 0, octets: 10 }, []), 64],
    "that hold nothing": [ip4({ ...ENDS, fragment: 0 }, filler(60)), 27],
    "beyond the last offset": [ip4({ ...ENDS, fragment: 0x1ffe }, filler(60)), 48],
    "of what is no IPv4 packet": [filler(80), 64],
  };
  for (const [what, [packet, mtu]] of Object.entries(packets))
    test(what, () => assert.equal(fragmentIpv4(packet, mtu), null));
});

test("whatever the packet and the MTU, the pieces fit and make it again", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 3000 }),
      fc.integer({ min: 68, max: 1500 }),
      fc.integer({ min: 0, max: 10 }),
      (payloadOctets, mtu, optionWords) => {
        const options = filler(4 * optionWords);
        const payload = filler(payloadOctets);
        const packet = ip4({ ...ENDS, fragment: 0, options }, payload);
        const pieces = fragmentIpv4(packet, mtu);
        assert.ok(pieces);
        const again = new Uint8Array(payloadOctets);
        for (const [i, piece] of pieces.entries()) {
          assert.ok(piece.length <= mtu);
          const r = new Reader(piece);
          const header = parseIpv4(r);
          assert.equal(header.totalOctets, piece.length);
          assert.equal(header.moreFragments, i < pieces.length - 1);
          again.set(r.octets(r.left), 8 * header.fragmentOffset);
        }
        assert.equal(hex(again), hex(payload));
      },
    ),
  ));
