/** Pass: the underlay multicast group of every network that floods by one. */
import { controlAliasOf, deriveGroup, macOfGroup, refuseGroup } from "../groups.ts";
import type { Finding, Intent, Network } from "../intent.ts";
import { numberOf } from "../numbers.ts";
import { type Complaint, findingAt } from "../report.ts";

const PATH = "$.spec.group";

export interface Assignment {
  readonly network: Network;
  readonly number: number;
  readonly group: string;
  /** Stands in the intent; false: follows from the number. */
  readonly given: boolean;
}

/** In order of keys. Networks without a number, or with a group that none may have, have no assignment. */
export function compileGroups(intent: Intent): {
  readonly assignments: readonly Assignment[];
  readonly findings: readonly Finding[];
} {
  const assignments: Assignment[] = [];
  const findings: Finding[] = [];
  for (const network of intent.networks.values()) {
    const { bum, group, underlay } = network.spec;
    if (bum !== "multicast") {
      if (group !== undefined) findings.push(unused(network, group));
      continue;
    }
    const number = numberOf(intent, network);
    const refusal = group === undefined ? null : refuseGroup(group, underlay);
    if (refusal) {
      const own = number === null ? null : deriveGroup(number, underlay);
      const suggestion = own === null ? "leave it out" : `leave it out: it is ${own} then`;
      findings.push(findingAt(network, PATH, { ...refusal, suggestion }));
    } else if (number !== null) {
      const mine = group ?? deriveGroup(number, underlay);
      assignments.push({ network, number, group: mine, given: group !== undefined });
    }
  }
  return { assignments, findings: [...findings, ...checkOverlaps(assignments)] };
}

/** As a check among others: what is wrong with groups. */
export const checkGroups = (intent: Intent): readonly Finding[] => compileGroups(intent).findings;

function unused(network: Network, group: string): Finding {
  return findingAt(network, PATH, {
    severity: "warning",
    code: "no-effect",
    message: `says ${group}, and the network floods by ingress replication`,
    suggestion: "remove it, or set bum: multicast",
  });
}

/** Who gets more than they asked for. Numbers keep networks apart all the same: the rest is dropped on arrival. */
function checkOverlaps(assignments: readonly Assignment[]): readonly Finding[] {
  const findings: Finding[] = [];
  const warn = (one: Assignment, complaint: Omit<Complaint, "severity">): void => {
    findings.push(findingAt(one.network, PATH, { severity: "warning", ...complaint }));
  };
  for (const users of Map.groupBy(assignments, ({ group }) => group).values())
    if (users.length > 1)
      for (const one of users)
        warn(one, {
          code: "group-shared",
          message: `${one.group} is ${othersOf(one, users)}'s too: hosts of either get the frames of both`,
          suggestion: "give one of them a group of its own, if hosts do not have both",
        });
  for (const [mac, users] of Map.groupBy(assignments, ({ group }) => macOfGroup(group)))
    for (const one of users) {
      const strangers = users.filter(({ group }) => group !== one.group);
      const control = controlAliasOf(one.group);
      if (control !== null)
        warn(one, {
          code: "group-mac-shared",
          message: `${one.group} has the MAC of ${control}, ${mac}: hosts get it that never joined`,
          suggestion: "a group with other last bits, or none: one is derived",
        });
      else if (strangers.length > 0)
        warn(one, {
          code: "group-mac-shared",
          message: `${one.group} has the MAC of ${othersOf(one, strangers)}'s ${strangers[0]?.group}, ${mac}: switches cannot tell them apart`,
          suggestion: "give one of them a group with other last 23 bits",
        });
    }
  return findings;
}

const othersOf = (one: Assignment, users: readonly Assignment[]): string =>
  users
    .filter((other) => other !== one)
    .map(({ network }) => network.key)
    .join(" and ");
