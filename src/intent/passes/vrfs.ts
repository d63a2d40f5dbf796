/**
 * Pass: who routes for which networks, and what routers reach of one another. Takes the sound part of an intent.
 */
import { formatPrefix, type IpPrefix, parsePrefix } from "../../base/ip.ts";
import type { FamilyName } from "../../rows/rows.ts";
import type { Host, Intent, Network, Router } from "../intent.ts";
import { numberOf } from "../numbers.ts";
import { within } from "../prefixes.ts";
import { exportsOf, gatewayHostOf, networkKeysOf } from "../routers.ts";
import { addressesIn, overheadOf, type Segment, uplinkMtuOf } from "./segments.ts";

/** A network of a router. */
export interface RoutedNetwork {
  readonly network: Network;
  readonly number: number;
  /** Null: it has no ports yet. */
  readonly segment: Segment | null;
  /** Octets of the largest IP packet on it. */
  readonly mtu: number;
  /** Addresses of its ports. */
  readonly addresses: number;
}

/** A router as it is: an address space, and who takes part in it. */
export interface Vrf {
  readonly router: Router;
  readonly number: number;
  /** In order of keys. */
  readonly networks: readonly RoutedNetwork[];
  /** It routes for all, or stands ready to; null: none. */
  readonly gatewayHost: Host | null;
  /** Managed hosts that have ports in one of the networks, and the gateway host, in order of names. */
  readonly hosts: ReadonlyMap<string, Host>;
  /** What it reaches of others', by their keys. */
  readonly imports: ReadonlyMap<string, readonly IpPrefix[]>;
  /** Keys of the routers that reach something of its. */
  readonly importers: readonly string[];
}

export function compileVrfs(
  intent: Intent,
  segments: ReadonlyMap<string, Segment>,
): ReadonlyMap<string, Vrf> {
  const importsByRouter = importsOf(intent);
  const vrfs = new Map<string, Vrf>();
  for (const router of intent.routers.values()) {
    const imports = importsByRouter.get(router.key) ?? new Map<string, readonly IpPrefix[]>();
    const vrf = compileVrf(intent, router, { segments, imports });
    if (vrf) vrfs.set(router.key, vrf);
  }
  return vrfs;
}

/** One of them, which others' exports bring `imports`. Null: it has no number. */
export function compileVrf(
  intent: Intent,
  router: Router,
  { segments, imports }: Pick<Vrf, "imports"> & { readonly segments: ReadonlyMap<string, Segment> },
): Vrf | null {
  const number = numberOf(intent, router);
  if (number === null) return null;
  const gatewayHost = gatewayHostOf(intent, router);
  const networks = networkKeysOf(router)
    .toSorted()
    .flatMap((key) => intent.networks.get(key) ?? []);
  const hosts = hostsOf(intent, networks, segments);
  if (gatewayHost?.spec.managed) hosts.add(gatewayHost.key);
  const there = [...intent.hosts.values()].filter(({ key }) => hosts.has(key));
  return {
    router,
    number,
    networks: networks.flatMap((network) => routedOf(intent, network, segments, there)),
    gatewayHost,
    hosts: new Map(there.map((host) => [host.key, host])),
    imports,
    importers: [...exportsOf(router).keys()].filter((key) => intent.routers.has(key)),
  };
}

function hostsOf(
  intent: Intent,
  networks: readonly Network[],
  segments: ReadonlyMap<string, Segment>,
): Set<string> {
  const keys = networks.flatMap(({ key }) => [...(segments.get(key)?.membersByHost.keys() ?? [])]);
  return new Set(keys.filter((key) => intent.hosts.get(key)?.spec.managed));
}

function routedOf(
  intent: Intent,
  network: Network,
  segments: ReadonlyMap<string, Segment>,
  hosts: readonly Host[],
): readonly RoutedNetwork[] {
  const number = numberOf(intent, network);
  if (number === null) return [];
  const segment = segments.get(network.key) ?? null;
  const narrowest = Math.min(...hosts.map(uplinkMtuOf));
  // Without any host it is on none, and nobody asks.
  const mtu = segment?.mtu ?? (hosts.length > 0 ? narrowest - overheadOf(network) : 0);
  const addresses = segment ? addressesIn(segment) : 0;
  return [{ network, number, segment, mtu, addresses }];
}

/** By importer, and by exporter, the prefixes. */
function importsOf(intent: Intent): ReadonlyMap<string, ReadonlyMap<string, readonly IpPrefix[]>> {
  const imports = new Map<string, Map<string, readonly IpPrefix[]>>();
  for (const router of intent.routers.values())
    for (const [target, texts] of exportsOf(router)) {
      const byExporter = imports.get(target) ?? new Map<string, readonly IpPrefix[]>();
      const prefixes = texts.flatMap((text) => parsePrefix(text) ?? []);
      imports.set(target, byExporter.set(router.key, prefixes));
    }
  return imports;
}

export const isCentralized = ({ router }: Vrf): boolean => router.spec.gateway === "centralized";

/** Whether `host` routes what its ports send, or what others send it to route. */
export function routesAt(vrf: Vrf, host: Host): boolean {
  return isCentralized(vrf) ? vrf.gatewayHost?.key === host.key : vrf.hosts.has(host.key);
}

/** Families of the tunnel addresses that carry its networks. */
export function familiesOf({ networks }: Vrf): readonly FamilyName[] {
  return [...new Set(networks.map(({ network }) => network.spec.underlay))].sort();
}

/** Whether an export of `prefix` brings `part` along. A default route brings nothing but itself. */
export const gives = (prefix: IpPrefix, part: IpPrefix): boolean =>
  within(part, prefix) && (prefix.bits > 0 || part.bits === 0);

/** Every prefix of the router's space: its own, and what it gets of others'. */
export function prefixesOf(vrf: Vrf, vrfs: ReadonlyMap<string, Vrf>): readonly IpPrefix[] {
  const imported = [...vrf.imports].flatMap(([key, prefixes]) => {
    const home = vrfs.get(key);
    const own = home ? ownPrefixesOf(home) : [];
    const inside = own.filter((one) => prefixes.some((prefix) => gives(prefix, one)));
    return home ? [...prefixes, ...inside] : [];
  });
  const all = [...ownPrefixesOf(vrf), ...imported];
  return [...new Map(all.map((prefix) => [formatPrefix(prefix), prefix])).values()];
}

function ownPrefixesOf({ networks, router }: Vrf): readonly IpPrefix[] {
  const subnets = networks.flatMap(({ network }) => network.spec.subnets);
  const texts = [...subnets, ...router.spec.routes.map(({ prefix }) => prefix)];
  return texts.flatMap((text) => parsePrefix(text) ?? []);
}
