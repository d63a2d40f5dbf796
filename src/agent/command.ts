/** `weft agent`: the preconditions that can be told apart by name, then the agent until it is told to end. */
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { release } from "node:os";
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
import { compileHost, compileIntent } from "../intent/compile.ts";
import { soundTenants } from "../intent/partial.ts";
import { renderFinding } from "../intent/report.ts";
import { readIntentFiles } from "../io/files.ts";
import { readLink } from "../kernel/links.ts";
import { NetlinkSocket } from "../kernel/netlink.ts";
import { Agent, type AgentConfig, uplinkProblem } from "./agent.ts";
import { readState } from "./state.ts";

const BPF_FS_MAGIC = 0xcafe4a11;
/** tcx came with Linux 6.6. */
const KERNEL_MIN = [6, 6] as const;

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
  ],
  summary: "Run this host: keep the datapath what the intent says.",
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const config = configOf(shell, given);
    if (!config) return EXIT.usage;
    const refusal = await refuse(shell, config);
    if (refusal !== null) return refusal;
    const opened = await Agent.open(config);
    if (!opened.ok) {
      const { error } = opened;
      if (error.kind === "start") shell.err(`weft agent: ${error.message} (${error.suggestion})`);
      else if (error.kind === "netlink")
        shell.err(`weft agent: ${error.operation} ${error.object}: ${error.name}: ${error.detail}`);
      else shell.err(`weft agent: ${error.call}: ${error.name}: ${error.detail}`);
      return EXIT.unable;
    }
    for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => opened.value.stop());
    await opened.value.run(() => shell.out(JSON.stringify({ ready: true })));
    return EXIT.ok;
  },
};

function configOf(shell: Shell, given: Given): AgentConfig | null {
  const intentPath = textOf(given, "intent");
  const host = textOf(given, "host");
  const audit = Number(textOf(given, "auditSeconds") ?? "30");
  if (intentPath === undefined || host === undefined || !(audit > 0)) {
    shell.err("weft agent: --intent PATH and --host NAME are needed; --audit-seconds is above 0");
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
    auditSeconds: audit,
  };
}

/** Everything that would make a start fail half-way, told before anything is touched. Null: go on. */
async function refuse(shell: Shell, config: AgentConfig): Promise<ExitCode | null> {
  const say = (code: ExitCode, message: string): ExitCode => {
    shell.err(`weft agent: ${message}`);
    return code;
  };
  if (process.getuid?.() !== 0)
    return say(EXIT.unable, "not root: bpf(2) and netlink need it (run as root)");
  const [major = 0, minor = 0] = release().split(".").map(Number);
  if (major < KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor < KERNEL_MIN[1]))
    return say(
      EXIT.unable,
      `this kernel is Linux ${release()}; tcx needs ${KERNEL_MIN.join(".")} or later`,
    );
  if (!existsSync(join(config.objectsDirectory, "from-port.bpf.o")))
    return say(EXIT.unable, `no datapath in ${config.objectsDirectory}: run scripts/setup.sh`);
  const mounted = bpffsProblem(config.pinsDirectory);
  if (mounted !== null) return say(EXIT.unable, mounted);

  const files = await readIntentFiles(config.intentPath);
  const state = await readState(config.stateDirectory);
  // A host that was in force before goes on with its last good rows, whatever became of the intent.
  if (state.ok && state.value.rows !== null) return ready(config);
  if (!files.ok) return say(EXIT.usage, `${files.error.path}: ${files.error.detail}`);
  const { intent, findings, errors } = compileIntent(files.value);
  for (const finding of findings) shell.err(renderFinding(finding));
  const usable = errors === 0 ? intent : config.partial ? soundTenants(intent, findings) : null;
  if (!usable)
    return say(
      EXIT.found,
      `${errors} error${errors === 1 ? "" : "s"} in the intent: nothing is applied`,
    );
  const self = usable.hosts.get(config.host);
  if (!self?.spec.managed) {
    const known = [...usable.hosts.values()]
      .filter((h) => h.spec.managed)
      .map((h) => h.metadata.name);
    const what = self ? "is not managed by weft" : "is not in the intent";
    return say(
      EXIT.usage,
      `--host ${config.host}: it ${what} (managed hosts: ${known.join(", ")})`,
    );
  }
  const { rows } = compileHost(usable, config.host);
  const problems = uplinkProblems(rows.filter((row) => row.table === "uplink"));
  for (const problem of problems)
    shell.err(`weft agent: Host ${config.host}: ${problem.message} (fix: ${problem.suggestion})`);
  return problems.length > 0 ? EXIT.unable : ready(config);
}

function ready(config: AgentConfig): null {
  mkdirSync(config.runDirectory, { recursive: true, mode: 0o755 });
  return null;
}

function uplinkProblems(
  rows: readonly { readonly interface: string; readonly mtu: number }[],
): readonly { readonly message: string; readonly suggestion: string | null }[] {
  const netlink = NetlinkSocket.open();
  if (!netlink.ok) return [{ message: netlink.error.detail, suggestion: null }];
  const problems = rows.flatMap((row) => {
    const link = readLink(netlink.value, row.interface);
    const problem = link.ok ? uplinkProblem(row, link.value) : null;
    return problem ? [problem] : [];
  });
  netlink.value.close();
  return problems;
}

/** The pins directory, or its nearest ancestor that is there, must be on a bpffs. */
function bpffsProblem(pins: string): string | null {
  let directory = pins;
  while (!existsSync(directory)) directory = dirname(directory);
  if (statfsSync(directory).type === BPF_FS_MAGIC) return null;
  return `${pins} is not on a bpffs: mount one (mount -t bpf bpf ${directory}) or name another with --pins`;
}
