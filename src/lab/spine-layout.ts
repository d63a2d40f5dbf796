/**
 * A routed underlay: spines, each of which every host has an uplink to, point to point. Tunnel addresses are on the
 * hosts' loopback, and reached over all spines. Strangers are behind the spines too, on a bridge, and the spines answer
 * for the hosts there: that side looks like one Ethernet segment.
 */
import { type IpFamily, type IpPrefix, overlaps, parsePrefix } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import type { Host, Intent, Network } from "../intent/intent.ts";
import type { Links, SpineSettings, UnderlaySettings } from "./lab-file.ts";
import { addressAt, familyOf, prefixAround } from "./numbering.ts";
import { spineNamespace } from "./paths.ts";
import type { LabRoute, LabSpine, SpineLink } from "./topology.ts";

export interface SpineInput {
  readonly name: string;
  readonly intent: Intent;
  readonly underlay: UnderlaySettings;
}

const FAMILIES: readonly IpFamily[] = ["ipv4", "ipv6"];

const hostsOf = ({ intent }: SpineInput): readonly Host[] => [...intent.hosts.values()];
const vtepsIn = (hosts: readonly Host[]): readonly string[] => hosts.flatMap((h) => h.spec.vteps);

/** What an intent may say and spines cannot do, and numbers of links that do not go with it. */
export function refuseSpines(input: SpineInput): readonly string[] {
  const { spines, links } = input.underlay;
  if (spines.length === 0) return [];
  const hosts = hostsOf(input);
  return [
    ...hosts.flatMap((host) => refuseHost(host, spines.length, links)),
    ...[...input.intent.networks.values()].flatMap(refuseNetwork),
    ...FAMILIES.flatMap((family) => {
      const prefix = linkPrefix(links, family);
      return prefix ? refuseLinks(input, prefix) : [];
    }),
  ];
}

function refuseHost(host: Host, spines: number, links: Links): readonly string[] {
  const { uplinks, vteps } = host.spec;
  const wrong: string[] = [];
  if (uplinks.length !== spines)
    wrong.push(
      `Host ${host.key}: it has ${uplinks.length} uplinks, and the lab ${spines} spines: name one uplink for each spine`,
    );
  if (links.ipv6 === null && vteps.some((vtep) => familyOf(vtep) === "ipv6"))
    wrong.push(
      `Host ${host.key}: it has an IPv6 tunnel address, and underlay.links.ipv6 is null: IPv6 needs IPv6 next hops`,
    );
  return wrong;
}

const refuseNetwork = ({ key, spec }: Network): readonly string[] =>
  spec.bum === "multicast"
    ? [`Network ${key}: a lab's spines do not route multicast: write bum: ingress-replication`]
    : [];

function refuseLinks(input: SpineInput, prefix: IpPrefix): readonly string[] {
  const { links, spines } = input.underlay;
  const [text, name] = [links[prefix.family], `underlay.links.${prefix.family}`];
  const needed = 2 * hostsOf(input).length * spines.length;
  const room = 2 ** Math.min(prefix.octets.length * 8 - prefix.bits, 32);
  const wrong =
    room < needed ? [`${name}: ${text} has ${room} addresses, and the links need ${needed}`] : [];
  for (const vtep of new Set(vtepsIn(hostsOf(input)))) {
    const around = parsePrefix(prefixAround(vtep, input.underlay));
    if (around && overlaps(around, prefix))
      return [
        ...wrong,
        `${name}: ${text} overlaps ${prefixAround(vtep, input.underlay)}, where hosts and strangers are`,
      ];
  }
  return wrong;
}

function linkPrefix(links: Links, family: IpFamily): IpPrefix | null {
  const text = links[family];
  return text === null ? null : parsePrefix(text);
}

/** Ends of the link between a host and a spine, "address/bits", in every family that links have. */
export function linkEnds(
  input: SpineInput,
  host: number,
  spine: number,
): { readonly host: readonly string[]; readonly spine: readonly string[] } {
  const { links, spines } = input.underlay;
  const offset = 2 * (host * spines.length + spine);
  const prefixes = FAMILIES.flatMap((family) => linkPrefix(links, family) ?? []);
  const end = (at: number): readonly string[] =>
    prefixes.map((prefix) => {
      const bits = prefix.octets.length * 8;
      return `${addressAt(prefix, bits - prefix.bits, at)}/${bits - 1}`;
    });
  return { host: end(offset + 1), spine: end(offset) };
}

/** The end through which an address is reached: of its family, or else, for IPv4, the IPv6 one. */
function endFor(address: string, ends: readonly string[]): string {
  const bare = ends.map((end) => end.split("/")[0] ?? "");
  const gateway = bare.find((end) => familyOf(end) === familyOf(address)) ?? bare[0];
  invariant(gateway !== undefined, `a link has no address for ${address}`);
  return gateway;
}

/** From a host to everybody else: other hosts by their addresses, strangers by the prefixes around those. */
export function hostRoutes(input: SpineInput, host: Host, index: number): readonly LabRoute[] {
  const { spines } = input.underlay;
  const own = new Set(host.spec.vteps);
  const others = [...new Set(vtepsIn(hostsOf(input)))].filter((vtep) => !own.has(vtep));
  const around = new Set(vtepsIn(hostsOf(input)).map((vtep) => prefixAround(vtep, input.underlay)));
  return [...others, ...around].map((to) => ({
    to,
    source: host.spec.vteps.find((vtep) => familyOf(vtep) === familyOf(to)) ?? null,
    nextHops: spines.map((spine, at) => ({
      via: endFor(to, linkEnds(input, index, at).spine),
      interface: host.spec.uplinks[at]?.interface ?? "",
      weight: spine.weight,
    })),
  }));
}

export function layOutSpine(input: SpineInput, { name }: SpineSettings, at: number): LabSpine {
  const hosts = hostsOf(input);
  const links = hosts.map(
    (host, index): SpineLink => ({
      interface: spinePort(index),
      host: host.key,
      hostInterface: host.spec.uplinks[at]?.interface ?? "",
      addresses: linkEnds(input, index, at).spine,
    }),
  );
  const routes = hosts.flatMap((host, index) =>
    host.spec.vteps.map((vtep): LabRoute => {
      const via = endFor(vtep, linkEnds(input, index, at).host);
      return {
        to: vtep,
        source: null,
        nextHops: [{ via, interface: spinePort(index), weight: 1 }],
      };
    }),
  );
  const around = [...new Set(vtepsIn(hosts).map((vtep) => prefixAround(vtep, input.underlay)))];
  return {
    name,
    namespace: spineNamespace(input.name, name),
    links,
    routes,
    edge: { interface: "edge", bridgePort: `s${at}`, prefixes: around, answersFor: vtepsIn(hosts) },
  };
}

export const spinePort = (host: number): string => `h${host}`;
