/** Pass: every network and every router has a number that is legal, and its own. */
import type { Finding, Intent } from "../intent.ts";
import {
  type Numbered,
  numberedOf,
  numberNameOf,
  numberOf,
  ownNumberOf,
  profileOf,
  proposeNumbers,
  refuseNumber,
} from "../numbers.ts";
import { findingAt } from "../report.ts";

const fieldOf = ({ kind }: Numbered): string => (kind === "Router" ? "l3vni" : "vni");
const pathOf = (one: Numbered): string => `$.spec.${fieldOf(one)}`;

export function checkNumbers(intent: Intent): readonly Finding[] {
  const findings: Finding[] = [];
  const usersByNumber = new Map<number, Numbered[]>();
  for (const one of numberedOf(intent)) {
    const number = numberOf(intent, one);
    if (number === null) continue;
    const users = usersByNumber.get(number);
    if (users) users.push(one);
    else usersByNumber.set(number, [one]);
    findings.push(...checkNumber(intent, one, number));
  }
  for (const [number, users] of usersByNumber)
    if (users.length > 1) findings.push(...shared(number, users));
  for (const { of: one, number, from } of proposeNumbers(intent))
    findings.push(
      number === null
        ? findingAt(one, pathOf(one), {
            code: "pool-exhausted",
            message: `has no number, and ${from} has none left for it`,
            suggestion: "add a range to the pool, or a pool to the tenant",
          })
        : findingAt(one, pathOf(one), {
            code: "number-missing",
            message: "has no number",
            suggestion: `${fieldOf(one)}: ${number} (free in ${from}), or run weft allocate --write`,
          }),
    );
  return findings;
}

function checkNumber(intent: Intent, one: Numbered, number: number): readonly Finding[] {
  const findings: Finding[] = [];
  const profile = profileOf(intent);
  const refusal = refuseNumber(one, number, profile);
  if (refusal)
    findings.push(
      findingAt(one, pathOf(one), { ...refusal, suggestion: "a number from 4096 to 16777214" }),
    );
  else if (number < 4096 && profile === "rfc")
    findings.push(
      findingAt(one, pathOf(one), {
        severity: "warning",
        code: "number-low",
        message: `${number} can be taken for a VLAN, and NVGRE cannot carry it`,
        suggestion: "a number from 4096 to 16777214",
      }),
    );
  const { numbersByName, restingByNumber } = intent.recorded;
  const recorded = numbersByName.get(numberNameOf(one));
  if (recorded !== undefined && recorded !== number)
    findings.push(
      findingAt(one, pathOf(one), {
        severity: "warning",
        code: "number-overrides-record",
        message: `is ${number} here and ${recorded} in numbers.yaml; this one counts`,
        suggestion: `${fieldOf(one)}: ${recorded}, or run weft allocate --write to forget ${recorded}`,
      }),
    );
  const before = restingByNumber.get(number);
  if (before !== undefined && ownNumberOf(one) !== undefined)
    findings.push(
      findingAt(one, pathOf(one), {
        severity: "warning",
        code: "number-resting",
        message: `${number} was ${before}'s and rests: frames of what had it may still arrive`,
        suggestion: "take another, or remove it from resting in numbers.yaml",
      }),
    );
  return findings;
}

function shared(number: number, users: readonly Numbered[]): readonly Finding[] {
  return users.map((one) => {
    const others = users.filter((other) => other !== one).map(numberNameOf);
    return findingAt(one, pathOf(one), {
      code: "number-duplicate",
      message: `${number} is ${others.join(" and ")}'s too`,
      suggestion: "give one of them another number",
    });
  });
}
