/** `weft lab up`: builds a lab, starts its agents, waits for them and, if asked, probes every pair. */
import { statSync } from "node:fs";
import { basename, resolve as resolvePath } from "node:path";
import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../../base/command.ts";
import { err, ok, type Result } from "../../base/result.ts";
import { renderFinding } from "../../intent/report.ts";
import { monotonicMs, timestamp } from "../../io/clock.ts";
import { startAgent, waitReady } from "../agents.ts";
import { applyTopology } from "../build.ts";
import { refuseUnlessRoot } from "../choose.ts";
import { complain, type LabError } from "../complaint.ts";
import { type LabSettings, readLabSettings } from "../lab-file.ts";
import { readLabIntent } from "../lab-intent.ts";
import { layOut } from "../layout.ts";
import { isLabName, labNameOf } from "../paths.ts";
import { claimLab, type LabState, writeState } from "../state.ts";
import { applyTeardown } from "../teardown.ts";
import type { LabHost } from "../topology.ts";
import { printMatrix } from "./matrix.ts";

const READY_MS = 30_000;

export const labUp: Command = {
  name: "lab up",
  arguments: ["<directory>"],
  options: [
    { flags: "--name <name>", summary: "Name of the lab; the directory's if left out." },
    { flags: "--matrix", summary: "Probe every pair of ports once it is up." },
  ],
  summary: "Build the intent in DIRECTORY in network namespaces, with an agent on each host.",
  run: async (shell: Shell, given: Given): Promise<ExitCode> => {
    const refused = refuseUnlessRoot(shell, "weft lab up");
    if (refused !== null) return refused;
    const directory = resolvePath(textOf(given, "directory") ?? ".");
    const name = textOf(given, "name") ?? labNameOf(basename(directory));
    if (!isLabName(name)) {
      shell.err(`${name} is no name of a lab: 1 to 40 of a-z, 0-9 and "-"`);
      return EXIT.usage;
    }
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) {
      shell.err(`${directory} is no directory: a lab is built of a directory with an intent`);
      return EXIT.usage;
    }
    const settings = readLabSettings(directory);
    if (!settings.ok) return complain(shell, settings.error);
    const prepared = await prepare(shell, name, directory, settings.value);
    if (!prepared.ok) return complain(shell, prepared.error);
    const release = onInterrupt(() => tearDown(shell, name));
    const up = await applyLab(shell, prepared.value, settings.value);
    release();
    if (!up.ok) {
      const exit = complain(shell, up.error);
      await tearDown(shell, name);
      return exit;
    }
    return given.matrix === true ? finish(shell, up.value) : suggest(shell, name, EXIT.ok);
  },
};

/** Reads everything, and takes the name only when all of it is sound. */
async function prepare(
  shell: Shell,
  name: string,
  directory: string,
  settings: LabSettings,
): Promise<Result<LabState, LabError>> {
  const read = await readLabIntent(directory);
  if (!read.ok) return read;
  for (const finding of read.value.findings) shell.err(renderFinding(finding));
  const topology = layOut({ name, intent: read.value.intent, underlay: settings.underlay });
  if (!topology.ok) return topology;
  const claimed = claimLab(name);
  if (!claimed.ok) return claimed;
  const state: LabState = {
    name,
    directory,
    startedAt: timestamp(),
    phase: "building",
    topology: topology.value,
    agents: [],
  };
  writeState(state);
  return ok(state);
}

async function applyLab(
  shell: Shell,
  prepared: LabState,
  settings: LabSettings,
): Promise<Result<LabState, LabError>> {
  const { name, topology } = prepared;
  const began = monotonicMs();
  const seconds = (): string => `${((monotonicMs() - began) / 1000).toFixed(1)} s`;
  const built = await applyTopology(name, topology);
  if (!built.ok) return built;
  const counts = `${topology.hosts.length} hosts, ${topology.ports.length} workloads`;
  shell.out(`lab ${name}: ${counts} built in ${seconds()}`);
  let state = prepared;
  const agents = [];
  for (const host of topology.hosts.filter((h: LabHost) => h.managed)) {
    const agent = startAgent(prepared, host, settings);
    agents.push(agent);
    state = { ...state, agents: [...state.agents, { host: agent.host, pid: agent.pid }] };
    writeState(state);
  }
  const ready = await waitReady(name, agents, READY_MS);
  if (!ready.ok) return err(ready.error);
  state = { ...state, phase: "up" };
  writeState(state);
  shell.out(`lab ${name}: ${agents.length} agents ready after ${seconds()}`);
  return ok(state);
}

/** While a lab is half built, Ctrl-C takes it down; `release` gives the signals back. */
function onInterrupt(undo: () => Promise<void>): () => void {
  const handle = (): void => {
    void undo().then(() => process.exit(INTERRUPTED));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.once(signal, handle);
  return (): void => {
    for (const signal of signals) process.off(signal, handle);
  };
}

/** As a shell says it of a command that SIGINT ended. */
const INTERRUPTED = 130;

async function tearDown(shell: Shell, name: string): Promise<void> {
  const removed = await applyTeardown(name);
  if (!removed.ok) complain(shell, removed.error);
}

async function finish(shell: Shell, state: LabState): Promise<ExitCode> {
  const exit = await printMatrix(shell, state, {
    wanted: { protocols: ["arp", "icmp", "udp"], from: null, to: null },
    json: false,
  });
  return suggest(shell, state.name, exit);
}

function suggest(shell: Shell, name: string, exit: ExitCode): ExitCode {
  for (const line of [
    "",
    "next:",
    `  bin/weft lab status ${name}        what there is, and where`,
    `  bin/weft matrix ${name}            probe every pair again`,
    "  ip netns exec NAMESPACE ping ADDRESS   be a workload (namespaces: bin/weft lab status)",
    `  bin/weft lab down ${name}          remove it`,
  ])
    shell.out(line);
  return exit;
}
