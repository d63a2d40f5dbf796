/** Pass: every network has a number that is legal, and its own. */
import type { Finding, Intent, Network } from "../intent.ts";
import { numberOf, profileOf, proposeNumbers, refuseNumber } from "../numbers.ts";
import { findingAt } from "../report.ts";

const PATH = "$.spec.vni";

export function checkNumbers(intent: Intent): readonly Finding[] {
  const findings: Finding[] = [];
  const usersByNumber = new Map<number, Network[]>();
  for (const network of intent.networks.values()) {
    const number = numberOf(intent, network);
    if (number === null) continue;
    const users = usersByNumber.get(number);
    if (users) users.push(network);
    else usersByNumber.set(number, [network]);
    findings.push(...checkNumber(intent, network, number));
  }
  for (const [number, users] of usersByNumber)
    if (users.length > 1) findings.push(...shared(number, users));
  for (const { network, number, from } of proposeNumbers(intent).values())
    findings.push(
      number === null
        ? findingAt(network, PATH, {
            code: "pool-exhausted",
            message: `has no number, and ${from} has none left for it`,
            suggestion: "add a range to the pool, or a pool to the tenant",
          })
        : findingAt(network, PATH, {
            code: "number-missing",
            message: "has no number",
            suggestion: `vni: ${number} (free in ${from}), or run weft allocate --write`,
          }),
    );
  return findings;
}

function checkNumber(intent: Intent, network: Network, number: number): readonly Finding[] {
  const findings: Finding[] = [];
  const profile = profileOf(intent);
  const refusal = refuseNumber(network, number, profile);
  if (refusal)
    findings.push(
      findingAt(network, PATH, { ...refusal, suggestion: "a number from 4096 to 16777214" }),
    );
  else if (number < 4096 && profile === "rfc")
    findings.push(
      findingAt(network, PATH, {
        severity: "warning",
        code: "number-low",
        message: `${number} can be taken for a VLAN, and NVGRE cannot carry it`,
        suggestion: "a number from 4096 to 16777214",
      }),
    );
  const { numbersByNetwork, restingByNumber } = intent.recorded;
  const recorded = numbersByNetwork.get(network.key);
  if (recorded !== undefined && recorded !== number)
    findings.push(
      findingAt(network, PATH, {
        severity: "warning",
        code: "number-overrides-record",
        message: `is ${number} here and ${recorded} in numbers.yaml; this one counts`,
        suggestion: `vni: ${recorded}, or run weft allocate --write to forget ${recorded}`,
      }),
    );
  const before = restingByNumber.get(number);
  if (before !== undefined && network.spec.vni !== undefined)
    findings.push(
      findingAt(network, PATH, {
        severity: "warning",
        code: "number-resting",
        message: `${number} was ${before}'s and rests: frames of the old network may still arrive`,
        suggestion: "take another, or remove it from resting in numbers.yaml",
      }),
    );
  return findings;
}

function shared(number: number, users: readonly Network[]): readonly Finding[] {
  return users.map((network) => {
    const others = users.filter((other) => other !== network).map((other) => other.key);
    return findingAt(network, PATH, {
      code: "number-duplicate",
      message: `${number} is ${others.join(" and ")}'s too`,
      suggestion: "give one of them another number",
    });
  });
}
