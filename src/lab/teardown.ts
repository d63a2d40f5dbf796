/**
 * Takes a lab away: its processes, namespaces, mounts and files. Trusts names, not state.json, so that it also
 * works on a lab half built or half removed, and after everything was killed.
 */
import { readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync, statSync } from "node:fs";
import { ok, type Result } from "../base/result.ts";
import { monotonicMs, sleepMs } from "../io/clock.ts";
import { isNamespaceOf, LABS, labPaths, namespaceFile } from "./paths.ts";
import { runTool, type ToolError } from "./tool.ts";

/** What there was. */
export interface Removed {
  readonly processes: number;
  readonly namespaces: number;
  readonly mounts: number;
}

/** Given to a process between SIGTERM and SIGKILL. */
const GRACE_MS = 2000;

export async function applyTeardown(name: string): Promise<Result<Removed, ToolError>> {
  let removed: Removed = { processes: 0, namespaces: 0, mounts: 0 };
  // A second look: a child of a `lab up` that was killed may have gone on making things during the first.
  for (;;) {
    const once = await tearDownOnce(name);
    if (!once.ok) return once;
    const { processes, namespaces, mounts } = once.value;
    if (processes + namespaces + mounts === 0) return ok(removed);
    removed = {
      processes: removed.processes + processes,
      namespaces: removed.namespaces + namespaces,
      mounts: removed.mounts + mounts,
    };
  }
}

async function tearDownOnce(name: string): Promise<Result<Removed, ToolError>> {
  const namespaces = namespacesOf(name);
  const processes = await endProcesses(() => processesOf(name, namespaces));
  if (namespaces.length > 0) {
    const lines = namespaces.map((namespace: string) => `netns del ${namespace}\n`);
    const deleted = await runTool(["ip", "-force", "-batch", "-"], lines.join(""));
    // Somebody else may take the lab away at the same moment: what counts is that nothing is left.
    if (!deleted.ok && namespacesOf(name).length > 0) return deleted;
  }
  const mounts = mountsUnder(labPaths(name).run);
  for (const mount of mounts) {
    const unmounted = await runTool(["umount", mount]);
    if (!unmounted.ok && mountsUnder(mount).length > 0) return unmounted;
  }
  rmSync(labPaths(name).run, { recursive: true, force: true });
  removeIfEmpty(LABS);
  removeIfEmpty("/run/weft");
  return ok({ processes, namespaces: namespaces.length, mounts: mounts.length });
}

function namespacesOf(name: string): readonly string[] {
  return entries("/run/netns").filter((namespace: string) => isNamespaceOf(name, namespace));
}

/**
 * Agents, by their command line (a pid in a file may have been given to somebody else since), and whatever runs
 * inside the lab's namespaces.
 */
function processesOf(name: string, namespaces: readonly string[]): readonly number[] {
  const inodes = new Set(namespaces.map((namespace: string) => inodeOf(namespaceFile(namespace))));
  const isAgent = (pid: string): boolean =>
    readText(`/proc/${pid}/cmdline`).includes(`\0--run\0${labPaths(name).hosts}/`);
  const isInside = (pid: string): boolean => {
    const inode = /^net:\[(\d+)\]$/.exec(readLink(`/proc/${pid}/ns/net`))?.[1];
    return inode !== undefined && inodes.has(Number(inode)) && !isZombie(pid);
  };
  return entries("/proc")
    .filter((pid: string) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid: string) => isAgent(pid) || isInside(pid))
    .map(Number);
}

async function endProcesses(find: () => readonly number[]): Promise<number> {
  const found = find();
  if (found.length === 0) return 0;
  for (const pid of found) signal(pid, "SIGTERM");
  const deadline = monotonicMs() + GRACE_MS;
  while (monotonicMs() < deadline && find().length > 0) await sleepMs(10);
  for (const pid of find()) signal(pid, "SIGKILL");
  // SIGKILL is not refused, but the kernel takes a moment to carry it out.
  while (monotonicMs() < deadline + GRACE_MS && find().length > 0) await sleepMs(10);
  return found.length;
}

function signal(pid: number, name: "SIGTERM" | "SIGKILL"): void {
  try {
    process.kill(pid, name);
  } catch (thrown) {
    // It ended by itself since we looked.
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ESRCH")) throw thrown;
  }
}

const isZombie = (pid: string): boolean => /^\d+ \(.*\) Z /s.test(readText(`/proc/${pid}/stat`));

/** Mount points at or below `directory`, innermost first. */
function mountsUnder(directory: string): readonly string[] {
  return readText("/proc/self/mountinfo")
    .split("\n")
    .map((line: string) => line.split(" ")[4] ?? "")
    .filter((point: string) => point === directory || point.startsWith(`${directory}/`))
    .reverse();
}

function inodeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.ino ?? 0;
}

/** Processes come and go while we look: what is gone reads as empty. */
function readText(file: string): string {
  return orElse("", () => readFileSync(file, "utf8"));
}

function readLink(file: string): string {
  return orElse("", () => readlinkSync(file));
}

function entries(directory: string): readonly string[] {
  return orElse([], () => readdirSync(directory));
}

function orElse<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown) return otherwise;
    throw thrown;
  }
}

function removeIfEmpty(directory: string): void {
  if (entries(directory).length === 0) orElse(undefined, () => rmdirSync(directory));
}
