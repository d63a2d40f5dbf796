/**
 * Two hosts joined by a cable, with interfaces for some networks of a scale intent, and an agent on each.
 *
 *     (m2) m [p<N>]──h1 [up0]──[up0] h2──[p<N>] (m1)
 *
 * The measured network's workloads have namespaces of their own; the others' far ends share one, for nobody speaks there.
 */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ask } from "../src/io/agent-client.ts";
import { withNamespace } from "../src/kernel/namespace.ts";
import { NetlinkSocket } from "../src/kernel/netlink.ts";
import { ip, namespaceFile, repository } from "./bed.ts";
import { type Running, run, start, stop, succeeds } from "./program.ts";
import {
  addressOf,
  fileText,
  type HostName,
  hosts,
  interfaceOf,
  macOf,
  type ScaleShape,
  scaleIntent,
  UPLINK,
  UPLINK_MTU,
  uplinkAddress,
} from "./scale-intent.ts";

export interface ScaleBed {
  readonly prefix: string;
  readonly directory: string;
  readonly shape: ScaleShape;
  /** Networks whose ports have interfaces. */
  readonly attached: readonly number[];
  /** The network whose workloads speak. */
  readonly measured: number;
  /** The documents of each intent file, as they stand. */
  readonly files: Map<string, readonly string[]>;
}

export const hostSpace = (bed: ScaleBed, host: HostName): string => `${bed.prefix}-${host}`;
/** Where workloads' ends of interfaces are. */
export const workloadSpace = (bed: ScaleBed, host: HostName, network: number): string =>
  network === bed.measured ? `${bed.prefix}-m-${host}` : `${bed.prefix}-w-${host}`;
export const pinsOf = (bed: ScaleBed, host: HostName): string => join(bed.directory, "bpf", host);
const runOf = (bed: ScaleBed, host: HostName): string => join(bed.directory, host);
const intentOf = (bed: ScaleBed): string => join(bed.directory, "intent");

export function newScaleBed(shape: ScaleShape, attached: number, measured: number): ScaleBed {
  const every = Math.max(1, Math.floor(shape.networks / attached));
  const networks = Array.from({ length: attached }, (_, i) => (i + 1) * every);
  if (!networks.includes(measured)) networks[0] = measured;
  return {
    prefix: `weft-t-scale-${process.pid}`,
    directory: mkdtempSync(join(tmpdir(), `weft-scale-${process.pid}-`)),
    shape,
    attached: networks,
    measured,
    files: scaleIntent(shape),
  };
}

export async function buildScaleBed(bed: ScaleBed): Promise<void> {
  for (const part of ["intent", "bpf", ...hosts]) mkdirSync(join(bed.directory, part));
  await run(["mount", "-t", "bpf", "bpf", join(bed.directory, "bpf")]);
  const [h1, h2] = [hostSpace(bed, "h1"), hostSpace(bed, "h2")];
  for (const host of hosts)
    for (const space of [
      hostSpace(bed, host),
      workloadSpace(bed, host, 0),
      workloadSpace(bed, host, bed.measured),
    ]) {
      await run(["ip", "netns", "add", space]);
      await ip(space, ["link set lo up"]);
    }
  await ip(h1, [
    `link add ${UPLINK} mtu ${UPLINK_MTU} type veth peer name ${UPLINK} mtu ${UPLINK_MTU} netns ${h2}`,
  ]);
  for (const host of hosts) {
    await ip(hostSpace(bed, host), [
      `address add ${uplinkAddress(host)}/24 dev ${UPLINK}`,
      `link set ${UPLINK} up`,
      ...bed.attached.map((network) => interfaceLine(bed, host, network)),
    ]);
    await ip(workloadSpace(bed, host, bed.measured), [
      `address add ${addressOf(host)}/24 dev ${interfaceOf(bed.measured)}`,
      `link set ${interfaceOf(bed.measured)} up`,
    ]);
  }
  for (const name of bed.files.keys()) writeFile(bed, name);
}

/** The command that makes a port's interface, the workload's end under the same name. */
export function interfaceLine(bed: ScaleBed, host: HostName, network: number): string {
  const name = interfaceOf(network);
  const inner = `peer name ${name} address ${macOf(host)} netns ${workloadSpace(bed, host, network)}`;
  return `link add ${name} type veth ${inner}`;
}

/** Puts a file's documents in place of what it held, at once. */
export function writeFile(bed: ScaleBed, name: string): void {
  const path = join(intentOf(bed), name);
  writeFileSync(`${path}.new`, fileText(bed.files.get(name) ?? []));
  renameSync(`${path}.new`, path);
}

export async function destroyScaleBed(bed: ScaleBed): Promise<void> {
  const spaces = await run(["ip", "netns", "list"]);
  for (const line of spaces.split("\n")) {
    const [name = ""] = line.split(" ");
    if (name.startsWith(`${bed.prefix}-`)) await run(["ip", "netns", "delete", name]);
  }
  const bpf = join(bed.directory, "bpf");
  if (await succeeds(["mountpoint", "-q", bpf])) await run(["umount", bpf]);
  rmSync(bed.directory, { recursive: true, force: true });
}

const READY_MS = 120_000;

export const startAgent = (bed: ScaleBed, host: HostName): Promise<Running> =>
  start(
    [
      ...["nsenter", `--net=${namespaceFile(hostSpace(bed, host))}`],
      ...[join(repository, "bin/weft"), "agent", "--intent", intentOf(bed), "--host", host],
      ...["--run", runOf(bed, host)],
      ...["--state", join(runOf(bed, host), "state"), "--pins", pinsOf(bed, host)],
    ],
    (line) => /"ready":\s*true/.test(line),
    READY_MS,
  );

export const stopAgent = (agent: Running): Promise<void> => stop(agent, "SIGTERM");

/** The agent's own account of itself. */
export async function statusOf(bed: ScaleBed, host: HostName): Promise<object> {
  const answer = await ask(join(runOf(bed, host), "read.sock"), "/status");
  if (!answer.ok) throw new Error(`${host} does not answer: ${answer.error.detail}`);
  return Object(answer.value);
}

/** A socket that asks a host's kernel. */
export function netlinkIn(bed: ScaleBed, host: HostName): NetlinkSocket {
  const opened = withNamespace(namespaceFile(hostSpace(bed, host)), () => NetlinkSocket.open());
  if (!opened.ok) throw new Error(`${opened.error.call}: ${opened.error.detail}`);
  if (!opened.value.ok) throw new Error(opened.value.error.detail);
  return opened.value.value;
}

/** Whether the measured network's workload on h1 hears the one on h2. */
export const measuredReaches = (bed: ScaleBed): Promise<boolean> =>
  succeeds([
    ...["nsenter", `--net=${namespaceFile(workloadSpace(bed, "h1", bed.measured))}`],
    ...["ping", "-n", "-q", "-c", "3", "-i", "0.2", "-W", "2", addressOf("h2")],
  ]);
