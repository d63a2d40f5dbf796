/**
 * Neighbour solicitation, RFC 4861 section 4.3, with the source link-layer address option (section 4.6.1).
 * Leaves out: advertisements, router discovery, redirects.
 */
import { invariant } from "../base/result.ts";
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";

export interface NeighbourSolicitation {
  /** 16 octets. */
  readonly target: Uint8Array;
  /** 6 octets. */
  readonly sourceMac: Uint8Array;
  /** Further options as they go on the wire; a receiver skips those that it does not know (section 4.6). */
  readonly options: Uint8Array;
}

/** The group that an address' owner listens on: ff02::1:ff00:0/104 and its last 24 bits (RFC 4291 section 2.7.1). */
export function solicitedNodeOf(ipv6: Uint8Array): Uint8Array {
  invariant(ipv6.length === 16, "an IPv6 address has 16 octets");
  return Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...ipv6.subarray(13, 16));
}

/** Writes the message, checksum included, at `at` and returns the offset after it. */
export function emitSolicitation(
  out: DataView,
  at: number,
  endpoints: Endpoints,
  message: NeighbourSolicitation,
): number {
  out.setUint8(at, 135);
  out.setUint8(at + 1, 0);
  out.setUint16(at + 2, 0);
  out.setUint32(at + 4, 0);
  const option = emitOctets(out, at + 8, message.target);
  out.setUint8(option, 1);
  out.setUint8(option + 1, 1);
  const end = emitOctets(out, emitOctets(out, option + 2, message.sourceMac), message.options);
  const pseudo = sumPseudoHeader(endpoints, IP_PROTOCOL.icmpv6, end - at);
  out.setUint16(at + 2, checksumOf(sumOctets(out, at, end - at, pseudo)));
  return end;
}
