/** What must hold before an agent touches anything: each refusal names the object, the place and the fix. */
import { existsSync, mkdirSync, statfsSync } from "node:fs";
import { release } from "node:os";
import { dirname, join, resolve } from "node:path";
import { EXIT, type ExitCode } from "../base/command.ts";
import { err, ok, type Result } from "../base/result.ts";
import type { Finding, Intent } from "../intent/intent.ts";
import { soundTenants } from "../intent/partial.ts";
import { renderFinding } from "../intent/report.ts";
import { log } from "../io/log.ts";
import { readLink } from "../kernel/links.ts";
import { NetlinkSocket } from "../kernel/netlink.ts";
import type { AgentConfig } from "./agent.ts";
import { attempt } from "./attempt.ts";
import { OBJECT_FILES } from "./datapath.ts";
import type { IntentReader } from "./intent-reader.ts";
import { hostProblem } from "./intent-source.ts";
import { isLostUplink, uplinkProblem } from "./problem.ts";
import { type AgentState, emptyState, readState, setStateAside } from "./state.ts";

const BPF_FS_MAGIC = 0xcafe4a11;
/** tcx came with Linux 6.6. */
const KERNEL_MIN = [6, 6] as const;

export interface Refusal {
  readonly exit: ExitCode;
  /** A line each. */
  readonly messages: readonly string[];
  /** About the intent, a line each, with the place in front. */
  readonly findings: readonly string[];
}

const refuse = (exit: ExitCode, ...messages: readonly string[]): Result<never, Refusal> =>
  err({ exit, messages, findings: [] });

/** The state to start from, or why not to start. */
export async function checkPreconditions(
  config: AgentConfig,
  reader: IntentReader,
): Promise<Result<AgentState, Refusal>> {
  const machine = checkMachine(config);
  if (!machine.ok) return machine;
  const state = await readOwnState(config);
  if (!state.ok) return state;
  // A host that was in force before goes on with its last good rows, whatever became of the intent.
  if (state.value.parts !== null) return state;
  const intent = await checkFirstIntent(config, reader);
  return intent.ok ? state : intent;
}

function checkMachine(config: AgentConfig): Result<null, Refusal> {
  if (process.getuid?.() !== 0)
    return refuse(EXIT.unable, "not root: bpf(2) and netlink need it (sudo weft agent …)");
  const [major = 0, minor = 0] = release().split(".").map(Number);
  if (major < KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor < KERNEL_MIN[1]))
    return refuse(
      EXIT.unable,
      `this kernel is Linux ${release()}; tcx needs ${KERNEL_MIN.join(".")} or later`,
    );
  const missing = OBJECT_FILES.find((file) => !existsSync(join(config.objectsDirectory, file)));
  if (missing !== undefined)
    return refuse(
      EXIT.unable,
      `no datapath in ${config.objectsDirectory} (${missing} is missing): run scripts/setup.sh`,
    );
  if (!isOnBpffs(config.pinsDirectory)) {
    const pins = resolve(config.pinsDirectory);
    return refuse(
      EXIT.unable,
      `${pins} is not on a bpffs: mount one (mkdir -p ${pins} && mount -t bpf bpf ${pins}), or name another with --pins`,
    );
  }
  for (const [path, mode] of [
    [config.runDirectory, 0o755],
    [config.pinsDirectory, 0o700],
  ] as const) {
    const made = attempt(`make ${path}`, () => mkdirSync(path, { recursive: true, mode }));
    if (!made.ok) return refuse(EXIT.unable, `${made.error.call}: ${made.error.detail}`);
  }
  return ok(null);
}

/** The pins directory, or its nearest ancestor that is there. */
function isOnBpffs(pins: string): boolean {
  let directory = resolve(pins);
  while (!existsSync(directory)) directory = dirname(directory);
  return statfsSync(directory).type === BPF_FS_MAGIC;
}

async function readOwnState(config: AgentConfig): Promise<Result<AgentState, Refusal>> {
  const { stateDirectory, host } = config;
  const state = await readState(stateDirectory);
  if (!state.ok) {
    const { error } = state;
    if (error.kind === "system") return refuse(EXIT.unable, `${error.call}: ${error.detail}`);
    const aside = await setStateAside(stateDirectory);
    if (!aside.ok) return refuse(EXIT.unable, `${aside.error.call}: ${aside.error.detail}`);
    log("warning", "the state is not readable: going on without", { ...error, aside: aside.value });
    return ok(emptyState);
  }
  if (state.value.host !== null && state.value.host !== host)
    return refuse(
      EXIT.usage,
      `${stateDirectory} is the state of host ${state.value.host}, not of ${host}: name another with --state, or remove it`,
    );
  return state;
}

/** A first start is all or nothing. */
async function checkFirstIntent(
  config: AgentConfig,
  reader: IntentReader,
): Promise<Result<null, Refusal>> {
  const read = await reader.read();
  if (!read.ok) return refuse(EXIT.usage, `${read.error.path}: ${read.error.detail}`);
  const { intent, findings, errors } = read.value;
  const usable = errors === 0 ? intent : config.partial ? soundTenants(intent, findings) : null;
  const refusal = usable
    ? checkFirstRows(config, usable)
    : refuse(
        EXIT.found,
        `${errors} error${errors === 1 ? "" : "s"} in the intent: nothing is applied`,
      );
  const told = findings.map((finding: Finding) => renderFinding(finding));
  return refusal.ok ? refusal : err({ ...refusal.error, findings: told });
}

/** The host's own part. */
function checkFirstRows(config: AgentConfig, usable: Intent): Result<null, Refusal> {
  const problem = hostProblem(usable, config.host);
  if (problem) return refuse(EXIT.usage, problem.message);
  const uplinks = usable.hosts.get(config.host)?.spec.uplinks ?? [];
  const netlink = NetlinkSocket.open();
  if (!netlink.ok)
    return refuse(EXIT.unable, `${netlink.error.operation}: ${netlink.error.detail}`);
  const found = uplinks.map((uplink) => {
    const link = readLink(netlink.value, uplink.interface);
    return link.ok ? uplinkProblem(uplink, link.value) : null;
  });
  netlink.value.close();
  const problems = found.filter((problem) => problem !== null);
  // One that is lost now is not what a host with others has to wait for.
  const isCarried = found.some((problem) => problem === null);
  const hindrances = problems.filter((problem) => !(isCarried && isLostUplink(problem)));
  const lines = hindrances.map((p) => `Host ${config.host}: ${p.message} (fix: ${p.suggestion})`);
  return lines.length > 0 ? refuse(EXIT.unable, ...lines) : ok(null);
}
