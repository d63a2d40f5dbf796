/**
 * What becomes of a frame that arrives on an uplink: the twin of datapath/from-underlay.bpf.c, check by check in its
 * order. Leaves out: counters, and what the kernel may refuse.
 */
import { formatIp } from "../base/ip.ts";
import { formatMac, isGroupMac } from "../base/mac.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, isTagType, VLAN_TAG_OCTETS } from "../wire/ethernet.ts";
import { IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { UDP_OCTETS } from "../wire/udp.ts";
import { type Departure, dropped, type Outgoing, toPort } from "./departure.ts";
import { type Admitted, exceeds, follow, innerOf, puntWhole, type Received } from "./emergence.ts";
import { type Lesson, learn, standing } from "./fdb.ts";
import { receivers } from "./flood.ts";
import type { Frame } from "./frame.ts";
import { answerAsGateway } from "./gateway.ts";
import { ECN } from "./inner-class.ts";
import { routeFromUnderlay } from "./route-from-underlay.ts";
import { readTunnel, type SoundTunnel, type Tunnel } from "./tunnel.ts";
import type { ReceivingNetwork, UnderlayTables } from "./underlay-tables.ts";

export interface Arrival extends Departure {
  /** What was read of it, unless it passed as none of ours. */
  readonly tunnel: Tunnel | null;
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
  if (tunnel === null) return { ...dropped("passed"), lesson: null, tunnel };
  const arrival = judge({ frame, tables, nowSeconds }, tunnel);
  const isOurs = arrival.verdict !== "passed" && arrival.verdict !== "passed-shared";
  return { ...arrival, tunnel: isOurs ? tunnel : null };
}

type Judgement = Omit<Arrival, "tunnel">;

const ended = (verdict: VerdictName): Judgement => ({ ...dropped(verdict), lesson: null });

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
  return admit({ ...received, tunnel, network, peer, admission });
}

const ZERO_MAC = "00:00:00:00:00:00";

function admit(admitted: Admitted): Judgement {
  const { frame, tunnel, network, tables } = admitted;
  const destination = frame.octetsAt(tunnel.innerAt, 6);
  const mac = formatMac(destination);
  if (network.isRouter) {
    if (mac !== (tables.routerMac ?? ZERO_MAC)) return ended("router-mac");
    return { ...routeFromUnderlay(admitted, network.isGateway), lesson: null };
  }
  const lesson = lessonOf(admitted);
  const beside = lesson?.verdict ? { [lesson.verdict]: 1 } : {};
  // Whoever has no gateway of his own asks this one.
  const isAsked = network.isGateway && admitted.admission.dscpKeep;
  const answer = isAsked ? answerAsGateway(admitted) : null;
  const { verdict, out, ...also } = answer ?? onward(admitted, destination, lesson);
  return { verdict, out, beside: { ...beside, ...also.beside }, lesson };
}

const onward = (
  admitted: Admitted,
  destination: Uint8Array,
  lesson: NamedLesson | null,
): Departure =>
  isGroupMac(destination)
    ? toPorts(admitted, null)
    : direct(admitted, formatMac(destination), lesson);

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
  if (exceeds(frame, tunnel, network.mtu, IPV4_OCTETS + UDP_OCTETS)) return "too-big";
  const outerEcn = tunnel.trafficClass & 3;
  return outerEcn === ECN.ce && innerEcn(frame, tunnel.innerAt) === ECN.notEct ? "ecn" : null;
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
function lessonOf(admitted: Admitted): NamedLesson | null {
  const { frame, tables, nowSeconds, tunnel, admission } = admitted;
  const { network, learning } = admitted.network;
  const group = admission.learns ? admission.group : null;
  if (learning === null || group === null) return null;
  const mac = formatMac(frame.octetsAt(tunnel.innerAt + 6, 6));
  const knowledge = {
    known: tables.fdb(network, mac),
    learnedCount: tables.learnedCount(network),
    gatewayMac: tables.gatewayMac,
  };
  return { network, mac, ...learn({ ...learning, network, mac, group }, knowledge, nowSeconds) };
}

/** Where the inner frame goes, by its destination's MAC: to ports of this host, and to a tunnel only what has moved. */
function direct(admitted: Admitted, mac: string, lesson: NamedLesson | null): Departure {
  const { tables, nowSeconds, network, admission } = admitted;
  if (mac === (tables.gatewayMac ?? ZERO_MAC)) {
    // Another weft host means this one; whoever has no gateway of his own means one of us.
    const isMeant = network.isGateway || !admission.dscpKeep;
    return isMeant ? routeFromUnderlay(admitted, true) : dropped("not-gateway");
  }
  if (mac === (tables.routerMac ?? ZERO_MAC)) return puntWhole(admitted, "gateway", 0);
  // Who writes to himself is known by then.
  const taught = lesson?.mac === mac ? lesson.station : null;
  const found = standing(taught ?? tables.fdb(network.network, mac), nowSeconds);
  if (found?.kind === "group") {
    const isStraggler = found.movedUntilSeconds >= nowSeconds;
    return isStraggler ? follow(admitted, found.target) : dropped("split-horizon");
  }
  if (found?.kind === "drop") return dropped("fdb-drop");
  if (found === null && network.unknownUnicast === "drop") return dropped("unknown-unicast");
  return toPorts(admitted, found?.target ?? null);
}

/** To one port, or, with `target` null, to all of them. */
function toPorts(admitted: Admitted, target: number | null): Departure {
  const { tables } = admitted;
  const { network } = admitted.network;
  const frame = innerOf(admitted);
  if (frame === null) return dropped("decap-failed");
  if (target !== null) return toPort({ frame, tables }, target, network);
  const octets = frame.payloadAt(0, frame.wireOctets);
  const out = receivers(tables, network, tables.localPorts(network)).map(
    (port): Outgoing => ({ to: "port", port, octets }),
  );
  return { verdict: out.length > 0 ? "flooded" : "no-receiver", beside: {}, out };
}
