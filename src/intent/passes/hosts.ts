/** Pass: what a host says of itself: tunnel addresses and uplinks. */
import { parseIp } from "../../base/ip.ts";
import { LIMIT } from "../../rows/abi.generated.ts";
import { isLinkLocal, refuseUnicast } from "../addresses.ts";
import type { Finding, Host, Intent } from "../intent.ts";
import { findingAt } from "../report.ts";
import { vtepsOf } from "./segments.ts";

export function checkHosts(intent: Intent): readonly Finding[] {
  const findings: Finding[] = [];
  const ownersByVtep = new Map<string, Host[]>();
  for (const host of intent.hosts.values()) {
    for (const [i, vtep] of host.spec.vteps.entries()) {
      const owners = ownersByVtep.get(vtep) ?? [];
      ownersByVtep.set(vtep, [...owners, host]);
      const ip = parseIp(vtep);
      const refusal = ip && (isLinkLocal(ip) ? "a link-local address" : refuseUnicast(ip));
      if (refusal)
        findings.push(
          findingAt(host, `$.spec.vteps[${i}]`, {
            code: "address-not-unicast",
            message: `${vtep} is ${refusal}: no host far away can send to it`,
          }),
        );
    }
    findings.push(...checkUplinks(host), ...checkVteps(host));
  }
  for (const [vtep, owners] of ownersByVtep)
    if (owners.length > 1)
      for (const host of owners) {
        const others = owners.filter((other) => other !== host).map((other) => other.key);
        findings.push(
          findingAt(host, `$.spec.vteps[${host.spec.vteps.indexOf(vtep)}]`, {
            code: "duplicate-vtep",
            message: `${vtep} is ${others.join(" and ")}'s too`,
            suggestion: "give each host an address of its own",
          }),
        );
      }
  return findings;
}

/** Each of them is a member of the next-hop groups that others have to this host. */
function checkVteps(host: Host): readonly Finding[] {
  const most = LIMIT.GROUP_MEMBERS_MAX;
  return (["ipv4", "ipv6"] as const).flatMap((family) => {
    const own = vtepsOf(host, family);
    const first = own[most];
    if (first === undefined) return [];
    return [
      findingAt(host, `$.spec.vteps[${host.spec.vteps.indexOf(first)}]`, {
        code: "limit-exceeded",
        message: `has ${own.length} ${family} tunnel addresses, and others spread flows over ${most} of one host`,
        suggestion: `name ${most} of them`,
      }),
    ];
  });
}

function checkUplinks(host: Host): readonly Finding[] {
  const { uplinks } = host.spec;
  return uplinks.flatMap((uplink, i) =>
    uplinks.findIndex((other) => other.interface === uplink.interface) === i
      ? []
      : [
          findingAt(host, `$.spec.uplinks[${i}].interface`, {
            code: "duplicate-interface",
            message: `${uplink.interface} is listed twice`,
            suggestion: "remove one",
          }),
        ],
  );
}
