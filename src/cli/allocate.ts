import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { type Allocation, planNumbers, renderNumbers } from "../intent/allocate.ts";
import type { Finding } from "../intent/intent.ts";
import { numberNameOf } from "../intent/numbers.ts";
import { findNumbersPath, writeText } from "../io/files.ts";
import { printFindings, readIntent } from "./intent-input.ts";

/** `weft allocate`: numbers for the networks and routers that have none. */
export const allocate: Command = {
  name: "allocate",
  summary:
    "Propose numbers for networks and routers without one; --write records them in numbers.yaml.",
  arguments: ["<path>"],
  options: [
    { flags: "--write", summary: "write numbers.yaml beside the intent" },
    { flags: "--json", summary: "one JSON object instead of lines" },
  ],
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const path = textOf(given, "path") ?? "";
    const input = await readIntent(shell, path);
    if (!input) return EXIT.usage;
    // What cannot be read would look like one that is gone.
    const blocking = input.findings.filter(blocks);
    if (blocking.length > 0) {
      printFindings(shell.err, blocking);
      return EXIT.found;
    }
    const plan = planNumbers(input.intent);
    // The file is written only if it would say something else.
    const news = plan.proposals.length > 0 || plan.retired.length > 0;
    const written = given.write === true && news;
    if (written) {
      const code = await write(shell, path, plan);
      if (code !== EXIT.ok) return code;
    }
    if (given.json === true) shell.out(JSON.stringify(answerOf(plan, written)));
    else print(shell, plan, written);
    return EXIT.ok;
  },
};

const blocks = (finding: Finding): boolean =>
  finding.severity === "error" && finding.code !== "number-missing";

async function write(shell: Shell, path: string, plan: Allocation): Promise<ExitCode> {
  const numbers = await findNumbersPath(path);
  const done = numbers.ok ? await writeText(numbers.value, renderNumbers(plan.recorded)) : numbers;
  if (done.ok) return EXIT.ok;
  shell.err(`${done.error.path}: ${done.error.kind}: ${done.error.detail}`);
  return EXIT.usage;
}

function answerOf(plan: Allocation, written: boolean): Readonly<Record<string, unknown>> {
  return {
    proposed: plan.proposals.map(({ of: { kind, key }, number, from }) => ({
      [kind.toLowerCase()]: key,
      number,
      from,
    })),
    retired: plan.retired.map(({ number, name }) => {
      const [, router] = /^router (.*)$/.exec(name) ?? [];
      return { number, ...(router === undefined ? { network: name } : { router }) };
    }),
    written,
  };
}

function print(shell: Shell, plan: Allocation, written: boolean): void {
  for (const { of, number, from } of plan.proposals)
    shell.out(`${numberNameOf(of)}\t${number}\t${from}`);
  for (const { name, number } of plan.retired)
    shell.out(`${name}\t${number}\trests: it is gone or has another number`);
  if (plan.proposals.length === 0 && plan.retired.length === 0)
    shell.out("every network and router has its number");
  else if (!written) shell.out("not recorded: --write does");
}
