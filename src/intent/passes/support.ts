/**
 * Pass: what the language has and this version does not act on. An error where ignoring it would give
 * another network than the one that was asked for; a warning where it only adds something.
 */
import type { Fabric, Finding, Host, Intent, IntentObject, Network, Port } from "../intent.ts";
import { wireLearningOf } from "../learning.ts";
import { findingAt } from "../report.ts";
import { routersByNetworkOf } from "../routers.ts";

export function checkSupport(intent: Intent): readonly Finding[] {
  const findings: Finding[] = [];
  for (const fabric of intent.fabrics.values()) findings.push(...checkFabric(fabric));
  for (const pool of intent.pools.values())
    if (pool.spec.numbers === "group" || pool.spec.numbers === "address")
      findings.push(
        unsupported(pool, "$.spec.numbers", {
          severity: "warning",
          what: `pools of ${pool.spec.numbers}`,
          suggestion: "vni, vsid or l3vni",
        }),
      );
  for (const tenant of intent.tenants.values())
    if (tenant.spec.quotas !== undefined)
      findings.push(unsupported(tenant, "$.spec.quotas", { what: "quotas" }));
  for (const host of intent.hosts.values()) findings.push(...checkHost(host));
  const [fabric] = intent.fabrics.values();
  const routers = routersByNetworkOf(intent);
  for (const network of intent.networks.values()) {
    findings.push(...checkNetwork(network, fabric));
    if (!routers.has(network.key) && !isRouterBroken(intent, network))
      findings.push(...checkUnrouted(network));
  }
  for (const port of intent.ports.values()) findings.push(...checkPort(port));
  return findings;
}

interface Unsupported {
  readonly severity?: "warning";
  readonly what: string;
  readonly suggestion?: string;
}

function unsupported(object: IntentObject, path: string, about: Unsupported): Finding {
  return findingAt(object, path, {
    ...(about.severity ? { severity: about.severity } : {}),
    code: "not-supported-yet",
    message: `this version does not act on ${about.what}`,
    suggestion: about.suggestion ?? "remove it",
  });
}

function checkFabric(fabric: Fabric): readonly Finding[] {
  const { learning, reflectors, asn } = fabric.spec;
  const findings: Finding[] = [];
  if (learning === "evpn")
    findings.push(
      unsupported(fabric, "$.spec.learning", {
        what: "learning: evpn",
        suggestion: "learning: static or flood-and-learn",
      }),
    );
  if (reflectors !== undefined && reflectors.length > 0 && learning === undefined)
    findings.push(
      unsupported(fabric, "$.spec.reflectors", {
        what: "reflectors (they make learning evpn)",
        suggestion: "remove them, or set learning: static or flood-and-learn",
      }),
    );
  if (asn !== undefined)
    findings.push(unsupported(fabric, "$.spec.asn", { severity: "warning", what: "asn" }));
  return findings;
}

function checkHost(host: Host): readonly Finding[] {
  const findings: Finding[] = [];
  if (host.spec.udp6Checksum === "full")
    findings.push(
      unsupported(host, "$.spec.udp6Checksum", {
        what: "udp6Checksum: full",
        suggestion: "udp6Checksum: zero",
      }),
    );
  for (const [i, uplink] of host.spec.uplinks.entries())
    if (uplink.secure)
      findings.push(
        unsupported(host, `$.spec.uplinks[${i}].secure`, {
          severity: "warning",
          what: "secure: no network can ask for it",
        }),
      );
  return findings;
}

function checkNetwork(network: Network, fabric: Fabric | undefined): readonly Finding[] {
  const { learning, ageSeconds, macsMax, inside, vlan } = network.spec;
  const findings: Finding[] = [];
  const discovers = network.spec.subnets.length > 0;
  const error = (field: string, what: string, suggestion?: string): void => {
    const about = suggestion === undefined ? { what } : { what, suggestion };
    findings.push(unsupported(network, `$.spec.${field}`, about));
  };
  if (learning === "evpn")
    error("learning", "learning: evpn", "learning: static or flood-and-learn");
  if (wireLearningOf(fabric, network) === null)
    // Addresses are discovered in networks that learn nothing, too.
    for (const [field, value] of Object.entries(discovers ? { macsMax } : { ageSeconds, macsMax }))
      if (value !== undefined)
        findings.push(
          findingAt(network, `$.spec.${field}`, {
            severity: "warning",
            code: "no-effect",
            message: "says how to learn, and the network learns nothing from the wire",
            suggestion: "remove it, or set learning: flood-and-learn",
          }),
        );
  if (inside === "deny") error("inside", "inside: deny", "inside: allow");
  if (vlan !== undefined)
    findings.push(
      unsupported(network, "$.spec.vlan", {
        severity: "warning",
        what: "vlan, other than to number the network",
      }),
    );
  return findings;
}

/** A router of its tenant could not be read, and may have it. */
const isRouterBroken = ({ broken }: Intent, { metadata: { tenant } }: Network): boolean =>
  [...broken].some((label) => label.startsWith(`Router ${tenant}/`));

/** What only a router gives an effect. */
function checkUnrouted(network: Network): readonly Finding[] {
  const { gateways, mssClamp } = network.spec;
  const idle = (field: string): Finding =>
    findingAt(network, `$.spec.${field}`, {
      severity: "warning",
      code: "no-effect",
      message: "no router has the network",
      suggestion: "name the network in a Router, or remove it",
    });
  const hasGateways = gateways !== undefined && gateways.length > 0;
  return [...(hasGateways ? [idle("gateways")] : []), ...(mssClamp ? [idle("mssClamp")] : [])];
}

function checkPort(port: Port): readonly Finding[] {
  const { attachment, vid, rate } = port.spec;
  const findings: Finding[] = [];
  if (attachment === "vlan" || attachment === "physical")
    findings.push(
      unsupported(port, "$.spec.attachment", {
        what: `attachment: ${attachment}`,
        suggestion: "attachment: veth or tap",
      }),
    );
  if (vid !== undefined) findings.push(unsupported(port, "$.spec.vid", { what: "vid" }));
  if (rate !== undefined) findings.push(unsupported(port, "$.spec.rate", { what: "rate" }));
  return findings;
}
