/** `weft agent`: keeps one host's datapath what the intent says, until it is told to end. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { Agent, type AgentConfig, type OpenError } from "./agent.ts";
import { IntentReader } from "./intent-reader.ts";
import { checkPreconditions } from "./preconditions.ts";

export const agent: Command = {
  name: "agent",
  arguments: [],
  options: [
    { flags: "--intent <path>", summary: "intent: a file, or a directory of *.yaml" },
    { flags: "--host <name>", summary: "which Host of the intent this machine is" },
    { flags: "--run <dir>", summary: "sockets (default /run/weft)" },
    { flags: "--pins <dir>", summary: "pins, on a bpffs (default /sys/fs/bpf/weft)" },
    { flags: "--state <dir>", summary: "last good rows and ids (default /var/lib/weft)" },
    {
      flags: "--objects <dir>",
      summary: "compiled datapath (default: as built by scripts/setup.sh)",
    },
    { flags: "--partial", summary: "apply the tenants that are sound when others have errors" },
    { flags: "--audit-seconds <n>", summary: "look for drift this often (default 30)" },
    {
      flags: "--fresh-seconds <n>",
      summary: "with the agent dead, trust a next hop's MAC this long (default 30)",
    },
  ],
  summary: "Run this host: keep the datapath what the intent says.",
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const config = configOf(shell, given);
    if (!config) return EXIT.usage;
    const say = (message: string): void => shell.err(`weft agent: ${message}`);
    const reader = new IntentReader(config.intentPath);
    const state = await checkPreconditions(config, reader);
    if (!state.ok) {
      for (const finding of state.error.findings) shell.err(finding);
      for (const message of state.error.messages) say(message);
      return state.error.exit;
    }
    const opened = Agent.open(config, reader, state.value);
    if (!opened.ok) {
      say(describe(opened.error));
      return EXIT.unable;
    }
    for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => opened.value.stop());
    const ended = await opened.value.run(() => shell.out(JSON.stringify({ ready: true })));
    if (ended.ok) return EXIT.ok;
    say(describe(ended.error));
    return EXIT.unable;
  },
};

function configOf(shell: Shell, given: Given): AgentConfig | null {
  const intentPath = textOf(given, "intent");
  const host = textOf(given, "host");
  const auditSeconds = Number(textOf(given, "auditSeconds") ?? "30");
  const freshSeconds = Number(textOf(given, "freshSeconds") ?? "30");
  if (
    intentPath === undefined ||
    host === undefined ||
    !(auditSeconds > 0) ||
    !(freshSeconds > 0)
  ) {
    shell.err(
      "weft agent: --intent PATH and --host NAME are needed; --audit-seconds and --fresh-seconds are above 0",
    );
    return null;
  }
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
  return {
    intentPath,
    host,
    runDirectory: textOf(given, "run") ?? "/run/weft",
    pinsDirectory: textOf(given, "pins") ?? "/sys/fs/bpf/weft",
    stateDirectory: textOf(given, "state") ?? "/var/lib/weft",
    objectsDirectory: textOf(given, "objects") ?? join(root, "build/datapath"),
    partial: given.partial === true,
    auditSeconds,
    freshSeconds,
  };
}

function describe(error: OpenError): string {
  if (error.kind === "held") {
    const who = error.pid === null ? "another process" : `process ${error.pid}`;
    return `${error.path} is in use by ${who}: one agent a directory (end that one, or name others with --run, --state, --pins)`;
  }
  const call = error.kind === "netlink" ? `${error.operation} ${error.object}` : error.call;
  return `${call}: ${error.name}: ${error.detail}`;
}
