/** `weft overhead`: what a tunnel costs, and why figures about it differ. No intent, no agent: arithmetic. */
import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Option,
  type Shell,
  textOf,
} from "../base/command.ts";
import { err, ok, type Result } from "../base/result.ts";
import {
  ESP_SUITES,
  type Esp,
  type Layer,
  PAYLOAD_MIN,
  planStack,
  type Stack,
  type StackPlan,
} from "../plan/overhead.ts";
import { type Claim, planClaims } from "../plan/overhead-claims.ts";
import { renderTable } from "./table.ts";

const PAYLOADS = [64, 128, 256, 512, 1024, 1280, 1500, 4096, 9000];
const FAMILIES = ["ipv4", "ipv6"] as const;
const ENCAPSULATIONS = ["vxlan", "nvgre"] as const;
const SUITES = ["aes-gcm", "chacha20-poly1305", "aes-cbc-sha256"] as const;
/** An uplink's own bounds (`weft explain Host`). */
const MTU = { from: 576, to: 65_535 } as const;
/** Leaves room for every header in an IP packet. */
const PAYLOAD_MAX = 65_000;

const options: readonly Option[] = [
  { flags: "--encapsulation <name>", summary: "vxlan or nvgre (default both)" },
  { flags: "--underlay <family>", summary: "ipv4 or ipv6 (default both)" },
  { flags: "--mtu <octets>", summary: "the underlay's MTU (default 1500)" },
  { flags: "--tags <n>", summary: "tags on the underlay: 0, 1 (802.1Q) or 2 (QinQ)" },
  { flags: "--esp <mode>", summary: "IPsec between the tunnel ends: transport or tunnel" },
  { flags: "--suite <name>", summary: `with --esp: ${SUITES.join(", ")} (default aes-gcm)` },
  { flags: "--nat-traversal", summary: "with --esp: in UDP (RFC 3948)" },
  { flags: "--group-policy", summary: "the sender's group in the VXLAN header" },
  {
    flags: "--payload <list>",
    summary: `octets of inner IP packets, commas between (default ${PAYLOADS.join()})`,
  },
  { flags: "--explain", summary: "figures that are often quoted, and what is wrong with them" },
  { flags: "--json", summary: "one JSON object instead of tables" },
];

export const overhead: Command = {
  name: "overhead",
  summary: "What tunnels cost: octets, MTU and share of the line, for every way to carry them.",
  arguments: [],
  options,
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const asked = questionOf(given);
    if (!asked.ok) {
      shell.err(`weft overhead: ${asked.error}`);
      return EXIT.usage;
    }
    const { stacks, mtu, payloads } = asked.value;
    const plans = [null, ...stacks].map((stack) => planStack(stack, mtu, payloads));
    if (given.json === true) shell.out(JSON.stringify(answerOf(mtu, plans)));
    else {
      print(shell, mtu, plans);
      if (given.explain === true) explain(shell, planClaims());
      else shell.out("\nOther figures are quoted, too: --explain");
    }
    return EXIT.ok;
  },
};

interface Question {
  readonly stacks: readonly Stack[];
  readonly mtu: number;
  readonly payloads: readonly number[];
}

/** What was asked, or what is wrong with the question. */
function questionOf(given: Given): Result<Question, string> {
  const underlay = wordOf(given, "underlay", FAMILIES);
  if (!underlay.ok) return underlay;
  const encapsulation = wordOf(given, "encapsulation", ENCAPSULATIONS);
  if (!encapsulation.ok) return encapsulation;
  const tags = wordOf(given, "tags", ["0", "1", "2"]);
  if (!tags.ok) return tags;
  const esp = espOf(given);
  if (!esp.ok) return esp;
  const mtu = numberIn("--mtu", textOf(given, "mtu") ?? "1500", MTU);
  if (!mtu.ok) return mtu;
  const payloads = payloadsOf(given);
  if (!payloads.ok) return payloads;
  const groupPolicy = given.groupPolicy === true;
  if (groupPolicy && encapsulation.value === "nvgre")
    return err("--group-policy: NVGRE has no place for a group; --encapsulation vxlan has");
  const able = ENCAPSULATIONS.filter((one) => !groupPolicy || one === "vxlan");
  const rest = {
    outerTags: tags.value === "2" ? 2 : tags.value === "1" ? 1 : 0,
    groupPolicy,
    esp: esp.value,
  } as const;
  const stacks = orAll(underlay.value, FAMILIES).flatMap((family) =>
    orAll(encapsulation.value, able).map(
      (one): Stack => ({ encapsulation: one, underlay: family, ...rest }),
    ),
  );
  return ok({ stacks, mtu: mtu.value, payloads: payloads.value });
}

/** The one that was asked for; all if none was. */
const orAll = <Word>(asked: Word | null, all: readonly Word[]): readonly Word[] =>
  asked === null ? all : [asked];

/** The word given for an option, which is one of `words`; null if none was given. */
function wordOf<Word extends string>(
  given: Given,
  option: string,
  words: readonly Word[],
): Result<Word | null, string> {
  const text = textOf(given, option);
  if (text === undefined) return ok(null);
  const found = words.find((word) => word === text);
  return found === undefined
    ? err(`--${option} ${text}: it is one of ${words.join(", ")}`)
    : ok(found);
}

