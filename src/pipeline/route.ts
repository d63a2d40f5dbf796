/**
 * Which way a packet goes between the networks of a space, and why it cannot go it: the twin of the first half of
 * datapath/lib/route.h, check by check in its order (RFC 1812 section 5.2, RFC 8200 section 3).
 */
import { formatIp, formatPrefix, fromMapped, type IpAddress, prefixOf } from "../base/ip.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import type { Frame } from "./frame.ts";
import type { HostTables, Place } from "./host-tables.ts";
import { l4Octets } from "./sent.ts";

/** A frame for a router: the Ethernet header is at `at`. */
export interface Routed {
  readonly frame: Frame;
  readonly at: number;
  readonly space: number;
  readonly tables: HostTables;
}

export type Consultation =
  | { readonly kind: "refused"; readonly why: VerdictName }
  | {
      readonly kind: "found";
      readonly place: Place;
      /** From the IP header to the end of the TCP or UDP header: of a segment. */
      readonly headerOctets: number;
      readonly mayFragment: boolean;
    };

const refused = (why: VerdictName): Consultation => ({ kind: "refused", why });

export function consult(routed: Routed, nowSeconds: number): Consultation {
  const { frame, at } = routed;
  const etherType = frame.u16(at + ETHERNET_OCTETS - 2);
  if (etherType === ETHER_TYPE.ipv4) return consultIpv4(routed, nowSeconds);
  return etherType === ETHER_TYPE.ipv6 ? consultIpv6(routed, nowSeconds) : refused("not-routable");
}

function consultIpv4(routed: Routed, nowSeconds: number): Consultation {
  const { frame } = routed;
  const ip = routed.at + ETHERNET_OCTETS;
  if (!frame.reaches(ip + IPV4_OCTETS)) return refused("not-routable");
  const words = frame.u8(ip) & 0x0f;
  if (frame.u8(ip) >> 4 !== 4 || words < 5) return refused("not-routable");
  const [source, destination] = [frame.octetsAt(ip + 12, 4), frame.octetsAt(ip + 16, 4)];
  if (!isRoutableIpv4(source) || !isRoutableIpv4(destination)) return refused("not-routable");
  return judge(routed, nowSeconds, {
    destination: { family: "ipv4", octets: destination },
    ttl: frame.u8(ip + 8),
    headerOctets: 4 * words + l4Octets(frame, frame.u8(ip + 9), ip + 4 * words),
    mayFragment: (frame.u8(ip + 6) & 0x40) === 0,
  });
}

function consultIpv6(routed: Routed, nowSeconds: number): Consultation {
  const { frame } = routed;
  const ip = routed.at + ETHERNET_OCTETS;
  const l4 = ip + IPV6_OCTETS;
  if (!frame.reaches(l4)) return refused("not-routable");
  const [source, destination] = [frame.octetsAt(ip + 8, 16), frame.octetsAt(ip + 24, 16)];
  if (!isRoutableIpv6(source) || !isRoutableIpv6(destination)) return refused("not-routable");
  return judge(routed, nowSeconds, {
    destination: { family: "ipv6", octets: destination },
    ttl: frame.u8(ip + 7),
    headerOctets: IPV6_OCTETS + l4Octets(frame, frame.u8(ip + 6), l4),
    mayFragment: false,
  });
}

/** RFC 6890: what is never forwarded, as source or as destination. */
function isRoutableIpv4([first = 0, second = 0]: Uint8Array): boolean {
  return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254);
}

/** Neither multicast, link-local, nor of ::/96 (unspecified, loopback), nor mapped. */
function isRoutableIpv6(octets: Uint8Array): boolean {
  const [first = 0, second = 0] = octets;
  const isLinkLocal = first === 0xfe && second >> 6 === 2;
  const isLow = octets.subarray(0, 12).every((octet) => octet === 0);
  return first !== 0xff && !isLinkLocal && !isLow && fromMapped(octets).family === "ipv6";
}

interface Packet {
  readonly destination: IpAddress;
  readonly ttl: number;
  readonly headerOctets: number;
  readonly mayFragment: boolean;
}

function judge({ tables, space }: Routed, nowSeconds: number, packet: Packet): Consultation {
  const { destination, ttl, headerOctets, mayFragment } = packet;
  const place = placeOf(tables, space, destination, nowSeconds);
  if (place === null) return refused("no-route");
  if (place.kind !== "gateway") {
    if (place.kind === "drop") return refused("blackhole");
    if (ttl <= 1) return refused("ttl-exceeded");
  }
  return { kind: "found", place, headerOctets, mayFragment };
}

/** The exact address, else the longest prefix: by asking for each length that the space has. */
function placeOf(
  tables: HostTables,
  space: number,
  destination: IpAddress,
  nowSeconds: number,
): Place | null {
  const exact = standingPlace(tables.host(space, formatIp(destination)), nowSeconds);
  if (exact !== null) return exact;
  for (const bits of tables.lengths(space, destination.family)) {
    const found = tables.route(space, formatPrefix(prefixOf(destination, bits)));
    if (found !== null) return found;
  }
  return null;
}

/** What is known, if it still holds. */
const standingPlace = (known: Place | null, nowSeconds: number): Place | null =>
  known?.freshUntilSeconds != null && known.freshUntilSeconds < nowSeconds ? null : known;
