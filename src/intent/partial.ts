/** The part of an intent that `--partial` applies: the tenants in which nothing is wrong, whole. */
import type { Finding, Intent } from "./intent.ts";

/**
 * Without every tenant that has an error in it. Null when an error belongs to no tenant (fabric, hosts, a text
 * that is no YAML): what it breaks cannot be told apart from the rest.
 */
export function soundTenants(intent: Intent, findings: readonly Finding[]): Intent | null {
  const errors = findings.filter((finding) => finding.severity === "error");
  const unsound = new Set<string>();
  for (const { object } of errors) {
    if (!object) return null;
    if (object.kind === "Tenant") unsound.add(object.name);
    else if (object.tenant !== null) unsound.add(object.tenant);
    else return null;
  }
  const keep = <Value extends { readonly metadata: { readonly tenant: string } }>(
    values: ReadonlyMap<string, Value>,
  ): ReadonlyMap<string, Value> =>
    new Map([...values].filter(([, value]) => !unsound.has(value.metadata.tenant)));
  return {
    ...intent,
    tenants: new Map([...intent.tenants].filter(([name]) => !unsound.has(name))),
    networks: keep(intent.networks),
    ports: keep(intent.ports),
  };
}
