/** Pass: interfaces, MACs and addresses of ports, each used once where it must be; subnets that do not overlap. */
import { contains, type IpPrefix, overlaps, parseIp, parsePrefix } from "../../base/ip.ts";
import { isLinkLocal, refuseInSubnet, refuseUnicast } from "../addresses.ts";
import type { FindingCode } from "../finding.ts";
import type { Finding, Intent, IntentObject, Network, Port } from "../intent.ts";
import { findingAt, labelOf, nameOf } from "../report.ts";
import { networkKeyOf } from "./names.ts";

export function checkAddresses(intent: Intent): readonly Finding[] {
  const findings: Finding[] = [];
  const interfaces = new Claims("duplicate-interface");
  const macs = new Claims("duplicate-mac");
  const addresses = new Claims("duplicate-address");
  for (const host of intent.hosts.values())
    for (const [i, uplink] of host.spec.uplinks.entries())
      interfaces.claim(`${host.key} ${uplink.interface}`, host, `$.spec.uplinks[${i}].interface`);
  for (const network of intent.networks.values()) {
    findings.push(...checkSubnets(network));
    for (const [i, gateway] of (network.spec.gateways ?? []).entries()) {
      const path = `$.spec.gateways[${i}]`;
      addresses.claim(`${network.key} ${gateway}`, network, path);
      findings.push(...checkAddress(network, path, gateway, subnetsOf(network)));
    }
  }
  for (const port of intent.ports.values()) {
    const { host, mac, addresses: own } = port.spec;
    const network = networkKeyOf(port);
    findings.push(...checkInterface(intent, port));
    if (port.spec.interface !== undefined)
      interfaces.claim(`${host} ${port.spec.interface}`, port, "$.spec.interface");
    macs.claim(`${network} ${mac}`, port, "$.spec.mac");
    const declared = intent.networks.get(network);
    const subnets = declared ? subnetsOf(declared) : [];
    for (const [i, address] of own.entries()) {
      const path = `$.spec.addresses[${i}]`;
      addresses.claim(`${network} ${address}`, port, path);
      findings.push(...checkAddress(port, path, address, subnets));
    }
  }
  return [
    ...findings,
    ...interfaces.findings("on the host"),
    ...macs.findings("in the network"),
    ...addresses.findings("in the network"),
  ];
}

/** Things that only one object may have; every claimant of a thing gets a finding that names the others. */
class Claims {
  readonly #code: FindingCode;
  readonly #claimants = new Map<string, { readonly by: IntentObject; readonly path: string }[]>();

  constructor(code: FindingCode) {
    this.#code = code;
  }

  /** `thing` is its scope, a space, and the value. */
  claim(thing: string, by: IntentObject, path: string): void {
    const claimants = this.#claimants.get(thing);
    if (claimants) claimants.push({ by, path });
    else this.#claimants.set(thing, [{ by, path }]);
  }

  findings(scope: string): readonly Finding[] {
    const out: Finding[] = [];
    for (const [thing, claimants] of this.#claimants) {
      const objects = new Set(claimants.map((claimant) => claimant.by));
      if (objects.size < 2) continue;
      const value = thing.slice(thing.lastIndexOf(" ") + 1);
      for (const { by, path } of claimants) {
        const others = [...objects].filter((other) => other !== by);
        const names = others.map((other) => labelOf(nameOf(other))).join(" and ");
        const message = `${value} is also ${names}'s ${scope}`;
        const suggestion = "give each its own";
        out.push(findingAt(by, path, { code: this.#code, message, suggestion }));
      }
    }
    return out;
  }
}

function subnetsOf(network: Network): readonly IpPrefix[] {
  return network.spec.subnets.map(parsePrefix).filter((subnet) => subnet !== null);
}

function checkSubnets(network: Network): readonly Finding[] {
  const subnets = subnetsOf(network);
  return subnets.flatMap((subnet, i) => {
    const other = subnets.findIndex((before, j) => j < i && overlaps(before, subnet));
    if (other < 0) return [];
    const { subnets: texts } = network.spec;
    return [
      findingAt(network, `$.spec.subnets[${i}]`, {
        code: "subnet-overlap",
        message: `${texts[i]} overlaps ${texts[other]}`,
        suggestion: "keep the wider one",
      }),
    ];
  });
}

function checkAddress(
  object: IntentObject,
  path: string,
  text: string,
  subnets: readonly IpPrefix[],
): readonly Finding[] {
  const ip = parseIp(text);
  if (!ip) return [];
  const refusal =
    refuseUnicast(ip) ??
    subnets.map((subnet) => refuseInSubnet(ip, subnet)).find((why) => why !== null);
  if (refusal)
    return [
      findingAt(object, path, {
        code: "address-not-unicast",
        message: `${text} is ${refusal}: no station has it`,
      }),
    ];
  // Every link has the link-local prefix, declared or not.
  if (isLinkLocal(ip) || subnets.length === 0 || subnets.some((subnet) => contains(subnet, ip)))
    return [];
  return [
    findingAt(object, path, {
      code: "address-outside-subnets",
      message: `${text} is in none of the network's subnets`,
      suggestion: "an address of a subnet, or a subnet with the address",
    }),
  ];
}

function checkInterface(intent: Intent, port: Port): readonly Finding[] {
  const host = intent.hosts.get(port.spec.host);
  if (!host) return [];
  const given = port.spec.interface !== undefined;
  if (host.spec.managed && !given)
    return [
      findingAt(port, "$.spec.interface", {
        code: "interface-missing",
        message: `names no interface, and host ${host.key} is managed`,
        suggestion: "interface: the host's end of the attachment",
      }),
    ];
  if (!host.spec.managed && given)
    return [
      findingAt(port, "$.spec.interface", {
        severity: "warning",
        code: "interface-unused",
        message: `names an interface, and host ${host.key} is not managed`,
        suggestion: "remove it",
      }),
    ];
  return [];
}
