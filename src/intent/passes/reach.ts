/** Pass: whether whoever routes to a network gets there, with packets as large as they must be able to be. */
import { LIMIT } from "../../rows/abi.generated.ts";
import type { Finding, Host } from "../intent.ts";
import type { Numbered } from "../numbers.ts";
import { findingAt } from "../report.ts";
import {
  encapsulationBetween,
  MTU_MIN,
  OVERHEAD_OCTETS,
  type Segment,
  uplinkMtuOf,
  vtepsOf,
} from "./segments.ts";
import { isCentralized, prefixesOf, type RoutedNetwork, routesAt, type Vrf } from "./vrfs.ts";
import { hopTo } from "./ways.ts";

type Vrfs = ReadonlyMap<string, Vrf>;

export const checkReach = (vrfs: Vrfs): readonly Finding[] =>
  [...vrfs.values()].flatMap((vrf) => checkReachOf(vrf, vrfs));

export function checkReachOf(vrf: Vrf, vrfs: Vrfs): readonly Finding[] {
  const findings = vrf.networks.flatMap((one) => [
    ...(one.segment ? checkHops(vrf, one.segment, vrfs) : []),
    ...checkMtu(vrf, one, vrfs),
    ...checkForeign(vrf, one),
  ]);
  const byMessage = new Map(findings.map((finding) => [finding.message, finding]));
  return [...byMessage.values(), ...checkLengths(vrf, vrfs)];
}

/** The spaces from which packets come to networks of `vrf`. */
const spacesTo = (vrf: Vrf, vrfs: Vrfs): readonly Vrf[] => [
  vrf,
  ...vrf.importers.flatMap((key) => vrfs.get(key) ?? []),
];

/** Hosts that are alike in all that ways depend on are looked at once, a pair of each two kinds. */
function checkHops(vrf: Vrf, segment: Segment, vrfs: Vrfs): readonly Finding[] {
  const members = [...segment.membersByHost.values()].map(({ host }) => host);
  const kinds = Map.groupBy(members, kindOf);
  const findings: Finding[] = [];
  for (const space of spacesTo(vrf, vrfs)) {
    const senders = [...space.hosts.values()].filter((host) => routesAt(space, host));
    // The gateway host goes other ways than those that are otherwise like it.
    const isGateway = ({ key }: Host): boolean => key === vrf.gatewayHost?.key;
    const alikes = Map.groupBy(senders, (host) => `${kindOf(host)} ${isGateway(host)}`);
    for (const alike of alikes.values())
      for (const others of kinds.values())
        for (const [self, host] of pairOf(alike, others)) {
          const hop = hopTo({ self, space }, vrf, segment, host);
          const finding = hop && refuseHop(vrf, segment, self, hop);
          if (finding) findings.push(finding);
        }
  }
  return findings;
}

const kindOf = ({ spec: { encapsulations, vteps, managed } }: Host): string =>
  [managed, ...encapsulations, vteps.some((one) => one.includes(":")), vteps.some(isIpv4)].join();

const isIpv4 = (address: string): boolean => !address.includes(":");

/** One of each, not the same. */
function pairOf(
  some: readonly Host[],
  others: readonly Host[],
): readonly (readonly [Host, Host])[] {
  for (const a of some.slice(0, 2)) {
    const b = others.find((other) => other.key !== a.key);
    if (b) return [[a, b]];
  }
  return [];
}

function refuseHop(
  { router }: Vrf,
  { network }: Segment,
  self: Host,
  { host, under }: { readonly host: Host; readonly under: Numbered },
): Finding | null {
  const { underlay } = network.spec;
  const without = [self, host].find((one) => vtepsOf(one, underlay).length === 0);
  if (without)
    return findingAt(router, "$.spec.networks", {
      code: "vtep-missing",
      message: `Host ${self.key} routes to Network ${network.key} over ${underlay}, and Host ${without.key} has no ${underlay} address in vteps`,
      suggestion: `add one to Host ${without.key}`,
    });
  if (encapsulationBetween(under, self, host) !== null) return null;
  const allowed = under.spec.encapsulations.join(", ");
  // Both ways are one fault.
  const speak = [self, host]
    .map((one) => `Host ${one.key} speaks ${one.spec.encapsulations.join(", ")}`)
    .sort();
  return findingAt(router, "$.spec.encapsulations", {
    code: "no-common-encapsulation",
    message: `${under.kind} ${under.key} allows ${allowed}; ${speak.join(", ")}: they have none in common`,
    suggestion: "allow one that both speak",
  });
}

/** Budgeted as networks are: for the largest header, and the narrowest uplink. */
function checkMtu(vrf: Vrf, { network, segment }: RoutedNetwork, vrfs: Vrfs): readonly Finding[] {
  const { subnets, underlay } = network.spec;
  const family = subnets.some((text) => text.includes(":")) ? "ipv6" : "ipv4";
  const members = [...(segment?.membersByHost.values() ?? [])].map(({ host }) => host);
  const hosts = [...members, ...spacesTo(vrf, vrfs).flatMap((space) => [...space.hosts.values()])];
  if (members.length === 0) return [];
  const isDirect = vrf.router.spec.irb === "asymmetric" || isCentralized(vrf);
  const { encapsulations } = isDirect ? network.spec : vrf.router.spec;
  const overhead = Math.max(...encapsulations.map((one) => OVERHEAD_OCTETS[underlay][one]));
  const least = MTU_MIN[family];
  const narrow = new Set(hosts.filter((host) => uplinkMtuOf(host) - overhead < least));
  if (narrow.size === 0) return [];
  const names = [...narrow].map((host) => host.key).join(", ");
  return [
    findingAt(vrf.router, "$.spec.networks", {
      code: "mtu-too-small",
      message: `leaves less than ${least} octets for a packet between Host ${names} and Network ${network.key}, and ${family} needs as many`,
      suggestion: `raise the uplink mtu of ${names} to ${least + overhead} or more`,
    }),
  ];
}

/** A host that is not ours has to find a gateway among ours. */
function checkForeign(vrf: Vrf, { network, segment }: RoutedNetwork): readonly Finding[] {
  const members = [...(segment?.membersByHost.values() ?? [])].map(({ host }) => host);
  const foreign = members.find(({ spec }) => !spec.managed);
  if (!foreign || vrf.gatewayHost || members.some(({ spec }) => spec.managed)) return [];
  return [
    findingAt(vrf.router, "$.spec.networks", {
      severity: "warning",
      code: "gateway-unserved",
      message: `Host ${foreign.key} is not managed, and no managed host with a port on Network ${network.key} can be its gateway`,
      suggestion: "name a gatewayHost, or give a managed host a port there",
    }),
  ];
}

/** They are asked for one by one (docs/decisions/0014-routing.md); of IPv4 there are no more than fit. */
function checkLengths(vrf: Vrf, vrfs: Vrfs): readonly Finding[] {
  const ipv6 = prefixesOf(vrf, vrfs).filter(({ family }) => family === "ipv6");
  const lengths = new Set(ipv6.map(({ bits }) => bits));
  if (lengths.size <= LIMIT.IPV6_LENGTHS_MAX) return [];
  return [
    findingAt(vrf.router, "$.spec.routes", {
      code: "limit-exceeded",
      message: `its subnets, routes and imports have ${lengths.size} different lengths of IPv6 prefixes, and an address space has at most ${LIMIT.IPV6_LENGTHS_MAX}`,
      suggestion: "use fewer lengths",
    }),
  ];
}
