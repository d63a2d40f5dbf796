import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  emitNest,
  emitOctets,
  emitText,
  emitU8,
  emitU16be,
  emitU32,
  parseAttributes,
  parseText,
} from "../../../src/wire/netlink/attribute.ts";
import { decode, type Reader } from "../../../src/wire/reader.ts";
import { hex } from "./octets.ts";

/** [type, octets of the value] of each attribute. */
const walk = (octets: Uint8Array): unknown =>
  decode("attributes", octets, (r) => {
    const seen: unknown[] = [];
    parseAttributes(r, (type, value) => seen.push([type, value.octets(value.left)]));
    return seen;
  });

test("walks values, ignores the nest and order bits, skips padding and what is unread", () => {
  assert.deepEqual(walk(hex("05000100 aa000000 06000240 bbbb0000 04000380")), {
    ok: true,
    value: [
      [1, hex("aa")],
      [2, hex("bbbb")],
      [3, hex("")],
    ],
  });
  assert.deepEqual(
    decode("attributes", hex("08000100 aaaaaaaa 08000200 bbbbbbbb"), (r) => {
      let last = 0;
      parseAttributes(r, (_, value) => {
        last = value.u16();
      });
      return last;
    }),
    { ok: true, value: 0xbbbb },
  );
});

test("the last attribute may lack its padding", () =>
  assert.deepEqual(walk(hex("05000100 aa")), { ok: true, value: [[1, hex("aa")]] }));

const refused = [
  ["a length below the header's", "03000100", "bad-length"],
  ["a length of zero", "00000100 08000200 00000000", "bad-length"],
  ["a value past the end", "08000100 aaaa", "truncated"],
  ["half a header", "0800", "truncated"],
] as const;

for (const [why, octets, fault] of refused)
  test(`refuses ${why}`, () => {
    const got = decode("attributes", hex(octets), (r) => parseAttributes(r, () => undefined));
    assert.ok(!got.ok);
    assert.equal(got.error.fault, fault);
  });

test("a value read past its own end is a fault, though more octets follow", () => {
  const got = decode("attributes", hex("06000100 aabb0000 08000200 00000000"), (r) =>
    parseAttributes(r, (type, value) => {
      if (type === 1) value.u32le();
    }),
  );
  assert.deepEqual(got, {
    ok: false,
    error: { kind: "decode", fault: "truncated", what: "attributes", offset: 4 },
  });
});

test("text ends at its zero octet, or with the value", () => {
  const text = (octets: string): unknown => decode("text", hex(octets), parseText);
  assert.deepEqual(text("766574680000"), { ok: true, value: "veth" });
  assert.deepEqual(text("76657468"), { ok: true, value: "veth" });
});

test("emits every kind with its padding, over dirty octets", () => {
  const out = new DataView(new Uint8Array(64).fill(0xff).buffer);
  let at = emitU8(out, 0, 1, 2);
  at = emitU16be(out, at, 2, 4789);
  at = emitU32(out, at, 3, 0x01020304);
  at = emitText(out, at, 4, "v0");
  at = emitNest(out, at, 5, (a) => emitOctets(out, a, 6, Uint8Array.of(9)));
  assert.deepEqual(
    new Uint8Array(out.buffer, 0, at),
    hex(
      "05000100 02000000 06000200 12b50000 08000300 04030201 07000400 76300000 0c000580 05000600 09000000",
    ),
  );
  assert.equal(out.getUint32(at), 0xffffffff);
});

test("what is emitted reads back", () =>
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 0x3fff }), fc.uint8Array({ maxLength: 9 })), {
        maxLength: 8,
      }),
      (attributes) => {
        const out = new DataView(new ArrayBuffer(256));
        let at = 0;
        for (const [type, value] of attributes) at = emitOctets(out, at, type, value);
        assert.deepEqual(walk(new Uint8Array(out.buffer, 0, at)), { ok: true, value: attributes });
      },
    ),
  ));

test("whatever the octets: no throw, however deep the nests", () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (b) => {
      const nested = (r: Reader, depth: number): void =>
        parseAttributes(r, (_, value) => {
          if (depth > 0) nested(value, depth - 1);
        });
      const got = decode("attributes", b, (r) => nested(r, 4));
      if (!got.ok) assert.ok(got.error.offset <= b.length);
    }),
    { numRuns: 2000 },
  ));
