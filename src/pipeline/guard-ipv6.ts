/**
 * The IPv6 half of the guards: addresses, extension headers that hide nothing, and neighbour discovery (RFC 4861
 * section 4). The twin of guard_ipv6 in datapath/lib/guard.h, check by check in its order.
 */
import { formatIp } from "../base/ip.ts";
import { formatMac } from "../base/mac.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { isNdType, ND_SOURCE_MAC, ND_TARGET_MAC } from "../wire/nd.ts";
import { isPorted } from "./inner-flow.ts";
import { isTooBig, isTunnel, l4Octets, type Sent } from "./sent.ts";

export function refusalOfIpv6(sent: Sent): VerdictName | null {
  const { frame, row, tables } = sent;
  const ip = ETHERNET_OCTETS;
  const l4 = ip + IPV6_OCTETS;
  if (!frame.reaches(l4) || frame.u8(ip) >> 4 !== 6) return "truncated";
  const protocol = frame.u8(ip + 6);
  const source = frame.octetsAt(ip + 8, 16);
  const isUnspecified = !mayUseIpv6(sent, source);
  // Duplicate address detection and MLD come from ::, and nothing else does (RFC 4862, RFC 3810).
  if (isUnspecified && !isZero(source)) return "source-ipv6";
  const hasPorts = isPorted(protocol) && frame.reaches(l4 + 8);
  const port = hasPorts ? frame.u16(l4 + 2) : 0;
  if (row.tenantTunnels === "deny" && isTunnel(protocol, port, tables.vxlanPort))
    return "tunnel-denied";
  const headerOctets = IPV6_OCTETS + l4Octets(frame, protocol, l4);
  if (isTooBig(frame, row.mtu, headerOctets)) return "too-big";
  const isPlain = protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp;
  return isUnspecified || !isPlain ? refusalOfChain(sent, isUnspecified) : null;
}

const isZero = (octets: Uint8Array): boolean => octets.every((octet) => octet === 0);

/** An IPv4 address written as IPv6, which in the tables is the IPv4 address. */
const isMapped = (ipv6: Uint8Array): boolean =>
  isZero(ipv6.subarray(0, 10)) && ipv6[10] === 0xff && ipv6[11] === 0xff;

function mayUseIpv6({ row, tables }: Sent, address: Uint8Array): boolean {
  const isOwn = formatIp({ octets: address }) === row.ipv6;
  if ((isOwn && !isZero(address)) || row.anyIpv6) return true;
  if (!row.sources || isMapped(address)) return false;
  return tables.isSource(row.port, { family: "ipv6", octets: address });
}

/** Extension headers before we give up on a packet. */
export const EXTENSIONS_MAX = 6;
const FRAGMENT = 44;
/** Hop-by-hop, routing, destination options: as long as they say. */
const SIZED: readonly number[] = [0, 43, 60];

/**
 * What is behind extension headers, so that they cannot hide neighbour discovery (RFC 7113 section 3, RFC 6980) or a
 * tunnel. A chain that cannot be followed is refused.
 */
function refusalOfChain(sent: Sent, isUnspecified: boolean): VerdictName | null {
  const { frame } = sent;
  let [protocol, at] = [frame.u8(ETHERNET_OCTETS + 6), ETHERNET_OCTETS + IPV6_OCTETS];
  let isFragment = false;
  for (let i = 0; i < EXTENSIONS_MAX; i++) {
    if (!SIZED.includes(protocol) && protocol !== FRAGMENT)
      return refusalOfEnd(sent, { protocol, at, isFragment, isUnspecified });
    if (!frame.reaches(at + 8)) return "truncated";
    const next = frame.u8(at);
    if (protocol === FRAGMENT) {
      // A later fragment shows nothing, and is nothing without the first.
      if (frame.u16(at + 2) >> 3 !== 0) return isUnspecified ? "source-ipv6" : null;
      isFragment = true;
      at += 8;
    } else at += 8 + 8 * frame.u8(at + 1);
    protocol = next;
  }
  return "source-nd";
}

