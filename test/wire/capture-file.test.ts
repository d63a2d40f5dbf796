/** Capture files of both formats and byte orders, cut off, and of garbage. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CaptureFault } from "../../src/wire/capture.ts";
import { parseCapture } from "../../src/wire/capture-file.ts";
import {
  block,
  enhancedBlock,
  interfaceBlock,
  joined,
  type Kept,
  obsoleteBlock,
  pcapFile,
  pcapngFile,
  sectionBlock,
  simpleBlock,
} from "./capture-files.ts";

const frames: readonly Kept[] = [
  { bytes: Uint8Array.of(1, 2, 3) },
  { bytes: Uint8Array.of(4, 5, 6, 7), wireOctets: 1500 },
  { bytes: new Uint8Array(0) },
];
const read = frames.map(({ bytes, wireOctets = bytes.length }, i) => ({
  number: i + 1,
  bytes,
  wireOctets,
}));
const ORDERS = [false, true] as const;

/** Plain octets, whatever the file they are a view into. */
function parsed(file: Uint8Array): {
  readonly frames: readonly unknown[];
  readonly faults: readonly (readonly [CaptureFault["kind"], number])[];
} {
  const capture = parseCapture(file);
  return {
    frames: capture.frames.map((frame) => ({ ...frame, bytes: frame.bytes.slice() })),
    faults: capture.faults.map(({ kind, offset }) => [kind, offset]),
  };
}

for (const isLittle of ORDERS) {
  const order = isLittle ? "little" : "big";

  test(`pcap, ${order}-endian, in micro- and nanoseconds`, () => {
    for (const magic of [0xa1b2c3d4, 0xa1b23c4d])
      assert.deepEqual(parsed(pcapFile(frames, { isLittle, magic })), { frames: read, faults: [] });
  });

  test(`pcap, ${order}-endian, that says its frames carry a check sequence`, () =>
    assert.deepEqual(parsed(pcapFile(frames, { isLittle, linkType: 0x24000001 })), {
      frames: read,
      faults: [],
    }));

  test(`pcapng, ${order}-endian, of every kind of packet block, between blocks of no concern`, () => {
    const [first, second, third] = frames;
    assert.ok(first && second && third);
    const file = joined(
      sectionBlock(isLittle),
      interfaceBlock(isLittle, 1, 4),
      block(5, new Uint8Array(8), isLittle),
      enhancedBlock(isLittle, first),
      simpleBlock(isLittle, second),
      block(0x0bad, Uint8Array.of(1), isLittle),
      obsoleteBlock(isLittle, third),
    );
    assert.deepEqual(parsed(file), { frames: read, faults: [] });
  });
}

test("pcapng: a section of the other byte order, with interfaces of its own", () => {
  const other = joined(sectionBlock(false), interfaceBlock(false, 113), interfaceBlock(false));
  const frame = { bytes: Uint8Array.of(9) };
  const file = joined(pcapngFile(frames, true), other, enhancedBlock(false, frame, 1));
  assert.deepEqual(parsed(file), {
    frames: [...read, { number: 4, ...frame, wireOctets: 1 }],
    faults: [],
  });
});

test("other link types: none of a pcap, only that interface's of a pcapng", () => {
  assert.deepEqual(parsed(pcapFile(frames, { linkType: 113 })), {
    frames: [],
    faults: [["not-ethernet", 20]],
  });
  assert.match(parseCapture(pcapFile([], { linkType: 276 })).faults[0]?.detail ?? "", /type 276/);
  const head = joined(sectionBlock(true), interfaceBlock(true, 101), interfaceBlock(true));
  const ip = Uint8Array.of(0x45);
  const file = joined(
    head,
    enhancedBlock(true, { bytes: ip }, 0),
    enhancedBlock(true, { bytes: ip }, 1),
    enhancedBlock(true, { bytes: ip }, 2),
  );
  assert.deepEqual(parsed(file), {
    frames: [{ number: 2, bytes: ip, wireOctets: 1 }],
    faults: [
      ["not-ethernet", head.length],
      ["malformed", head.length + 72],
    ],
  });
});

test("what is neither format is said to be that", () => {
  for (const [file, detail] of [
    [new Uint8Array(0), "it is empty"],
    [Uint8Array.of(0x50, 0x4b, 3, 4, 5), "it begins with 504b0304"],
    [Uint8Array.of(0xa1, 0xb2, 0xc3), "it begins with a1b2c3"],
  ] as const)
    assert.deepEqual(parseCapture(file), {
      frames: [],
      faults: [{ kind: "not-a-capture", offset: 0, detail: `neither pcap nor pcapng: ${detail}` }],
    });
});

test("a file cut off anywhere gives the frames before the cut, and one fault unless the cut is between two", () => {
  for (const file of [pcapFile(frames), pcapngFile(frames)])
    for (let cut = 0; cut < file.length; cut++) {
      const whole = parsed(file);
      const part = parsed(file.subarray(0, cut));
      assert.deepEqual(part.frames, whole.frames.slice(0, part.frames.length));
      const again = parsed(joined(file.subarray(0, cut)));
      assert.deepEqual(part, again, "a view into a larger buffer reads alike");
      assert.ok(part.faults.length <= 1);
      if (part.faults.length === 0) assert.notEqual(part.frames.length, whole.frames.length);
    }
});

test("pcapng: blocks that contradict themselves end the reading", () => {
  const good = pcapngFile(frames.slice(0, 1));
  const at = good.length;
  const last = enhancedBlock(true, { bytes: Uint8Array.of(1, 2, 3, 4) });
  const spoiled = (offset: number, value: number): Uint8Array => {
    const file = joined(good, last);
    new DataView(file.buffer).setUint32(at + offset, value, true);
    return file;
  };
  assert.equal(parsed(joined(good, last)).faults.length, 0);
  for (const [offset, value, kind, where] of [
    [4, 8, "malformed", at + 4],
    [4, 37, "malformed", at + 4],
    [4, 400, "truncated", at],
    [20, 5, "truncated", at],
    [32, 40, "malformed", at + 32],
  ] as const) {
    const got = parsed(spoiled(offset, value));
    assert.deepEqual(got.faults, [[kind, where]], `${value} at ${offset}`);
  }
  assert.deepEqual(parsed(joined(good, block(6, new Uint8Array(8), true))).faults, [
    ["malformed", at],
  ]);
  const section = sectionBlock(true);
  section[8] = 0;
  assert.deepEqual(parsed(joined(good, section)).faults, [["malformed", at + 8]]);
});

test("whatever the octets: no throw, and frames lie inside the file", () => {
  const spoilt = fc
    .tuple(
      fc.constantFrom(pcapFile(frames), pcapngFile(frames), pcapngFile(frames, false)),
      fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 6 }),
    )
    .map(([file, changes]) => {
      const out = file.slice();
      for (const [at, octet] of changes) if (at < out.length) out[at] = octet;
      return out;
    });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), spoilt), (file) => {
      for (const { bytes, wireOctets } of parseCapture(file).frames)
        assert.ok(bytes.length <= file.length && bytes.length <= wireOctets);
    }),
    { numRuns: 2000 },
  );
});
