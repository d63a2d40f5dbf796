/**
 * NVGRE header, RFC 7637 section 3.2: GRE with a key, nothing else optional, and an Ethernet frame inside. Eight
 * octets. Leaves out: which VSIDs may be used (section 3.4), which is the table's decision.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |0| |1|0|   Reserved0     | Ver |   Protocol Type 0x6558        |
 *  |               Virtual Subnet ID (VSID)        |    FlowID     |
 */
import { invariant } from "../base/result.ts";
import { ETHER_TYPE } from "./ethernet.ts";
import { emitGre, parseGre } from "./gre.ts";
import type { Reader } from "./reader.ts";

export interface NvgreHeader {
  /** 24 bits. */
  readonly vsid: number;
  /** 0..255. */
  readonly flowId: number;
}

export const NVGRE_OCTETS = 8;

/** Reads a header. Of GRE's reserved bits those that RFC 2784 section 2.3 lets a receiver ignore are ignored. */
export function parseNvgre(r: Reader): NvgreHeader {
  const { protocolType, checksum, key, sequence } = parseGre(r);
  if (protocolType !== ETHER_TYPE.teb || checksum !== null || key === null || sequence !== null)
    r.fail("bad-value");
  const vsidAndFlow = key ?? 0;
  return { vsid: vsidAndFlow >>> 8, flowId: vsidAndFlow & 0xff };
}

/** Writes exactly NVGRE_OCTETS at `at` and returns the offset after them. */
export function emitNvgre(out: DataView, at: number, header: NvgreHeader): number {
  invariant(header.vsid >= 0 && header.vsid < 1 << 24, "a VSID has 24 bits");
  invariant(header.flowId >= 0 && header.flowId < 256, "a FlowID has 8 bits");
  return emitGre(out, at, {
    protocolType: ETHER_TYPE.teb,
    checksum: null,
    key: header.vsid * 256 + header.flowId,
    sequence: null,
  });
}
