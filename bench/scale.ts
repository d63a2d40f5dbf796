/**
 * `npm run bench -- scale`: thousands of networks on real agents. How long they take to come up, what they hold, how
 * long one change takes from its file to the kernel, and what churn leaves behind.
 */
import { readFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { monotonicMs, sleepMs, timestamp } from "../src/io/clock.ts";
import { readLink } from "../src/kernel/links.ts";
import type { NetlinkSocket } from "../src/kernel/netlink.ts";
import { ip } from "./bed.ts";
import { diffInventories, type Inventory, takeInventory } from "./inventory.ts";
import type { Running } from "./program.ts";
import {
  buildScaleBed,
  destroyScaleBed,
  hostSpace,
  interfaceLine,
  measuredReaches,
  netlinkIn,
  newScaleBed,
  pinsOf,
  type ScaleBed,
  startAgent,
  stopAgent,
  writeFile,
} from "./scale-bed.ts";
import { fileOf, hosts, interfaceOf, networkTexts, portText } from "./scale-intent.ts";

export interface ScaleAsked {
  readonly networks: number;
  readonly attached: number;
  readonly churnSeconds: number;
  readonly settleSeconds: number;
  readonly json: boolean;
  readonly command: string;
  readonly signal: AbortSignal;
}

const TENANTS = 100;
/** One port more, this often; each is taken away again. */
const PORTS = 20;
const CYCLES_PER_MINUTE = 500;
/** A change that is not in force within this time is none. */
const IN_FORCE_MS = 10_000;
const LOOK_MS = 0.5;

interface Figures {
  readonly loadMs: number;
  readonly traffic: boolean;
  readonly rssOctets: number;
  readonly peakOctets: number;
  /** Until one more port is up, and until it is down after its removal, sorted. */
  readonly addedMs: readonly number[];
  readonly removedMs: readonly number[];
  readonly churn: Churn;
  readonly rssAfterOctets: number;
  readonly peakAfterOctets: number;
  readonly trafficAfter: boolean;
  readonly left: readonly string[];
}

interface Churn {
  readonly cycles: number;
  /** Cycles whose port came into force. */
  readonly inForce: number;
  readonly seconds: number;
}

/** Exit code: 0 measured and clean, 1 something was left behind or did not pass. */
export async function benchScale(asked: ScaleAsked): Promise<0 | 1> {
  const measured = Math.round(asked.networks * 0.9);
  const bed = newScaleBed({ networks: asked.networks, tenants: TENANTS }, asked.attached, measured);
  const agents: Running[] = [];
  const at = timestamp();
  try {
    await buildScaleBed(bed);
    const figures = await measure(bed, agents, asked);
    process.stdout.write(
      asked.json
        ? `${JSON.stringify({ at, command: asked.command, machine: machine(), ...figures })}\n`
        : render(asked, bed, at, figures),
    );
    return figures.traffic && figures.trafficAfter && figures.left.length === 0 ? 0 : 1;
  } finally {
    for (const agent of agents) await stopAgent(agent);
    await destroyScaleBed(bed);
  }
}

async function measure(bed: ScaleBed, agents: Running[], asked: ScaleAsked): Promise<Figures> {
  const startedMs = monotonicMs();
  const first = await startAgent(bed, "h1");
  const loadMs = monotonicMs() - startedMs;
  agents.push(first);
  agents.push(await startAgent(bed, "h2"));
  say(`loaded in ${loadMs.toFixed(0)} ms`);
  const traffic = await measuredReaches(bed);
  await sleepMs(asked.settleSeconds * 1000);
  const [rssOctets, peakOctets] = memoryOf(first);
  say(`traffic ${traffic}, resident ${megabytes(rssOctets)}, peak ${megabytes(peakOctets)}`);
  const before = await inventories(bed);
  const netlink = netlinkIn(bed, "h1");
  const { addedMs, removedMs } = await onePortMore(bed, netlink, asked);
  say(`one more port: median ${median(addedMs).toFixed(1)} ms`);
  const churn = await churnNetworks(bed, netlink, asked);
  netlink.close();
  say(`${churn.inForce} of ${churn.cycles} cycles in force within ${churn.seconds.toFixed(0)} s`);
  const left = await settled(bed, before);
  const [rssAfterOctets, peakAfterOctets] = memoryOf(first);
  const trafficAfter = await measuredReaches(bed);
  const later = { rssAfterOctets, peakAfterOctets, trafficAfter, left };
  return { loadMs, traffic, rssOctets, peakOctets, addedMs, removedMs, churn, ...later };
}

/** A port of the measured network whose interface is there already, from its file to the interface up, and back. */
async function onePortMore(
  bed: ScaleBed,
  netlink: NetlinkSocket,
  asked: ScaleAsked,
): Promise<{ addedMs: readonly number[]; removedMs: readonly number[] }> {
  const { measured, shape } = bed;
  const number = shape.networks + 1;
  await ip(hostSpace(bed, "h1"), [interfaceLine(bed, "h1", number)]);
  const file = fileOf(measured, shape);
  const whole = bed.files.get(file) ?? [];
  const more = portText(
    {
      network: measured,
      host: "h1",
      name: "one-more",
      interface: interfaceOf(number),
      mac: "02:00:00:00:01:01",
      address: "10.1.0.101",
    },
    shape,
  );
  const [addedMs, removedMs]: [number[], number[]] = [[], []];
  for (let i = 0; i < PORTS; i++) {
    asked.signal.throwIfAborted();
    await sleepMs(300);
    bed.files.set(file, [...whole, more]);
    addedMs.push(await untilUp(bed, netlink, { file, interface: interfaceOf(number), up: true }));
    await sleepMs(300);
    bed.files.set(file, whole);
    removedMs.push(
      await untilUp(bed, netlink, { file, interface: interfaceOf(number), up: false }),
    );
  }
  await ip(hostSpace(bed, "h1"), [`link delete ${interfaceOf(number)}`]);
  return { addedMs: addedMs.sort(byNumber), removedMs: removedMs.sort(byNumber) };
}

/**
 * Writes `file` and waits until the interface is up or down; in milliseconds. The agent raises a port last of all,
 * when its rows and its network's are in the kernel.
 */
async function untilUp(
  bed: ScaleBed,
  netlink: NetlinkSocket,
  { file, interface: name, up }: { file: string; interface: string; up: boolean },
): Promise<number> {
  const startedMs = monotonicMs();
  writeFile(bed, file);
  for (;;) {
    const link = readLink(netlink, name);
    if (link.ok && link.value?.up === up) return monotonicMs() - startedMs;
    if (monotonicMs() - startedMs > IN_FORCE_MS) throw new Error(`${name} is not up: ${up}`);
    await sleepMs(LOOK_MS);
  }
}

/** Networks, each with its ports and an interface, that come and go at a steady rate. */
async function churnNetworks(
  bed: ScaleBed,
  netlink: NetlinkSocket,
  asked: ScaleAsked,
): Promise<Churn> {
  const { shape } = bed;
  const startedMs = monotonicMs();
  const periodMs = 60_000 / CYCLES_PER_MINUTE;
  const cycles = Math.round((asked.churnSeconds * CYCLES_PER_MINUTE) / 60);
  let inForce = 0;
  for (let cycle = 0; cycle < cycles; cycle++) {
    asked.signal.throwIfAborted();
    const network = shape.networks + 2 + cycle;
    const file = fileOf(network, shape);
    const whole = bed.files.get(file) ?? [];
    await ip(hostSpace(bed, "h1"), [interfaceLine(bed, "h1", network)]);
    bed.files.set(file, [...whole, ...networkTexts(network, shape)]);
    const name = interfaceOf(network);
    const tookMs = await untilUp(bed, netlink, { file, interface: name, up: true });
    if (tookMs < IN_FORCE_MS) inForce++;
    bed.files.set(file, whole);
    writeFile(bed, file);
    await ip(hostSpace(bed, "h1"), [`link delete ${name}`]);
    const dueMs = startedMs + (cycle + 1) * periodMs;
    await sleepMs(Math.max(0, dueMs - monotonicMs()));
  }
  return { cycles, inForce, seconds: (monotonicMs() - startedMs) / 1000 };
}

const inventories = (bed: ScaleBed): Promise<readonly Inventory[]> =>
  Promise.all(hosts.map((host) => takeInventory(hostSpace(bed, host), pinsOf(bed, host))));

/** What is still different from `before` when there has been time to clear up. */
async function settled(bed: ScaleBed, before: readonly Inventory[]): Promise<readonly string[]> {
  const endMs = monotonicMs() + IN_FORCE_MS;
  for (;;) {
    const after = await inventories(bed);
    const left = hosts.flatMap((host, i) =>
      diffInventories(before[i] ?? [], after[i] ?? []).map((line) => `${host}: ${line}`),
    );
    if (left.length === 0 || monotonicMs() > endMs) return left;
    await sleepMs(500);
  }
}

/** Resident now, and at most so far. */
function memoryOf({ child }: Running): readonly [number, number] {
  const text = readFileSync(`/proc/${child.pid}/status`, "utf8");
  const octets = (field: string): number =>
    1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(text)?.[1]);
  return [octets("VmRSS"), octets("VmHWM")];
}

