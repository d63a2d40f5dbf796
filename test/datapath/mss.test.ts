/** The largest segment that TCP announces, lowered to what the way holds. Needs root. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { checksum, ethernet, filler, hex, ip, ip4, ip6, join, u16, u32 } from "./frame.ts";
import { PORTS, Rig } from "./rig.ts";

/** The stage's way holds 1400 octets. */
const MOST = { ipv4: 1360, ipv6: 1340 } as const;
type Family = keyof typeof MOST;
const FAMILIES = ["ipv4", "ipv6"] as const;

let rig: Rig;
before(() => {
  rig = new Rig("mss");
  rig.addStages();
});
after(() => rig.close());
beforeEach(() => rig.populate());

interface Segment {
  readonly flags?: number;
  readonly options?: readonly number[];
  readonly payload?: Uint8Array;
  /** Words of the header, where it is to be a lie. */
  readonly words?: number;
  readonly header?: object;
}

const SYN = 0x02;

/** A segment of the port's with a valid checksum. */
function frame(family: Family, segment: Segment): Uint8Array {
  const { flags = SYN, options = [], payload = new Uint8Array(0) } = segment;
  const ends =
    family === "ipv4" ? { from: "10.1.0.1", to: "10.1.0.2" } : { from: "fd00::1", to: "fd00::2" };
  const words = segment.words ?? 5 + options.length / 4;
  const fields = (sum: number): Uint8Array =>
    join(
      ...[u16(1), u16(2), u32(7), u32(9), [words << 4, flags], u16(1000), u16(sum), u16(0)],
      ...[options, payload],
    );
  const body = fields(0);
  const sum = checksum(ip(ends.from), ip(ends.to), u32(body.length), u32(6), body);
  return ethernet(
    { to: PORTS[2], from: PORTS[1] },
    family === "ipv4" ? 0x0800 : 0x86dd,
    family === "ipv4"
      ? ip4({ ...ends, protocol: 6, ...segment.header }, fields(sum))
      : ip6({ ...ends, next: 6, ...segment.header }, fields(sum)),
  );
}

function clamped(family: Family, segment: Segment, options: readonly number[]): void {
  const { delta, octets } = rig.run("mss", frame(family, segment), "port1");
  assert.deepEqual(delta, { "mss-clamped": 1 });
  assert.equal(hex(octets), hex(frame(family, { ...segment, options })));
}

function untouched(sent: Uint8Array): void {
  const { action, delta, octets } = rig.run("mss", sent, "port1");
  assert.deepEqual({ action, delta }, { action: 0, delta: {} });
  assert.equal(hex(octets), hex(sent));
}

const mss = (value: number): readonly number[] => [2, 4, ...u16(value)];
const NOP = 1;

for (const family of FAMILIES) {
  const most = MOST[family];

  test(`${family}: down to what the way holds, and never up`, () => {
    for (const value of [most + 1, 1460, 8960, 0xffff])
      clamped(family, { options: mss(value) }, mss(most));
    for (const value of [0, 1, 536, most - 1, most])
      untouched(frame(family, { options: mss(value) }));
  });

  test(`${family}: in a SYN and in the answer to it, and in nothing else`, () => {
    for (const flags of [0x02, 0x12, 0xc2])
      clamped(family, { flags, options: mss(1460) }, mss(most));
    for (const flags of [0x00, 0x10, 0x18, 0x04, 0xfd])
      untouched(frame(family, { flags, options: mss(1460) }));
  });

  test(`${family}: wherever the option stands`, () => {
    const sack = [4, 2];
    const time = [8, 10, 0, 0, 0, 1, 0, 0, 0, 0];
    const wide = [3, 3, 7];
    for (const [ahead, behind] of [
      [[], [...sack, ...time, NOP, ...wide]],
      [[NOP], [...wide]],
      [
        [NOP, NOP],
        [NOP, NOP],
      ],
      [[...wide], [NOP]],
      [[...sack, ...time], []],
      [Array.from({ length: 36 }, () => NOP), []],
      [Array.from({ length: 33 }, () => NOP), [0, 0, 0]],
    ] as const)
      for (const value of [1461, 0xff00, 0xffff])
        clamped(family, { options: [...ahead, ...mss(value), ...behind] }, [
          ...ahead,
          ...mss(most),
          ...behind,
        ]);
  });

  test(`${family}: data behind the header is data`, () => {
    clamped(family, { options: mss(1460), payload: filler(33) }, mss(most));
    untouched(frame(family, { payload: Uint8Array.from(mss(1460)) }));
  });

  test(`${family}: options that contradict themselves are left alone`, () => {
    for (const options of [
      [0, ...mss(1460), 0, 0, 0], // behind the end
      [2, 3, 5, 180], // of another length
      [2, 6, 5, 180, 0, 0, 0, 0],
      [2, 0, 5, 180],
      [2, 1, 5, 180],
      [3, 0, ...mss(1460), 0, 0],
      [3, 1, ...mss(1460), 0, 0],
      [30, 40, ...mss(1460), 0, 0], // longer than there is
      [NOP, NOP, NOP, 2],
      [NOP, NOP, 2, 4],
      [NOP, 2, 4, 5],
      [3, 3, 7, 2],
    ])
      untouched(frame(family, { options }));
    // A header shorter than TCP's, and one longer than the packet.
    for (const words of [0, 4, 5, 15]) untouched(frame(family, { options: mss(1460), words }));
    untouched(frame(family, { words: 6 }));
  });
}

test("fragments, and IPv6 behind extension headers, are not looked into", () => {
  for (const fragment of [0x2000, 0x0001])
    untouched(frame("ipv4", { options: mss(1460), header: { fragment } }));
  untouched(frame("ipv6", { options: mss(1460), header: { next: 17 } }));
  untouched(frame("ipv4", { options: mss(1460), header: { protocol: 132 } }));
  clamped("ipv4", { options: mss(1460), header: { options: new Uint8Array(40) } }, mss(1360));
});
