/** All that an agent has in a kernel: what is the same before and after has left nothing behind. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { TABLES } from "../src/agent/entries.ts";
import { BpfMap, closeBpfFd, openPinned } from "../src/kernel/bpf.ts";
import { run } from "./program.ts";

/** Of a host's parts, the names of all that is there: "fdb 0a00…", "link port-3", "device p7". */
export type Inventory = readonly string[];

/** What the datapath itself writes or learns comes and goes with traffic, and is not listed. */
const MAPS: readonly string[] = [...TABLES, "flood", "flood_member"];

/** `namespace`: of iproute2; `pins`: the agent's. */
export async function takeInventory(namespace: string, pins: string): Promise<Inventory> {
  const devices = await devicesOf(namespace);
  const links = readdirSync(join(pins, "links")).map((name) => `link ${name}`);
  const maps = readdirSync(pins).filter((name) => /^v\d+$/.test(name));
  const entries: string[] = [];
  for (const version of maps)
    for (const name of readdirSync(join(pins, version)).filter((map) => MAPS.includes(map)))
      entries.push(...(await entriesIn(name, join(pins, version, name))));
  return [...devices, ...links, ...entries].sort();
}

async function devicesOf(namespace: string): Promise<readonly string[]> {
  const links: unknown = JSON.parse(await run(["ip", "-n", namespace, "-j", "link"]));
  return Array.isArray(links) ? links.map((link) => `device ${link.ifname}`) : [];
}

/** A member's key holds its list's generation, which counts up: it stands here without. */
const GENERATION_AT = { from: 4, to: 8 };

async function entriesIn(name: string, path: string): Promise<readonly string[]> {
  const shown: unknown = JSON.parse(await run(["bpftool", "-j", "map", "show", "pinned", path]));
  if (typeof shown !== "object" || shown === null || !("type" in shown))
    throw new Error(`bpftool map show ${path}: unexpected answer`);
  const { type, bytes_key: keyOctets, bytes_value: rowOctets } = { ...sizes, ...shown };
  const fd = openPinned(path);
  if (!fd.ok || fd.value === null) throw new Error(`${path} cannot be opened`);
  const map = new BpfMap(name, fd.value, { keyOctets, rowOctets, isArray: type === "array" });
  const entries = map.entries();
  closeBpfFd(fd.value);
  if (!entries.ok) throw new Error(`${entries.error.call}: ${entries.error.detail}`);
  return entries.value.map(([key]) => {
    if (name === "flood_member") key.fill(0, GENERATION_AT.from, GENERATION_AT.to);
    return `${name} ${Buffer.from(key).toString("hex")}`;
  });
}

const sizes = { bytes_key: 0, bytes_value: 0 };

/** Present in one of them only: "+" came, "-" went. */
export function diffInventories(before: Inventory, after: Inventory): readonly string[] {
  const [was, is] = [new Set(before), new Set(after)];
  return [
    ...after.filter((one) => !was.has(one)).map((one) => `+ ${one}`),
    ...before.filter((one) => !is.has(one)).map((one) => `- ${one}`),
  ];
}
