/**
 * ICMP errors about a packet: RFC 792, RFC 1191 section 4 and RFC 1812 sections 4.3.2 and 5.2.7 for IPv4, RFC 4443
 * sections 2.4 and 3 for IPv6. Whole packets in, whole packets out. Leaves out: extensions (RFC 4884), redirects,
 * parameter problems, and what links and nodes other than a router have to say.
 */
import type { Endpoints } from "./checksum.ts";
import { emitIcmp, emitIcmp6 } from "./icmp.ts";
import { emitIpv4, IP_PROTOCOL, IPV4_OCTETS, IPV4_PLAIN, parseIpv4 } from "./ipv4.ts";
import {
  emitIpv6,
  extensionOf,
  IPV6_OCTETS,
  IPV6_PLAIN,
  parseExtension,
  parseIpv6,
} from "./ipv6.ts";
import { Reader } from "./reader.ts";

export type IcmpProblem = "ttl-exceeded" | "too-big" | "no-route" | "port-unreachable";

export interface IcmpError {
  readonly problem: IcmpProblem;
  /** Of the router, of the packet's family. */
  readonly source: Uint8Array;
  /** That the packet exceeds; told by "too-big" alone. */
  readonly mtu: number;
}

/** RFC 1812 section 4.3.2.3: as much of the packet as goes into this. */
const IPV4_ERROR_OCTETS_MAX = 576;
/** RFC 4443 section 2.4 (c): the least MTU of IPv6. */
const IPV6_ERROR_OCTETS_MAX = 1280;
const ICMP_OCTETS = 8;
const TTL = 64;
/** RFC 1812 section 4.3.2.5: precedence "internetwork control". */
export const CONTROL_CLASS = 0xc0;
/** Chains longer than this are nobody's. */
const EXTENSIONS_MAX = 8;

const CODES_IPV4: Readonly<Record<IcmpProblem, readonly [type: number, code: number]>> = {
  "ttl-exceeded": [11, 0],
  "too-big": [3, 4],
  "no-route": [3, 0],
  "port-unreachable": [3, 3],
};

const CODES_IPV6: Readonly<Record<IcmpProblem, readonly [type: number, code: number]>> = {
  "ttl-exceeded": [3, 0],
  "too-big": [2, 0],
  "no-route": [1, 0],
  "port-unreachable": [1, 4],
};

/** Echo, router discovery, timestamp, information, address mask: what an ICMP message asks or answers. */
const QUERIES_IPV4: ReadonlySet<number> = new Set([0, 8, 9, 10, 13, 14, 15, 16, 17, 18]);
const REDIRECT_IPV6 = 137;

/** The error about `packet` as an IP packet; null: there must be none about it, or it is no IP packet. */
export function icmpErrorAbout(packet: Uint8Array, error: IcmpError): Uint8Array | null {
  return (packet[0] ?? 0) >> 4 === 6
    ? errorAboutIpv6(packet, error)
    : errorAboutIpv4(packet, error);
}

export interface IcmpErrorContent {
  /** As much of the packet as is quoted. */
  readonly quoted: Uint8Array;
  /** Told by "too-big" alone. */
  readonly mtu: number;
  readonly trafficClass: number;
}

/** The error as an IP packet of the family of `ends`. Whoever calls knows that it is due. */
export function icmpErrorPacket(
  problem: IcmpProblem,
  ends: Endpoints,
  { quoted, mtu, trafficClass }: IcmpErrorContent,
): Uint8Array {
  const isIpv4 = ends.source.length === 4;
  const [type, code] = (isIpv4 ? CODES_IPV4 : CODES_IPV6)[problem];
  const message = { type, code, body: bodyOf(problem === "too-big" ? mtu : 0, quoted) };
  const payloadOctets = ICMP_OCTETS + quoted.length;
  const headerOctets = isIpv4 ? IPV4_OCTETS : IPV6_OCTETS;
  const out = new DataView(new ArrayBuffer(headerOctets + payloadOctets));
  if (isIpv4) {
    const header = { ...IPV4_PLAIN, ...ends, trafficClass, totalOctets: out.byteLength };
    emitIcmp(out, emitIpv4(out, 0, { ...header, protocol: IP_PROTOCOL.icmp, ttl: TTL }), message);
  } else {
    const header = { ...IPV6_PLAIN, ...ends, trafficClass, payloadOctets, hopLimit: TTL };
    const at = emitIpv6(out, 0, { ...header, nextHeader: IP_PROTOCOL.icmpv6 });
    emitIcmp6(out, at, ends, message);
  }
  return new Uint8Array(out.buffer);
}

