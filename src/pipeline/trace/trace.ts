/**
 * What becomes of a packet between two workloads, and of its answer: the question for the neighbour, then host by host
 * what every table says. Computed from rows alone, by the twin of the programs; no packet is sent.
 *
 * Leaves out: what a workload does with a packet, which way the hosts' own routes go, and what was learned.
 */
import { contains, formatIp, type IpAddress, type IpPrefix } from "../../base/ip.ts";
import { formatMac, parseMac } from "../../base/mac.ts";
import { invariant } from "../../base/result.ts";
import { frameOf, type Packet, questionFor, type TraceProtocol } from "./probe-packet.ts";
import { type Aim, type Walk, walk } from "./walk.ts";
import type { TraceHost, World } from "./world.ts";

/** A workload, or an address that no port is known to have. */
export interface TraceEnd {
  /** "tenant/name"; null: nobody's. */
  readonly port: string | null;
  readonly host: string | null;
  readonly mac: string | null;
  readonly address: IpAddress;
  /** Of its network: what it asks for itself. None: everything. */
  readonly subnets: readonly IpPrefix[];
  /** Of its network's router. */
  readonly gateways: readonly IpAddress[];
}

export interface TraceQuestion {
  readonly from: TraceEnd;
  readonly to: TraceEnd;
  readonly protocol: TraceProtocol;
  /** Of TCP and UDP, which is asked; 0 for ICMP. */
  readonly port: number;
}

export interface Neighbour {
  readonly address: string;
  readonly isGateway: boolean;
  /** Who is to be asked, and how the question went. */
  readonly walk: Walk;
  /** What the answer says; null: there is none. */
  readonly mac: string | null;
}

/** One way. */
export interface Leg {
  readonly from: string;
  readonly to: string;
  /** Null: it has nobody to ask, or is on no host of ours. */
  readonly neighbour: Neighbour | null;
  readonly walk: Walk | null;
  readonly arrives: boolean;
  /** Why not. */
  readonly why: string | null;
  /** Octets of the largest IP packet that goes all the way; null: none does. */
  readonly mtu: number | null;
}

export interface Trace {
  readonly forward: Leg;
  /** Null: nobody answers, for it did not arrive, or it was answered on its way. */
  readonly back: Leg | null;
  readonly arrives: boolean;
}

/** A program that has seen a packet which was sent. */
export interface Sighting {
  readonly host: string;
  readonly hook: string;
  readonly verdict: string;
}

export interface LiveTrace {
  readonly seen: readonly Sighting[];
  /** The target's workload received it. */
  readonly isReceived: boolean;
}

export function trace(world: World, { from, to, protocol, port }: TraceQuestion): Trace {
  const packet = {
    ...{ protocol, port, isReply: false, source: from.address, destination: to.address },
  };
  const forward = legOf(world, from, to, packet);
  if (!forward.arrives || forward.walk?.end.at === "sender")
    return { forward, back: null, arrives: forward.arrives };
  const reply = { ...packet, isReply: true, source: to.address, destination: from.address };
  const back = legOf(world, to, from, reply);
  return { forward, back, arrives: back.arrives };
}

const textOf = (end: TraceEnd): string =>
  end.port === null ? formatIp(end.address) : `${end.port} ${formatIp(end.address)}`;

function legOf(world: World, from: TraceEnd, to: TraceEnd, packet: Packet): Leg {
  const ends = { from: textOf(from), to: textOf(to) };
  const lost = (neighbour: Neighbour | null, why: string): Leg => ({
    ...{ ...ends, neighbour, walk: null, arrives: false, why, mtu: null },
  });
  const source = sourceOf(world, from);
  if (typeof source === "string") return lost(null, source);
  const hop = nextHopOf(from, to);
  if (hop === null) {
    const family = to.address.family === "ipv4" ? "IPv4" : "IPv6";
    return lost(
      null,
      `${ends.to} is on no subnet of ${from.port}, whose network has no ${family} gateway`,
    );
  }
  const neighbour = ask(world, source, from, hop);
  if (neighbour.mac === null)
    return lost(neighbour, `nobody answers for ${neighbour.address}: ${endText(neighbour.walk)}`);
  const destination = macOf(neighbour.mac);
  const octets = frameOf(packet, { source: macOf(from.mac ?? ""), destination });
  const way = walk(world, { ...source, octets }, to);
  const mtus = way.steps.flatMap(({ mtu }) => mtu ?? []);
  const arrives = isThere(way, to);
  return {
    ...{ ...ends, neighbour, walk: way, arrives, why: arrives ? null : endText(way) },
    mtu: arrives && mtus.length > 0 ? Math.min(...mtus) : null,
  };
}

