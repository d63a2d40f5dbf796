/**
 * The inner traffic class after decapsulation, ECN by RFC 6040 section 4.2 and DSCP by RFC 2983: the twin of
 * datapath/lib/ecn.h.
 */
import { replaceWord } from "../wire/checksum.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";

export const ECN = { notEct: 0, ect1: 1, ect0: 2, ce: 3 } as const;

/** The figure in RFC 6040 section 4.2, but for the cell that says drop. */
function ecnAfter(inner: number, outer: number): number {
  if (inner === ECN.notEct || inner === ECN.ce) return inner;
  if (outer === ECN.ce) return ECN.ce;
  return inner === ECN.ect0 && outer === ECN.ect1 ? ECN.ect1 : inner;
}

/** Writes the class into the frame that `inner` is; `isUniform`: its DSCP becomes the outer one. */
export function settleClass(inner: DataView, outerClass: number, isUniform: boolean): void {
  if (inner.byteLength < ETHERNET_OCTETS) return;
  const etherType = inner.getUint16(ETHERNET_OCTETS - 2);
  const ip = ETHERNET_OCTETS;
  const after = (was: number): number =>
    ecnAfter(was & 3, outerClass & 3) | ((isUniform ? outerClass : was) & 0xfc);
  if (etherType === ETHER_TYPE.ipv4 && inner.byteLength >= ip + IPV4_OCTETS) {
    const word = inner.getUint16(ip);
    const now = (word & 0xff00) | after(word & 0xff);
    if (now === word) return;
    inner.setUint16(ip, now);
    inner.setUint16(ip + 10, replaceWord(inner.getUint16(ip + 10), word, now));
  } else if (etherType === ETHER_TYPE.ipv6 && inner.byteLength >= ip + IPV6_OCTETS) {
    const word = inner.getUint16(ip);
    inner.setUint16(ip, (word & 0xf00f) | (after((word >> 4) & 0xff) << 4));
  }
}
