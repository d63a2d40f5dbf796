/** Pass: what routers export to one another: their own, and nothing that the other has, or gets from somebody else. */
import { type IpPrefix, parsePrefix } from "../../base/ip.ts";
import type { Finding, Intent, Router } from "../intent.ts";
import { nestedPairs, within } from "../prefixes.ts";
import { findingAt } from "../report.ts";
import { keyIn, networkKeysOf } from "../routers.ts";

/** A prefix of an address space, and whose it is there. */
interface Claim {
  readonly prefix: IpPrefix;
  readonly text: string;
  /** For messages: "subnet of Network a/n". */
  readonly what: string;
  /** Null: the target's own. */
  readonly by: { readonly router: Router; readonly path: string } | null;
}

export function checkExports(intent: Intent): readonly Finding[] {
  const findings: Finding[] = [];
  const claimsByTarget = new Map<string, Claim[]>();
  for (const router of intent.routers.values()) {
    if (router.spec.export.length === 0) continue;
    const own = claimsOf(intent, router);
    for (const [i, { prefixes, to }] of router.spec.export.entries())
      for (const [j, text] of prefixes.entries()) {
        const path = `$.spec.export[${i}].prefixes[${j}]`;
        const prefix = parsePrefix(text);
        if (!prefix) continue;
        if (!own.some((claim) => within(prefix, claim.prefix)))
          findings.push(foreign(router, path, text));
        const what = `export of Router ${router.key}`;
        for (const key of new Set(to.map((reference) => keyIn(router, reference)))) {
          const claims = claimsByTarget.get(key) ?? [];
          claims.push({ prefix, text, what, by: { router, path } });
          claimsByTarget.set(key, claims);
        }
      }
  }
  for (const [key, exported] of claimsByTarget) {
    const target = intent.routers.get(key);
    const own = target ? claimsOf(intent, target) : [];
    // A default route is for what nothing else is known of: it overlaps only another.
    const claims = Map.groupBy([...own, ...exported], ({ prefix }) => prefix.bits === 0);
    for (const [inner, outer] of [...claims.values()].flatMap(nestedPairs))
      if (inner.by?.router !== outer.by?.router)
        findings.push(...overlap(key, inner, outer), ...overlap(key, outer, inner));
  }
  return findings;
}

/** Of a router's own: the subnets of its networks, and its routes. */
function claimsOf(intent: Intent, router: Router): readonly Claim[] {
  const claim = (text: string, what: string): readonly Claim[] => {
    const prefix = parsePrefix(text);
    return prefix ? [{ prefix, text, what, by: null }] : [];
  };
  const networks = networkKeysOf(router).flatMap((key) => intent.networks.get(key) ?? []);
  return [
    ...networks.flatMap(({ key, spec }) =>
      spec.subnets.flatMap((subnet) => claim(subnet, `subnet of Network ${key}`)),
    ),
    ...router.spec.routes.flatMap(({ prefix }) => claim(prefix, `route of Router ${router.key}`)),
  ];
}

function foreign(router: Router, path: string, text: string): Finding {
  return findingAt(router, path, {
    code: "export-foreign",
    message: `${text} is no part of a subnet or route of the router`,
    suggestion: "a subnet of one of its networks, a part of one, or a route",
  });
}

/** Said to who exports: the owner of what was there before has done nothing wrong. */
function overlap(target: string, one: Claim, other: Claim): readonly Finding[] {
  if (!one.by) return [];
  const { router, path } = one.by;
  return [
    findingAt(router, path, {
      code: "export-overlap",
      message: `${one.text} overlaps ${other.text}, ${other.what}, in Router ${target}`,
      suggestion: `export a part that Router ${target} does not have, or nothing to it`,
    }),
  ];
}
