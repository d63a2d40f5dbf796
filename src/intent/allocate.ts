/** The lock file of numbers: what it should say next, and its text. */
import type { Intent, RecordedNumbers } from "./intent.ts";
import { numberedOf, numberNameOf, numberOf, type Proposal, proposeNumbers } from "./numbers.ts";
import { API_VERSION } from "./schema/common.ts";

export interface Allocation {
  /** Networks and routers that get a number, in order of names. */
  readonly proposals: readonly (Proposal & { readonly number: number })[];
  /** Numbers whose owner (as numbers.yaml names it) is gone, or has another now: they rest from here on. */
  readonly retired: readonly { readonly number: number; readonly name: string }[];
  readonly recorded: RecordedNumbers;
}

/**
 * Recorded numbers stay where they are as long as what has them is there and does not say another; the numbers of
 * the others rest until a person removes them from the file. What has no number gets one if one is free.
 */
export function planNumbers(intent: Intent): Allocation {
  const { numbersByName, restingByNumber } = intent.recorded;
  const numbered = new Map([...numberedOf(intent)].map((one) => [numberNameOf(one), one]));
  const numbers = new Map<string, number>();
  const resting = new Map(restingByNumber);
  const retired: { readonly number: number; readonly name: string }[] = [];
  for (const [name, number] of numbersByName) {
    const one = numbered.get(name);
    if (one ? numberOf(intent, one) === number : isBroken(intent, name)) numbers.set(name, number);
    else {
      resting.set(number, name);
      retired.push({ number, name });
    }
  }
  const proposals = [];
  for (const { of, number, from } of proposeNumbers(intent)) {
    if (number === null) continue;
    numbers.set(numberNameOf(of), number);
    proposals.push({ of, number, from });
  }
  return { proposals, retired, recorded: { numbersByName: numbers, restingByNumber: resting } };
}

/** What could not be read may still be there. */
const isBroken = ({ broken }: Intent, name: string): boolean =>
  broken.has(name.startsWith("router ") ? name.replace("router", "Router") : `Network ${name}`);

/** The text of numbers.yaml: sorted, so that equal numbers are equal octets. */
export function renderNumbers(recorded: RecordedNumbers): string {
  const numbers = [...recorded.numbersByName].sort(([a], [b]) => (a < b ? -1 : 1));
  const resting = [...recorded.restingByNumber].sort(([a], [b]) => a - b);
  return [
    "# Written by weft allocate --write; commit it with the intent. Recorded numbers never move.",
    "# A number that rests is not given again until its line is removed here.",
    `apiVersion: ${API_VERSION}`,
    numbers.length === 0 ? "numbers: {}" : "numbers:",
    ...numbers.map(([name, number]) => `  ${wordOf(name)}: ${number}`),
    resting.length === 0 ? "resting: {}" : "resting:",
    ...resting.map(([number, name]) => `  ${number}: ${wordOf(name)}`),
    "",
  ].join("\n");
}

/** Text that YAML reads back as this text. */
const wordOf = (text: string): string =>
  /^(router )?[a-z0-9][-.a-z0-9]*\/[-.a-z0-9]+$/.test(text) ? text : JSON.stringify(text);
