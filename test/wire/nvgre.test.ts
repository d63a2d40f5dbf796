import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { emitGre, parseGre } from "../../src/wire/gre.ts";
import { emitNvgre, parseNvgre } from "../../src/wire/nvgre.ts";
import { parseHex } from "../../src/wire/octets.ts";
import { decode } from "../../src/wire/reader.ts";
import { holdsRoundTrip, record, u8, u16, u32 } from "./codec.ts";

const hex = (text: string): Uint8Array => parseHex(text) ?? assert.fail(text);

/** [why, octets, VSID, FlowID]. Sections of RFC 7637 unless said. */
const vectors = [
  ["the smallest VSID for networks (3.4)", "2000 6558 001000 00", 0x1000, 0],
  ["the largest VSID for networks, largest FlowID (3.2)", "2000 6558 fffffe ff", 0xfffffe, 0xff],
  ["a reserved VSID: the header has no opinion (3.4)", "2000 6558 000fff 01", 0xfff, 1],
  ["bits 6 to 12 set (RFC 2784 2.3: ignored on receipt)", "23f8 6558 001388 07", 5000, 7],
] as const;

const refused = [
  ["no key (3.2: K must be 1)", "0000 6558 001388 07"],
  ["a checksum (3.2: C must be 0)", "a000 6558 0000 0000 001388 07"],
  ["a sequence number (3.2: S must be 0)", "3000 6558 001388 07 00000001"],
  ["routing, bit 1 (RFC 2784 2.3)", "6000 6558 001388 07"],
  ["strict source route, bit 4 (RFC 2784 2.3)", "2800 6558 001388 07"],
  ["recursion, bit 5 (RFC 2784 2.3)", "2400 6558 001388 07"],
  ["version 1 (RFC 2637)", "2001 880b 001388 07"],
  ["IPv4 inside", "2000 0800 001388 07"],
  ["ERSPAN inside", "2000 88be 001388 07"],
  ["cut off", "2000 6558 001388"],
] as const;

for (const [why, octets, vsid, flowId] of vectors)
  test(`parses ${why}`, () =>
    assert.deepEqual(decode("nvgre", hex(octets), parseNvgre), {
      ok: true,
      value: { vsid, flowId },
    }));

for (const [why, octets] of refused)
  test(`refuses ${why}`, () => {
    const got = decode("nvgre", hex(octets), parseNvgre);
    assert.ok(!got.ok);
    assert.equal(got.error.fault, why === "cut off" ? "truncated" : "bad-value");
  });

test("emits exactly the header of section 3.2", () => {
  const out = new Uint8Array(8).fill(0xff);
  assert.equal(emitNvgre(new DataView(out.buffer), 0, { vsid: 0xabcdef, flowId: 0x42 }), 8);
  assert.deepEqual(out, hex("2000 6558 abcdef 42"));
});

test("the mask of section 3.2 and the parser agree on all flags", () => {
  const header = hex("0000 6558 001388 07 00000000 00000000");
  for (let flags = 0; flags <= 0xffff; flags++) {
    header[0] = flags >> 8;
    header[1] = flags & 0xff;
    const isNvgre = (flags & 0xb000) === 0x2000 && (flags & 0x4c07) === 0;
    assert.equal(decode("nvgre", header.subarray(0, 8), parseNvgre).ok, isNvgre, `${flags}`);
  }
});

test("GRE's optional fields come in the order checksum, key, sequence (RFC 2890 2)", () => {
  const octets = hex("b000 0800 1234 0000 00000007 00000009");
  assert.deepEqual(decode("gre", octets, parseGre), {
    ok: true,
    value: { protocolType: 0x0800, checksum: 0x1234, key: 7, sequence: 9 },
  });
});

holdsRoundTrip({
  what: "nvgre",
  values: record({ vsid: fc.nat(0xffffff), flowId: u8 }),
  emit: emitNvgre,
  parse: parseNvgre,
});

holdsRoundTrip({
  what: "gre",
  values: record({
    protocolType: u16,
    checksum: fc.option(u16),
    key: fc.option(u32),
    sequence: fc.option(u32),
  }),
  emit: emitGre,
  parse: parseGre,
});
