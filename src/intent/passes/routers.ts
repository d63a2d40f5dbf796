/** Pass: what a router says of itself: its networks, their gateways and subnets, its routes, and who routes. */
import { contains, type IpPrefix, parseIp, parsePrefix } from "../../base/ip.ts";
import type { Finding, Intent, Network, Router } from "../intent.ts";
import { nestedPairs } from "../prefixes.ts";
import { findingAt } from "../report.ts";
import { networkKeysOf } from "../routers.ts";
import { networkKeyOf } from "./names.ts";

export function checkRouters(intent: Intent): readonly Finding[] {
  if (intent.routers.size === 0) return [];
  const findings = [...checkOwners(intent)];
  const addresses = addressesOf(intent);
  for (const router of intent.routers.values()) {
    const joined = networkKeysOf(router).flatMap((key, index) => {
      const network = intent.networks.get(key);
      // One of another tenant has its finding by that.
      return network && network.metadata.tenant === router.metadata.tenant
        ? [{ network, index }]
        : [];
    });
    findings.push(
      ...joined.flatMap(({ network, index }) => checkNetwork(router, network, index)),
      ...checkSubnets(router, joined),
      ...checkRoutes(router, joined, addresses),
      ...checkGatewayHost(intent, router),
    );
  }
  return findings;
}

/** A network of a router, with its place in the router's list. */
interface Joined {
  readonly network: Network;
  readonly index: number;
}

/** Addresses are unique within a router, so a network has one. */
function checkOwners(intent: Intent): readonly Finding[] {
  const routersByNetwork = new Map<string, Router[]>();
  for (const router of intent.routers.values())
    for (const key of new Set(networkKeysOf(router)))
      routersByNetwork.set(key, [...(routersByNetwork.get(key) ?? []), router]);
  return [...routersByNetwork].flatMap(([key, routers]) =>
    routers.length < 2
      ? []
      : routers.map((router) => {
          const others = routers.filter((other) => other !== router).map((other) => other.key);
          return findingAt(router, `$.spec.networks[${networkKeysOf(router).indexOf(key)}]`, {
            code: "network-routed-twice",
            message: `${key} is also of Router ${others.join(" and ")}`,
            suggestion: "leave it to one, and export its prefixes to the other",
          });
        }),
  );
}

function checkNetwork(router: Router, network: Network, index: number): readonly Finding[] {
  const { subnets, gateways = [] } = network.spec;
  const path = `$.spec.networks[${index}]`;
  if (subnets.length === 0)
    return [
      findingAt(router, path, {
        code: "subnet-missing",
        message: `Network ${network.key} has no subnets, so nothing can be routed to it`,
        suggestion: `give Network ${network.key} subnets`,
      }),
    ];
  if (gateways.length === 0)
    return [
      findingAt(router, path, {
        code: "gateway-missing",
        message: `Network ${network.key} has no gateway, so its workloads have nobody to send to`,
        suggestion: `give Network ${network.key} gateways: an address of each of its subnets`,
      }),
    ];
  return (["ipv4", "ipv6"] as const).flatMap((family) => {
    const ofFamily = (text: string): boolean => text.includes(":") === (family === "ipv6");
    return !subnets.some(ofFamily) || gateways.some(ofFamily)
      ? []
      : [
          findingAt(router, path, {
            severity: "warning",
            code: "gateway-missing",
            message: `Network ${network.key} has subnets of ${family}, and no gateway of it`,
            suggestion: `add one to the gateways of Network ${network.key}`,
          }),
        ];
  });
}

function checkSubnets(router: Router, joined: readonly Joined[]): readonly Finding[] {
  const subnets = joined.flatMap(({ network, index }) =>
    network.spec.subnets.flatMap((text) => {
      const prefix = parsePrefix(text);
      return prefix ? [{ text, prefix, network, index }] : [];
    }),
  );
  return nestedPairs(subnets).flatMap(([inner, outer]) =>
    // Within one network it is that network's finding.
    inner.network === outer.network
      ? []
      : [
          findingAt(router, `$.spec.networks[${inner.index}]`, {
            code: "subnet-overlap",
            message: `${inner.text} of Network ${inner.network.key} overlaps ${outer.text} of Network ${outer.network.key}`,
            suggestion: "renumber one of them, or give it a router of its own",
          }),
        ],
  );
}

