/** What this host's kernel says that the intent cannot know: its interfaces, and the way to each peer. */
import { formatIp, parseIp } from "../base/ip.ts";
import { ok, type Result } from "../base/result.ts";
import { readLinks } from "../kernel/links.ts";
import { manageNeighbour, readNeighbours } from "../kernel/neighbours.ts";
import type { NetlinkError, NetlinkSocket } from "../kernel/netlink.ts";
import { routeTo } from "../kernel/routes.ts";
import { HARDWARE_ETHERNET, type Link } from "../wire/netlink/link.ts";
import type { Neighbour } from "../wire/netlink/neighbour.ts";
import type { Nexthop } from "../wire/netlink/route.ts";

/** One way out to a peer: an interface, and who takes the packet on it. */
export interface NextHop {
  readonly oif: number;
  /** Its name. */
  readonly interface: string;
  /** The gateway, or the peer himself on the link; canonical text. */
  readonly address: string;
  readonly smac: string | null;
  /** 14, or 0 for a link without Ethernet. */
  readonly l2Octets: 0 | 14;
  /** As the kernel's neighbour table has it; null: not resolved (yet, or any more). */
  readonly mac: string | null;
  /** The kernel vouches for `mac` now. */
  readonly fresh: boolean;
  /** In proportion to that of the route's others. */
  readonly weight: number;
  readonly state: NextHopState;
}

/** Down: its interface has no carrier, or is not to be used. Gone: there is no such interface any more. */
export type NextHopState = "up" | "link-down" | "link-gone" | "unresolved" | "failed";

/** What the kernel's route to one address says. */
export interface RouteFacts {
  /** All of the route's, also those that are of no use now, or went with an uplink; empty: no route, or one that forbids. */
  readonly nextHops: readonly NextHop[];
  /** A limit of the route, or one that the path has taught; null: the interface's is the only one. */
  readonly mtu: number | null;
}

export interface HostFacts {
  readonly linksByName: ReadonlyMap<string, Link>;
  /** By a peer's tunnel address. */
  readonly routesByRemote: ReadonlyMap<string, RouteFacts>;
  /** Next hops that the kernel will not keep resolved: what it said. */
  readonly refusals: readonly NetlinkError[];
}

const USABLE: ReadonlySet<Neighbour["state"]> = new Set<Neighbour["state"]>([
  "reachable",
  "stale",
  "delay",
  "probe",
  "permanent",
  "noarp",
]);

const keyOf = (oif: number, address: string): string => `${oif} ${address}`;

export interface FactsWanted {
  /** Tunnel addresses of peers. */
  readonly remotes: readonly string[];
  /** Names of this host's uplinks. */
  readonly uplinks: ReadonlySet<string>;
  /** What was read the last time. */
  readonly before: HostFacts | null;
}

/**
 * Reads everything anew, and has the kernel keep every next hop resolved, so that it stays so when this
 * process is gone.
 */
export function readFacts(
  on: NetlinkSocket,
  { remotes, uplinks, before: known }: FactsWanted,
): Result<HostFacts, NetlinkError> {
  const links = readLinks(on);
  if (!links.ok) return links;
  const linksByIndex = new Map(links.value.map((link) => [link.index, link]));
  const linksByName = new Map(links.value.map((link) => [link.name, link]));
  const entries = new Map<string, Entry>();
  for (const remote of remotes) {
    const destination = parseIp(remote);
    if (!destination) continue;
    const path = routeTo(on, destination);
    if (!path.ok) return path;
    // To an address of our own nothing is sent.
    const { nexthops = [], mtu = null } = path.value?.local === false ? path.value : {};
    const hops = nexthops.map((n) => ({ ...n, address: n.gateway ?? formatIp(destination) }));
    const then = known?.routesByRemote.get(remote)?.nextHops ?? [];
    const gone = then.filter(({ interface: name }) => uplinks.has(name) && !linksByName.has(name));
    entries.set(remote, {
      // With an interface the kernel takes the whole of an IPv4 route that it was one of the ways of: the others are as good.
      hops: path.value === null && gone.length > 0 ? leftOf(then, linksByIndex) : hops,
      gone,
      mtu,
    });
  }
  const before = readNeighbours(on);
  if (!before.ok) return before;
  const managed = new Set(
    before.value.filter((n) => n.managed).map((n) => keyOf(n.index, n.address)),
  );
  const refusals: NetlinkError[] = [];
  for (const { oif, address } of [...entries.values()].flatMap(({ hops }) => hops)) {
    const ip = parseIp(address);
    const link = linksByIndex.get(oif);
    // Only those that are not managed yet: each request is an event, and events bring us here.
    if (!link?.up || !ip || managed.has(keyOf(oif, address))) continue;
    if (link.hardware !== HARDWARE_ETHERNET) continue; // nobody to resolve
    managed.add(keyOf(oif, address));
    const done = manageNeighbour(on, oif, ip);
    // One next hop that cannot be had must not keep the others from being used.
    if (!done.ok) refusals.push(done.error);
  }
  const neighbours = readNeighbours(on);
  if (!neighbours.ok) return neighbours;
  const neighboursByKey = new Map(neighbours.value.map((n) => [keyOf(n.index, n.address), n]));
  const routesByRemote = new Map<string, RouteFacts>();
  for (const [remote, { hops, gone, mtu }] of entries) {
    const nextHops = hops.flatMap((hop) => {
      const link = linksByIndex.get(hop.oif);
      return link ? nextHopOf(hop, link, neighboursByKey.get(keyOf(hop.oif, hop.address))) : [];
    });
    routesByRemote.set(remote, { nextHops: [...nextHops, ...gone.map(withoutLink)], mtu });
  }
  return ok({ linksByName, routesByRemote, refusals });
}

interface Entry {
  readonly hops: readonly Hop[];
  readonly gone: readonly NextHop[];
  readonly mtu: number | null;
}

type Hop = Pick<Nexthop, "oif" | "weight" | "usable"> & { readonly address: string };

const leftOf = (hops: readonly NextHop[], links: ReadonlyMap<number, Link>): readonly Hop[] =>
  hops.filter(({ oif }) => links.has(oif)).map((hop) => ({ ...hop, usable: true }));

const withoutLink = (hop: NextHop): NextHop => ({
  ...{ ...hop, mac: null, fresh: false, state: "link-gone" },
});

function nextHopOf(hop: Hop, link: Link, neighbour: Neighbour | undefined): NextHop {
  const { oif, address, weight } = hop;
  const ethernet = link.hardware === HARDWARE_ETHERNET;
  const fresh = !ethernet || (neighbour !== undefined && USABLE.has(neighbour.state));
  return {
    ...{ oif, address, weight, fresh },
    interface: link.name,
    smac: link.mac,
    l2Octets: ethernet ? 14 : 0,
    mac: neighbour?.mac ?? null,
    state: !(hop.usable && link.up && link.carrier)
      ? "link-down"
      : fresh
        ? "up"
        : neighbour?.state === "failed"
          ? "failed"
          : "unresolved",
  };
}
