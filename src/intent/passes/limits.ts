/** Pass: what a host would hold fits the datapath's tables (datapath/maps.h). */
import { LIMIT } from "../../rows/abi.generated.ts";
import type { Finding, Host, Intent } from "../intent.ts";
import { findingAt } from "../report.ts";
import { sourcesOf } from "../sources.ts";
import { type Overlay, routesTo, visitorsOf } from "./locals.ts";
import {
  addressesIn,
  encapsulationBetween,
  encapsulationsAt,
  type Segment,
  vtepsOf,
} from "./segments.ts";
import { familiesOf, prefixesOf, type Vrf } from "./vrfs.ts";

/** Entries of one host by what they are, each with its bound. Ids begin with 1, so an id table holds one fewer. */
const bounds = {
  ports: LIMIT.PORTS_MAX - 1,
  peers: LIMIT.PEERS_MAX - 1,
  groups: LIMIT.GROUPS_MAX - 1,
  networks: LIMIT.NETWORKS_MAX,
  "MAC addresses": LIMIT.FDB_MAX,
  "source prefixes": LIMIT.SOURCES_MAX,
  "incoming numbers": LIMIT.VNI_IN_MAX,
  admissions: LIMIT.ADMIT_MAX,
  "flood members": LIMIT.FLOOD_MEMBERS_MAX,
  "underlay groups": LIMIT.UNDERLAY_GROUPS_MAX,
  addresses: LIMIT.HOSTS_MAX,
  routes: LIMIT.ROUTES_MAX,
  "address spaces": LIMIT.SPACES_MAX,
} as const;

export type Entries = { -readonly [What in keyof typeof bounds]: number };

export function checkLimits(
  intent: Intent,
  { segments, vrfs }: Overlay,
): {
  readonly findings: readonly Finding[];
  /** Of each managed host. */
  readonly entriesByHost: Map<string, Entries>;
} {
  const findings = [...segments.values()].flatMap(checkReplicas);
  const entriesByHost = new Map<string, Entries>();
  const segmentsByHost = new Map<string, Segment[]>();
  for (const segment of segments.values())
    for (const host of segment.membersByHost.keys()) {
      const list = segmentsByHost.get(host);
      if (list) list.push(segment);
      else segmentsByHost.set(host, [segment]);
    }
  for (const host of intent.hosts.values()) {
    if (!host.spec.managed) continue;
    const own = segmentsByHost.get(host.key) ?? [];
    const entries = countEntries(host.key, own, vrfs);
    for (const vrf of vrfs.values()) addVrfEntries(entries, host, { vrf, vrfs }, 1);
    entriesByHost.set(host.key, entries);
    for (const { what, count, most } of beyond(entries))
      findings.push(
        findingAt(host, "$.metadata.name", {
          code: "limit-exceeded",
          message: `would hold ${count} ${what}, and a host holds ${most}`,
          suggestion: "move ports to another host",
        }),
      );
  }
  return { findings, entriesByHost };
}

/** What a host has no room for. */
export function beyond(
  entries: Entries,
): readonly { readonly what: string; readonly count: number; readonly most: number }[] {
  const mostOf = new Map<string, number>(Object.entries(bounds));
  return Object.entries(entries)
    .map(([what, count]) => ({ what, count, most: mostOf.get(what) ?? 0 }))
    .filter(({ count, most }) => count > most);
}

function countEntries(host: string, segments: readonly Segment[], vrfs: Overlay["vrfs"]): Entries {
  const routed = new Set([...vrfs.values()].flatMap(networkKeysIn));
  const peers = new Set<string>();
  const entries: Entries = {
    ports: 0,
    peers: 0,
    groups: 0,
    networks: 0,
    "MAC addresses": 0,
    "source prefixes": 0,
    "incoming numbers": 0,
    admissions: 0,
    "flood members": 0,
    "underlay groups": 0,
    addresses: 0,
    routes: 0,
    "address spaces": 0,
  };
  for (const segment of segments) {
    addEntries(entries, host, segment, 1);
    if (!routed.has(segment.network.key)) entries.addresses += addressesIn(segment);
    const family = segment.network.spec.underlay;
    for (const member of segment.membersByHost.values())
      if (member.host.key !== host)
        for (const vtep of vtepsOf(member.host, family)) peers.add(vtep);
  }
  for (const vrf of vrfs.values())
    if (vrf.hosts.has(host))
      for (const { key, spec } of visitorsOf(vrf, vrfs))
        if (key !== host) for (const vtep of spec.vteps) peers.add(vtep);
  entries.peers = peers.size;
  return entries;
}

