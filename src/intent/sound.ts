/** What is left of an intent without the objects that have errors, and without what needs those. */
import type { Finding, Intent, IntentObject } from "./intent.ts";
import { networkKeyOf } from "./passes/names.ts";
import { labelOf, nameOf } from "./report.ts";

/**
 * Sound objects still compile: an error in a port costs that port, one in a network its ports, one in a tenant
 * its networks and routers, and one in the fabric everything. A router joins those of its networks that are sound.
 */
export function soundPartOf(intent: Intent, findings: readonly Finding[]): Intent {
  const unsound = unsoundLabels(findings);
  // Nothing refers to what is not there, or it would be a finding.
  if (unsound.size === 0 && intent.broken.size === 0 && intent.fabrics.size === 1) return intent;
  const sound = (object: IntentObject): boolean => !unsound.has(labelOf(nameOf(object)));
  const fabrics = keep(intent.fabrics, sound);
  const nothing = fabrics.size !== 1 || intent.fabrics.size !== 1;
  const tenants = keep(intent.tenants, (tenant) => !nothing && sound(tenant));
  const hosts = keep(intent.hosts, (host) => !nothing && sound(host));
  const networks = keep(
    intent.networks,
    (network) => sound(network) && tenants.has(network.metadata.tenant),
  );
  const ports = keep(
    intent.ports,
    (port) =>
      sound(port) &&
      tenants.has(port.metadata.tenant) &&
      hosts.has(port.spec.host) &&
      networks.has(networkKeyOf(port)),
  );
  const routers = keep(
    intent.routers,
    (router) =>
      sound(router) &&
      tenants.has(router.metadata.tenant) &&
      (router.spec.gatewayHost === undefined || hosts.has(router.spec.gatewayHost)),
  );
  return { ...intent, fabrics, tenants, hosts, networks, ports, routers };
}

/** Labels ("Port org-a/train-1") of the objects that have an error. */
export function unsoundLabels(findings: readonly Finding[]): ReadonlySet<string> {
  const labels = new Set<string>();
  for (const { severity, object } of findings)
    if (severity === "error" && object) labels.add(labelOf(object));
  return labels;
}

function keep<Value>(
  values: ReadonlyMap<string, Value>,
  wanted: (value: Value) => boolean,
): ReadonlyMap<string, Value> {
  return new Map([...values].filter(([, value]) => wanted(value)));
}
