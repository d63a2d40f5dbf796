/**
 * What becomes of a frame that the datapath has handed to the agent: an answer to its sender, or the frame in pieces.
 * Pure: the frame, the host's rows and the time decide. Leaves out: finding out where an address is (glean), which
 * is the endpoints' part.
 */
import { echoReplyTo } from "../wire/echo.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { fragmentIpv4 } from "../wire/fragmentation.ts";
import { type IcmpProblem, icmpErrorAbout } from "../wire/icmp-error.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import type { SlowAction } from "./action.ts";
import { type Budgets, spendOne } from "./budget.ts";
import { answerNeighbour } from "./neighbour.ts";
import type { Punted } from "./punted.ts";
import { replyWith } from "./reply.ts";
import type { SlowTables } from "./tables.ts";

export interface SlowState {
  /** Of answers, by owner. */
  readonly budgets: Budgets;
}

export interface SlowStep {
  readonly state: SlowState;
  readonly actions: readonly SlowAction[];
  /** There was something to answer, and its owner has spent his budget. */
  readonly isLimited: boolean;
}

export const initialSlowState: SlowState = { budgets: new Map() };

/** Problems that a sender is told, by why his packet was handed over. */
const PROBLEMS: Readonly<Partial<Record<Punted["reason"], IcmpProblem>>> = {
  ttl: "ttl-exceeded",
  "too-big": "too-big",
  "no-route": "no-route",
};

export function step(
  tables: SlowTables,
  state: SlowState,
  punted: Punted,
  nowMs: number,
): SlowStep {
  if (punted.reason === "fragment") return { state, actions: inPieces(punted), isLimited: false };
  const action = answer(tables, punted);
  if (action === null) return { state, actions: [], isLimited: false };
  const budgets = spendOne(state.budgets, punted.owner, nowMs);
  if (budgets === null) return { state, actions: [], isLimited: true };
  return { state: { budgets }, actions: [action], isLimited: false };
}

function answer(tables: SlowTables, punted: Punted): SlowAction | null {
  if (punted.reason === "gateway") return answerAsGateway(tables, punted);
  const problem = PROBLEMS[punted.reason];
  return problem === undefined ? null : complain(tables, punted, problem);
}

/** Frames of the packet's fragments, or packets that are routed, each in the way of the whole. */
function inPieces({ frame, port, space, mtu }: Punted): readonly SlowAction[] {
  if (etherTypeOf(frame) !== ETHER_TYPE.ipv4) return [];
  const fragments = fragmentIpv4(packetOf(frame), mtu) ?? [];
  return fragments.map((packet) => {
    if (port === 0) return { do: "route", space, packet };
    const piece = new Uint8Array(ETHERNET_OCTETS + packet.length);
    piece.set(frame.subarray(0, ETHERNET_OCTETS));
    piece.set(packet, ETHERNET_OCTETS);
    return { do: "send-from-port", port, frame: piece };
  });
}

/** What was sent to the gateway itself. */
function answerAsGateway(tables: SlowTables, punted: Punted): SlowAction | null {
  const asked = answerNeighbour(tables, punted);
  if (asked !== null) return asked;
  if (!isIp(punted.frame)) return null;
  const reply = echoReplyTo(packetOf(punted.frame));
  if (reply !== null) return replyWith(tables, punted, reply);
  return hasPorts(punted.frame) ? complain(tables, punted, "port-unreachable") : null;
}

function complain(tables: SlowTables, punted: Punted, problem: IcmpProblem): SlowAction | null {
  const { frame, mtu } = punted;
  // RFC 1122 section 3.2.2: nothing about what was sent to everybody on the link.
  if (!isIp(frame) || ((frame[0] ?? 0) & 1) !== 0) return null;
  const source = sourceOf(tables, punted, problem);
  const error = source && icmpErrorAbout(packetOf(frame), { problem, source, mtu });
  return error && replyWith(tables, punted, error);
}

/**
 * The router's address on the network that the packet came in by (RFC 1812 section 4.3.2.4). Between routers there is
 * none, so it is the one closest to where the packet was going: what a traceroute shows is the network's gateway.
 */
function sourceOf(tables: SlowTables, punted: Punted, problem: IcmpProblem): Uint8Array | null {
  const packet = packetOf(punted.frame);
  const octets = etherTypeOf(punted.frame) === ETHER_TYPE.ipv6 ? 16 : 4;
  const destination = octets === 16 ? packet.subarray(24, 40) : packet.subarray(16, 20);
  if (problem === "port-unreachable") return destination.slice();
  const ofNetwork = tables.gatewaysOfNetwork(punted.network).find((a) => a.length === octets);
  if (ofNetwork !== undefined) return ofNetwork;
  let closest: { readonly address: Uint8Array; readonly bits: number } | null = null;
  for (const address of tables.gatewaysOfSpace(punted.space)) {
    if (address.length !== octets) continue;
    const bits = bitsInCommon(address, destination);
    if (closest === null || bits > closest.bits) closest = { address, bits };
  }
  return closest?.address ?? null;
}

/** Leading bits in which the two are the same. */
function bitsInCommon(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((octet, i) => octet !== b[i]);
  return at < 0 ? 8 * a.length : 8 * at + Math.clz32((a[at] ?? 0) ^ (b[at] ?? 0)) - 24;
}

function hasPorts(frame: Uint8Array): boolean {
  const protocol = etherTypeOf(frame) === ETHER_TYPE.ipv6 ? frame[20] : frame[23];
  return protocol === IP_PROTOCOL.udp || protocol === IP_PROTOCOL.tcp;
}

const etherTypeOf = (frame: Uint8Array): number => ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);

const packetOf = (frame: Uint8Array): Uint8Array => frame.subarray(ETHERNET_OCTETS);

const isIp = (frame: Uint8Array): boolean =>
  etherTypeOf(frame) === ETHER_TYPE.ipv4 || etherTypeOf(frame) === ETHER_TYPE.ipv6;
