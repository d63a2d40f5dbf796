/** Pass: one fabric; every name that is referred to is declared. */
import type { FindingCode } from "../finding.ts";
import type { Finding, Intent, IntentObject, Place, Port, Router } from "../intent.ts";
import { nearest } from "../nearest.ts";
import { findingAt, findingIn } from "../report.ts";
import { keyIn, networkKeysOf } from "../routers.ts";

/** What can be referred to. */
type Target = "Tenant" | "Pool" | "Host" | "Network" | "Router";

export function checkNames(intent: Intent): readonly Finding[] {
  const findings: Finding[] = [...checkFabrics(intent)];
  const refer = (from: IntentObject, path: string, kind: Target, key: string): void => {
    const known = keysOf(intent, kind);
    // What is declared but could not be read has its own finding.
    if (known.has(key) || intent.broken.has(`${kind} ${key}`)) return;
    findings.push(
      findingAt(from, path, {
        code: codesByKind[kind],
        message: `no ${kind} ${key} is declared`,
        suggestion: nearest(key, known.keys()),
      }),
    );
  };
  for (const tenant of intent.tenants.values()) {
    const { parent, pools = [] } = tenant.spec;
    if (parent !== undefined) refer(tenant, "$.spec.parent", "Tenant", parent);
    for (const [i, pool] of pools.entries()) refer(tenant, `$.spec.pools[${i}]`, "Pool", pool);
    if (isOwnAncestor(intent, tenant.key))
      findings.push(
        findingAt(tenant, "$.spec.parent", {
          code: "tenant-loop",
          message: "is its own ancestor",
          suggestion: "remove the parent of one of them",
        }),
      );
  }
  for (const network of intent.networks.values())
    refer(network, "$.metadata.tenant", "Tenant", network.metadata.tenant);
  for (const port of intent.ports.values()) {
    refer(port, "$.metadata.tenant", "Tenant", port.metadata.tenant);
    refer(port, "$.spec.host", "Host", port.spec.host);
    const key = networkKeyOf(port);
    if (isOwn(port, key)) refer(port, "$.spec.network", "Network", key);
    else findings.push(foreignNetwork(port, "$.spec.network", key));
  }
  for (const router of intent.routers.values()) {
    const { gatewayHost, export: exports } = router.spec;
    refer(router, "$.metadata.tenant", "Tenant", router.metadata.tenant);
    for (const [i, key] of networkKeysOf(router).entries()) {
      const path = `$.spec.networks[${i}]`;
      if (isOwn(router, key)) refer(router, path, "Network", key);
      else findings.push(foreignNetwork(router, path, key));
    }
    if (gatewayHost !== undefined) refer(router, "$.spec.gatewayHost", "Host", gatewayHost);
    for (const [i, { to }] of exports.entries())
      for (const [j, reference] of to.entries())
        refer(router, `$.spec.export[${i}].to[${j}]`, "Router", keyIn(router, reference));
  }
  return findings;
}

const isOwn = ({ metadata: { tenant } }: Port | Router, key: string): boolean =>
  key.startsWith(`${tenant}/`);

function foreignNetwork(object: Port | Router, path: string, key: string): Finding {
  return findingAt(object, path, {
    code: "foreign-network",
    message: `${key} belongs to another tenant`,
    suggestion: `a network of ${object.metadata.tenant}, or a ${object.kind.toLowerCase()} that belongs to ${key.split("/")[0]}`,
  });
}

const codesByKind: Readonly<Record<Target, FindingCode>> = {
  Tenant: "unknown-tenant",
  Pool: "unknown-pool",
  Host: "unknown-host",
  Network: "unknown-network",
  Router: "unknown-router",
};

function keysOf(intent: Intent, kind: Target): ReadonlyMap<string, IntentObject> {
  switch (kind) {
    case "Tenant":
      return intent.tenants;
    case "Pool":
      return intent.pools;
    case "Host":
      return intent.hosts;
    case "Network":
      return intent.networks;
    case "Router":
      return intent.routers;
  }
}

/** The key of the network that a port names; a bare name is its own tenant's. */
export function networkKeyOf(port: Port): string {
  const { network } = port.spec;
  return network.includes("/") ? network : `${port.metadata.tenant}/${network}`;
}

function checkFabrics(intent: Intent): readonly Finding[] {
  const fabrics = [...intent.fabrics.values()];
  const broken = [...intent.broken].some((label) => label.startsWith("Fabric "));
  if (fabrics.length === 0 && !broken) {
    const [file = ""] = intent.files;
    const source = { file, readPlaces: (): ReadonlyMap<string, Place> => new Map() };
    return [
      findingIn(source, null, "$", {
        code: "no-fabric",
        message: "no Fabric is declared",
        suggestion: "add a document of kind Fabric",
      }),
    ];
  }
  if (fabrics.length < 2) return [];
  return fabrics.map((fabric) =>
    findingAt(fabric, "$.metadata.name", {
      code: "several-fabrics",
      message: `an intent has one Fabric, this one ${fabrics.length}`,
      suggestion: "keep one",
    }),
  );
}

function isOwnAncestor(intent: Intent, key: string): boolean {
  const seen = new Set<string>();
  let at = intent.tenants.get(key)?.spec.parent;
  while (at !== undefined && !seen.has(at)) {
    if (at === key) return true;
    seen.add(at);
    at = intent.tenants.get(at)?.spec.parent;
  }
  return false;
}
