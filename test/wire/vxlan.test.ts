import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseHex } from "../../src/wire/octets.ts";
import { decode } from "../../src/wire/reader.ts";
import { emitVxlan, parseVxlan } from "../../src/wire/vxlan.ts";
import { holdsRoundTrip, record } from "./codec.ts";

const hex = (text: string): Uint8Array => parseHex(text) ?? assert.fail(text);

/** [why, octets, what we must read]. Sections of RFC 7348. */
const vectors = [
  ["the smallest VNI (5: none is reserved)", "08 000000 000000 00", 0],
  ["the largest VNI (5)", "08 000000 ffffff 00", 0xffffff],
  ["reserved flags set (5: ignored on receipt)", "ff 000000 00002a 00", 42],
  ["both reserved fields set (5: ignored on receipt)", "08 abcdef 00002a ff", 42],
] as const;

const refused = [
  ["I flag clear (5)", "00 000000 000001 00", "bad-value"],
  ["every flag but I", "f7 ffffff 000001 ff", "bad-value"],
  ["seven octets", "08 000000 000001", "truncated"],
  ["nothing", "", "truncated"],
  ["an octet too many", "08 000000 000001 00 00", "bad-length"],
] as const;

for (const [why, octets, vni] of vectors)
  test(`parses ${why}`, () =>
    assert.deepEqual(decode("vxlan", hex(octets), parseVxlan), { ok: true, value: { vni } }));

for (const [why, octets, fault] of refused)
  test(`refuses ${why}`, () => {
    const got = decode("vxlan", hex(octets), parseVxlan);
    assert.ok(!got.ok);
    assert.equal(got.error.fault, fault);
  });

test("emits reserved bits as zero, as section 5 demands", () => {
  const out = new Uint8Array(8).fill(0xff);
  assert.equal(emitVxlan(new DataView(out.buffer), 0, { vni: 0x123456 }), 8);
  assert.deepEqual(out, hex("08 000000 123456 00"));
});

test("a VNI that does not fit is our bug", () => {
  for (const vni of [-1, 1 << 24])
    assert.throws(() => emitVxlan(new DataView(new ArrayBuffer(8)), 0, { vni }), /24 bits/);
});

holdsRoundTrip({
  what: "vxlan",
  values: record({ vni: fc.nat(0xffffff) }),
  emit: emitVxlan,
  parse: parseVxlan,
});
