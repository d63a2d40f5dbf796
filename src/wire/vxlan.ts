/**
 * VXLAN header, RFC 7348 section 5. Eight octets. Leaves out: reading it, and the extensions that use reserved bits.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |R|R|R|R|I|R|R|R|            Reserved                           |
 *  |                VXLAN Network Identifier (VNI) |   Reserved    |
 */
import { invariant } from "../base/result.ts";

export const VXLAN_OCTETS = 8;
const FLAG_VNI_VALID = 0x08;

/** Writes exactly VXLAN_OCTETS at `at`, reserved bits zero, and returns the offset after them. */
export function emitVxlan(out: DataView, at: number, header: { readonly vni: number }): number {
  invariant(header.vni >= 0 && header.vni < 1 << 24, "a VNI has 24 bits");
  out.setUint32(at, FLAG_VNI_VALID << 24);
  out.setUint32(at + 4, header.vni << 8);
  return at + VXLAN_OCTETS;
}
