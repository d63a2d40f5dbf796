/** The lab's agents: the same program as in production, one in each managed host's namespace. */
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { err, ok, type Result } from "../base/result.ts";
import { monotonicMs, sleepMs } from "../io/clock.ts";
import { readAgentStatus } from "./agent-socket.ts";
import type { LabSettings } from "./lab-file.ts";
import { hostPaths, namespaceFile } from "./paths.ts";
import type { LabState } from "./state.ts";
import type { LabHost } from "./topology.ts";

const WEFT = resolvePath(import.meta.dirname, "../../bin/weft");
const LOG_LINES = 8;

export interface AgentFailure {
  readonly kind: "agents";
  /** Per agent that did not come up: why, and the end of its log. */
  readonly details: readonly {
    readonly host: string;
    readonly why: string;
    readonly log: string;
  }[];
}

export interface StartedAgent {
  readonly host: string;
  readonly pid: number;
  /** Null while it runs. */
  readonly ended: () => string | null;
}

/** Starts the agent of `host`; it outlives us. Not `ip netns exec`: that would hide the lab's bpffs. */
export function startAgent(lab: LabState, host: LabHost, settings: LabSettings): StartedAgent {
  const paths = hostPaths(lab.name, host.name);
  const { auditSeconds } = settings.agents;
  mkdirSync(paths.run, { recursive: true });
  const out = openSync(`${paths.run}/agent.out`, "a");
  const log = openSync(paths.log, "a");
  const child = spawn(
    "nsenter",
    [
      `--net=${namespaceFile(host.namespace)}`,
      WEFT,
      "agent",
      ...["--intent", lab.directory, "--host", host.name],
      ...["--run", paths.run, "--pins", paths.pins, "--state", paths.state],
      ...(auditSeconds === null ? [] : ["--audit-seconds", String(auditSeconds)]),
    ],
    { detached: true, stdio: ["ignore", out, log], cwd: "/" },
  );
  closeSync(out);
  closeSync(log);
  let ended: string | null = null;
  child.on("error", (e: Error) => {
    ended = `did not start: ${e.message}`;
  });
  child.on("exit", (code: number | null, signal: string | null) => {
    ended = `ended (${signal ?? `exit ${code}`})`;
  });
  child.unref();
  return { host: host.name, pid: child.pid ?? 0, ended: (): string | null => ended };
}

/** Waits until every agent says that its rows are in force. */
export async function waitReady(
  name: string,
  agents: readonly StartedAgent[],
  withinMs: number,
): Promise<Result<void, AgentFailure>> {
  const deadline = monotonicMs() + withinMs;
  let waiting = agents;
  for (;;) {
    const still: StartedAgent[] = [];
    for (const agent of waiting) {
      const status = await readAgentStatus(hostPaths(name, agent.host).readSocket);
      if (!(status.ok && status.value.ready)) still.push(agent);
    }
    if (still.length === 0) return ok(undefined);
    const dead = still.filter((agent: StartedAgent) => agent.ended() !== null);
    if (dead.length > 0) return err(failureOf(name, dead));
    if (monotonicMs() > deadline) return err(failureOf(name, still));
    waiting = still;
    await sleepMs(20);
  }
}

function failureOf(name: string, agents: readonly StartedAgent[]): AgentFailure {
  const details = agents.map(({ host, ended }: StartedAgent) => ({
    host,
    why: ended() ?? "is not ready",
    log: lastLines(hostPaths(name, host).log),
  }));
  return { kind: "agents", details };
}

const lastLines = (file: string): string =>
  readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_LINES).join("\n");
