/**
 * What becomes of a frame that a workload sends: the twin of datapath/from-port.bpf.c and
 * datapath/lib/departure.h, check by check in their order.
 * Leaves out: counters, a tag beside the frame, and what the kernel may refuse.
 */
import { formatMac, isGroupMac } from "../base/mac.ts";
import type { PuntReason } from "../rows/punt-reasons.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL, IPV4_OCTETS } from "../wire/ipv4.ts";
import { answerEcho, answerError } from "./answer.ts";
import { type Departure, dropped, type Sound, type Tally, toGroup, toPort } from "./departure.ts";
import { hear } from "./discover.ts";
import { OUTER_TTL } from "./encapsulate.ts";
import { type Station, standing } from "./fdb.ts";
import { flood } from "./flood.ts";
import { forward } from "./forward.ts";
import type { Frame } from "./frame.ts";
import { refusalOf } from "./guard.ts";
import { flowOf } from "./inner-flow.ts";
import { clampMss } from "./mss.ts";
import type { PortTables } from "./port-tables.ts";
import { punt } from "./punt.ts";
import { resolve } from "./resolve.ts";
import { consult } from "./route.ts";
import { isTooBig, type Sent } from "./sent.ts";

/** `frame` is what the host receives on an interface behind which a port is, or is not. */
export function depart(
  frame: Frame,
  interfaceName: string,
  tables: PortTables,
  nowSeconds: number,
): Departure {
  const row = tables.attach(interfaceName);
  if (row === null) return dropped("port-unknown");
  const sent = { frame, row, tables };
  const why = refusalOf(sent);
  if (why === "too-big") return refuseSize(sent, row.mtu, nowSeconds);
  if (why !== null) return dropped(why);
  const flow = flowOf(frame, 0, tables.hashSeed);
  const trafficClass = row.dscp === "pipe" ? flow.trafficClass & 3 : flow.trafficClass;
  const sound = { ...sent, flow: { ...flow, trafficClass }, ttl: OUTER_TTL };
  if (!isTalk(frame)) return direct(sound, nowSeconds);
  const heard = hear(sent, nowSeconds);
  if (heard.isAnswer) return also(dropped("punted"), heard.beside);
  const { departure, beside } = resolve(sent, nowSeconds);
  return also(departure ?? direct(sound, nowSeconds), { ...heard.beside, ...beside });
}

/** Of neighbours: ARP, or ICMPv6. */
function isTalk(frame: Frame): boolean {
  const etherType = frame.u16(ETHERNET_OCTETS - 2);
  const isIcmp6 = frame.u8(ETHERNET_OCTETS + 6) === IP_PROTOCOL.icmpv6;
  return etherType === ETHER_TYPE.arp || (etherType === ETHER_TYPE.ipv6 && isIcmp6);
}

/** `more` is counted beside it too. */
const also = (departure: Departure, more: Tally): Departure => ({
  ...departure,
  beside: { ...departure.beside, ...more },
});

/** Bridged or routed, by its destination's MAC. */
function direct(sound: Sound, nowSeconds: number): Departure {
  const { frame, row, tables } = sound;
  const octets = frame.octetsAt(0, 6);
  const mac = formatMac(octets);
  if (isGroupMac(octets)) return flood(sound, nowSeconds);
  if (row.routed && mac === tables.gatewayMac) return route(sound, nowSeconds);
  const clamped = row.mssClamp ? clampMss(frame, row.mtu) : null;
  if (clamped) return also(bridge({ ...sound, frame: clamped }, nowSeconds), CLAMPED);
  return bridge(sound, nowSeconds);
}

const CLAMPED = { "mss-clamped": 1 } as const;

function bridge(sound: Sound, nowSeconds: number): Departure {
  const { frame, row, tables } = sound;
  const mac = formatMac(frame.octetsAt(0, 6));
  const found = standing(tables.fdb(row.network, mac), nowSeconds);
  if (found !== null) return toStation(sound, found);
  return row.unknownUnicast === "drop" ? dropped("unknown-unicast") : flood(sound, nowSeconds);
}

function toStation(sound: Sound, { kind, target }: Station): Departure {
  const { row } = sound;
  if (kind === "group") return toGroup(sound, target, false);
  if (kind === "drop") return dropped("fdb-drop");
  return target === row.port ? dropped("hairpin") : toPort(sound, target, row.network);
}

/** To the gateway's MAC. */
function route(sound: Sound, nowSeconds: number): Departure {
  const { frame, row, tables } = sound;
  const found = consult({ frame, at: 0, space: row.space, tables }, nowSeconds);
  if (found.kind === "refused") {
    const isTold = found.why === "no-route" || found.why === "ttl-exceeded";
    return isTold ? answerError(sound, found.why, 0, nowSeconds) : dropped(found.why);
  }
  const { place, headerOctets } = found;
  if (place.kind === "gateway")
    return answerEcho(sound) ?? answerError(sound, "gateway-closed", 0, nowSeconds);
  if (place.kind === "glean") return puntFrom(sound, "glean", 0, nowSeconds);
  if (isTooBig(frame, place.mtu, headerOctets)) return refuseSize(sound, place.mtu, nowSeconds);
  const clamped = row.mssClamp ? clampMss(frame, place.mtu) : null;
  if (clamped) return also(forward({ ...sound, frame: clamped }, place), CLAMPED);
  return forward(sound, place);
}

/** Larger than `mtu`: its sender is told, but what may be cut is cut by the agent. */
function refuseSize(sent: Sent, mtu: number, nowSeconds: number): Departure {
  const { frame } = sent;
  const ip = ETHERNET_OCTETS;
  const isIpv4 = frame.u16(ip - 2) === ETHER_TYPE.ipv4 && frame.reaches(ip + IPV4_OCTETS);
  if (isIpv4 && (frame.u8(ip + 6) & 0x40) === 0) return puntFrom(sent, "fragment", mtu, nowSeconds);
  return answerError(sent, "too-big", mtu, nowSeconds);
}

function puntFrom(sent: Sent, reason: PuntReason, mtu: number, nowSeconds: number): Departure {
  const { port, network, space, owner } = sent.row;
  return punt(sent, { reason, mtu, port, network, space, owner, peer: 0, innerAt: 0 }, nowSeconds);
}
