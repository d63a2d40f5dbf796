/**
 * A tunnel packet from one who may send it, and what was inside on its further way: the twin of datapath/lib/decap.h.
 */
import { invariant } from "../base/result.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { decapsulate } from "./decapsulate.ts";
import { type Departure, dropped, type Outbound, toGroup } from "./departure.ts";
import { OUTER_TTL } from "./encapsulate.ts";
import { Frame } from "./frame.ts";
import { settleClass } from "./inner-class.ts";
import { flowOf } from "./inner-flow.ts";
import { type PuntReason, punt } from "./punt.ts";
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

/** `inner` is to leave by a tunnel again. The outer TTL goes on where it was, so that no disagreement makes a loop. */
export function outboundAgain({ tables, tunnel }: Admitted, inner: Frame): Outbound {
  const flow = flowOf(inner, tables.hashSeed);
  invariant(flow !== null, "what came out of a tunnel has the header of its type");
  return { frame: inner, tables, flow, ttl: Math.min(tunnel.ttl - 1, OUTER_TTL) };
}

/** For an endpoint that was here a moment ago, and whose sender does not know yet that it is not. */
export function sendStraggler(admitted: Admitted, group: number): Departure {
  if (admitted.tunnel.ttl <= 1) return dropped("ttl-exceeded");
  const inner = innerOf(admitted);
  if (inner === null) return dropped("decap-failed");
  const sent = toGroup(outboundAgain(admitted, inner), group, false);
  return { ...sent, beside: { ...sent.beside, "forwarded-straggler": 1 } };
}

/** To the agent with its outer headers; the inner class is settled by then. */
export function puntWhole(admitted: Admitted, reason: PuntReason, mtu: number): Departure {
  const { frame, tables, tunnel, network, peer, nowSeconds } = admitted;
  const { wireOctets, segmentOctets } = frame;
  const octets = frame.payloadAt(0, wireOctets).slice();
  const inner = new DataView(octets.buffer, tunnel.innerAt);
  settleClass(inner, tunnel.trafficClass, isUniform(admitted));
  return punt(
    { frame: new Frame(octets, { wireOctets, segmentOctets }), tables },
    { ...{ reason, mtu, peer, port: 0, innerAt: tunnel.innerAt }, ...ownersOf(network) },
    nowSeconds,
  );
}

const ownersOf = ({
  network,
  space,
  owner,
}: ReceivingNetwork): Pick<ReceivingNetwork, "network" | "space" | "owner"> => ({
  ...{ network, space, owner },
});
