/**
 * What a port is told by ICMP (RFC 792, RFC 1191, RFC 1812 section 4.3; RFC 4443): why its packet was dropped, and that
 * the gateway is alive. The twin of datapath/lib/answer.h and datapath/lib/echo.h, check by check in their order.
 */
import { parseIp } from "../base/ip.ts";
import { LIMIT, type VerdictName } from "../rows/abi.generated.ts";
import { replaceWord } from "../wire/checksum.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, ethernetFrame } from "../wire/ethernet.ts";
import {
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
} from "../wire/icmp.ts";
import { CONTROL_CLASS, type IcmpProblem, icmpErrorPacket } from "../wire/icmp-error.ts";
import { IP_PROTOCOL, IPV4_OCTETS } from "../wire/ipv4.ts";
import { extensionOf, IPV6_OCTETS } from "../wire/ipv6.ts";
import { type Departure, dropped } from "./departure.ts";
import type { Frame } from "./frame.ts";
import { EXTENSIONS_MAX } from "./guard-ipv6.ts";
import type { Sent } from "./sent.ts";

const TTL = 64;
const ICMP_OCTETS = 8;
/** RFC 1812 section 4.3.2.3; RFC 4443 section 2.4. */
const QUOTE_IPV4_MAX = 512;
const QUOTE_IPV6_MAX: number = 1280 - IPV6_OCTETS - ICMP_OCTETS;
/** ICMP errors to one port earn their budget back over this time. */
const BURST_SECONDS: number = LIMIT.ANSWERS_BURST / LIMIT.ANSWERS_PER_SECOND;

/** Drops a port's frame for `why`, and tells its sender. `mtu`: that it exceeds, or 0. */
export function answerError(
  sent: Sent,
  why: VerdictName,
  mtu: number,
  nowSeconds: number,
): Departure {
  const { frame, row, tables } = sent;
  const etherType = frame.u16(ETHERNET_OCTETS - 2);
  const isIpv4 = etherType === ETHER_TYPE.ipv4;
  if (!isIpv4 && etherType !== ETHER_TYPE.ipv6) return dropped(why);
  const subject = isIpv4 ? subjectIpv4(frame, why, mtu) : subjectIpv6(frame, why, mtu);
  const problem = subject && problemOf(why, subject.protocol);
  if (!subject || !problem) return dropped(why);
  const ahead = tables.spentUntilSeconds("answer", row.port) - nowSeconds;
  if (ahead > 0 && ahead >= BURST_SECONDS)
    return { ...dropped(why), beside: { "icmp-limited": 1 } };
  const most = isIpv4 ? QUOTE_IPV4_MAX : QUOTE_IPV6_MAX;
  const quote = frame.payloadAt(ETHERNET_OCTETS, Math.min(subject.octets, most));
  const octets = errorAbout(sent, problem, quote, mtu);
  return {
    verdict: why,
    beside: { "icmp-sent": 1 },
    out: [{ to: "port", port: row.port, octets }],
  };
}

/** The packet that an error is about. */
interface Subject {
  /** Of the packet itself, without the link's padding. */
  readonly octets: number;
  /** What is in it. */
  readonly protocol: number;
}

const ICMP_ERRORS: readonly number[] = [3, 4, 5, 11, 12];
const ICMPV6_INFORMATIONAL = 128;
const ND_REDIRECT = 137;

