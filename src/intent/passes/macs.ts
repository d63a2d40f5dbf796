/** Pass: where there are routers, their MACs are nobody else's. */
import type { Finding, Intent, Port } from "../intent.ts";
import { gatewayMacOf, routerMacOf } from "../macs.ts";
import { findingAt } from "../report.ts";

export function checkMacs(intent: Intent): readonly Finding[] {
  const reserved = reservedMacsOf(intent);
  const ports = [...intent.ports.values()].flatMap((port) => checkPort(port, reserved));
  return [...ports, ...checkRouterMacs(intent)];
}

/** Whose they are ("the gateways'"), by MAC. Empty: there are no routers. */
export function reservedMacsOf(intent: Intent): ReadonlyMap<string, string> {
  const reserved = new Map<string, string>();
  if (intent.routers.size === 0) return reserved;
  for (const host of intent.hosts.values())
    if (host.spec.managed) reserved.set(routerMacOf(host), `of the routers on Host ${host.key}`);
  for (const fabric of intent.fabrics.values())
    reserved.set(gatewayMacOf(fabric), `of the gateways of Fabric ${fabric.key}`);
  return reserved;
}

function checkPort(port: Port, reserved: ReadonlyMap<string, string>): readonly Finding[] {
  const whose = reserved.get(port.spec.mac);
  if (whose === undefined) return [];
  return [
    findingAt(port, "$.spec.mac", {
      code: "mac-reserved",
      message: `${port.spec.mac} is the MAC ${whose}`,
      suggestion: "give the workload another",
    }),
  ];
}

function checkRouterMacs(intent: Intent): readonly Finding[] {
  if (intent.routers.size === 0) return [];
  const managed = [...intent.hosts.values()].filter(({ spec }) => spec.managed);
  const findings: Finding[] = [];
  for (const [mac, hosts] of Map.groupBy(managed, routerMacOf)) {
    // Hosts that share the address itself are told so.
    if (new Set(hosts.map(({ spec }) => spec.vteps[0])).size > 1)
      for (const host of hosts) {
        const others = hosts.filter((other) => other !== host).map((other) => other.key);
        findings.push(
          findingAt(host, "$.spec.vteps", {
            code: "router-mac-shared",
            message: `its routers' MAC ${mac}, which follows from its first address, is Host ${others.join(" and ")}'s too`,
            suggestion: "give one of them another first address, or one of IPv4",
          }),
        );
      }
    for (const fabric of intent.fabrics.values())
      if (gatewayMacOf(fabric) === mac)
        findings.push(
          findingAt(fabric, "$.spec.gatewayMac", {
            code: "mac-reserved",
            message: `${mac} is the MAC of the routers on Host ${hosts.map(({ key }) => key).join(" and ")}`,
            suggestion: "another, or none: there is a default",
          }),
        );
  }
  return findings;
}
