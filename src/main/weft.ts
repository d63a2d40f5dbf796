/** `weft`: argv → command. Only the named command is imported, so that it starts quickly. */
import { Command as Program } from "commander";
import { type Command, EXIT, type ExitCode, type Given, type Shell } from "../base/command.ts";

/** Every command, in the order of `weft --help`. Names here equal the commands' own (test/main). */
const commands: readonly (readonly [name: string, load: () => Promise<Command>])[] = [
  ["check", async (): Promise<Command> => (await import("../cli/check.ts")).check],
  ["allocate", async (): Promise<Command> => (await import("../cli/allocate.ts")).allocate],
  ["explain", async (): Promise<Command> => (await import("../cli/explain.ts")).explain],
  ["overhead", async (): Promise<Command> => (await import("../cli/overhead.ts")).overhead],
  [
    "plan multicast",
    async (): Promise<Command> => (await import("../cli/plan-multicast.ts")).planMulticast,
  ],
  ["show rows", async (): Promise<Command> => (await import("../cli/show-rows.ts")).showRows],
  ["decode", async (): Promise<Command> => (await import("../cli/decode.ts")).decode],
  ["trace", async (): Promise<Command> => (await import("./trace.ts")).trace],
  ["agent", async (): Promise<Command> => (await import("../agent/command.ts")).agent],
  ["status", async (): Promise<Command> => (await import("../cli/status.ts")).status],
  ["counters", async (): Promise<Command> => (await import("../cli/counters.ts")).counters],
  ["endpoints", async (): Promise<Command> => (await import("../cli/endpoints.ts")).endpoints],
  ["drops", async (): Promise<Command> => (await import("../cli/drops.ts")).drops],
  ["lab up", async (): Promise<Command> => (await import("../lab/commands/up.ts")).labUp],
  ["lab down", async (): Promise<Command> => (await import("../lab/commands/down.ts")).labDown],
  [
    "lab status",
    async (): Promise<Command> => (await import("../lab/commands/status.ts")).labStatus,
  ],
  ["lab list", async (): Promise<Command> => (await import("../lab/commands/list.ts")).labList],
  ["matrix", async (): Promise<Command> => (await import("../lab/commands/matrix.ts")).matrix],
];

const shell: Shell = {
  out: (line: string) => void process.stdout.write(`${line}\n`),
  err: (line: string) => void process.stderr.write(`${line}\n`),
};

// `weft … | head` ends when the reader has had enough; that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(EXIT.ok);
});

async function main(argv: readonly string[]): Promise<void> {
  const program = new Program("weft")
    .description("Network virtualization for AI clusters: VXLAN and NVGRE overlays on eBPF.")
    .exitOverride()
    .showHelpAfterError("(weft --help lists the commands)");
  const named = commands.filter(([name]) => `${argv.join(" ")} `.startsWith(`${name} `));
  const wanted = named.length > 0 ? named : commands;
  for (const [, load] of wanted) register(program, await load());
  await program.parseAsync([...argv], { from: "user" });
}

function register(program: Program, command: Command): void {
  const words = command.name.split(" ");
  const last = words.pop() ?? "";
  let parent = program;
  for (const word of words)
    parent =
      parent.commands.find((c) => c.name() === word) ??
      parent.command(word).description(`${word} …`);
  const mine = parent.command(last).description(command.summary);
  for (const argument of command.arguments) mine.argument(argument);
  for (const option of command.options) mine.option(option.flags, option.summary);
  mine.action(async (...values: unknown[]) => {
    const given: Record<string, Given[string]> = { ...mine.opts<Given>() };
    for (const [i, argument] of mine.registeredArguments.entries()) {
      const value = values[i];
      if (typeof value === "string") given[argument.name()] = value;
      else if (Array.isArray(value)) given[argument.name()] = value.map(String);
    }
    process.exitCode = await command.run(shell, given);
  });
}

process.on("uncaughtException", endWithBug);
try {
  await main(process.argv.slice(2));
} catch (thrown) {
  process.exitCode = exitOf(thrown);
}

/** Commander has printed its own complaints; everything else that arrives here is our bug. */
function exitOf(thrown: unknown): ExitCode {
  if (thrown instanceof Error && "code" in thrown && String(thrown.code).startsWith("commander."))
    return "exitCode" in thrown && thrown.exitCode === 0 ? EXIT.ok : EXIT.usage;
  return endWithBug(thrown);
}

/** At once: an agent whose loop has ended must not go on answering because its sockets are still open. */
function endWithBug(thrown: unknown): never {
  shell.err(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  process.exit(EXIT.bug);
}