interface Source {
  readonly host: TraceHost;
  readonly interface: string;
  readonly port: number;
}

/** Where the port's frames come in; else why none can be traced. */
function sourceOf(world: World, from: TraceEnd): Source | string {
  if (from.port === null) return `no port has ${formatIp(from.address)}`;
  const host = world.hostOf(from.host ?? "");
  if (!host) return `${from.host} is not programmed by weft: what ${from.port} sends is its own`;
  for (const row of host.portsById.values())
    if (`${row.tenant}/${row.name}` === from.port)
      return { host, interface: row.interface, port: row.port };
  return `${from.host} has no rows of ${from.port}`;
}

interface NextHop {
  readonly address: IpAddress;
  readonly isGateway: boolean;
  /** Who has it. */
  readonly aim: Aim;
  readonly mac: string | null;
}

/** As a workload's routes say: the destination itself on its own subnets, else the gateway. */
function nextHopOf({ subnets, gateways }: TraceEnd, to: TraceEnd): NextHop | null {
  const { family } = to.address;
  const own = subnets.filter((subnet) => subnet.family === family);
  if (own.length === 0 || own.some((subnet) => contains(subnet, to.address)))
    return { address: to.address, isGateway: false, aim: to, mac: to.mac };
  const gateway = gateways.find((address) => address.family === family);
  const aim = { host: null, port: null };
  return gateway ? { address: gateway, isGateway: true, aim, mac: null } : null;
}

function ask(world: World, source: Source, from: TraceEnd, hop: NextHop): Neighbour {
  const octets = questionFor(hop.address, from.address, macOf(from.mac ?? ""));
  const way = walk(world, { ...source, octets }, hop.aim);
  const { end } = way;
  const isReached =
    (end.at === "port" && end.port === hop.aim.port) ||
    (end.at === "foreign" && end.host === hop.aim.host);
  const told = end.at === "sender" ? formatMac(end.octets.subarray(6, 12)) : null;
  return {
    ...{ address: formatIp(hop.address), isGateway: hop.isGateway, walk: way },
    // Who is reached answers himself.
    mac: told ?? (isReached ? hop.mac : null),
  };
}

function macOf(text: string): Uint8Array {
  const octets = parseMac(text);
  invariant(octets !== null, `a port has no MAC: ${text}`);
  return octets;
}

/** At its port; of a host that is not ours nobody can say more than that it got there. */
function isThere({ steps, end }: Walk, to: TraceEnd): boolean {
  if (end.at === "sender") return steps[0]?.verdict === "answered";
  if (end.at === "port") return end.port === to.port;
  return end.at === "foreign" && end.host === to.host;
}

/** Where a frame ended, in words. */
function endText({ steps, end }: Walk): string {
  switch (end.at) {
    case "port":
      return `it goes to ${end.port} on ${end.host}`;
    case "sender":
      return `${steps[0]?.host} drops it and tells the sender: ${steps[0]?.verdict}`;
    case "foreign":
      return `it goes to ${end.host}, which is not programmed by weft`;
    case "agent":
      return `${end.host} hands it to its agent: ${end.reason}`;
    case "dropped":
      return `${end.host} drops it: ${end.verdict}`;
    case "flooded":
      return `${end.host} floods it, and none of ${end.copies} copies goes there`;
    default:
      return "it goes in a circle";
  }
}
