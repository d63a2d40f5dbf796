import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  emitRequest,
  FLAG,
  parseDone,
  parseError,
  parseMessages,
} from "../../../src/wire/netlink/message.ts";
import { decode } from "../../../src/wire/reader.ts";
import { hex } from "./octets.ts";

test("splits a datagram at each message's padded end", () => {
  const datagram = hex(`
    15000000 1000 0200 07000000 09000000 aabbccdd ee000000
    14000000 0300 0200 07000000 09000000 00000000`);
  const head = { flags: 2, sequence: 7, port: 9 };
  assert.deepEqual(decode("netlink", datagram, parseMessages), {
    ok: true,
    value: [
      { type: 16, ...head, body: hex("aabbccddee") },
      { type: 3, ...head, body: hex("00000000") },
    ],
  });
});

const refused = [
  ["a header cut short", "10000000 1000 0200 07000000", "truncated"],
  ["a length below the header's", "0f000000 1000 0200 07000000 09000000", "bad-length"],
  ["a length of zero", "00000000 1000 0200 07000000 09000000", "bad-length"],
  ["a body cut short", "18000000 1000 0200 07000000 09000000 aabbccdd", "truncated"],
] as const;

for (const [why, octets, fault] of refused)
  test(`refuses ${why}`, () => {
    const got = decode("netlink", hex(octets), parseMessages);
    assert.ok(!got.ok);
    assert.equal(got.error.fault, fault);
  });

const outcomes = [
  ["an acknowledgement", 0x100, "00000000 24000000 13000500 01000000 00000000", 0, null],
  ["a bare error", 0x100, "edffffff 24000000 13000500 01000000 00000000", 19, null],
  [
    "an error with the kernel's words",
    0x300,
    "eaffffff 24000000 13000500 01000000 00000000 0b000100 6e6f7420 686500 00",
    22,
    "not he",
  ],
  [
    "an error with the request repeated before the words",
    0x200,
    "eaffffff 14000000 13000500 01000000 00000000 deadbeef 08000100 61620000",
    22,
    "ab",
  ],
] as const;

for (const [why, flags, octets, errno, text] of outcomes)
  test(`reads ${why}`, () =>
    assert.deepEqual(
      decode("netlink.error", hex(octets), (r) => parseError(r, flags)),
      { ok: true, value: { errno, text } },
    ));

test("reads the end of a dump: bare, empty, and refused with words", () => {
  const done = (octets: string, flags: number): unknown =>
    decode("netlink.done", hex(octets), (r) => parseDone(r, flags));
  assert.deepEqual(done("00000000", 2), { ok: true, value: { errno: 0, text: null } });
  assert.deepEqual(done("", 2), { ok: true, value: { errno: 0, text: null } });
  assert.deepEqual(done("eaffffff 07000100 6e6f00 00", 0x202), {
    ok: true,
    value: { errno: 22, text: "no" },
  });
});

test("emits a request over dirty octets, numbered", () => {
  const out = new DataView(new Uint8Array(40).fill(0xff).buffer);
  const end = emitRequest(
    out,
    4,
    {
      operation: "",
      object: "",
      type: 0x1234,
      flags: FLAG.request | FLAG.dump,
      emit: (o, at) => {
        o.setUint32(at, 1, true);
        return at + 4;
      },
    },
    77,
  );
  assert.equal(end, 24);
  assert.deepEqual(
    new Uint8Array(out.buffer, 4, 20),
    hex("14000000 3412 0103 4d000000 00000000 01000000"),
  );
  assert.equal(out.getUint32(24), 0xffffffff);
});

test("whatever the octets: no throw", () =>
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 80 }),
      fc.constantFrom(0, 0x100, 0x200, 0x300),
      (b, flags) => {
        const got = decode("netlink", b, parseMessages);
        if (got.ok) assert.ok(got.value.length * 16 <= b.length);
        decode("error", b, (r) => parseError(r, flags));
        decode("done", b, (r) => parseDone(r, flags));
      },
    ),
    { numRuns: 2000 },
  ));
