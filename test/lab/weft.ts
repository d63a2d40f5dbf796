/** For the lab's tests: the program itself, intents in directories of their own, and what is left on the machine. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

export const WEFT = resolve(import.meta.dirname, "../../bin/weft");

export interface Run {
  readonly exit: number | null;
  readonly out: string;
  readonly err: string;
}

export function weft(...args: readonly string[]): Run {
  return run(WEFT, ...args);
}

export function run(file: string, ...args: readonly string[]): Run {
  const done = spawnSync(file, args, { encoding: "utf8", maxBuffer: 64 << 20 });
  return { exit: done.status, out: done.stdout, err: done.stderr };
}

/** Starts `weft` with `args`, kills it (-9) after `ms`, and waits until it is gone. */
export function weftKilledAfter(ms: number, ...args: readonly string[]): Promise<void> {
  return new Promise((settle) => {
    const child = spawn(WEFT, args, { stdio: "ignore" });
    const timer = setTimeout(() => child.kill("SIGKILL"), ms);
    child.on("exit", () => {
      clearTimeout(timer);
      settle();
    });
  });
}

/** Starts `weft` with `args`, sends it `signal` as soon as `when` is true, and waits for its exit code. */
export function weftSignalled(
  signal: "SIGINT",
  when: () => boolean,
  args: readonly string[],
): Promise<number | null> {
  return new Promise((settle) => {
    const child = spawn(WEFT, args, { stdio: "ignore" });
    const timer = setInterval(() => {
      if (!when()) return;
      clearInterval(timer);
      child.kill(signal);
    }, 1);
    child.on("exit", (code) => {
      clearInterval(timer);
      settle(code);
    });
  });
}

/** A name of a lab that no other test and no other process uses. */
export const labName = (what: string): string => `t-${what}-${process.pid}`;

/** A directory with `files` by name, gone after `use`. */
export async function withIntent(
  files: Readonly<Record<string, string>>,
  use: (directory: string) => Promise<void> | void,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "weft-t-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
    await use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Whatever on the machine carries a lab's name, and all interfaces outside of namespaces. */
export interface Remains {
  readonly namespaces: readonly string[];
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
  readonly files: readonly string[];
  readonly machineLinks: readonly string[];
}

export function remainsOf(name: string): Remains {
  const directory = `/run/weft/lab/${name}`;
  return {
    namespaces: list("/run/netns").filter((n) => n.startsWith(`weft-${name}-`)),
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .filter((line) => line.includes(`${directory}/`)),
    processes: list("/proc")
      .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
      .map((pid) => text(`/proc/${pid}/cmdline`))
      .filter((line) => line.includes(directory) || line.includes(`weft-${name}-`)),
    files: list(directory),
    machineLinks: list("/sys/class/net"),
  };
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}

function text(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

/** An intent of hosts without agents: the kernel carries everything. */
export function foreignIntent(underlay: "ipv4" | "ipv6" = "ipv4"): string {
  const documents = [
    { kind: "Fabric", metadata: { name: "f" }, spec: {} },
    { kind: "Tenant", metadata: { name: "org" }, spec: {} },
    ...[1, 2].map((n) => ({
      kind: "Host",
      metadata: { name: `h${n}` },
      spec: {
        managed: false,
        uplinks: [{ interface: "uplink0", mtu: 1600 }],
        vteps: [`192.0.2.${n}`, `2001:db8::${n}`],
        encapsulations: ["vxlan"],
      },
    })),
    ...["red", "blue"].map((name, i) => ({
      kind: "Network",
      metadata: { name, tenant: "org" },
      spec: { subnets: ["10.0.0.0/24", "fd00::/64"], vni: 20001 + i, underlay },
    })),
    ...["red", "blue"].flatMap((network) =>
      [1, 2].map((n) => ({
        kind: "Port",
        metadata: { name: `${network}-${n}`, tenant: "org" },
        spec: {
          network,
          host: `h${n}`,
          mac: `02:00:00:00:00:0${n}`,
          addresses: [`10.0.0.${n}`, `fd00::${n}`],
        },
      })),
    ),
  ];
  return documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
}

/** Removes the lab whatever happens, and holds the machine to what it was before. */
export async function cleanly(name: string, use: () => Promise<void> | void): Promise<void> {
  const before = remainsOf(name);
  assert.deepEqual(before.namespaces, []);
  try {
    await use();
  } finally {
    const down = weft("lab", "down", name);
    assert.equal(down.exit, 0, down.err);
    assert.deepEqual(remainsOf(name), before);
  }
}
