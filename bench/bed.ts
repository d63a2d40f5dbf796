/**
 * The test bed: two hosts joined by a wire, a workload on each, all network namespaces of this machine.
 *
 *     w1 [eth0]──[port] h1 [uplink]──[uplink] h2 [port]──[eth0] w2
 *
 * Bridged, the workloads share a subnet and know each other's MAC. Routed, each has a subnet of its own and finds the
 * other by its gateway. One bed serves every contender in turn; `restore` brings it back to the state in which it was
 * built.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run, succeeds } from "./program.ts";

const SIDES = [1, 2] as const;
export type Side = (typeof SIDES)[number];
export const sides: readonly Side[] = SIDES;
export const other = (side: Side): Side => (side === 1 ? 2 : 1);

export const workloadMac = (side: Side): string => `02:00:00:00:01:0${side}`;
export const workloadAddress = ({ routed }: Bed, side: Side): string =>
  routed ? `172.16.${side}.1` : `10.1.0.${side}`;
/** Of a routed bed. */
export const subnetOf = (side: Side): string => `172.16.${side}.0/24`;
export const gatewayAddress = (side: Side): string => `172.16.${side}.254`;
export const uplinkAddress = (side: Side): string => `192.0.2.${side}`;
/** What the second workload of a routed bed takes for its own, beside its address: where many routes lead. */
export const BEHIND = "10.0.0.0/8";

/** contracts: what "offload off" means. */
const UPLINK_OFFLOADS = [
  "tso",
  "gso",
  "tx-udp_tnl-segmentation",
  "tx-udp_tnl-csum-segmentation",
  "tx-gre-segmentation",
  "tx-gre-csum-segmentation",
];
/** What an agent may turn off on the workload's end. */
const WORKLOAD_OFFLOADS = [
  "tx-udp-segmentation",
  "tx-udp_tnl-segmentation",
  "tx-udp_tnl-csum-segmentation",
  "tx-gre-segmentation",
  "tx-gre-csum-segmentation",
  "tx-ipxip4-segmentation",
  "tx-ipxip6-segmentation",
];
/**
 * A NIC merges what it receives, a veth does not unless told to. It matters with the uplink's offload off: a veth
 * that hands over whole aggregates has nothing to merge.
 */
const UPLINK_GRO = ["gro"];
const KEPT = ["lo", "port", "uplink"];

export const repository = fileURLToPath(new URL("..", import.meta.url));
const programs = join(repository, "build/bench");

export interface Bed {
  readonly prefix: string;
  /** MTU of the wire, and of a workload whose frames cross it as they are. */
  readonly mtu: number;
  /** Whether uplinks merge what they receive, as NICs do. */
  readonly gro: boolean;
  /** Whether the workloads are in two subnets. */
  readonly routed: boolean;
  /** Everything that is no namespace: state of agents, and a bpffs under `bpf`. */
  readonly directory: string;
  /** Aborted when the bench is to stop. */
  readonly signal: AbortSignal;
}

export const hostOf = (bed: Bed, side: Side): string => `${bed.prefix}-h${side}`;
export const workloadOf = (bed: Bed, side: Side): string => `${bed.prefix}-w${side}`;
export const namespaceFile = (namespace: string): string => `/run/netns/${namespace}`;
export const programFile = (name: string): string => join(programs, name);

const namespacesOf = (bed: Bed): readonly string[] =>
  sides.flatMap((side) => [hostOf(bed, side), workloadOf(bed, side)]);