function checkRoutes(
  router: Router,
  joined: readonly Joined[],
  addresses: AddressesByNetwork,
): readonly Finding[] {
  const takenBy = new Map<string, string>();
  for (const { network } of joined)
    for (const subnet of network.spec.subnets)
      takenBy.set(subnet, `Network ${network.key}'s subnet`);
  return router.spec.routes.flatMap(({ prefix, via }, i) => {
    const findings: Finding[] = [];
    const taken = takenBy.get(prefix);
    takenBy.set(prefix, `$.spec.routes[${i}]`);
    if (taken !== undefined)
      findings.push(
        findingAt(router, `$.spec.routes[${i}].prefix`, {
          code: "route-duplicate",
          message: `${prefix} is also ${taken}`,
          suggestion: "keep one of them",
        }),
      );
    const refusal = via === undefined ? null : refuseVia(via, joined, addresses);
    if (refusal)
      findings.push(
        findingAt(router, `$.spec.routes[${i}].via`, {
          code: "via-unknown",
          message: `${via} ${refusal}`,
          suggestion: "an address that a port on one of the router's networks declares",
        }),
      );
    return findings;
  });
}

/** Why packets cannot be sent on to `via`; null if they can. */
function refuseVia(
  via: string,
  joined: readonly Joined[],
  addresses: AddressesByNetwork,
): string | null {
  const ip = parseIp(via);
  const around = joined.find(({ network }) =>
    subnetsOf(network).some((subnet) => ip !== null && contains(subnet, ip)),
  );
  if (!around) return "is in no subnet of the router's networks";
  const { key, spec } = around.network;
  if (spec.gateways?.includes(via)) return `is the router itself, on Network ${key}`;
  return addresses.get(key)?.has(via) ? null : `is no port's on Network ${key}`;
}

type AddressesByNetwork = ReadonlyMap<string, ReadonlySet<string>>;

function addressesOf(intent: Intent): AddressesByNetwork {
  const addresses = new Map<string, Set<string>>();
  const wanted = new Set([...intent.routers.values()].flatMap(networkKeysOf));
  for (const port of intent.ports.values()) {
    const key = networkKeyOf(port);
    if (!wanted.has(key)) continue;
    const own = addresses.get(key) ?? new Set<string>();
    for (const address of port.spec.addresses) own.add(address);
    addresses.set(key, own);
  }
  return addresses;
}

const subnetsOf = (network: Network): readonly IpPrefix[] =>
  network.spec.subnets.flatMap((text) => parsePrefix(text) ?? []);

function checkGatewayHost(intent: Intent, router: Router): readonly Finding[] {
  const { gateway, gatewayHost } = router.spec;
  const path = "$.spec.gatewayHost";
  if (gatewayHost === undefined)
    return gateway === "distributed"
      ? []
      : [
          findingAt(router, path, {
            code: "gateway-host-missing",
            message: "gateway is centralized, and no gatewayHost is named",
            suggestion: "gatewayHost: the host that routes for all, or gateway: distributed",
          }),
        ];
  if (intent.hosts.get(gatewayHost)?.spec.managed === false)
    return [
      findingAt(router, path, {
        code: "gateway-host-unmanaged",
        message: `Host ${gatewayHost} is not managed, so it cannot be told to route`,
        suggestion: "a managed host",
      }),
    ];
  if (gateway === "centralized") return [];
  return [
    findingAt(router, path, {
      severity: "warning",
      code: "gateway-host-idle",
      message: `gateway is distributed: Host ${gatewayHost} stands ready, and every host routes for itself`,
      suggestion: "remove it, or set gateway: centralized",
    }),
  ];
}
