/**
 * A tunnel packet from one who may send it, and what was inside on its further way: the twin of datapath/lib/decap.h
 * and datapath/lib/straggler.h.
 */
import type { PuntReason } from "../rows/punt-reasons.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { decapsulate } from "./decapsulate.ts";
import { type Departure, dropped, toGroup } from "./departure.ts";
import { OUTER_TTL } from "./encapsulate.ts";
import { pickMember } from "./flow-hash.ts";
import { Frame } from "./frame.ts";
import { settleClass } from "./inner-class.ts";
import { type Flow, flowOf } from "./inner-flow.ts";
import { punt } from "./punt.ts";
import type { SoundTunnel } from "./tunnel.ts";
import type { Admission, ReceivingNetwork, UnderlayTables } from "./underlay-tables.ts";

/** A frame, what it is held against, and when. */
export interface Received {
  readonly frame: Frame;
  readonly tables: UnderlayTables;
  readonly nowSeconds: number;
}

export interface Admitted extends Received {
  readonly tunnel: SoundTunnel;
  readonly network: ReceivingNetwork;
  readonly peer: number;
  readonly admission: Admission;
}

/** The inner frame's IP packet against an MTU; an aggregate counts as its segments will, each with its headers. */
export function exceeds(
  frame: Frame,
  tunnel: SoundTunnel,
  mtu: number,
  headerOctets: number,
): boolean {
  const end = frame.segmentOctets > 0 ? frame.wireOctets : tunnel.outerEnd;
  if (end - tunnel.innerAt - ETHERNET_OCTETS <= mtu) return false;
  return frame.segmentOctets === 0 || frame.segmentOctets + headerOctets > mtu;
}

const isUniform = ({ network, admission }: Admitted): boolean =>
  network.dscp === "uniform" && !admission.dscpKeep;

/** The inner frame by itself; null: the kernel takes no outer headers off an IPv6 packet that ends inside its header. */
export function innerOf(admitted: Admitted): Frame | null {
  const { frame, tunnel } = admitted;
  const payload = tunnel.innerAt + ETHERNET_OCTETS;
  const end = frame.segmentOctets > 0 ? frame.wireOctets : tunnel.outerEnd;
  // Shorter IPv4 is padded.
  if (frame.u16(payload - 2) === ETHER_TYPE.ipv6 && end - payload < IPV6_OCTETS) return null;
  const octets = decapsulate(frame, tunnel, isUniform(admitted));
  return new Frame(octets, { wireOctets: octets.length, segmentOctets: frame.segmentOctets });
}

/** Still with its outer headers, and of the inner class that it leaves with. */
function settled(admitted: Admitted): Frame {
  const { frame, tunnel } = admitted;
  const { wireOctets, segmentOctets } = frame;
  const octets = frame.payloadAt(0, wireOctets).slice();
  const inner = new DataView(octets.buffer, tunnel.innerAt);
  settleClass(inner, tunnel.trafficClass, isUniform(admitted));
  return new Frame(octets, { wireOctets, segmentOctets });
}

/** What its next outer header says of the inner frame, if it leaves by a tunnel again. */
export function flowAgain(admitted: Admitted): Flow {
  const { tables, tunnel, network } = admitted;
  const flow = flowOf(settled(admitted), tunnel.innerAt, tables.hashSeed);
  return network.dscp === "pipe" ? { ...flow, trafficClass: flow.trafficClass & 3 } : flow;
}

/** Whether a group leads to the host that the frame came from. */
export function isBack({ tables, peer }: Admitted, group: number, { hash }: Flow): boolean {
  const members = tables.group(group);
  return members[pickMember(hash, members.length)]?.peer === peer;
}

/** The outer TTL goes on where it was, so that no disagreement makes a loop. */
export const ttlAgain = ({ tunnel }: Admitted): number => Math.min(tunnel.ttl - 1, OUTER_TTL);

/** The inner frame to where its endpoint has gone, for a sender who does not know yet. */
export function follow(admitted: Admitted, group: number): Departure {
  const flow = flowAgain(admitted);
  if (isBack(admitted, group, flow)) return dropped("split-horizon");
  const ttl = ttlAgain(admitted);
  if (ttl < 1) return dropped("ttl-exceeded");
  const frame = innerOf(admitted);
  if (frame === null) return dropped("decap-failed");
  const sent = toGroup({ frame, tables: admitted.tables, flow, ttl }, group, false);
  return sent.out.length > 0 ? { ...sent, beside: { "forwarded-straggler": 1 } } : sent;
}

/** To the agent with its outer headers. */
export function puntWhole(admitted: Admitted, reason: PuntReason, mtu: number): Departure {
  const { tables, tunnel, peer, nowSeconds } = admitted;
  const { network, space, owner } = admitted.network;
  const cause = { reason, port: 0, peer, network, space, owner, mtu, innerAt: tunnel.innerAt };
  return punt({ frame: settled(admitted), tables }, cause, nowSeconds);
}