/** Null: no error is due to it. */
function subjectIpv4(frame: Frame, why: VerdictName, mtu: number): Subject | null {
  const ip = ETHERNET_OCTETS;
  if (!frame.reaches(ip + IPV4_OCTETS) || (frame.u8(0) & 1) === 1) return null;
  if (!isOneHostIpv4(frame.u8(ip + 12)) || !isOneHostIpv4(frame.u8(ip + 16))) return null;
  if ((frame.u16(ip + 6) & 0x1fff) !== 0) return null;
  const octets = octetsOf(frame, frame.u16(ip + 2));
  const dontFragment = (frame.u16(ip + 6) & 0x4000) !== 0;
  if (why === "too-big" && (!dontFragment || isFitting(frame, octets, mtu))) return null;
  const protocol = frame.u8(ip + 9);
  const l4 = ip + 4 * (frame.u8(ip) & 0x0f);
  if (protocol === IP_PROTOCOL.icmp)
    if (!frame.reaches(l4 + 1) || ICMP_ERRORS.includes(frame.u8(l4))) return null;
  return octets < IPV4_OCTETS ? null : { octets, protocol };
}

function subjectIpv6(frame: Frame, why: VerdictName, mtu: number): Subject | null {
  const ip = ETHERNET_OCTETS;
  if (!frame.reaches(ip + IPV6_OCTETS) || (frame.u8(0) & 1) === 1) return null;
  if (!isOneHostIpv6(frame, ip + 8) || !isOneHostIpv6(frame, ip + 24)) return null;
  const octets = octetsOf(frame, IPV6_OCTETS + frame.u16(ip + 4));
  if (why === "too-big" && isFitting(frame, octets, mtu)) return null;
  const end = endOfChain(frame);
  if (end === null) return null;
  // Redirects are no errors, and get none either (RFC 4443 section 2.4 (e)).
  if (end.protocol === IP_PROTOCOL.icmpv6) {
    const type = frame.u8(end.at);
    if (!frame.reaches(end.at + 1) || type < ICMPV6_INFORMATIONAL || type === ND_REDIRECT)
      return null;
  }
  return { octets, protocol: end.protocol };
}

/** By what the packet says of itself, unless it is an aggregate. */
const octetsOf = (frame: Frame, said: number): number => {
  const octets = frame.wireOctets - ETHERNET_OCTETS;
  return frame.segmentOctets === 0 ? Math.min(octets, said) : octets;
};

const isFitting = (frame: Frame, octets: number, mtu: number): boolean =>
  frame.segmentOctets === 0 && octets <= mtu;

/** RFC 1812 section 4.3.2.7, by an address' first octet. */
const isOneHostIpv4 = (first: number): boolean => first !== 0 && first !== 127 && first < 224;

const isOneHostIpv6 = (frame: Frame, at: number): boolean =>
  frame.u8(at) !== 0xff && frame.octetsAt(at, 16).some((octet) => octet !== 0);

/** What is behind the extension headers; null: a later fragment, or a chain that cannot be followed. */
function endOfChain(frame: Frame): { readonly protocol: number; readonly at: number } | null {
  let protocol = frame.u8(ETHERNET_OCTETS + 6);
  let at = ETHERNET_OCTETS + IPV6_OCTETS;
  for (let i = 0; i < EXTENSIONS_MAX; i++) {
    const kind = extensionOf(protocol);
    if (kind === null) break;
    if (!frame.reaches(at + 8)) return null;
    if (kind === "fragment" && frame.u16(at + 2) >> 3 !== 0) return null;
    protocol = frame.u8(at);
    at += kind === "fragment" ? 8 : 8 + 8 * frame.u8(at + 1);
  }
  return extensionOf(protocol) === null ? { protocol, at } : null;
}

/** Null: nothing is said about it. */
function problemOf(why: VerdictName, protocol: number): IcmpProblem | null {
  if (why === "too-big" || why === "ttl-exceeded" || why === "no-route") return why;
  const isPorted = protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp;
  return why === "gateway-closed" && isPorted ? "port-unreachable" : null;
}

