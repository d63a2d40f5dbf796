/**
 * Pass: who shares a network, from which address, under which encapsulation, and how large a packet may be.
 * Takes the sound part of an intent; a network with an error here has no segment.
 */
import { parseIp } from "../../base/ip.ts";
import type { EncapsulationName, FamilyName } from "../../rows/rows.ts";
import type { Finding, Host, Intent, Network, Port, Router } from "../intent.ts";
import { numberOf } from "../numbers.ts";
import { findingAt } from "../report.ts";
import { gatewayHostOf, routersByNetworkOf } from "../routers.ts";
import { compileGroups } from "./groups.ts";
import { networkKeyOf } from "./names.ts";

/** A host with at least one port in the network. */
export interface Member {
  readonly host: Host;
  /** In order of keys. */
  readonly ports: readonly Port[];
}

export interface Segment {
  readonly network: Network;
  readonly number: number;
  /** Octets of the largest inner IP packet, whatever the encapsulation. */
  readonly mtu: number;
  /** In order of names. */
  readonly membersByHost: ReadonlyMap<string, Member>;
  /** How it floods by the underlay's multicast; null: a copy to each host. */
  readonly multicast: Multicast | null;
  /** Of its router: a host that is part of the network with or without ports. */
  readonly gatewayHost: Host | null;
}

export interface Multicast {
  readonly group: string;
  /** One copy serves all: the first of the network's list that every host of it speaks. */
  readonly encapsulation: EncapsulationName;
}

/** Outer IP, then UDP and VXLAN or GRE with key, then the inner Ethernet header: octets on top of the inner IP packet. */
export const OVERHEAD_OCTETS: Readonly<
  Record<FamilyName, Readonly<Record<EncapsulationName, number>>>
> = {
  ipv4: { vxlan: 20 + 8 + 8 + 14, nvgre: 20 + 8 + 14 },
  ipv6: { vxlan: 40 + 8 + 8 + 14, nvgre: 40 + 8 + 14 },
};

/** What every IPv4 host takes (RFC 1122 §3.3.2), and what every IPv6 link carries (RFC 8200 §5). */
export const MTU_MIN = { ipv4: 576, ipv6: 1280 } as const;

export function compileSegments(intent: Intent): {
  readonly segments: readonly Segment[];
  readonly findings: readonly Finding[];
} {
  const segments: Segment[] = [];
  const findings: Finding[] = [];
  const groupsByNetwork = new Map(
    compileGroups(intent).assignments.map(({ network, group }) => [network.key, group]),
  );
  const portsByNetwork = Map.groupBy(intent.ports.values(), networkKeyOf);
  const routers = routersByNetworkOf(intent);
  for (const network of intent.networks.values()) {
    const number = numberOf(intent, network);
    const membersByHost = membersOf(intent, portsByNetwork.get(network.key) ?? []);
    if (number === null || membersByHost.size === 0) continue;
    const router = routers.get(network.key);
    const gatewayHost = router ? gatewayHostOf(intent, router) : null;
    const attendants = new Map(membersByHost);
    if (gatewayHost && !attendants.has(gatewayHost.key))
      attendants.set(gatewayHost.key, { host: gatewayHost, ports: [] });
    const mtu = mtuOf(network, attendants);
    const faults = [
      ...checkVteps(network, attendants),
      ...checkEncapsulations(network, attendants),
      ...checkMtu(network, attendants, mtu),
      ...checkMulticast(network, membersByHost),
    ];
    findings.push(...faults);
    if (faults.length > 0) continue;
    const group = groupsByNetwork.get(network.key);
    const encapsulation = commonEncapsulation(network, membersByHost);
    const multicast = group && encapsulation ? { group, encapsulation } : null;
    segments.push({ network, number, mtu, membersByHost, multicast, gatewayHost });
  }
  return { segments, findings };
}

function membersOf(intent: Intent, ports: readonly Port[]): ReadonlyMap<string, Member> {
  const portsByHost = Map.groupBy(ports, (port) => port.spec.host);
  const members = new Map<string, Member>();
  for (const host of intent.hosts.values()) {
    const own = portsByHost.get(host.key);
    if (own) members.set(host.key, { host, ports: own });
  }
  return members;
}

/** The tunnel addresses of `host` in `family`, the one that it sends from first. */
export function vtepsOf(host: Host, family: FamilyName): readonly string[] {
  return host.spec.vteps.filter((vtep) => parseIp(vtep)?.family === family);
}

/** What a network or a router's packets may arrive in at `host`. */
export function encapsulationsAt(
  network: Network | Router,
  host: Host,
): readonly EncapsulationName[] {
  return network.spec.encapsulations.filter((one) => host.spec.encapsulations.includes(one));
}

