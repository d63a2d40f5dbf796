/** What `weft lab status --json` says, field by field in the promised order: enough for a foreign tool to join in. */
import { readFileSync } from "node:fs";
import type { EncapsulationName } from "../rows/rows.ts";
import { readAgentStatus } from "./agent-socket.ts";
import { hostPaths } from "./paths.ts";
import type { LabState } from "./state.ts";
import type { LabHost, LabPort, LabSpine, LabUplink, Underlay } from "./topology.ts";

export interface LabStatus {
  readonly name: string;
  readonly directory: string;
  readonly ready: boolean;
  readonly underlay: Omit<Underlay, "spines"> & { readonly spines: readonly SpineStatus[] };
  readonly hosts: readonly HostStatus[];
  readonly ports: readonly PortStatus[];
}

type SpineStatus = Pick<LabSpine, "name" | "namespace" | "links">;

interface HostStatus {
  readonly name: string;
  readonly managed: boolean;
  readonly namespace: string;
  readonly uplinks: readonly {
    readonly interface: string;
    readonly mac: string;
    readonly addresses: readonly string[];
  }[];
  readonly vteps: readonly string[];
  /** Null on a foreign host; `pid` 0 when the agent is not running. */
  readonly agent: { readonly pid: number; readonly socket: string; readonly ready: boolean } | null;
}

interface PortStatus {
  readonly port: string;
  readonly tenant: string;
  readonly network: string;
  readonly host: string;
  readonly namespace: string;
  readonly interface: string;
  readonly hostInterface: string;
  readonly mac: string;
  readonly addresses: readonly string[];
  readonly encapsulations: readonly EncapsulationName[];
  readonly vni: number;
  /** Where its default routes lead. */
  readonly gateways: readonly string[];
}

export async function readLabStatus(state: LabState): Promise<LabStatus> {
  const { underlay, hosts, ports } = state.topology;
  const statuses: HostStatus[] = [];
  for (const host of hosts) statuses.push(await hostStatus(state, host));
  return {
    name: state.name,
    directory: state.directory,
    ready: state.phase === "up" && statuses.every((host: HostStatus) => host.agent?.ready ?? true),
    underlay: {
      namespace: underlay.namespace,
      bridge: underlay.bridge,
      mtu: underlay.mtu,
      freeAddresses: underlay.freeAddresses,
      spines: underlay.spines.map(spineStatus),
    },
    hosts: statuses,
    ports: ports.map(portStatus),
  };
}

const spineStatus = ({ name, namespace, links }: LabSpine): SpineStatus => ({
  name,
  namespace,
  links: links.map((link) => ({ ...link, addresses: link.addresses.map(bare) })),
});

async function hostStatus(state: LabState, host: LabHost): Promise<HostStatus> {
  const { name, managed, namespace, vteps } = host;
  const uplinks = host.uplinks.map(({ interface: device, mac, addresses }: LabUplink) => ({
    interface: device,
    mac,
    addresses: addresses.map(bare),
  }));
  const common = { name, managed, namespace, uplinks, vteps };
  if (!managed) return { ...common, agent: null };
  const paths = hostPaths(state.name, name);
  const pid = state.agents.find((agent) => agent.host === name)?.pid ?? 0;
  const answer = await readAgentStatus(paths.readSocket);
  return {
    ...common,
    agent: {
      // An agent that somebody started again by hand is not the one in our state.
      pid: answer.ok ? answer.value.pid : isAgent(pid, paths.run) ? pid : 0,
      socket: paths.readSocket,
      ready: answer.ok && answer.value.ready,
    },
  };
}

/** The pid may have been given to another process since. */
function isAgent(pid: number, run: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`\0--run\0${run}\0`);
  } catch {
    return false;
  }
}

function portStatus(p: LabPort): PortStatus {
  return {
    port: p.port,
    tenant: p.tenant,
    network: p.network,
    host: p.host,
    namespace: p.namespace,
    interface: p.interface,
    hostInterface: p.hostInterface,
    mac: p.mac,
    addresses: p.addresses.map(bare),
    encapsulations: p.encapsulations,
    vni: p.vni,
    gateways: p.gateways,
  };
}

/** Without the prefix length. */
const bare = (address: string): string => address.split("/")[0] ?? address;

export function renderStatus(status: LabStatus): readonly string[] {
  const { underlay, hosts, ports } = status;
  return [
    `lab ${status.name}: ${status.ready ? "ready" : "not ready"} (${status.directory})`,
    `underlay ${underlay.namespace}: bridge ${underlay.bridge}, mtu ${underlay.mtu},` +
      ` free ${underlay.freeAddresses.join(" ")}`,
    ...underlay.spines.map(
      ({ name, namespace, links }: SpineStatus) =>
        `spine ${name}: ${namespace}, links ${links.map((link) => `${link.interface} to ${link.host}`).join(", ")}`,
    ),
    ...hosts.flatMap((host: HostStatus) => [
      `host ${host.name} (${agentText(host)}): ${host.namespace}, ${host.vteps.join(" ")}`,
      ...ports
        .filter((port: PortStatus) => port.host === host.name)
        .map(
          (port: PortStatus) =>
            `  ${port.port.padEnd(24)} ${port.tenant}/${port.network} ${port.vni}  ${port.mac}` +
            `  ${port.addresses.join(" ")}`,
        ),
    ]),
  ];
}

function agentText(host: HostStatus): string {
  if (host.agent === null) return "foreign";
  if (host.agent.pid === 0) return "agent not running";
  return `agent ${host.agent.pid} ${host.agent.ready ? "ready" : "not ready"}`;
}