function espOf(given: Given): Result<Esp | null, string> {
  const mode = wordOf(given, "esp", ["transport", "tunnel"]);
  if (!mode.ok) return mode;
  const suite = wordOf(given, "suite", SUITES);
  if (!suite.ok) return suite;
  const natTraversal = given.natTraversal === true;
  if (mode.value !== null)
    return ok({ mode: mode.value, suite: suite.value ?? "aes-gcm", natTraversal });
  if (suite.value === null && !natTraversal) return ok(null);
  const alone = natTraversal ? "--nat-traversal" : "--suite";
  return err(`${alone}: goes with --esp transport or --esp tunnel`);
}

function payloadsOf(given: Given): Result<readonly number[], string> {
  const text = textOf(given, "payload");
  if (text === undefined) return ok(PAYLOADS);
  const payloads: number[] = [];
  for (const word of text.split(",")) {
    const octets = numberIn("--payload", word.trim(), { from: PAYLOAD_MIN, to: PAYLOAD_MAX });
    if (!octets.ok) return octets;
    payloads.push(octets.value);
  }
  return ok(payloads);
}

function numberIn(
  option: string,
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
): Result<number, string> {
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return value >= from && value <= to
    ? ok(value)
    : err(`${option} ${text}: ${from} to ${to} octets`);
}

function answerOf(
  underlayMtu: number,
  plans: readonly StackPlan[],
): Readonly<Record<string, unknown>> {
  return {
    underlayMtu,
    native: plans.filter(({ stack }) => stack === null).map(rowOf)[0],
    stacks: plans.filter(({ stack }) => stack !== null).map(rowOf),
    espSuites: ESP_SUITES,
    claims: planClaims(),
  };
}

/** The stack's own fields first; layers as one list, the payload's place in it said by `side`. */
function rowOf({ stack, layers, ...plan }: StackPlan): Readonly<Record<string, unknown>> {
  const side = (where: "before" | "after", list: readonly Layer[]): readonly object[] =>
    list.map((layer) => ({ ...layer, side: where }));
  return {
    ...stack,
    layers: [...side("before", layers.before), ...side("after", layers.after)],
    ...plan,
  };
}

function print(shell: Shell, mtu: number, plans: readonly StackPlan[]): void {
  shell.out(
    `Underlay MTU ${mtu}. Sizes are octets; "adds" is on top of the workload's frame, "framing" all around`,
  );
  shell.out(
    "an IP packet with Ethernet and FCS; TCP is IPv4 without options, of the line's time with preamble and gap.\n",
  );
  const percent = (value: number): string => `${value.toFixed(2)} %`;
  for (const line of renderTable(
    [
      [
        "",
        "adds",
        "framing",
        "inner MTU",
        "for 1500",
        "for 9000",
        "frame",
        "TCP",
        "of native",
        "entropy",
        "ports",
      ],
      ...plans.map((plan) => [
        nameOf(plan.stack),
        `${plan.addedOctets}`,
        `${plan.framingOctets}`,
        `${plan.innerMtu}`,
        `${plan.underlayMtuFor.inner1500}`,
        `${plan.underlayMtuFor.inner9000}`,
        `${plan.frameOctets}`,
        percent(plan.tcpPercent),
        percent(plan.tcpOfNativePercent),
        plan.stack ? `${plan.entropy.map(({ bits }) => bits).join("+") || 0} bits` : "",
        plan.stack ? (plan.ports ? "yes" : "no") : "",
      ]),
    ],
    "numbers",
  ))
    shell.out(line);
  shell.out(
    '\n"for 1500": the underlay MTU that an inner MTU of 1500 needs. "entropy": what routers can spread flows by.',
  );
  shell.out('"ports": a NAT that translates ports can tell several tunnel ends behind it apart.\n');
  for (const { stack, layers } of plans)
    if (stack)
      shell.out(
        `${nameOf(stack)}: ${textOfLayers(layers.before)}, payload, ${textOfLayers(layers.after)}`,
      );
  for (const [title, column] of [
    ["payload", "ofPayloadPercent"],
    ["frame", "ofFramePercent"],
    ["line", "ofLinePercent"],
  ] as const) {
    shell.out(`\nOverhead in per cent of the ${title}, whatever the MTU`);
    for (const line of renderTable(
      [
        ["inner packet", ...plans.map(({ stack }) => nameOf(stack))],
        ...(plans[0]?.sweep ?? []).map(({ payloadOctets }, i) => [
          `${payloadOctets}`,
          ...plans.map(({ sweep }) => sweep[i]?.[column].toFixed(2) ?? ""),
        ]),
      ],
      "numbers",
    ))
      shell.out(line);
  }
}

function nameOf(stack: Stack | null): string {
  if (!stack) return "no tunnel";
  const encapsulation = stack.encapsulation === "vxlan" ? "VXLAN" : "NVGRE";
  return `${encapsulation}/${stack.underlay === "ipv4" ? "IPv4" : "IPv6"}`;
}

const textOfLayers = (layers: readonly Layer[]): string =>
  layers.map(({ name, octets }) => `${name} ${octets}`).join(", ");

function explain(shell: Shell, claims: readonly Claim[]): void {
  for (const { quoted, correct, because } of claims) {
    shell.out(`\n"${quoted}"`);
    shell.out(`  ${correct}.`);
    shell.out(`  ${because}`);
  }
}
