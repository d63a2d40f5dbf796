/** What a router refers to: names as keys. */
import type { Host, Intent, Router } from "./intent.ts";

/** A bare name is the router's own tenant's. */
export const keyIn = (router: Router, reference: string): string =>
  reference.includes("/") ? reference : `${router.metadata.tenant}/${reference}`;

/** Keys of the networks that it joins, as written. */
export const networkKeysOf = (router: Router): readonly string[] =>
  router.spec.networks.map((reference) => keyIn(router, reference));

/** Prefixes that it exports, by the key of the router that gets them. */
export function exportsOf(router: Router): ReadonlyMap<string, readonly string[]> {
  const prefixesByTarget = new Map<string, readonly string[]>();
  for (const { prefixes, to } of router.spec.export)
    for (const key of to.map((reference) => keyIn(router, reference)))
      prefixesByTarget.set(key, [...(prefixesByTarget.get(key) ?? []), ...prefixes]);
  return prefixesByTarget;
}

/** The routers by the key of a network; a network in two has an error, and counts for the first. */
export function routersByNetworkOf(intent: Intent): ReadonlyMap<string, Router> {
  const routers = new Map<string, Router>();
  for (const router of intent.routers.values())
    for (const key of networkKeysOf(router)) if (!routers.has(key)) routers.set(key, router);
  return routers;
}

/** The host that routes for all, or stands ready to; null: none is named. */
export const gatewayHostOf = (intent: Intent, router: Router): Host | null =>
  intent.hosts.get(router.spec.gatewayHost ?? "") ?? null;
