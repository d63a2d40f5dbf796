/**
 * What becomes of a frame that arrives on an uplink: the twin of datapath/from-underlay.bpf.c, check by check in its
 * order. The frame that comes out is decapsulate.ts'. Leaves out: counters, and what the kernel may refuse.
 */
import { formatIp } from "../base/ip.ts";
import { formatMac, isGroupMac } from "../base/mac.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, isTagType, VLAN_TAG_OCTETS } from "../wire/ethernet.ts";
import { IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { UDP_OCTETS } from "../wire/udp.ts";
import { type Lesson, learn, standing } from "./fdb.ts";
import { receivers } from "./flood.ts";
import type { Frame } from "./frame.ts";
import { ECN } from "./inner-class.ts";
import { readTunnel, type SoundTunnel, type Tunnel } from "./tunnel.ts";
import type { ReceivingNetwork, UnderlayTables } from "./underlay-tables.ts";

export interface Arrival {
  readonly verdict: VerdictName;
  /** What was read of it, unless it passed as none of ours. */
  readonly tunnel: Tunnel | null;
  /** Ports of this host that get the inner frame. */
  readonly ports: readonly number[];
  /** Whether the inner frame takes the outer DSCP. */
  readonly isUniform: boolean;
  /** What it taught, though it went nowhere; null: it is not of a network that learns. */
  readonly lesson: NamedLesson | null;
}

export interface NamedLesson extends Lesson {
  readonly network: number;
  readonly mac: string;
}

/** `frame` is untagged: what arrives with a tag is the VLAN device's. */
export function arrive(frame: Frame, tables: UnderlayTables, nowSeconds: number): Arrival {
  const tunnel = readTunnel(frame, tables.vxlanPort);
  if (tunnel === null) return { ...ended("passed"), tunnel };
  const arrival = judge({ frame, tables, nowSeconds }, tunnel);
  const isOurs = arrival.verdict !== "passed" && arrival.verdict !== "passed-shared";
  return { ...arrival, tunnel: isOurs ? tunnel : null };
}

type Judgement = Omit<Arrival, "tunnel">;

const ended = (verdict: VerdictName): Judgement => ({
  verdict,
  ports: [],
  isUniform: false,
  lesson: null,
});

/** A frame, what it is held against, and when. */
interface Received {
  readonly frame: Frame;
  readonly tables: UnderlayTables;
  readonly nowSeconds: number;
}

function judge(received: Received, tunnel: Tunnel): Judgement {
  const { frame, tables } = received;
  const vtep = formatIp({ octets: tunnel.destination });
  const own = tables.vtep(vtep);
  /** Only packets to our own addresses are ours to refuse, and on a shared one not those that another may want. */
  const refuse = (why: VerdictName): Judgement =>
    ended(own === null ? "passed" : own.shared ? "passed-shared" : why);
  if (tunnel.kind === "refused") return refuse(tunnel.why);
  const network = tables.vniIn(vtep, tunnel.encapsulation, tunnel.vni);
  // Groups are shared: what others send there to networks that we do not have is no fault.
  if (network === null) return refuse(own?.isGroup ? "group-foreign" : "unknown-vni");
  const peer = tables.peerIn(formatIp({ octets: tunnel.source }));
  if (peer === null) return ended("unknown-peer");
  const admission = tables.admit(peer, network.network);
  if (admission === null) return ended("not-admitted");
  const why = refusalOfInner(frame, tunnel, network);
  if (why !== null) return ended(why);
  const lesson = lessonOf(received, tunnel, network, admission.learns ? admission.group : null);
  const isUniform = network.dscp === "uniform" && !admission.dscpKeep;
  return { ...destinationOf(received, tunnel, network, lesson), isUniform, lesson };
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
  return outerEcn === ECN.ce && innerEcn(frame, tunnel.innerAt) === ECN.notEct ? "ecn" : null;
}

/** The inner frame's IP packet against the network's MTU; of an aggregate, its segments with the least of headers. */
function exceeds(frame: Frame, tunnel: SoundTunnel, mtu: number): boolean {
  const end = frame.segmentOctets > 0 ? frame.wireOctets : tunnel.outerEnd;
  if (end - tunnel.innerAt - ETHERNET_OCTETS <= mtu) return false;
  return frame.segmentOctets === 0 || frame.segmentOctets + IPV4_OCTETS + UDP_OCTETS > mtu;
}

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

/** What the sender's address teaches, where anything is to be learned from him. */
function lessonOf(
  { frame, tables, nowSeconds }: Received,
  { innerAt }: SoundTunnel,
  { network, learning }: ReceivingNetwork,
  group: number | null,
): NamedLesson | null {
  if (learning === null || group === null) return null;
  const mac = formatMac(frame.octetsAt(innerAt + 6, 6));
  const knowledge = {
    known: tables.fdb(network, mac),
    learnedCount: tables.learnedCount(network),
    gatewayMac: tables.gatewayMac,
  };
  return { network, mac, ...learn({ ...learning, network, mac, group }, knowledge, nowSeconds) };
}

type Destination = Pick<Arrival, "verdict" | "ports">;

const nowhere = (verdict: VerdictName): Destination => ({ verdict, ports: [] });

/** Where the inner frame goes: to ports of this host, never to another tunnel. */
function destinationOf(
  { frame, tables, nowSeconds }: Received,
  tunnel: SoundTunnel,
  { network, unknownUnicast }: ReceivingNetwork,
  lesson: NamedLesson | null,
): Destination {
  const octets = frame.octetsAt(tunnel.innerAt, 6);
  const mac = formatMac(octets);
  const isGroup = isGroupMac(octets);
  // Who writes to himself is known by then.
  const known = (lesson?.mac === mac ? lesson.station : null) ?? tables.fdb(network, mac);
  const found = isGroup ? null : standing(known, nowSeconds);
  if (found?.kind === "group") return nowhere("split-horizon");
  if (found?.kind === "drop") return nowhere("fdb-drop");
  if (found === null && !isGroup && unknownUnicast === "drop") return nowhere("unknown-unicast");
  if (isShortIpv6(frame, tunnel)) return nowhere("decap-failed");
  const ports = receivers(tables, network, found ? [found.target] : tables.localPorts(network));
  const [some, none] = found
    ? (["delivered", "no-port"] as const)
    : (["flooded", "no-receiver"] as const);
  return { verdict: ports.length > 0 ? some : none, ports };
}

/** The kernel takes no outer headers off an IPv6 packet that ends inside its header. Shorter IPv4 is padded. */
function isShortIpv6(frame: Frame, tunnel: SoundTunnel): boolean {
  const payload = tunnel.innerAt + ETHERNET_OCTETS;
  const end = frame.segmentOctets > 0 ? frame.wireOctets : tunnel.outerEnd;
  return frame.u16(payload - 2) === ETHER_TYPE.ipv6 && end - payload < IPV6_OCTETS;
}