/** What two hosts use on a network or for a router: the first of its list that both speak; null: none. */
export function encapsulationBetween(
  network: Network | Router,
  a: Host,
  b: Host,
): EncapsulationName | null {
  const both = encapsulationsAt(network, a).filter((one) => b.spec.encapsulations.includes(one));
  return both[0] ?? null;
}

/** The first of the network's list that all its hosts speak; null: none. */
function commonEncapsulation(
  network: Network,
  members: ReadonlyMap<string, Member>,
): EncapsulationName | null {
  const hosts = [...members.values()].map((member) => member.host);
  const all = network.spec.encapsulations.filter((one) =>
    hosts.every((host) => host.spec.encapsulations.includes(one)),
  );
  return all[0] ?? null;
}

/** Octets of the largest underlay packet that every uplink of `host` carries. */
export function uplinkMtuOf(host: Host): number {
  return Math.min(...host.spec.uplinks.map((uplink) => uplink.mtu));
}

/** Budgeted for the largest header that the network allows, so that another encapsulation never changes it. */
function mtuOf(network: Network, members: ReadonlyMap<string, Member>): number {
  const smallest = Math.min(...[...members.values()].map(({ host }) => uplinkMtuOf(host)));
  return smallest - overheadOf(network);
}

/** Of the largest header that `network` allows. */
export function overheadOf(network: Network): number {
  const overheads = OVERHEAD_OCTETS[network.spec.underlay];
  return Math.max(...network.spec.encapsulations.map((one) => overheads[one]));
}

function checkVteps(network: Network, members: ReadonlyMap<string, Member>): readonly Finding[] {
  const { underlay } = network.spec;
  const without = [...members.values()].filter(({ host }) => vtepsOf(host, underlay).length === 0);
  return without.map(({ host }) =>
    findingAt(network, "$.spec.underlay", {
      code: "vtep-missing",
      message: `its underlay is ${underlay}, and host ${host.key} has no ${underlay} address in vteps`,
      suggestion: `add one to host ${host.key}, or change the underlay`,
    }),
  );
}

function checkEncapsulations(
  network: Network,
  members: ReadonlyMap<string, Member>,
): readonly Finding[] {
  const findings: Finding[] = [];
  const hosts = [...members.values()].map((member) => member.host);
  for (const [i, a] of hosts.entries())
    for (const b of hosts.slice(i + 1)) {
      if (encapsulationBetween(network, a, b) !== null) continue;
      const speaks = (host: Host): string =>
        `${host.key} speaks ${host.spec.encapsulations.join(", ")}`;
      findings.push(
        findingAt(network, "$.spec.encapsulations", {
          code: "no-common-encapsulation",
          message: `allows ${network.spec.encapsulations.join(", ")}; ${speaks(a)}, ${speaks(b)}: they have none in common`,
          suggestion: "allow one that both speak",
        }),
      );
    }
  return findings;
}

/** Pairs may each have their own encapsulation; a copy that is sent once has one. */
function checkMulticast(
  network: Network,
  members: ReadonlyMap<string, Member>,
): readonly Finding[] {
  if (network.spec.bum !== "multicast" || commonEncapsulation(network, members)) return [];
  return [
    findingAt(network, "$.spec.bum", {
      code: "no-common-encapsulation",
      message: `floods by multicast, and no encapsulation that it allows is spoken by all its hosts`,
      suggestion: "allow one that all speak, or bum: ingress-replication",
    }),
  ];
}

function checkMtu(
  network: Network,
  members: ReadonlyMap<string, Member>,
  mtu: number,
): readonly Finding[] {
  const addresses = [...members.values()].flatMap(({ ports }) =>
    ports.flatMap((port) => port.spec.addresses),
  );
  const family = [...network.spec.subnets, ...addresses].some((text) => text.includes(":"))
    ? "ipv6"
    : "ipv4";
  const least = MTU_MIN[family];
  if (mtu >= least) return [];
  const needed = least + overheadOf(network);
  const narrow = [...members.values()].filter(({ host }) => uplinkMtuOf(host) < needed);
  const hosts = narrow.map(({ host }) => host.key).join(", ");
  return [
    findingAt(network, "$.spec", {
      code: "mtu-too-small",
      message: `leaves ${mtu} octets for an inner packet, and ${family} needs ${least}`,
      suggestion: `raise the uplink mtu of ${hosts} to ${needed} or more`,
    }),
  ];
}

/** How many addresses its ports have. */
export function addressesIn({ membersByHost }: Segment): number {
  const ports = [...membersByHost.values()].flatMap((member) => member.ports);
  return ports.reduce((sum: number, { spec }) => sum + spec.addresses.length, 0);
}
