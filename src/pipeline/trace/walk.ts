/**
 * One frame from host to host, until it is somewhere: each program in turn, by its twin, with every lookup that it
 * makes. Of a frame that is flooded the copy is followed that leads where the frame is meant to come.
 */
import { formatIp } from "../../base/ip.ts";
import { formatMac } from "../../base/mac.ts";
import type { VerdictName } from "../../rows/abi.generated.ts";
import type { PuntReason } from "../../rows/punt-reasons.ts";
import type { EncapsulationName } from "../../rows/rows.ts";
import type { Departure, Outgoing, Tally } from "../departure.ts";
import { Frame } from "../frame.ts";
import { depart } from "../from-port.ts";
import { arrive } from "../from-underlay.ts";
import { readTunnel } from "../tunnel.ts";
import { ttlOf } from "./probe-packet.ts";
import { type Lookup, recordedPort, recordedUnderlay } from "./recorded-tables.ts";
import { portNameOf, type TraceHost, type World } from "./world.ts";

/** What the outer headers of a tunnel packet say. */
export interface Outer {
  readonly encapsulation: EncapsulationName;
  readonly vni: number;
  readonly source: string;
  readonly destination: string;
  readonly ttl: number;
  /** The flow's hash as it shows: VXLAN's UDP source port, NVGRE's FlowID. */
  readonly entropy: number;
}

/** What of a workload's frame changes on its way. */
export interface Inner {
  readonly source: string;
  readonly destination: string;
  /** Or hop limit; null: not IP. */
  readonly ttl: number | null;
}

export interface Step {
  readonly host: string;
  readonly hook: "from-port" | "from-underlay";
  /** The interface of a port; from the underlay, the outer source. */
  readonly from: string;
  readonly lookups: readonly Lookup[];
  readonly verdict: VerdictName;
  /** Counted beside it. */
  readonly beside: Tally;
  /** Octets of the largest IP packet that the rows of this step let through; null: none says. */
  readonly mtu: number | null;
  readonly before: Inner;
  /** Null: it went no further. */
  readonly after: Inner | null;
  /** Null: it did not leave by a tunnel. */
  readonly outer: Outer | null;
  /** By which the host's own routes may send it on, if it left by a tunnel. */
  readonly uplinks: readonly string[];
}

export type End =
  | { readonly at: "port"; readonly host: string; readonly port: string }
  /** Back at the port that it came from. */
  | { readonly at: "sender"; readonly octets: Uint8Array }
  /** On a host that weft does not program. */
  | { readonly at: "foreign"; readonly host: string }
  | { readonly at: "agent"; readonly host: string; readonly reason: PuntReason }
  | { readonly at: "dropped"; readonly host: string; readonly verdict: VerdictName }
  /** Copies went to others, none to whom it was meant for. */
  | { readonly at: "flooded"; readonly host: string; readonly copies: number }
  | { readonly at: "loop" };

export interface Walk {
  readonly steps: readonly Step[];
  readonly end: End;
}

/** Who is to receive a frame: which of its copies is followed. */
export interface Aim {
  readonly host: string | null;
  /** "tenant/name" */
  readonly port: string | null;
}

export interface Sending {
  readonly host: TraceHost;
  readonly interface: string;
  readonly port: number;
  readonly octets: Uint8Array;
}

/** A frame crosses no more hosts than this. */
const STEPS_MAX = 8;

export function walk(world: World, sending: Sending, aim: Aim): Walk {
  const steps: Step[] = [];
  const first = stepFromPort(sending);
  let { out, step } = first;
  let host = sending.host;
  for (;;) {
    steps.push(step);
    if (first.step === step && out.some((each) => isBackAt(each, sending)))
      return { steps, end: { at: "sender", octets: out[0]?.octets ?? new Uint8Array(0) } };
    const next = chosen(world, host, out, aim);
    if (next === null) return { steps, end: endOf(host, step, out) };
    if (next.to === "port") {
      const port = portNameOf(host, next.port) ?? String(next.port);
      return { steps, end: { at: "port", host: host.name, port } };
    }
    if (next.to === "agent")
      return { steps, end: { at: "agent", host: host.name, reason: next.reason } };
    const name = hostOfPeer(world, next, aim);
    const there = world.hostOf(name ?? "");
    if (!there) return { steps, end: { at: "foreign", host: name ?? next.peer.remote } };
    if (steps.length === STEPS_MAX) return { steps, end: { at: "loop" } };
    host = there;
    ({ out, step } = stepFromUnderlay(host, next.octets));
  }
}

const isBackAt = (out: Outgoing, { port }: Sending): boolean =>
  out.to === "port" && out.port === port;