/** Lines of iproute2's `ip`, inside `namespace`. */
export async function ip(namespace: string, lines: readonly string[]): Promise<void> {
  await run(["ip", "-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n` });
}

/** Builds the bed. What it made when it fails is still for `destroy` to remove. */
export async function build(bed: Bed): Promise<void> {
  for (const namespace of namespacesOf(bed)) {
    await run(["ip", "netns", "add", namespace]);
    await ip(namespace, ["link set lo up"]);
    await set(namespace, [
      "bridge/bridge-nf-call-iptables 0",
      "bridge/bridge-nf-call-ip6tables 0",
      "bridge/bridge-nf-call-arptables 0",
      // No chatter of the namespaces themselves on the paths that are measured.
      "ipv6/conf/all/disable_ipv6 1",
      "ipv6/conf/default/disable_ipv6 1",
    ]);
  }
  const [h1, h2] = [hostOf(bed, 1), hostOf(bed, 2)];
  await ip(h1, [
    `link add name uplink mtu ${bed.mtu} type veth peer name uplink mtu ${bed.mtu} netns ${h2}`,
  ]);
  for (const side of sides) {
    const workload = workloadOf(bed, side);
    await ip(hostOf(bed, side), [
      `link add name port mtu ${bed.mtu} address 02:00:00:00:02:0${side} type veth peer name eth0 mtu ${bed.mtu} address ${workloadMac(side)} netns ${workload}`,
      `address add ${uplinkAddress(side)}/24 dev uplink`,
      "link set port up",
      "link set uplink up",
    ]);
    await ip(workload, [
      `address add ${workloadAddress(bed, side)}/24 dev eth0`,
      "link set eth0 up",
      bed.routed
        ? `route add default via ${gatewayAddress(side)}`
        : `neighbour replace ${workloadAddress(bed, other(side))} lladdr ${workloadMac(other(side))} nud permanent dev eth0`,
    ]);
  }
  if (bed.routed) await ip(workloadOf(bed, 2), [`route add local ${BEHIND} dev lo`]);
  for (const side of sides) await offload(hostOf(bed, side), "uplink", UPLINK_GRO, bed.gro);
  const pins = bpffsOf(bed);
  mkdirSync(pins);
  await run(["mount", "-t", "bpf", "bpf", pins]);
}

export type BedShape = Pick<Bed, "mtu" | "gro" | "routed" | "signal">;

export const newBed = ({ mtu, gro, routed, signal }: BedShape): Bed => ({
  prefix: `weft-t-bench-${process.pid}`,
  mtu,
  gro,
  routed,
  directory: mkdtempSync(join(tmpdir(), `weft-bench-${process.pid}-`)),
  signal,
});

export const bpffsOf = (bed: Bed): string => join(bed.directory, "bpf");

/** Removes the bed, however much of it there is. */
export async function destroy(bed: Bed): Promise<void> {
  for (const namespace of namespacesOf(bed))
    if (await succeeds(["test", "-e", namespaceFile(namespace)]))
      await run(["ip", "netns", "delete", namespace]);
  if (await succeeds(["mountpoint", "-q", bpffsOf(bed)])) await run(["umount", bpffsOf(bed)]);
  rmSync(bed.directory, { recursive: true, force: true });
}

/** Takes away what a contender left, and gives the veths back what it changed. */
export async function restore(bed: Bed): Promise<void> {
  for (const side of sides) {
    const host = hostOf(bed, side);
    for (const name of await linksOf(host))
      if (!KEPT.includes(name)) await ip(host, [`link delete ${name}`]);
    await ip(
      host,
      ["port", "uplink"].map((name) => `link set ${name} nomaster mtu ${bed.mtu} arp on up`),
    );
    await offload(workloadOf(bed, side), "eth0", WORKLOAD_OFFLOADS, true);
    if (bed.routed) {
      await setForwarding(bed, side, false);
      await ip(host, ["address flush dev port", "route flush proto boot"]);
      await ip(workloadOf(bed, side), ["neighbour flush nud all dev eth0"]);
    }
  }
  await setUplinkOffload(bed, true);
  await setWorkloadMtu(bed, bed.mtu);
}

async function linksOf(namespace: string): Promise<readonly string[]> {
  const links: unknown = JSON.parse(await run(["ip", "-n", namespace, "-j", "link"]));
  return Array.isArray(links) ? links.map((link) => String(link.ifname)) : [];
}

export const setForwarding = (bed: Bed, side: Side, on: boolean): Promise<void> =>
  set(hostOf(bed, side), [`ipv4/ip_forward ${on ? 1 : 0}`]);

/** Settings below /proc/sys/net of `namespace`: "name value". One that the kernel does not have (no br_netfilter) is off. */
async function set(namespace: string, settings: readonly string[]): Promise<void> {
  const script =
    'while read -r name value; do f=/proc/sys/net/$name; [ ! -e "$f" ] || echo "$value" >"$f"; done';
  await run(["nsenter", `--net=${namespaceFile(namespace)}`, "sh", "-c", script], {
    input: `${settings.join("\n")}\n`,
  });
}

export async function setWorkloadMtu(bed: Bed, mtu: number): Promise<void> {
  for (const side of sides) await ip(workloadOf(bed, side), [`link set eth0 mtu ${mtu}`]);
}

export async function setUplinkOffload(bed: Bed, on: boolean): Promise<void> {
  for (const side of sides) await offload(hostOf(bed, side), "uplink", UPLINK_OFFLOADS, on);
}

async function offload(
  namespace: string,
  link: string,
  features: readonly string[],
  on: boolean,
): Promise<void> {
  const settings = features.flatMap((feature) => [feature, on ? "on" : "off"]);
  const ethtool = ["ethtool", "-K", link, ...settings];
  await run(["nsenter", `--net=${namespaceFile(namespace)}`, ...ethtool]);
}

/** Whether a packet of the first workload comes back from the second. */
export const reaches = (bed: Bed, withinSeconds: number): Promise<boolean> =>
  succeeds([
    "nsenter",
    `--net=${namespaceFile(workloadOf(bed, 1))}`,
    ...["ping", "-n", "-q", "-c", "1", "-W", `${withinSeconds}`, workloadAddress(bed, 2)],
  ]);

/** Whom the first workload addresses its frames to: the other, or its gateway, which it has spoken to. */
export async function nextHopMac(bed: Bed): Promise<string> {
  if (!bed.routed) return workloadMac(2);
  const asked = ["neighbour", "show", gatewayAddress(1), "dev", "eth0"];
  const text = await run(["ip", "-n", workloadOf(bed, 1), "-j", ...asked]);
  const [, mac] = /"lladdr":\s*"([0-9a-f:]{17})"/.exec(text) ?? [];
  if (mac === undefined) throw new Error(`the first workload does not know its gateway: ${text}`);
  return mac;
}

export interface Sent {
  readonly packets: number;
  readonly octets: number;
}

/** What the first host has put on the wire so far. */
export async function sentOnWire(bed: Bed): Promise<Sent> {
  const text = await run(["ip", "-n", hostOf(bed, 1), "-j", "-s", "link", "show", "uplink"]);
  const links: unknown = JSON.parse(text);
  const tx: unknown = Array.isArray(links) ? links[0]?.stats64?.tx : undefined;
  if (typeof tx === "object" && tx !== null && "packets" in tx && "bytes" in tx)
    return { packets: Number(tx.packets), octets: Number(tx.bytes) };
  throw new Error(`ip -s link: unexpected answer: ${text}`);
}

/** Compiles the bench's programs into build/bench. */
export async function compile(): Promise<void> {
  mkdirSync(programs, { recursive: true });
  const gcc = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"];
  const source = (name: string): string => join(repository, "bench", name);
  const multiarch = (await run(["gcc", "-print-multiarch"])).trim();
  const clang = ["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"];
  // Compiled beside and moved over, for another bench may be running the old one.
  const compiled = async (name: string, argv: readonly string[]): Promise<void> => {
    const fresh = `${programFile(name)}.${process.pid}`;
    await run([...argv, "-o", fresh]);
    await run(["mv", fresh, programFile(name)]);
  };
  for (const name of ["rate", "stream", "echo"])
    await compiled(name, [...gcc, source(`${name}.c`)]);
  await compiled("redirect", [...gcc, source("redirect.c"), "-lbpf"]);
  await compiled("redirect.bpf.o", [
    ...clang,
    `-I/usr/include/${multiarch}`,
    ...["-c", source("redirect.bpf.c")],
  ]);
}

/** A file of this bench alone. */
export function writeBedFile(bed: Bed, name: string, text: string): string {
  const path = join(bed.directory, name);
  writeFileSync(path, text);
  return path;
}
