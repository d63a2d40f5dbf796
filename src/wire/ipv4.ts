/** IPv4 header without options, RFC 791 section 3.1. 20 octets. Leaves out: options, fragments. */
import { invariant } from "../base/result.ts";
import { checksumOf, sumOctets } from "./checksum.ts";
import { emitOctets } from "./octets.ts";

export interface Ipv4Header {
  /** 4 octets each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly ttl: number;
  /** Of what follows the header. */
  readonly payloadOctets: number;
}

export const IPV4_OCTETS = 20;
export const IP_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmpv6: 58 } as const;

/** Writes exactly IPV4_OCTETS at `at`, checksum and DF included, and returns the offset after them. */
export function emitIpv4(out: DataView, at: number, header: Ipv4Header): number {
  const total = IPV4_OCTETS + header.payloadOctets;
  invariant(header.source.length === 4 && header.destination.length === 4, "4 octets an address");
  invariant(total <= 0xffff, "an IPv4 packet has at most 65535 octets");
  out.setUint16(at, 0x4500);
  out.setUint16(at + 2, total);
  out.setUint16(at + 4, 0);
  out.setUint16(at + 6, 0x4000);
  out.setUint8(at + 8, header.ttl);
  out.setUint8(at + 9, header.protocol);
  out.setUint16(at + 10, 0);
  emitOctets(out, at + 12, header.source);
  emitOctets(out, at + 16, header.destination);
  out.setUint16(at + 10, checksumOf(sumOctets(out, at, IPV4_OCTETS)));
  return at + IPV4_OCTETS;
}