const byNumber = (a: number, b: number): number => a - b;
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
const median = (sorted: readonly number[]): number => quantile(sorted, 0.5);
const megabytes = (octets: number): string => `${(octets / 1e6).toFixed(0)} MB`;
const say = (text: string): boolean => process.stderr.write(`${text}\n`);

function machine(): string {
  const model = /^model name\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1];
  return `${cpus().length} × ${model ?? process.arch}, Linux ${release()}`;
}

function render(asked: ScaleAsked, bed: ScaleBed, at: string, f: Figures): string {
  const spread = (sorted: readonly number[]): string =>
    `median ${median(sorted).toFixed(1)} ms (${quantile(sorted, 0).toFixed(1)} to ${quantile(sorted, 1).toFixed(1)}), ${sorted.length} times`;
  const { churn } = f;
  return [
    `${at}  ${asked.command}`,
    machine(),
    `${asked.networks} networks, ${asked.networks * 2} ports in ${bed.shape.tenants + 1} files; ${asked.attached} attached on each host`,
    "",
    `load, process start to ready         ${(f.loadMs / 1000).toFixed(2)} s`,
    `traffic on network ${bed.measured}              ${f.traffic ? "passes" : "DOES NOT PASS"}; after churn ${f.trafficAfter ? "passes" : "DOES NOT PASS"}`,
    `resident, ${asked.settleSeconds} s after load           ${megabytes(f.rssOctets)} (peak ${megabytes(f.peakOctets)}); after churn ${megabytes(f.rssAfterOctets)} (peak ${megabytes(f.peakAfterOctets)})`,
    `one more port, file to interface up  ${spread(f.addedMs)}`,
    `one port less, file to interface down ${spread(f.removedMs)}`,
    `churn                                ${churn.inForce} of ${churn.cycles} networks came into force, ${((60 * churn.cycles) / churn.seconds).toFixed(0)} cycles a minute for ${churn.seconds.toFixed(0)} s`,
    `left behind                          ${f.left.length === 0 ? "nothing" : f.left.slice(0, 20).join("\n  ")}`,
    "",
  ].join("\n");
}
