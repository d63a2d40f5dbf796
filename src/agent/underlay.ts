/** What this host sees of the underlay, for status: its uplinks, the ways to each peer, and what of them is lost. */
import { compareText } from "../base/text.ts";
import type { UplinkRow } from "../rows/rows.ts";
import type { Link } from "../wire/netlink/link.ts";
import type { NextHopState } from "./facts.ts";
import type { Path, PathHop } from "./paths.ts";

export interface UnderlayStatus {
  readonly uplinks: readonly UplinkStatus[];
  readonly paths: readonly PathStatus[];
  readonly lost: readonly LostHop[];
}

interface UplinkStatus {
  readonly interface: string;
  readonly state: "up" | "link-down" | "missing";
  readonly mtu: number | null;
}

interface PathStatus {
  readonly host: string;
  readonly local: string;
  readonly remote: string;
  /** Address of the host that is sent to instead, as there is no way to this one. */
  readonly instead: string | null;
  /** Octets of the largest packet that all its next hops take. */
  readonly mtu: number | null;
  /** Next hops in use, of those that the route has. */
  readonly width: number;
  readonly routeWidth: number;
  readonly nextHops: readonly Pick<PathHop, "interface" | "address" | "mac" | "weight" | "state">[];
}

/** A next hop of routes that is not used by them. */
interface LostHop {
  readonly interface: string;
  readonly address: string;
  readonly state: NextHopState;
  /** Those that have fewer ways than their routes have. */
  readonly hosts: readonly string[];
}

export function underlayStatus(
  paths: readonly Path[],
  uplinks: readonly UplinkRow[],
  linksByName: ReadonlyMap<string, Link>,
): UnderlayStatus {
  const mtuOf = (name: string): number => linksByName.get(name)?.mtu ?? Number.POSITIVE_INFINITY;
  return {
    uplinks: uplinks.map(({ interface: name }) => uplinkStatus(name, linksByName.get(name))),
    paths: paths.map((path) => pathStatus(path, mtuOf)),
    lost: lostHops(paths),
  };
}

const uplinkStatus = (name: string, link: Link | undefined): UplinkStatus => ({
  interface: name,
  state: !link ? "missing" : link.up && link.carrier ? "up" : "link-down",
  mtu: link?.mtu ?? null,
});

function pathStatus(path: Path, mtuOf: (interfaceName: string) => number): PathStatus {
  const { host, local, remote, instead, nextHops } = path;
  const mtu = Math.min(
    path.mtu ?? Number.POSITIVE_INFINITY,
    ...nextHops.map((hop) => mtuOf(hop.interface)),
  );
  return {
    ...{ host, local, remote, instead },
    mtu: Number.isFinite(mtu) ? mtu : null,
    width: nextHops.filter(({ slots }) => slots > 0).length,
    routeWidth: nextHops.length,
    nextHops: nextHops.map(({ interface: name, address, mac, weight, state }) => ({
      ...{ interface: name, address, mac, weight, state },
    })),
  };
}

function lostHops(paths: readonly Path[]): readonly LostHop[] {
  const lost = new Map<string, { hop: PathHop; hosts: Set<string> }>();
  for (const { host, nextHops } of paths)
    for (const hop of nextHops) {
      if (hop.state === "up") continue;
      const key = `${hop.interface} ${hop.address}`;
      const known = lost.get(key) ?? { hop, hosts: new Set<string>() };
      known.hosts.add(host);
      lost.set(key, known);
    }
  return [...lost.values()].map(({ hop, hosts }) => ({
    ...{ interface: hop.interface, address: hop.address, state: hop.state },
    hosts: [...hosts].sort(compareText),
  }));
}