/**
 * What one segment adds to the entries of `host`, or with -1 takes from them; but peers, who share segments, and
 * addresses, which are a router's where there is one.
 */
export function addEntries(
  entries: Entries,
  host: string,
  { network, membersByHost, multicast }: Segment,
  sign: 1 | -1,
): void {
  const own = membersByHost.get(host);
  if (!own) return;
  const remotes = membersByHost.size - 1;
  const local = own.ports.length;
  const arrivals =
    vtepsOf(own.host, network.spec.underlay).length * encapsulationsAt(network, own.host).length;
  // Networks that share a group are counted as if each had its own: a bound that is kept sooner.
  const groups = multicast ? 1 : 0;
  const prefixes = own.ports.map((port) => sourcesOf(port, network).prefixes.length);
  entries.networks += sign;
  entries.groups += sign * remotes;
  entries.admissions += sign * remotes;
  entries["flood members"] += sign * (remotes + local);
  entries.ports += sign * local;
  entries["incoming numbers"] += sign * (arrivals + groups);
  entries["underlay groups"] += sign * groups;
  entries["source prefixes"] += sign * prefixes.reduce((sum, count) => sum + count, 0);
  for (const { ports } of membersByHost.values()) entries["MAC addresses"] += sign * ports.length;
}

const networkKeysIn = ({ networks }: Vrf): readonly string[] =>
  networks.map(({ network }) => network.key);

/** What one router adds to the entries of `host`, or with -1 takes from them: no less than it does. */
export function addVrfEntries(
  entries: Entries,
  host: Host,
  { vrf, vrfs }: { readonly vrf: Vrf; readonly vrfs: Overlay["vrfs"] },
  sign: 1 | -1,
): void {
  const families = familiesOf(vrf);
  const segments = vrf.networks.flatMap(({ segment }) => segment ?? []);
  if (routesTo(host, vrf, vrfs)) {
    entries.groups += sign * vrf.hosts.size * families.length;
    for (const { membersByHost } of segments)
      if (!membersByHost.has(host.key)) entries.groups += sign * membersByHost.size;
  }
  if (!vrf.hosts.has(host.key)) return;
  const visitors = [...visitorsOf(vrf, vrfs)].length;
  const vteps = families.flatMap((family) => vtepsOf(host, family)).length;
  entries.admissions += sign * visitors * (families.length + segments.length);
  entries["incoming numbers"] += sign * vteps * encapsulationsAt(vrf.router, host).length;
  const imported = [...vrf.imports.keys()].flatMap((key) => vrfs.get(key)?.networks ?? []);
  for (const { network, addresses } of [...vrf.networks, ...imported])
    entries.addresses += sign * ((network.spec.gateways?.length ?? 0) + addresses);
  entries.routes += sign * prefixesOf(vrf, vrfs).length;
  entries["address spaces"] += sign;
}

/** One list of one network holds REPLICAS_MAX: the ports of a host, or the peers of an encapsulation. */
export function checkReplicas({ network, membersByHost }: Segment): readonly Finding[] {
  const members = [...membersByHost.values()];
  const most = LIMIT.REPLICAS_MAX;
  const full = (host: string, count: number, what: string): Finding =>
    findingAt(network, "$.metadata.name", {
      code: "limit-exceeded",
      message: `floods to ${count} ${what} from host ${host}, and a list holds ${most}`,
      suggestion: "split the network",
    });
  const findings = members
    .filter((member) => member.ports.length > most)
    .map((member) => full(member.host.key, member.ports.length, "local ports"));
  if (members.length <= most) return findings;
  for (const { host } of members) {
    const lists = Map.groupBy(members, (other) => encapsulationBetween(network, host, other.host));
    for (const [encapsulation, list] of lists) {
      const others = list.filter((other) => other.host !== host).length;
      if (others > most) return [...findings, full(host.key, others, `${encapsulation} peers`)];
    }
  }
  return findings;
}
