/** Makes what a topology names. What was made when it failed, applyTeardown removes. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { err, ok, type Result } from "../base/result.ts";
import type { SystemError } from "../kernel/libc.ts";
import { withNamespace } from "../kernel/namespace.ts";
import { labPaths, namespaceFile } from "./paths.ts";
import {
  addressBatches,
  forwardingBatches,
  linkBatch,
  namespaceBatch,
  namespacesIn,
} from "./script.ts";
import { type Batch, runBatch, runTool, type ToolError } from "./tool.ts";
import type { Topology } from "./topology.ts";

export async function applyTopology(
  name: string,
  topology: Topology,
): Promise<Result<void, ToolError | SystemError>> {
  const made = await runBatch(namespaceBatch(topology));
  if (!made.ok) return made;
  const routers = new Set(topology.underlay.spines.map(({ namespace }) => namespace));
  for (const namespace of namespacesIn(topology)) {
    const wanted = routers.has(namespace) ? [...SYSCTLS, ...ROUTER_SYSCTLS] : SYSCTLS;
    const set = withNamespace(namespaceFile(namespace), () => applySysctls(wanted));
    if (!set.ok) return set;
  }
  const steps: readonly (() => Promise<Result<void, ToolError>>)[] = [
    (): Promise<Result<void, ToolError>> => runAll([linkBatch(topology)]),
    (): Promise<Result<void, ToolError>> => runAll(addressBatches(topology)),
    (): Promise<Result<void, ToolError>> => runAll(forwardingBatches(topology)),
    (): Promise<Result<void, ToolError>> => applyMount(labPaths(name).bpf),
  ];
  for (const step of steps) {
    const done = await step();
    if (!done.ok) return done;
  }
  return ok(undefined);
}

/** At once, but not more than this: two processors do not gain from forty children. */
const BATCHES_AT_ONCE = 6;

async function runAll(batches: readonly Batch[]): Promise<Result<void, ToolError>> {
  const waiting = batches.values();
  let failure: ToolError | null = null;
  const worker = async (): Promise<void> => {
    for (const batch of waiting) {
      const done = await runBatch(batch);
      if (!done.ok) failure ??= done.error;
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, worker));
  return failure === null ? ok(undefined) : err(failure);
}

/**
 * Set before there are interfaces, which take them over: a namespace begins with the machine's own IPv4 settings.
 * No router advertisements, no waiting for duplicates, no forwarding; and no filtering of bridged frames.
 */
const SYSCTLS: readonly (readonly [path: string, value: string])[] = [
  ["ipv4/ip_forward", "0"],
  ["ipv4/conf/all/rp_filter", "0"],
  ["ipv4/conf/default/rp_filter", "0"],
  ...["all", "default"].flatMap((which: string): (readonly [string, string])[] => [
    [`ipv6/conf/${which}/accept_ra`, "0"],
    [`ipv6/conf/${which}/autoconf`, "0"],
    [`ipv6/conf/${which}/accept_dad`, "0"],
    [`ipv6/conf/${which}/router_solicitations`, "0"],
    [`ipv6/conf/${which}/forwarding`, "0"],
  ]),
  ["bridge/bridge-nf-call-iptables", "0"],
  ["bridge/bridge-nf-call-ip6tables", "0"],
  ["bridge/bridge-nf-call-arptables", "0"],
];

/** A spine forwards, and answers at once for whoever is behind it. */
const ROUTER_SYSCTLS: typeof SYSCTLS = [
  ["ipv4/ip_forward", "1"],
  ...["all", "default"].flatMap((which: string): typeof SYSCTLS => [
    [`ipv6/conf/${which}/forwarding`, "1"],
    [`ipv4/conf/${which}/proxy_arp`, "1"],
    [`ipv6/conf/${which}/proxy_ndp`, "1"],
  ]),
  ["ipv4/neigh/default/proxy_delay", "0"],
  ["ipv6/neigh/default/proxy_delay", "0"],
];

function applySysctls(wanted: typeof SYSCTLS): void {
  for (const [path, value] of wanted) {
    const file = `/proc/sys/net/${path}`;
    // Without br_netfilter, or without IPv6, there is nothing to turn off.
    if (existsSync(file)) writeFileSync(file, value);
  }
}

function applyMount(directory: string): Promise<Result<void, ToolError>> {
  mkdirSync(directory, { recursive: true });
  return runTool(["mount", "-t", "bpf", "bpf", directory]).then((done) =>
    done.ok ? ok(undefined) : done,
  );
}
