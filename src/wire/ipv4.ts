/**
 * IPv4 header, RFC 791 section 3.1. Options are octets that nobody here reads. Leaves out: whether the total length
 * fits what is there, and whether the checksum is right, which are the reader's to judge.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |   4   |  IHL  | DSCP      |ECN|          Total Length         |
 *  |         Identification        |0|D|M|     Fragment Offset     |
 *  |      TTL      |    Protocol   |        Header Checksum        |
 *  |                            Source                             |
 *  |                          Destination                          |
 *  |                    Options (0..40 octets)                     |
 */
import { invariant } from "../base/result.ts";
import { checksumOf, sumOctets } from "./checksum.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface Ipv4Header {
  /** 4 octets each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly protocol: number;
  readonly ttl: number;
  /** DSCP and ECN, as one octet (RFC 2474, RFC 3168). */
  readonly trafficClass: number;
  readonly identification: number;
  readonly dontFragment: boolean;
  readonly moreFragments: boolean;
  /** In units of 8 octets: 0..8191. */
  readonly fragmentOffset: number;
  /** Of the header and what follows it. */
  readonly totalOctets: number;
  /** 0..40 octets, in fours. */
  readonly options: Uint8Array;
}

export const IPV4_OCTETS = 20;
export const IP_PROTOCOL = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmpv6: 58 } as const;

/** An atomic datagram (RFC 6864 section 4.1) without options and of the default class. */
export const IPV4_PLAIN = {
  trafficClass: 0,
  identification: 0,
  dontFragment: true,
  moreFragments: false,
  fragmentOffset: 0,
  options: new Uint8Array(0),
} as const;

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS = 0x2000;
const OFFSET = 0x1fff;

export function parseIpv4(r: Reader): Ipv4Header {
  const first = r.u8();
  const words = first & 0x0f;
  if (first >> 4 !== 4 || words < 5) r.fail("bad-value");
  const trafficClass = r.u8();
  const totalOctets = r.u16();
  const identification = r.u16();
  const fragment = r.u16();
  const ttl = r.u8();
  const protocol = r.u8();
  r.skip(2);
  return {
    source: r.octets(4),
    destination: r.octets(4),
    protocol,
    ttl,
    trafficClass,
    identification,
    dontFragment: (fragment & DONT_FRAGMENT) !== 0,
    moreFragments: (fragment & MORE_FRAGMENTS) !== 0,
    fragmentOffset: fragment & OFFSET,
    totalOctets,
    options: r.octets(4 * words - IPV4_OCTETS),
  };
}

/** Writes header, options and checksum at `at` and returns the offset after them. */
export function emitIpv4(out: DataView, at: number, header: Ipv4Header): number {
  const { options, fragmentOffset } = header;
  invariant(header.source.length === 4 && header.destination.length === 4, "4 octets an address");
  invariant(header.totalOctets <= 0xffff, "an IPv4 packet has at most 65535 octets");
  invariant(options.length <= 40 && options.length % 4 === 0, "options are 0..40 octets, in fours");
  invariant(fragmentOffset >= 0 && fragmentOffset <= OFFSET, "a fragment offset has 13 bits");
  const octets = IPV4_OCTETS + options.length;
  out.setUint8(at, 0x40 | (octets / 4));
  out.setUint8(at + 1, header.trafficClass);
  out.setUint16(at + 2, header.totalOctets);
  out.setUint16(at + 4, header.identification);
  out.setUint16(
    at + 6,
    (header.dontFragment ? DONT_FRAGMENT : 0) |
      (header.moreFragments ? MORE_FRAGMENTS : 0) |
      fragmentOffset,
  );
  out.setUint8(at + 8, header.ttl);
  out.setUint8(at + 9, header.protocol);
  out.setUint16(at + 10, 0);
  emitOctets(out, at + 12, header.source);
  emitOctets(out, at + 16, header.destination);
  const end = emitOctets(out, at + IPV4_OCTETS, options);
  out.setUint16(at + 10, checksumOf(sumOctets(out, at, octets)));
  return end;
}
