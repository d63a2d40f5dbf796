/** IPv6 header, RFC 8200 section 3. 40 octets. Leaves out: extension headers. */
import { invariant } from "../base/result.ts";
import { emitOctets } from "./octets.ts";

export interface Ipv6Header {
  /** 16 octets each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly payloadOctets: number;
}

export const IPV6_OCTETS = 40;

/** Writes exactly IPV6_OCTETS at `at` and returns the offset after them. */
export function emitIpv6(out: DataView, at: number, header: Ipv6Header): number {
  invariant(
    header.source.length === 16 && header.destination.length === 16,
    "16 octets an address",
  );
  invariant(header.payloadOctets <= 0xffff, "an IPv6 payload has at most 65535 octets");
  out.setUint32(at, 0x60000000);
  out.setUint16(at + 4, header.payloadOctets);
  out.setUint8(at + 6, header.nextHeader);
  out.setUint8(at + 7, header.hopLimit);
  emitOctets(out, at + 8, header.source);
  emitOctets(out, at + 24, header.destination);
  return at + IPV6_OCTETS;
}
