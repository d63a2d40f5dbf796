/**
 * Pass: routers → the rows of one host, a router at a time (host-parts.ts): what arrives under its number, the ways of
 * its address space, and the groups under its number. Ids come from the host's book.
 */
import { contains, formatPrefix, type IpPrefix, parseIp, parsePrefix } from "../../base/ip.ts";
import type { FamilyName, IdBook, Row, SpaceRow } from "../../rows/rows.ts";
import { idOf } from "../id-book.ts";
import type { Fabric, Host } from "../intent.ts";
import { gatewayMacOf } from "../macs.ts";
import { within } from "../prefixes.ts";
import {
  destinationsOf,
  type Endpoint,
  type Placed,
  portFrom,
  renderPlaced,
} from "./destinations.ts";
import { ownerOf } from "./host-rows.ts";
import { type Overlay, routesTo, visitorsOf } from "./locals.ts";
import { encapsulationsAt, vtepsOf } from "./segments.ts";
import {
  familiesOf,
  gives,
  isCentralized,
  type RoutedNetwork,
  routesAt,
  type Vrf,
} from "./vrfs.ts";
import {
  isSymmetricAt,
  membersThrough,
  type Tunnel,
  tunnelBetween,
  type Viewpoint,
} from "./ways.ts";

/** One host's part of one router, but for the addresses of its networks. */
export interface LocalVrf {
  readonly vrf: Vrf;
  /** It takes part itself; else it only sends to its networks, from a router that it exports to. */
  readonly isPart: boolean;
  readonly visitors: readonly Tunnel[];
  readonly reached: readonly Tunnel[];
  /** Routes, and addresses of other routers' networks. */
  readonly destinations: readonly Placed[];
}

/** Null: the host has nothing to do with it. */
export function localVrfOf(
  fabric: Fabric,
  self: Host,
  vrf: Vrf,
  vrfs: Overlay["vrfs"],
): LocalVrf | null {
  const isPart = vrf.hosts.has(self.key);
  const reached = reachedFrom(self, vrf, vrfs);
  if (!isPart)
    return reached.length > 0 ? { vrf, isPart, visitors: [], reached, destinations: [] } : null;
  const visitors = [...visitorsOf(vrf, vrfs)].flatMap((host) =>
    familiesOf(vrf).flatMap((family) => tunnelUnder(vrf, self, host, family)),
  );
  const destinations = waysFrom(fabric, self, vrf, vrfs);
  return { vrf, isPart, visitors, reached, destinations };
}

function tunnelUnder(vrf: Vrf, self: Host, host: Host, family: FamilyName): readonly Tunnel[] {
  const tunnel = host.key === self.key ? null : tunnelBetween(self, host, vrf.router, family);
  return tunnel ? [tunnel] : [];
}

/** To whom this host sends under the router's number. */
function reachedFrom(self: Host, vrf: Vrf, vrfs: Overlay["vrfs"]): readonly Tunnel[] {
  if (!routesTo(self, vrf, vrfs)) return [];
  const { gatewayHost } = vrf;
  if (isCentralized(vrf))
    return familiesOf(vrf).flatMap((family) =>
      gatewayHost ? tunnelUnder(vrf, self, gatewayHost, family) : [],
    );
  if (!isSymmetricAt(vrf, self)) return [];
  const tunnels = new Map<string, Tunnel>();
  for (const { network, segment } of vrf.networks)
    for (const { host } of segment?.membersByHost.values() ?? [])
      if (host.spec.managed)
        for (const tunnel of tunnelUnder(vrf, self, host, network.spec.underlay))
          tunnels.set(tunnel.group, tunnel);
  return [...tunnels.values()];
}

/** All that comes of one router, but for the addresses of its networks. */
export function vrfRows(self: Host, local: LocalVrf, ids: IdBook): readonly Row[] {
  const { vrf, isPart, visitors, reached, destinations } = local;
  const rows: Row[] = visitors.map(({ peers: [{ name }] }) => ({
    table: "admit",
    peer: idOf(ids.peers, name),
    network: vrf.number,
    dscpKeep: false,
    group: null,
    learns: false,
  }));
  for (const tunnel of reached) {
    const members = membersThrough(tunnel, vrf.number, ids);
    rows.push({ table: "group", group: idOf(ids.groups, tunnel.group), members });
  }
  if (!isPart) return rows;
  const placed = destinations.map((one) => renderPlaced(one, vrf.number, ids));
  rows.push(...arrivalRows(self, vrf), ...placed, ...gatewayRows(self, vrf));
  if (routesAt(vrf, self)) rows.push(spaceRow(vrf.number, destinations));
  return rows;
}

/** What others routed, and send here. */
function arrivalRows(self: Host, vrf: Vrf): readonly Row[] {
  const { router, number, networks } = vrf;
  const vteps = familiesOf(vrf).flatMap((family) => vtepsOf(self, family));
  const specs = networks.map(({ network }) => network.spec);
  return vteps.flatMap((vtep) =>
    encapsulationsAt(router, self).map((encapsulation) => ({
      table: "vni_in",
      vtep,
      encapsulation,
      vni: number,
      network: number,
      mtu: Math.max(0, ...networks.map(({ mtu }) => mtu)),
      dscp: specs.every(({ dscp }) => dscp === "pipe") ? "pipe" : "uniform",
      unknownUnicast: "drop",
      learning: null,
      isRouter: true,
      isGateway: false,
      mssClamp: specs.some(({ mssClamp }) => mssClamp),
      space: number,
      owner: ownerOf(router.metadata.tenant),
    })),
  );
}

