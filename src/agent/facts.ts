/** What this host's kernel says that the intent cannot know: its interfaces, and the way to each peer. */
import { formatIp, parseIp } from "../base/ip.ts";
import { ok, type Result } from "../base/result.ts";
import { readLinks } from "../kernel/links.ts";
import { manageNeighbour, readNeighbours } from "../kernel/neighbours.ts";
import type { NetlinkError, NetlinkSocket } from "../kernel/netlink.ts";
import { routeTo } from "../kernel/routes.ts";
import { HARDWARE_ETHERNET, type Link } from "../wire/netlink/link.ts";
import type { Neighbour } from "../wire/netlink/neighbour.ts";

/** One way out to a peer: an interface, and who takes the packet on it. */
export interface NextHop {
  readonly oif: number;
  /** The gateway, or the peer himself on the link; canonical text. */
  readonly address: string;
  readonly smac: string | null;
  /** 14, or 0 for a link without Ethernet. */
  readonly l2Octets: 0 | 14;
  /** As the kernel's neighbour table has it; null: not resolved (yet, or any more). */
  readonly mac: string | null;
  /** The kernel vouches for `mac` now. */
  readonly fresh: boolean;
}

export interface HostFacts {
  readonly linksByName: ReadonlyMap<string, Link>;
  /** By a peer's tunnel address; empty: no route. */
  readonly nextHopsByRemote: ReadonlyMap<string, readonly NextHop[]>;
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

/**
 * Reads everything anew, and has the kernel keep every next hop resolved, so that it stays so when this
 * process is gone.
 */
export function readFacts(
  on: NetlinkSocket,
  remotes: readonly string[],
): Result<HostFacts, NetlinkError> {
  const links = readLinks(on);
  if (!links.ok) return links;
  const linksByIndex = new Map(links.value.map((link) => [link.index, link]));
  const linksByName = new Map(links.value.map((link) => [link.name, link]));
  const hops = new Map<string, readonly { readonly oif: number; readonly address: string }[]>();
  for (const remote of remotes) {
    const destination = parseIp(remote);
    if (!destination) continue;
    const path = routeTo(on, destination);
    if (!path.ok) return path;
    const usable = path.value?.local === false ? path.value.nexthops.filter((n) => n.usable) : [];
    hops.set(
      remote,
      usable.map((n) => ({ oif: n.oif, address: n.gateway ?? formatIp(destination) })),
    );
  }
  const before = readNeighbours(on);
  if (!before.ok) return before;
  const managed = new Set(
    before.value.filter((n) => n.managed).map((n) => keyOf(n.index, n.address)),
  );
  const refusals: NetlinkError[] = [];
  for (const { oif, address } of [...hops.values()].flat()) {
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
  const nextHopsByRemote = new Map<string, readonly NextHop[]>();
  for (const [remote, list] of hops)
    nextHopsByRemote.set(
      remote,
      list.flatMap(({ oif, address }) => {
        const link = linksByIndex.get(oif);
        if (!link) return [];
        const neighbour = neighboursByKey.get(keyOf(oif, address));
        const ethernet = link.hardware === HARDWARE_ETHERNET;
        return {
          oif,
          address,
          smac: link.mac,
          l2Octets: ethernet ? 14 : 0,
          mac: neighbour?.mac ?? null,
          fresh: !ethernet || (neighbour !== undefined && USABLE.has(neighbour.state)),
        };
      }),
    );
  return ok({ linksByName, nextHopsByRemote, refusals });
}
