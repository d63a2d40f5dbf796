/**
 * Handing a frame on, to a port of this host or encapsulated to one peer: the twin of datapath/lib/send.h.
 */
import { parseMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import type { PuntReason } from "../rows/punt-reasons.ts";
import type { GroupMember } from "../rows/rows.ts";
import { encapsulate } from "./encapsulate.ts";
import { pickMember, pickWay } from "./flow-hash.ts";
import type { Frame } from "./frame.ts";
import type { Endpoint, HostTables, Way } from "./host-tables.ts";
import { type Flow, isIp } from "./inner-flow.ts";
import type { Sent } from "./sent.ts";

/** Counted verdicts, and how often. */
export type Tally = Readonly<Partial<Record<VerdictName, number>>>;

export interface Departure {
  readonly verdict: VerdictName;
  /** Counted beside it. */
  readonly beside: Tally;
  readonly out: readonly Outgoing[];
}

export type Outgoing =
  | { readonly to: "port"; readonly port: number; readonly octets: Uint8Array }
  | {
      readonly to: "peer";
      readonly peer: Endpoint;
      readonly octets: Uint8Array;
      /** The link's addresses are the kernel's to fill in. */
      readonly isByNeighbour: boolean;
    }
  | { readonly to: "agent"; readonly reason: PuntReason; readonly octets: Uint8Array };

/** A frame that may leave by a tunnel. */
export interface Outbound {
  readonly frame: Frame;
  readonly tables: HostTables;
  readonly flow: Flow;
  /** Of the outer header. */
  readonly ttl: number;
}

/** A frame that passed the guards; its class is what the network lets out. */
export interface Sound extends Sent, Omit<Outbound, "tables"> {}

/** How a peer is reached on a network. */
export type Via = Pick<GroupMember, "encapsulation" | "vni"> & { readonly peer: Endpoint };

export const dropped = (verdict: VerdictName): Departure => ({ verdict, beside: {}, out: [] });

/** To a port of this host, if it is of `network`: no state of half-written rows delivers across networks. */
export function toPort(
  { frame, tables }: Pick<Outbound, "frame" | "tables">,
  port: number,
  network: number,
): Departure {
  if (tables.networkOfPort(port) !== network) return dropped("no-port");
  const octets = frame.payloadAt(0, frame.wireOctets);
  return { verdict: "delivered", beside: {}, out: [{ to: "port", port, octets }] };
}

/** Encapsulated to one member of a next-hop group. `byRouter`: the inner frame is for his router's MAC. */
export function toGroup(outbound: Outbound, group: number, byRouter: boolean): Departure {
  const { tables, flow } = outbound;
  const members = tables.group(group);
  const member = members[pickMember(flow.hash, members.length)];
  if (!member) return dropped("no-group");
  const peer = tables.peer(member.peer);
  if (peer === null) return dropped("no-peer");
  const way = wayOf(tables, peer, flow.hash);
  // Who was never resolved is the kernel's to ask for, which it can for IP alone.
  if (way === null || (way.mac === null && !isIp(flow.etherType))) return dropped("no-adjacency");
  const isByNeighbour = !way.isFresh && isIp(flow.etherType);
  const octets = wrap(outbound, { ...member, peer }, isByNeighbour ? null : way);
  if (byRouter) {
    const inner = octets.length - outbound.frame.wireOctets;
    octets.set(peer.routerMac === null ? NO_MAC : macOctets(peer.routerMac), inner);
  }
  return {
    verdict: "encapsulated",
    beside: {},
    out: [{ to: "peer", peer, octets, isByNeighbour }],
  };
}

export function wayOf(tables: HostTables, peer: Endpoint, hash: number): Way | null {
  const ways = tables.waysTo(peer.remote);
  return ways[pickWay(hash, ways.length)] ?? null;
}

const NO_MAC = new Uint8Array(6);

/** The frame with its outer headers; `way` null: without the link's addresses. */
export function wrap(
  { frame, tables, flow, ttl }: Outbound,
  via: Via,
  way: Way | null,
): Uint8Array {
  return encapsulate(frame.payloadAt(0, frame.wireOctets), {
    ...via,
    ...{ vxlanPort: tables.vxlanPort, ttl },
    trafficClass: flow.trafficClass,
    hash: flow.hash,
    destinationMac: way?.mac ? macOctets(way.mac) : NO_MAC,
    sourceMac: way ? macOctets(way.sourceMac) : NO_MAC,
  });
}

/** Of what a table has. */
export function macOctets(text: string): Uint8Array {
  const octets = parseMac(text);
  invariant(octets !== null, `a row has no MAC: ${text}`);
  return octets;
}