function endOf(host: TraceHost, { verdict }: Step, out: readonly Outgoing[]): End {
  return out.length > 0
    ? { at: "flooded", host: host.name, copies: out.length }
    : { at: "dropped", host: host.name, verdict };
}

/** An underlay group is everybody. */
function hostOfPeer(
  { namesByVtep }: World,
  { peer }: Outgoing & { readonly to: "peer" },
  aim: Aim,
): string | null {
  return peer.routerMac === null && !namesByVtep.has(peer.remote)
    ? aim.host
    : (namesByVtep.get(peer.remote) ?? null);
}

/** The only way on, or that of several which leads to the aim; null: none. */
function chosen(
  world: World,
  host: TraceHost,
  out: readonly Outgoing[],
  aim: Aim,
): Outgoing | null {
  const [only] = out;
  if (out.length === 1 && only && !(only.to === "peer" && isGroup(world, only))) return only;
  const leads = (each: Outgoing): boolean =>
    each.to === "port"
      ? portNameOf(host, each.port) === aim.port
      : each.to === "peer" && aim.host !== null && hostOfPeer(world, each, aim) === aim.host;
  return out.find(leads) ?? null;
}

const isGroup = ({ namesByVtep }: World, out: Outgoing & { readonly to: "peer" }): boolean =>
  !namesByVtep.has(out.peer.remote);

/** A program's run on a frame, and what came out. */
interface Ran {
  readonly step: Step;
  readonly out: readonly Outgoing[];
}

function stepFromPort(sending: Sending): Ran {
  const { host, octets } = sending;
  const lookups: Lookup[] = [];
  const tables = recordedPort(host.ports, (lookup) => void lookups.push(lookup));
  const departure = depart(new Frame(octets), sending.interface, tables, 0);
  const at = { hook: "from-port", from: sending.interface } as const;
  const ran = ranOf(host, { ...at, lookups, before: innerAt(octets, 0) }, departure);
  // An answer to its sender is another frame.
  const isAnswer = departure.out.some((each) => isBackAt(each, sending));
  return isAnswer ? { ...ran, step: { ...ran.step, after: null } } : ran;
}

function stepFromUnderlay(host: TraceHost, octets: Uint8Array): Ran {
  const lookups: Lookup[] = [];
  const tables = recordedUnderlay(host.underlay, (lookup) => void lookups.push(lookup));
  const arrival = arrive(new Frame(octets), tables, 0);
  const { tunnel } = arrival;
  const from = tunnel ? formatIp({ octets: tunnel.source }) : "";
  const before = innerAt(octets, tunnel?.kind === "sound" ? tunnel.innerAt : 0);
  return ranOf(host, { hook: "from-underlay", from, lookups, before }, arrival);
}

function ranOf(
  host: TraceHost,
  at: Pick<Step, "hook" | "from" | "lookups" | "before">,
  { verdict, beside, out }: Departure,
): Ran {
  const [first] = out;
  const tunnel = first?.to === "peer" ? outerOf(host, first.octets) : null;
  const after = first && first.to !== "agent" ? innerAt(first.octets, tunnel?.innerAt ?? 0) : null;
  const mtus = at.lookups.flatMap(({ row }) => (typeof row?.mtu === "number" ? [row.mtu] : []));
  return {
    out,
    step: {
      ...{ host: host.name, ...at, verdict, beside, after },
      mtu: mtus.length > 0 ? Math.min(...mtus) : null,
      outer: tunnel?.outer ?? null,
      uplinks: tunnel ? host.uplinks.map((uplink) => uplink.interface) : [],
    },
  };
}

function innerAt(octets: Uint8Array, at: number): Inner {
  const inner = octets.subarray(at);
  return {
    source: formatMac(inner.subarray(6, 12)),
    destination: formatMac(inner.subarray(0, 6)),
    ttl: ttlOf(inner),
  };
}

function outerOf(
  { underlay }: TraceHost,
  octets: Uint8Array,
): { readonly outer: Outer; readonly innerAt: number } | null {
  const frame = new Frame(octets);
  const tunnel = readTunnel(frame, underlay.vxlanPort);
  if (tunnel?.kind !== "sound") return null;
  const { encapsulation, vni, ttl, flowId, innerAt: at } = tunnel;
  return {
    innerAt: at,
    outer: {
      ...{ encapsulation, vni, ttl },
      source: formatIp({ octets: tunnel.source }),
      destination: formatIp({ octets: tunnel.destination }),
      entropy: flowId ?? frame.u16(at - UDP_AND_VXLAN_OCTETS),
    },
  };
}

const UDP_AND_VXLAN_OCTETS = 16;