/** From the gateway of the port's network, or else from the address that the packet was for; in a frame to its sender. */
function errorAbout(
  { frame, row, tables }: Sent,
  problem: IcmpProblem,
  quoted: Uint8Array,
  mtu: number,
): Uint8Array {
  const etherType = frame.u16(ETHERNET_OCTETS - 2);
  const isIpv4 = etherType === ETHER_TYPE.ipv4;
  const [at, each] = isIpv4 ? [12, 4] : [8, 16];
  const own = tables.gateway(row.network)?.[isIpv4 ? "ipv4" : "ipv6"];
  const asked = quoted.subarray(at + each, at + 2 * each);
  const ends = {
    source: own ? addressOf(own) : asked,
    destination: quoted.subarray(at, at + each),
  };
  // The packet's own type of service, of IPv4.
  const trafficClass = CONTROL_CLASS | (isIpv4 ? (quoted[1] ?? 0) & 0x1c : 0);
  const content = { quoted, mtu: Math.min(mtu, 0xffff), trafficClass };
  const packet = icmpErrorPacket(problem, ends, content);
  const [destination, source] = [frame.octetsAt(6, 6), frame.octetsAt(0, 6)];
  return ethernetFrame({ destination, source, etherType }, packet);
}

const addressOf = (text: string): Uint8Array => parseIp(text)?.octets ?? new Uint8Array(4);

/** Answers an echo request to a gateway address; null: it is none that is to be answered. */
export function answerEcho({ frame, row }: Sent): Departure | null {
  const isIpv4 = frame.u16(ETHERNET_OCTETS - 2) === ETHER_TYPE.ipv4;
  const l4 = isIpv4 ? echoAtIpv4(frame) : echoAtIpv6(frame);
  if (l4 === null) return null;
  const octets = frame.payloadAt(0, frame.wireOctets).slice();
  const view = new DataView(octets.buffer);
  const [at, each] = isIpv4 ? [ETHERNET_OCTETS + 12, 4] : [ETHERNET_OCTETS + 8, 16];
  swap(octets, 0, 6);
  swap(octets, at, each);
  if (isIpv4) age(view);
  else view.setUint8(ETHERNET_OCTETS + 7, TTL);
  const was = view.getUint16(l4);
  view.setUint8(l4, isIpv4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY);
  view.setUint16(l4 + 2, replaceWord(view.getUint16(l4 + 2), was, view.getUint16(l4)));
  return { verdict: "answered", beside: {}, out: [{ to: "port", port: row.port, octets }] };
}

/** Where the request is; null: no whole one of a single host. */
function echoAtIpv4(frame: Frame): number | null {
  const ip = ETHERNET_OCTETS;
  const l4 = ip + 4 * (frame.u8(ip) & 0x0f);
  const isFragment = (frame.u16(ip + 6) & 0x3fff) !== 0;
  if (frame.u8(ip + 9) !== IP_PROTOCOL.icmp || isFragment) return null;
  if (!isOneHostIpv4(frame.u8(ip + 12)) || !frame.reaches(l4 + ICMP_OCTETS)) return null;
  return frame.u8(l4) === ICMP_ECHO_REQUEST ? l4 : null;
}

function echoAtIpv6(frame: Frame): number | null {
  const ip = ETHERNET_OCTETS;
  const l4 = ip + IPV6_OCTETS;
  if (frame.u8(ip + 6) !== IP_PROTOCOL.icmpv6 || !isOneHostIpv6(frame, ip + 8)) return null;
  if (!frame.reaches(l4 + ICMP_OCTETS)) return null;
  return frame.u8(l4) === ICMPV6_ECHO_REQUEST ? l4 : null;
}

/** Two neighbours of `each` octets change places. */
function swap(octets: Uint8Array, at: number, each: number): void {
  const first = octets.slice(at, at + each);
  octets.copyWithin(at, at + each, at + 2 * each);
  octets.set(first, at + each);
}

/** A TTL as of a packet that begins here. */
function age(view: DataView): void {
  const [ttl, sum] = [ETHERNET_OCTETS + 8, ETHERNET_OCTETS + 10];
  const was = view.getUint8(ttl) << 8;
  view.setUint8(ttl, TTL);
  view.setUint16(sum, replaceWord(view.getUint16(sum), was, TTL << 8));
}
