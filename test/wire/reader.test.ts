import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decode, Reader } from "../../src/wire/reader.ts";

const octets = Uint8Array.from({ length: 16 }, (_, i) => i + 1);

test("reads each width in both orders", () => {
  const r = new Reader(octets);
  assert.deepEqual([r.u8(), r.u16(), r.u32(), r.u48()], [0x01, 0x0203, 0x04050607, 0x08090a0b0c0d]);
  assert.equal(r.left, 3);
  const le = new Reader(octets);
  assert.deepEqual([le.u16le(), le.u32le()], [0x0201, 0x06050403]);
  assert.equal(new Reader(Uint8Array.of(0xfe, 0xff, 0xff, 0xff)).s32le(), -2);
});

test("a buffer inside a larger one is read from its own start", () =>
  assert.equal(new Reader(octets.subarray(4)).u8(), 5));

test("the first fault sticks, with its place; later reads yield 0", () => {
  const r = new Reader(octets);
  r.skip(14);
  assert.equal(r.u32(), 0);
  assert.equal(r.u8(), 0);
  r.fail("bad-value");
  assert.deepEqual([r.fault, r.faultAt, r.left], ["truncated", 14, 0]);
});

test("enter narrows, leave skips what is unread", () => {
  const r = new Reader(octets);
  const outer = r.enter(4);
  assert.equal(r.u16(), 0x0102);
  assert.equal(r.left, 2);
  r.leave(outer);
  assert.equal(r.u8(), 5);
});

test("a fault inside a sub-message is not healed by leaving it", () => {
  const r = new Reader(octets);
  const outer = r.enter(2);
  r.u32();
  r.leave(outer);
  assert.deepEqual([r.fault, r.left], ["truncated", 0]);
});

test("a sub-message longer than what is left is a fault", () => {
  const r = new Reader(octets);
  r.leave(r.enter(17));
  assert.equal(r.fault, "truncated");
});

test("a negative count is a fault, and never a step back", () => {
  for (const read of [
    (r: Reader) => r.skip(-1),
    (r: Reader) => r.octets(-1),
    (r: Reader) => r.enter(-1),
  ]) {
    const r = new Reader(octets);
    r.skip(4);
    read(r);
    assert.deepEqual([r.pos, r.left, r.fault], [4, 0, "bad-length"]);
  }
});

test("octets gives a copy", () => {
  const mine = octets.slice();
  const got = new Reader(mine).octets(4);
  mine[0] = 99;
  assert.deepEqual([...got], [1, 2, 3, 4]);
});

test("decode refuses what is left over, and names what and where", () => {
  assert.deepEqual(
    decode("x", octets, (r) => r.u16()),
    { ok: false, error: { kind: "decode", fault: "bad-length", what: "x", offset: 2 } },
  );
  assert.deepEqual(
    decode("x", octets.slice(0, 2), (r) => r.u16()),
    { ok: true, value: 0x0102 },
  );
});

test("no read moves past the end, whatever is asked", () =>
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 20 }),
      fc.array(fc.integer({ min: -3, max: 9 }), { maxLength: 12 }),
      (b, ask) => {
        const r = new Reader(b);
        for (const n of ask) {
          const outer = r.enter(n);
          r.octets(n >> 1);
          r.u16le();
          r.leave(outer);
          assert.ok(r.pos <= b.length && r.end <= b.length && r.left >= 0);
        }
      },
    ),
  ));