/** The networks whose packets this host may have to answer. */
function gatewayRows(self: Host, vrf: Vrf): readonly Row[] {
  const isGateway = vrf.gatewayHost?.key === self.key;
  const here = vrf.networks.filter(
    ({ segment }) => isGateway || segment?.membersByHost.has(self.key),
  );
  return here.map(({ network, number }) => {
    const { gateways = [] } = network.spec;
    return {
      table: "gateway",
      network: number,
      ipv4: gateways.find((text) => !text.includes(":")) ?? null,
      ipv6: gateways.find((text) => text.includes(":")) ?? null,
    };
  });
}

/** Routes of the router's space, and what is in it of others'; none where `self` does not route. */
function waysFrom(fabric: Fabric, self: Host, vrf: Vrf, vrfs: Overlay["vrfs"]): readonly Placed[] {
  if (!routesAt(vrf, self)) return [];
  const viewpoint = { self, space: vrf };
  const imported = [...vrf.imports].flatMap(([key, prefixes]) => {
    const home = vrfs.get(key);
    return home ? importedFrom(fabric, viewpoint, home, prefixes) : [];
  });
  return [...routesOf(viewpoint, vrf).map(({ placed }) => placed), ...imported];
}

/** The addresses of one network of `vrf`, as far as `self` routes to them or answers questions for them. */
export function localAddressesOf(
  fabric: Fabric,
  self: Host,
  vrf: Vrf,
  one: RoutedNetwork,
): readonly Placed[] {
  return routesAt(vrf, self) || one.segment?.membersByHost.has(self.key)
    ? addressesOf(fabric, { self, space: vrf }, vrf, one)
    : [];
}

/** Gateways and declared addresses of one network of `home`. */
function addressesOf(
  fabric: Fabric,
  viewpoint: Viewpoint,
  home: Vrf,
  { network, number, mtu, segment }: RoutedNetwork,
): readonly Placed[] {
  const on = { network: number, mac: gatewayMacOf(fabric), byRouter: false, mtu };
  const gateways = (network.spec.gateways ?? []).map(
    (address): Placed => ({
      at: { table: "host", address },
      to: { kind: "gateway", ...on },
      name: null,
    }),
  );
  return segment ? [...gateways, ...destinationsOf(viewpoint, home, segment)] : gateways;
}

interface PlacedRoute {
  readonly prefix: IpPrefix;
  readonly placed: Placed;
}

/** Of a router's own: the subnets of its networks, and its static routes. */
function routesOf(viewpoint: Viewpoint, home: Vrf): readonly PlacedRoute[] {
  const routes: PlacedRoute[] = [];
  const add = (text: string, way: Omit<Placed, "at"> | null): void => {
    const prefix = parsePrefix(text);
    if (prefix && way)
      routes.push({ prefix, placed: { at: { table: "route", prefix: text }, ...way } });
  };
  for (const { network, number, mtu } of home.networks)
    for (const subnet of network.spec.subnets) {
      const on = { network: number, mac: null, byRouter: false, mtu };
      add(subnet, { to: { kind: "glean", ...on }, name: null });
    }
  const endpoints = endpointsOf(home);
  for (const { prefix, via } of home.router.spec.routes)
    if (via === undefined) {
      const nowhere = { network: 0, mac: null, byRouter: false, mtu: 0 };
      add(prefix, { to: { kind: "drop", ...nowhere }, name: null });
    } else {
      const endpoint = endpoints.get(via);
      add(prefix, endpoint ? portFrom(viewpoint, home, endpoint) : null);
    }
  return routes;
}

/** By declared address. */
function endpointsOf({ networks }: Vrf): ReadonlyMap<string, Endpoint> {
  const endpoints = new Map<string, Endpoint>();
  for (const { segment } of networks)
    for (const { host, ports } of segment?.membersByHost.values() ?? [])
      for (const port of ports)
        for (const address of port.spec.addresses)
          if (segment) endpoints.set(address, { segment, host, port });
  return endpoints;
}

/** What `home` exports within `prefixes`: each as a route, routes and addresses inside as they are. */
function importedFrom(
  fabric: Fabric,
  viewpoint: Viewpoint,
  home: Vrf,
  prefixes: readonly IpPrefix[],
): readonly Placed[] {
  const own = routesOf(viewpoint, home).toSorted((a, b) => b.prefix.bits - a.prefix.bits);
  const byPrefix = new Map<string, Placed>();
  for (const prefix of prefixes) {
    // The longest that it is part of says where the rest of it is.
    const whole = own.find((route) => within(prefix, route.prefix));
    const inside = own.filter((route) => gives(prefix, route.prefix));
    for (const { placed, prefix: at } of inside) byPrefix.set(formatPrefix(at), placed);
    const text = formatPrefix(prefix);
    if (whole) byPrefix.set(text, { ...whole.placed, at: { table: "route", prefix: text } });
  }
  const addresses = home.networks.flatMap((one) => addressesOf(fabric, viewpoint, home, one));
  const exported = addresses.filter(({ at }) => {
    const ip = at.table === "host" ? parseIp(at.address) : null;
    return ip !== null && prefixes.some((prefix) => prefix.bits > 0 && contains(prefix, ip));
  });
  return [...byPrefix.values(), ...exported];
}

function spaceRow(space: number, destinations: readonly Placed[]): SpaceRow {
  const prefixes = destinations.flatMap(({ at }) => (at.table === "route" ? at.prefix : []));
  const lengths = (family: FamilyName): readonly number[] => {
    const all = prefixes.flatMap((text) => parsePrefix(text) ?? []);
    const bits = new Set(all.filter((prefix) => prefix.family === family).map((one) => one.bits));
    return [...bits].sort((a, b) => b - a);
  };
  return { table: "space", space, ipv4Lengths: lengths("ipv4"), ipv6Lengths: lengths("ipv6") };
}
