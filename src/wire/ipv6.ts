/**
 * IPv6 header and extension headers, RFC 8200 sections 3 and 4. Leaves out: the options inside extension headers,
 * jumbograms, and the authentication header, which ends the chain like any protocol that is not known.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |   6   | DSCP      |ECN|            Flow Label                 |
 *  |        Payload Length         |  Next Header  |   Hop Limit   |
 *  |                       Source (16 octets)                      |
 *  |                     Destination (16 octets)                   |
 */
import { invariant } from "../base/result.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface Ipv6Header {
  /** 16 octets each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly nextHeader: number;
  readonly hopLimit: number;
  /** DSCP and ECN, as one octet. */
  readonly trafficClass: number;
  /** 20 bits. */
  readonly flowLabel: number;
  readonly payloadOctets: number;
}

export const IPV6_OCTETS = 40;

/** The default class and no flow. */
export const IPV6_PLAIN = { trafficClass: 0, flowLabel: 0 } as const;

export function parseIpv6(r: Reader): Ipv6Header {
  const first = r.u32();
  if (first >>> 28 !== 6) r.fail("bad-value");
  const payloadOctets = r.u16();
  const nextHeader = r.u8();
  const hopLimit = r.u8();
  return {
    source: r.octets(16),
    destination: r.octets(16),
    nextHeader,
    hopLimit,
    trafficClass: (first >>> 20) & 0xff,
    flowLabel: first & 0xfffff,
    payloadOctets,
  };
}

/** Writes exactly IPV6_OCTETS at `at` and returns the offset after them. */
export function emitIpv6(out: DataView, at: number, header: Ipv6Header): number {
  const { source, destination, flowLabel } = header;
  invariant(source.length === 16 && destination.length === 16, "16 octets an address");
  invariant(header.payloadOctets <= 0xffff, "an IPv6 payload has at most 65535 octets");
  invariant(flowLabel >= 0 && flowLabel < 1 << 20, "a flow label has 20 bits");
  out.setUint32(at, 0x60000000 + header.trafficClass * 0x100000 + flowLabel);
  out.setUint16(at + 4, header.payloadOctets);
  out.setUint8(at + 6, header.nextHeader);
  out.setUint8(at + 7, header.hopLimit);
  emitOctets(out, at + 8, source);
  emitOctets(out, at + 24, destination);
  return at + IPV6_OCTETS;
}

/** An extension header, under the number by which the header before it announced it. */
export type Ipv6Extension =
  | {
      readonly kind: "hop-by-hop" | "routing" | "destination-options";
      readonly nextHeader: number;
      /** Everything behind the length: 6 octets and a multiple of 8. */
      readonly body: Uint8Array;
    }
  | {
      readonly kind: "fragment";
      readonly nextHeader: number;
      /** In units of 8 octets: 0..8191. */
      readonly fragmentOffset: number;
      readonly moreFragments: boolean;
      readonly identification: number;
    };

const kindsByNumber: ReadonlyMap<number, Ipv6Extension["kind"]> = new Map([
  [0, "hop-by-hop"],
  [43, "routing"],
  [44, "fragment"],
  [60, "destination-options"],
]);

/** The kind of extension header that a next header number means; null: none. */
export const extensionOf = (nextHeader: number): Ipv6Extension["kind"] | null =>
  kindsByNumber.get(nextHeader) ?? null;

export function parseExtension(r: Reader, kind: Ipv6Extension["kind"]): Ipv6Extension {
  const nextHeader = r.u8();
  const units = r.u8();
  if (kind !== "fragment") return { kind, nextHeader, body: r.octets(6 + 8 * units) };
  const offset = r.u16();
  return {
    kind,
    nextHeader,
    fragmentOffset: offset >> 3,
    moreFragments: (offset & 1) !== 0,
    identification: r.u32(),
  };
}

/** Writes the header at `at` and returns the offset after it. */
export function emitExtension(out: DataView, at: number, extension: Ipv6Extension): number {
  out.setUint8(at, extension.nextHeader);
  if (extension.kind === "fragment") {
    const { fragmentOffset } = extension;
    invariant(fragmentOffset >= 0 && fragmentOffset < 1 << 13, "a fragment offset has 13 bits");
    out.setUint8(at + 1, 0);
    out.setUint16(at + 2, (fragmentOffset << 3) | (extension.moreFragments ? 1 : 0));
    out.setUint32(at + 4, extension.identification);
    return at + 8;
  }
  const units = (extension.body.length - 6) / 8;
  invariant(Number.isInteger(units) && units >= 0 && units < 256, "6 octets and a multiple of 8");
  out.setUint8(at + 1, units);
  return emitOctets(out, at + 2, extension.body);
}