function errorAboutIpv4(
  packet: Uint8Array,
  { problem, source, mtu }: IcmpError,
): Uint8Array | null {
  const r = new Reader(packet);
  const ip = parseIpv4(r);
  if (r.fault !== "" || !isHostIpv4(ip.source) || !isHostIpv4(ip.destination)) return null;
  if (ip.fragmentOffset > 0) return null;
  // An error whose type is not to be seen might be about an error.
  if (ip.protocol === IP_PROTOCOL.icmp && !(r.left > 0 && QUERIES_IPV4.has(r.u8()))) return null;
  const quoted = packet.subarray(0, Math.min(ip.totalOctets, packet.length, IPV4_QUOTE_OCTETS_MAX));
  const ends = { source, destination: ip.source };
  return icmpErrorPacket(problem, ends, { quoted, mtu, trafficClass: CONTROL_CLASS });
}

const IPV4_QUOTE_OCTETS_MAX: number = IPV4_ERROR_OCTETS_MAX - IPV4_OCTETS - ICMP_OCTETS;
const IPV6_QUOTE_OCTETS_MAX: number = IPV6_ERROR_OCTETS_MAX - IPV6_OCTETS - ICMP_OCTETS;

/** What both families put behind the checksum: a word, of which errors about the size tell the MTU, and the packet. */
function bodyOf(word: number, quoted: Uint8Array): Uint8Array {
  const body = new Uint8Array(4 + quoted.length);
  new DataView(body.buffer).setUint32(0, word);
  body.set(quoted, 4);
  return body;
}

function errorAboutIpv6(
  packet: Uint8Array,
  { problem, source, mtu }: IcmpError,
): Uint8Array | null {
  const r = new Reader(packet);
  const ip = parseIpv6(r);
  if (r.fault !== "" || !isHostIpv6(ip.source)) return null;
  // RFC 4443 section 2.4 (e.3): a group may be told that its packets are too big.
  if (isGroupIpv6(ip.destination) && problem !== "too-big") return null;
  if (isIcmpv6Error(r, ip.nextHeader)) return null;
  const octets = Math.min(IPV6_OCTETS + ip.payloadOctets, packet.length, IPV6_QUOTE_OCTETS_MAX);
  const ends = { source, destination: ip.source };
  return icmpErrorPacket(problem, ends, {
    ...{ quoted: packet.subarray(0, octets), mtu },
    trafficClass: IPV6_PLAIN.trafficClass,
  });
}

/** Whether the packet is, or may be for what can be seen, an error or a redirect (RFC 4443 section 2.4 (e.1), (e.2)). */
function isIcmpv6Error(r: Reader, nextHeader: number): boolean {
  let next = nextHeader;
  for (let i = 0; i < EXTENSIONS_MAX; i++) {
    const kind = extensionOf(next);
    if (kind === null) break;
    const extension = parseExtension(r, kind);
    if (r.fault !== "") return true;
    next = extension.nextHeader;
    // What is behind the cut is in another packet.
    if (extension.kind === "fragment" && extension.fragmentOffset > 0)
      return next === IP_PROTOCOL.icmpv6;
  }
  if (extensionOf(next) !== null) return true;
  if (next !== IP_PROTOCOL.icmpv6) return false;
  const type = r.u8();
  return type < 128 || type === REDIRECT_IPV6;
}

/** One host's address: RFC 1122 section 3.2.2 names those that no error goes to, or is about. */
function isHostIpv4(address: Uint8Array): boolean {
  const [first = 0] = address;
  return first !== 0 && first !== 127 && first < 224;
}

const isGroupIpv6 = (address: Uint8Array): boolean => address[0] === 0xff;

function isHostIpv6(address: Uint8Array): boolean {
  const head = address.subarray(0, 15);
  return !isGroupIpv6(address) && !(head.every((o) => o === 0) && (address[15] ?? 0) <= 1);
}
