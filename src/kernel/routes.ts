/** The way from the socket's namespace to one destination. */
import type { IpAddress } from "../base/ip.ts";
import { ok, type Result } from "../base/result.ts";
import { type Nexthop, parseRoute, type Route, routeQuery } from "../wire/netlink/route.ts";
import { ERRNO } from "./libc.ts";
import { ask, type NetlinkError, type NetlinkSocket } from "./netlink.ts";

/** How a packet to the destination leaves now, and which other ways the table has. */
export interface Path {
  /** The destination is one of our own addresses. */
  readonly local: boolean;
  /** Index of the device. */
  readonly oif: number;
  /** Null: the destination is on the link. */
  readonly gateway: string | null;
  /** The address that the kernel would send from; null: it has none to offer. */
  readonly source: string | null;
  /** A limit of the route, or one that the path has taught; null: the device's is the only one. */
  readonly mtu: number | null;
  /** All of the table's entry: more than one where it is multipath, unusable ones included. */
  readonly nexthops: readonly Nexthop[];
}

/** Ways in which the kernel says that there is no way: none, unreachable, prohibit, blackhole. */
const NO_WAY: ReadonlySet<number> = new Set([
  ERRNO.ENETUNREACH,
  ERRNO.EHOSTUNREACH,
  ERRNO.EACCES,
  // A blackhole route; our requests have one form, so nothing else of ours can be invalid.
  ERRNO.EINVAL,
]);

/** Null: there is no route, or one that forbids. */
export function routeTo(
  on: NetlinkSocket,
  destination: IpAddress,
): Result<Path | null, NetlinkError> {
  const now = ask(on, routeQuery(destination, false), parseRoute);
  if (!now.ok) return NO_WAY.has(now.error.errno) ? ok(null) : now;
  const entry = ask(on, routeQuery(destination, true), parseRoute);
  if (!entry.ok) return NO_WAY.has(entry.error.errno) ? ok(null) : entry;
  return ok(pathOf(now.value[0], entry.value[0]));
}

function pathOf(now: Route | undefined, entry: Route | undefined): Path | null {
  const first = now?.nexthops[0];
  if (!now || !first || !entry || FORBIDDING.has(entry.type)) return null;
  return {
    local: now.type === "local",
    oif: first.oif,
    gateway: first.gateway,
    source: now.source,
    mtu: now.mtu,
    nexthops: entry.nexthops,
  };
}

/** IPv6 answers these with a way over the loopback device instead of an error. */
const FORBIDDING: ReadonlySet<Route["type"]> = new Set(["blackhole", "unreachable", "prohibit"]);