/** What the chain ends in, and where. */
interface ChainEnd {
  readonly protocol: number;
  readonly at: number;
  readonly isFragment: boolean;
  readonly isUnspecified: boolean;
}

function refusalOfEnd(sent: Sent, end: ChainEnd): VerdictName | null {
  const { frame, row, tables } = sent;
  const { protocol, at, isUnspecified } = end;
  if (protocol !== IP_PROTOCOL.icmpv6) {
    if (isUnspecified) return "source-ipv6";
    if (row.tenantTunnels !== "deny") return null;
    const isUdp = protocol === IP_PROTOCOL.udp;
    // No ports to be seen in a first fragment: whatever it is, it hides.
    if (isUdp && !frame.reaches(at + 4)) return "truncated";
    const port = isUdp ? frame.u16(at + 2) : 0;
    return isTunnel(protocol, port, tables.vxlanPort) ? "tunnel-denied" : null;
  }
  if (!end.isFragment) return refusalOfNd(sent, at, isUnspecified);
  // Neighbour discovery is never fragmented (RFC 6980 section 5).
  if (!frame.reaches(at + 1) || isNdType(frame.u8(at))) return "source-nd";
  return isUnspecified ? "source-ipv6" : null;
}

const ND = {
  routerSolicitation: 133,
  routerAdvertisement: 134,
  neighbourSolicitation: 135,
  neighbourAdvertisement: 136,
  redirect: 137,
} as const;

/** Listener reports of MLD (RFC 2710, RFC 3810), and solicitations. */
const FROM_NOBODY: readonly number[] = [
  ...[131, 132, 143],
  ...[ND.neighbourSolicitation, ND.routerSolicitation],
];

/** Where the options of a message begin. */
const OPTIONS_AT = {
  [ND.routerSolicitation]: 8,
  [ND.routerAdvertisement]: 16,
  [ND.neighbourSolicitation]: 24,
  [ND.neighbourAdvertisement]: 24,
  [ND.redirect]: 40,
} as const;

/** The target that an advertisement, or a solicitation from ::, claims must be the port's; so must be the MACs. */
function refusalOfNd(sent: Sent, at: number, isUnspecified: boolean): VerdictName | null {
  const { frame } = sent;
  if (!frame.reaches(at + 8)) return "truncated";
  const type = frame.u8(at);
  if (isUnspecified && !FROM_NOBODY.includes(type)) return "source-ipv6";
  switch (type) {
    case ND.neighbourSolicitation:
    case ND.neighbourAdvertisement: {
      if (!frame.reaches(at + 24)) return "source-nd";
      const isClaim = type === ND.neighbourAdvertisement || isUnspecified;
      if (isClaim && !mayUseIpv6(sent, frame.octetsAt(at + 8, 16))) return "source-nd";
      break;
    }
    case ND.routerSolicitation:
    case ND.routerAdvertisement:
    case ND.redirect:
      break;
    default:
      return null;
  }
  return refusalOfOptions(sent, at + OPTIONS_AT[type], type === ND.redirect);
}

const ND_OPTIONS_MAX = 16;

/** In a redirect the target's MAC is another's by design. */
function refusalOfOptions(
  { frame, row }: Sent,
  first: number,
  isRedirect: boolean,
): VerdictName | null {
  let at = first;
  for (let i = 0; i <= ND_OPTIONS_MAX; i++) {
    if (!frame.reaches(at + 8)) return null;
    const type = frame.u8(at);
    const octets = 8 * frame.u8(at + 1);
    if (octets === 0) return "source-nd";
    const isMac = type === ND_SOURCE_MAC || (type === ND_TARGET_MAC && !isRedirect);
    if (isMac && formatMac(frame.octetsAt(at + 2, 6)) !== row.mac) return "source-nd";
    at += octets;
  }
  // More than anybody has use for: cannot be vouched for.
  return "source-nd";
}
