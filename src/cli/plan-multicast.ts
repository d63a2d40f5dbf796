import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import type { IpFamily } from "../base/ip.ts";
import { type MulticastPlan, planIntentGroups, planNumberGroups } from "../plan/multicast.ts";
import { printFindings, readIntent } from "./intent-input.ts";
import { renderTable } from "./table.ts";

const NUMBER_MAX = 0xff_ff_ff;
/** LIMIT: numbers asked about at once. */
const NUMBERS_MAX = 65_536;

/** `weft plan multicast`: which underlay group every network floods to, and what the underlay must know of that. */
export const planMulticast: Command = {
  name: "plan multicast",
  summary: "The map from networks, or from numbers alone, to underlay multicast groups.",
  arguments: ["[path]"],
  options: [
    {
      flags: "--vni <range>",
      summary: "without an intent: the groups of these numbers, 1000-1255",
    },
    { flags: "--underlay <family>", summary: "with --vni: ipv4 (default) or ipv6" },
    { flags: "--json", summary: "one JSON object instead of lines" },
  ],
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const [path, range] = [textOf(given, "path"), textOf(given, "vni")];
    if ((path === undefined) === (range === undefined)) {
      shell.err("weft plan multicast: an intent, or --vni RANGE: one of them");
      return EXIT.usage;
    }
    if (path !== undefined) return ofIntent(shell, given, path);
    const plan = ofNumbers(shell, range ?? "", textOf(given, "underlay") ?? "ipv4");
    if (!plan) return EXIT.usage;
    show(shell, given, plan);
    return EXIT.ok;
  },
};

/** What is not acted on yet may be planned all the same. */
async function ofIntent(shell: Shell, given: Given, path: string): Promise<ExitCode> {
  if (given.underlay !== undefined) {
    shell.err("weft plan multicast: --underlay goes with --vni; a network has its own");
    return EXIT.usage;
  }
  const input = await readIntent(shell, path);
  if (!input) return EXIT.usage;
  printFindings(shell.err, input.findings);
  show(shell, given, planIntentGroups(input.intent));
  const wrong = input.findings.some(
    ({ severity, code }) => severity === "error" && code !== "not-supported-yet",
  );
  return wrong ? EXIT.found : EXIT.ok;
}

/** Null after saying what is wrong with the question. */
function ofNumbers(shell: Shell, range: string, underlay: string): MulticastPlan | null {
  const families: readonly IpFamily[] = ["ipv4", "ipv6"];
  const family = families.find((one) => one === underlay);
  if (!family) {
    shell.err(`weft plan multicast: --underlay ${underlay}: it is one of ${families.join(", ")}`);
    return null;
  }
  const [, first = "", last = first] = /^(\d{1,8})(?:-(\d{1,8}))?$/.exec(range) ?? [];
  const [from, to] = [Number(first), Number(last)];
  if (first === "" || to < from || to > NUMBER_MAX || to - from >= NUMBERS_MAX) {
    const limits = `numbers from 0 to ${NUMBER_MAX}, at most ${NUMBERS_MAX} of them`;
    shell.err(`weft plan multicast: --vni ${range}: a number or a range, ${limits}`);
    return null;
  }
  return planNumberGroups(from, to, family);
}

function show(shell: Shell, given: Given, plan: MulticastPlan): void {
  if (given.json === true) {
    shell.out(JSON.stringify(plan));
    return;
  }
  const { groups, blocks, sharedMacs } = plan;
  if (groups.length === 0) {
    shell.out("no network floods by multicast (bum: multicast)");
    return;
  }
  const rows = groups.map(({ network, vni, group, mac, given: stated }) => [
    network ?? "-",
    `${vni}`,
    group,
    mac,
    stated ? "given" : "derived",
  ]);
  for (const line of renderTable([["network", "vni", "group", "mac", ""], ...rows], "words"))
    shell.out(line);
  for (const { mac, groups: sharers } of sharedMacs)
    shell.out(`\n${mac} is the MAC of ${sharers.join(", ")}: switches cannot tell them apart`);
  shell.out("\nRendezvous points, boundaries and filters have to cover all of");
  for (const { prefix, groups: count } of blocks)
    shell.out(`  ${prefix}  ${count} group${count === 1 ? "" : "s"}`);
  if (groups.length > 256 && blocks.length > 1)
    shell.out("256 numbers fill a /24: the map goes on behind it.");
}
