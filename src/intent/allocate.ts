/** The lock file of numbers: what it should say next, and its text. */
import type { Intent, Network, RecordedNumbers } from "./intent.ts";
import { numberOf, type Proposal, proposeNumbers } from "./numbers.ts";
import { API_VERSION } from "./schema/kinds.ts";

export interface Allocation {
  /** Networks that get a number, in order of keys. */
  readonly proposals: readonly (Proposal & { readonly number: number })[];
  /** Numbers whose network is gone, or has another now: they rest from here on. */
  readonly retired: readonly { readonly number: number; readonly network: string }[];
  readonly recorded: RecordedNumbers;
}

/**
 * Recorded numbers stay where they are as long as their network is there and does not say another; the numbers of
 * the others rest until a person removes them from the file. Networks without a number get one if one is free.
 */
export function planNumbers(intent: Intent): Allocation {
  const { numbersByNetwork, restingByNumber } = intent.recorded;
  const numbers = new Map<string, number>();
  const resting = new Map(restingByNumber);
  const retired: { readonly number: number; readonly network: string }[] = [];
  for (const [key, number] of numbersByNetwork) {
    const network = intent.networks.get(key);
    if (stays(intent, key, network, number)) numbers.set(key, number);
    else {
      resting.set(number, key);
      retired.push({ number, network: key });
    }
  }
  const proposals = [];
  for (const { network, number, from } of proposeNumbers(intent).values()) {
    if (number === null) continue;
    numbers.set(network.key, number);
    proposals.push({ network, number, from });
  }
  return {
    proposals,
    retired,
    recorded: { numbersByNetwork: numbers, restingByNumber: resting },
  };
}

/** A network that could not be read may still be there. */
function stays(intent: Intent, key: string, network: Network | undefined, number: number): boolean {
  return network ? numberOf(intent, network) === number : intent.broken.has(`Network ${key}`);
}

/** The text of numbers.yaml: sorted, so that equal numbers are equal octets. */
export function renderNumbers(recorded: RecordedNumbers): string {
  const numbers = [...recorded.numbersByNetwork].sort(([a], [b]) => (a < b ? -1 : 1));
  const resting = [...recorded.restingByNumber].sort(([a], [b]) => a - b);
  return [
    "# Written by weft allocate --write; commit it with the intent. Recorded numbers never move.",
    "# A number that rests is not given again until its line is removed here.",
    `apiVersion: ${API_VERSION}`,
    numbers.length === 0 ? "numbers: {}" : "numbers:",
    ...numbers.map(([network, number]) => `  ${wordOf(network)}: ${number}`),
    resting.length === 0 ? "resting: {}" : "resting:",
    ...resting.map(([number, network]) => `  ${number}: ${wordOf(network)}`),
    "",
  ].join("\n");
}

/** Text that YAML reads back as this text. */
const wordOf = (text: string): string =>
  /^[a-z0-9][-.a-z0-9]*\/[-.a-z0-9]+$/.test(text) ? text : JSON.stringify(text);
