/** What an intent's routers join: for each network its router and gateways, and which router reaches what of another. */
import {
  contains,
  type IpAddress,
  type IpFamily,
  type IpPrefix,
  parseIp,
  parsePrefix,
} from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import type { Intent, Network, Router } from "../intent/intent.ts";
import { exportsOf, routersByNetworkOf } from "../intent/routers.ts";

/** Where a port is, as far as it says whom it reaches. */
export interface Attachment {
  /** "tenant/network". */
  readonly network: string;
  /** "tenant/router"; null: the network is an island. */
  readonly router: string | null;
  /** Those for which the network has a gateway. */
  readonly gatewayFamilies: readonly IpFamily[];
}

/** A router's prefixes that another reaches. */
export interface Leak {
  /** Whose the prefixes are. */
  readonly from: string;
  readonly to: string;
  readonly prefixes: readonly IpPrefix[];
}

/** By the key of a network where it has ports. */
export function attachmentsOf(intent: Intent): ReadonlyMap<string, Attachment> {
  const routers = routersByNetworkOf(intent);
  return new Map(
    [...intent.networks.values()].map((network: Network): [string, Attachment] => {
      const router = routers.get(network.key)?.key ?? null;
      const gateways = router === null ? [] : gatewaysOf(network);
      const gatewayFamilies = gateways.map(({ family }: IpAddress) => family);
      return [network.key, { network: network.key, router, gatewayFamilies }];
    }),
  );
}

/** The first gateway of each family, IPv4 first: what a workload's default routes lead to. */
export function gatewaysOf(network: Network): readonly IpAddress[] {
  const gateways = (network.spec.gateways ?? []).map((text: string): IpAddress => {
    const ip = parseIp(text);
    invariant(ip !== null, `${text} is no address`);
    return ip;
  });
  const families: readonly IpFamily[] = ["ipv4", "ipv6"];
  return families.flatMap(
    (family: IpFamily) => gateways.find((ip: IpAddress) => ip.family === family) ?? [],
  );
}

export function leaksOf(intent: Intent): readonly Leak[] {
  return [...intent.routers.values()].flatMap((router: Router) =>
    [...exportsOf(router)].map(
      ([to, prefixes]): Leak => ({ from: router.key, to, prefixes: prefixes.map(prefixOf) }),
    ),
  );
}

function prefixOf(text: string): IpPrefix {
  const prefix = parsePrefix(text);
  invariant(prefix !== null, `${text} is no prefix`);
  return prefix;
}

/** The hosts that route for all of a router, by the router's key. */
export function gatewayHostsOf(intent: Intent): ReadonlyMap<string, string> {
  return new Map(
    [...intent.routers.values()].flatMap(({ key, spec }: Router): [string, string][] =>
      spec.gatewayHost === undefined ? [] : [[key, spec.gatewayHost]],
    ),
  );
}

/** Whether `router` reaches `address`, which is `owner`'s, by a leak. */
export function isLeaked(
  leaks: readonly Leak[],
  router: string,
  owner: string,
  address: IpAddress,
): boolean {
  return leaks.some(
    ({ from, to, prefixes }: Leak) =>
      from === owner &&
      to === router &&
      prefixes.some((prefix: IpPrefix) => contains(prefix, address)),
  );
}
