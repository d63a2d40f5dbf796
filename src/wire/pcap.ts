/**
 * pcap files (draft-ietf-opsawg-pcap): a header of 24 octets, then records of 16 octets and a frame each, in the byte
 * order of who wrote them, with time in micro- or nanoseconds. Leaves out: time, and the variants of other magic.
 */
import {
  type Capture,
  type CapturedFrame,
  type CaptureFault,
  cutOff,
  LINK_TYPE_ETHERNET,
  linkTypeText,
} from "./capture.ts";
import { Reader } from "./reader.ts";

const MAGICS: ReadonlySet<number> = new Set([0xa1b2c3d4, 0xa1b23c4d]);
const HEADER_OCTETS = 24;
const RECORD_OCTETS = 16;

/** Null: `file` does not begin as pcap does. */
export function parsePcap(file: Uint8Array): Capture | null {
  const isLittle = MAGICS.has(new Reader(file).u32le());
  if (!isLittle && !MAGICS.has(new Reader(file).u32())) return null;
  const r = new Reader(file);
  const u32 = (): number => (isLittle ? r.u32le() : r.u32());
  if (r.left < HEADER_OCTETS)
    return failed([], { kind: "truncated", offset: 0, detail: "the file header is cut off" });
  r.skip(HEADER_OCTETS - 4);
  // Above the link type stands what is known of check sequences.
  const linkType = u32() & 0xffff;
  if (linkType !== LINK_TYPE_ETHERNET)
    return failed([], { kind: "not-ethernet", offset: 20, detail: linkTypeText(linkType) });
  const frames: CapturedFrame[] = [];
  while (r.left > 0) {
    const offset = r.pos;
    if (r.left < RECORD_OCTETS)
      return failed(frames, { kind: "truncated", offset, detail: "a record's header is cut off" });
    r.skip(8);
    const octets = u32();
    const wireOctets = u32();
    if (octets > r.left) return failed(frames, cutOff(offset, octets, r.left));
    const bytes = file.subarray(r.pos, r.pos + octets);
    frames.push({ number: frames.length + 1, bytes, wireOctets: Math.max(octets, wireOctets) });
    r.skip(octets);
  }
  return { frames, faults: [] };
}

const failed = (frames: readonly CapturedFrame[], fault: CaptureFault): Capture => ({
  frames,
  faults: [fault],
});
