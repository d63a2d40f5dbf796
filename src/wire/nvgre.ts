/**
 * NVGRE header, RFC 7637 section 3.2: GRE with a key and an Ethernet frame inside. Eight octets. Leaves out: reading it.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |0| |1|0|   Reserved0     | Ver |   Protocol Type 0x6558        |
 *  |               Virtual Subnet ID (VSID)        |    FlowID     |
 */
import { invariant } from "../base/result.ts";

export interface NvgreHeader {
  readonly vsid: number;
  /** 0..255. */
  readonly flowId: number;
}

export const NVGRE_OCTETS = 8;
const KEY_PRESENT = 0x2000;
const TRANSPARENT_ETHERNET = 0x6558;

/** Writes exactly NVGRE_OCTETS at `at` and returns the offset after them. */
export function emitNvgre(out: DataView, at: number, header: NvgreHeader): number {
  invariant(header.vsid >= 0 && header.vsid < 1 << 24, "a VSID has 24 bits");
  invariant(header.flowId >= 0 && header.flowId < 256, "a FlowID has 8 bits");
  out.setUint16(at, KEY_PRESENT);
  out.setUint16(at + 2, TRANSPARENT_ETHERNET);
  out.setUint32(at + 4, header.vsid * 256 + header.flowId);
  return at + NVGRE_OCTETS;
}
