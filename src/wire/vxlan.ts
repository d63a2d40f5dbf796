/**
 * VXLAN header, RFC 7348 section 5. Eight octets. Leaves out: the extensions that use reserved bits.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |R|R|R|R|I|R|R|R|            Reserved                           |
 *  |                VXLAN Network Identifier (VNI) |   Reserved    |
 */
import { invariant } from "../base/result.ts";
import type { Reader } from "./reader.ts";

export interface VxlanHeader {
  /** 0..16777215: the RFC reserves none; whether a VNI is ours is the table's decision. */
  readonly vni: number;
}

export const VXLAN_PORT = 4789;
export const VXLAN_OCTETS = 8;
export const VXLAN_FLAG_VNI = 0x08;

/** Reads a header. Reserved bits are ignored on receipt and I must be set, as section 5 requires. */
export function parseVxlan(r: Reader): VxlanHeader {
  const flags = r.u8();
  r.skip(3);
  const vni = r.u32() >>> 8;
  if ((flags & VXLAN_FLAG_VNI) === 0) r.fail("bad-value");
  return { vni };
}

/** Writes exactly VXLAN_OCTETS at `at`, reserved bits zero, and returns the offset after them. */
export function emitVxlan(out: DataView, at: number, header: VxlanHeader): number {
  invariant(header.vni >= 0 && header.vni < 1 << 24, "a VNI has 24 bits");
  out.setUint32(at, VXLAN_FLAG_VNI << 24);
  out.setUint32(at + 4, header.vni << 8);
  return at + VXLAN_OCTETS;
}
