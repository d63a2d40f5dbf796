/**
 * What becomes of a frame that arrives on an uplink: the twin of datapath/from-underlay.bpf.c, check by check in its
 * order. Leaves out: the frame that comes out (its class, its padding), counters, and what the kernel may refuse.
 */
import { formatIp } from "../base/ip.ts";
import { formatMac, isGroupMac } from "../base/mac.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, isTagType, VLAN_TAG_OCTETS } from "../wire/ethernet.ts";
import { IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { UDP_OCTETS } from "../wire/udp.ts";
import type { Frame } from "./frame.ts";
import { readTunnel, type SoundTunnel, type Tunnel } from "./tunnel.ts";
import type { ReceivingNetwork, UnderlayTables } from "./underlay-tables.ts";

export interface Arrival {
  readonly verdict: VerdictName;
  /** What was read of it, unless it passed as none of ours. */
  readonly tunnel: Tunnel | null;
}

/** `frame` is untagged: what arrives with a tag is the VLAN device's. */
export function arrive(frame: Frame, tables: UnderlayTables): Arrival {
  const tunnel = readTunnel(frame, tables.vxlanPort);
  if (tunnel === null) return { verdict: "passed", tunnel };
  const verdict = judge(frame, tunnel, tables);
  return { verdict, tunnel: verdict === "passed" || verdict === "passed-shared" ? null : tunnel };
}

function judge(frame: Frame, tunnel: Tunnel, tables: UnderlayTables): VerdictName {
  const vtep = formatIp({ octets: tunnel.destination });
  const own = tables.vtep(vtep);
  /** Only packets to our own addresses are ours to refuse, and on a shared one not those that another may want. */
  const refuse = (why: VerdictName): VerdictName =>
    own === null ? "passed" : own.shared ? "passed-shared" : why;
  if (tunnel.kind === "refused") return refuse(tunnel.why);
  const network = tables.vniIn(vtep, tunnel.encapsulation, tunnel.vni);
  // Groups are shared: what others send there to networks that we do not have is no fault.
  if (network === null) return refuse(own?.isGroup ? "group-foreign" : "unknown-vni");
  const peer = tables.peerIn(formatIp({ octets: tunnel.source }));
  if (peer === null) return "unknown-peer";
  if (!tables.mayEnter(peer, network.network)) return "not-admitted";
  return refusalOfInner(frame, tunnel, network) ?? destinationOf(frame, tunnel, network, tables);
}

/** What is wrong with the inner frame; null: nothing. */
function refusalOfInner(
  frame: Frame,
  tunnel: SoundTunnel,
  network: ReceivingNetwork,
): VerdictName | null {
  const payload = tunnel.innerAt + ETHERNET_OCTETS;
  const isWhole = frame.segmentOctets > 0 || payload <= tunnel.outerEnd;
  if (!frame.reaches(payload) || !isWhole) return "inner-truncated";
  if (network.innerTags === "drop" && isTagType(frame.u16(payload - 2))) return "inner-tagged";
  const source = frame.octetsAt(tunnel.innerAt + 6, 6);
  if (isGroupMac(source) || source.every((octet) => octet === 0)) return "inner-source";
  if (exceeds(frame, tunnel, network.mtu)) return "too-big";
  const outerEcn = tunnel.trafficClass & 3;
  return outerEcn === ECN_CE && innerEcn(frame, tunnel.innerAt) === ECN_NOT_ECT ? "ecn" : null;
}

/** The inner frame's IP packet against the network's MTU; of an aggregate, its segments with the least of headers. */
function exceeds(frame: Frame, tunnel: SoundTunnel, mtu: number): boolean {
  const end = frame.segmentOctets > 0 ? frame.wireOctets : tunnel.outerEnd;
  if (end - tunnel.innerAt - ETHERNET_OCTETS <= mtu) return false;
  return frame.segmentOctets === 0 || frame.segmentOctets + IPV4_OCTETS + UDP_OCTETS > mtu;
}

const ECN_NOT_ECT = 0;
const ECN_CE = 3;

/** ECN of the inner IP packet, behind tags if they were let through; null: it has none. RFC 6040 section 4.2. */
function innerEcn(frame: Frame, innerAt: number): number | null {
  let at = innerAt + ETHERNET_OCTETS;
  while (isTagType(frame.u16(at - 2)) && frame.reaches(at + VLAN_TAG_OCTETS)) at += VLAN_TAG_OCTETS;
  const etherType = frame.u16(at - 2);
  if (etherType === ETHER_TYPE.ipv4)
    return frame.reaches(at + IPV4_OCTETS) ? frame.u8(at + 1) & 3 : null;
  if (etherType === ETHER_TYPE.ipv6)
    return frame.reaches(at + IPV6_OCTETS) ? (frame.u8(at + 1) >> 4) & 3 : null;
  return null;
}

/** Where the inner frame goes: to ports of this host, never to another tunnel. */
function destinationOf(
  frame: Frame,
  tunnel: SoundTunnel,
  { network, unknownUnicast }: ReceivingNetwork,
  tables: UnderlayTables,
): VerdictName {
  const mac = frame.octetsAt(tunnel.innerAt, 6);
  const isGroup = isGroupMac(mac);
  const found = isGroup ? null : tables.fdb(network, formatMac(mac));
  if (found?.kind === "group") return "split-horizon";
  if (found?.kind === "drop") return "fdb-drop";
  if (found === null && !isGroup && unknownUnicast === "drop") return "unknown-unicast";
  if (isShortIpv6(frame, tunnel)) return "decap-failed";
  if (found === null) return tables.localReceivers(network) > 0 ? "flooded" : "no-receiver";
  return tables.networkOfPort(found.target) === network ? "delivered" : "no-port";
}

/** The kernel takes no outer headers off an IPv6 packet that ends inside its header. Shorter IPv4 is padded. */
function isShortIpv6(frame: Frame, tunnel: SoundTunnel): boolean {
  const payload = tunnel.innerAt + ETHERNET_OCTETS;
  const end = frame.segmentOctets > 0 ? frame.wireOctets : tunnel.outerEnd;
  return frame.u16(payload - 2) === ETHER_TYPE.ipv6 && end - payload < IPV6_OCTETS;
}
