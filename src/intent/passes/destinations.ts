/** Where the addresses of a network are, from one host: rows whose targets are names until ids are given. */

import { parseIp } from "../../base/ip.ts";
import type { Destination, HostRow, IdBook, RouteRow } from "../../rows/rows.ts";
import { isLinkLocal } from "../addresses.ts";
import { idOf } from "../id-book.ts";
import type { Host, Port } from "../intent.ts";
import type { Segment } from "./segments.ts";
import type { Vrf } from "./vrfs.ts";
import { type Viewpoint, wayTo } from "./ways.ts";

/** A destination, with the name of its target in the id book; null: it has none. */
export interface Placed {
  readonly at:
    | { readonly table: "host"; readonly address: string }
    | { readonly table: "route"; readonly prefix: string };
  readonly to: Omit<Destination, "target">;
  readonly name: string | null;
}

export function renderPlaced(
  { at, to, name }: Placed,
  space: number,
  ids: IdBook,
): HostRow | RouteRow {
  const known = to.kind === "port" ? ids.ports : ids.groups;
  const target = name === null ? 0 : idOf(known, name);
  return { ...at, space, ...to, target };
}

/** The declared addresses on `segment`, of whose network `home` is the router. */
export function destinationsOf(
  viewpoint: Viewpoint,
  home: Vrf | null,
  segment: Segment,
): readonly Placed[] {
  return [...segment.membersByHost.values()].flatMap(({ host, ports }) =>
    ports.flatMap((port) => {
      const addresses = port.spec.addresses.filter((address) => isUnique(address, home));
      if (addresses.length === 0) return [];
      const placed = portFrom(viewpoint, home, { segment, host, port });
      return placed
        ? addresses.map((address) => ({ at: { table: "host", address }, ...placed }))
        : [];
    }),
  );
}

/** A link-local address is its network's, and not one of a space that networks share. */
function isUnique(address: string, home: Vrf | null): boolean {
  const ip = parseIp(address);
  return home === null || (ip !== null && !isLinkLocal(ip));
}

export interface Endpoint {
  readonly segment: Segment;
  readonly host: Host;
  readonly port: Port;
}

/** How packets to a port go. Null: there is no way. */
export function portFrom(
  viewpoint: Viewpoint,
  home: Vrf | null,
  { segment, host, port }: Endpoint,
): Omit<Placed, "at"> | null {
  const way = wayTo(viewpoint, home, segment, host);
  if (!way) return null;
  const { tunnel, byRouter } = way;
  const { mac } = port.spec;
  const on = { network: segment.number, mac, byRouter };
  return tunnel
    ? { to: { kind: "group", ...on, mtu: Math.min(segment.mtu, tunnel.mtu) }, name: tunnel.group }
    : { to: { kind: "port", ...on, mtu: segment.mtu }, name: port.key };
}
