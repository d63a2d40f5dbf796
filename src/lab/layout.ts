/**
 * Intent → topology: a namespace a host and a workload, a bridge or spines as underlay, and on foreign hosts a kernel
 * VXLAN device a network. LIMIT: in a bridge tunnel addresses lie on a host's first uplink; workloads are veth pairs.
 */
import { contains, formatIp, type IpAddress, type IpFamily, parsePrefix } from "../base/ip.ts";
import { err, invariant, ok, type Result } from "../base/result.ts";
import type { Host, Intent, Network, Port } from "../intent/intent.ts";
import { networkKeyOf } from "../intent/passes/names.ts";
import {
  compileSegments,
  encapsulationBetween,
  type Member,
  type Segment,
  vtepsOf,
} from "../intent/passes/segments.ts";
import { routersByNetworkOf } from "../intent/routers.ts";
import type { UnderlaySettings } from "./lab-file.ts";
import { addressAt, alone, bitsOf, ip, share, withPrefix } from "./numbering.ts";
import { hostNamespace, portNamespace, spineNamespace, underlayNamespace } from "./paths.ts";
import { gatewaysOf } from "./routes.ts";
import { hostRoutes, layOutSpine, linkEnds, refuseSpines, spinePort } from "./spine-layout.ts";
import type { LabHost, LabPort, LabUplink, Topology, Tunnel } from "./topology.ts";

export interface LayoutError {
  readonly kind: "layout";
  readonly details: readonly string[];
}

export interface LayoutInput {
  readonly name: string;
  /** Without error findings. */
  readonly intent: Intent;
  readonly underlay: UnderlaySettings;
}

const BRIDGE = "br0";
/** How many free addresses of each family `lab status` names. */
const FREE_ADDRESSES = 4;

export function layOut(input: LayoutInput): Result<Topology, LayoutError> {
  const { name, intent, underlay } = input;
  const { segments } = compileSegments(intent);
  const details = [
    ...refusePorts(intent),
    ...segments.flatMap(refuseSegment),
    ...refuseSpines(input),
  ];
  if (details.length > 0) return err({ kind: "layout", details });
  const hosts = [...intent.hosts.values()];
  const uplinkMtus = hosts.flatMap((h: Host) => h.spec.uplinks.map((uplink) => uplink.mtu));
  return ok({
    underlay: {
      namespace: underlayNamespace(name),
      bridge: BRIDGE,
      mtu: underlay.mtu ?? Math.max(...uplinkMtus),
      freeAddresses: freeAddresses(input),
      spines: underlay.spines.map((spine, at) => layOutSpine(input, spine, at)),
    },
    hosts: hosts.map(
      (host: Host, index: number): LabHost => ({
        ...layOutHost(input, host, index),
        tunnels: host.spec.managed ? [] : layOutTunnels(intent, segments, host),
      }),
    ),
    ports: [...intent.ports.values()].map((port: Port) => layOutPort(input, segments, port)),
  });
}

/** What an intent may say and a lab cannot build. */
function refusePorts(intent: Intent): readonly string[] {
  return [...intent.ports.values()]
    .filter((port: Port) => port.spec.attachment !== "veth")
    .map(
      ({ key, spec }: Port) => `Port ${key}: a lab has veth workloads only, not ${spec.attachment}`,
    );
}

function refuseSegment({ network, membersByHost }: Segment): readonly string[] {
  const members = [...membersByHost.values()];
  const pairs = members
    .filter(({ host }: Member) => !host.spec.managed)
    .flatMap(({ host: foreign }: Member) => members.map(({ host }: Member) => ({ foreign, host })));
  return pairs
    .filter(({ foreign, host }) => foreign !== host)
    .filter(({ foreign, host }) => encapsulationBetween(network, foreign, host) !== "vxlan")
    .map(
      ({ foreign, host }) =>
        `Host ${foreign.key}: a lab's foreign hosts speak VXLAN only, and it would use` +
        ` ${encapsulationBetween(network, foreign, host)} with ${host.key} on Network ${network.key}:` +
        " write `encapsulations: [vxlan]` on the host",
    );
}

function segmentOf(segments: readonly Segment[], port: Port): Segment {
  const segment = segments.find(({ network }: Segment) => network.key === networkKeyOf(port));
  invariant(segment !== undefined, `the network of Port ${port.key} passed the checks`);
  return segment;
}

function layOutHost(input: LayoutInput, host: Host, index: number): Omit<LabHost, "tunnels"> {
  const { vteps, managed } = host.spec;
  const common = {
    name: host.key,
    managed,
    namespace: hostNamespace(input.name, host.key),
    vteps,
  };
  return input.underlay.spines.length === 0
    ? { ...common, ...onBridge(input, host, index) }
    : { ...common, ...behindSpines(input, host, index) };
}

type Attached = Pick<LabHost, "uplinks" | "loopback" | "onLink" | "routes">;

function onBridge(input: LayoutInput, host: Host, index: number): Attached {
  const { vteps } = host.spec;
  const prefixes = vteps.map((vtep: string) => withPrefix(vtep, input.underlay));
  const namespace = underlayNamespace(input.name);
  const uplinks = host.spec.uplinks.map(
    (uplink, at: number): LabUplink => ({
      interface: uplink.interface,
      mac: uplinkMac(index, at),
      mtu: uplink.mtu,
      addresses: at === 0 ? prefixes : [],
      far: { namespace, interface: `u${index}.${at}` },
    }),
  );
  const others = [...input.intent.hosts.values()].filter((h: Host) => h.key !== host.key);
  const onLink = others
    .flatMap((h: Host) => h.spec.vteps)
    .filter((vtep: string) => !vteps.some((own) => share(own, vtep, input.underlay)));
  return { uplinks, loopback: [], onLink, routes: [] };
}

function behindSpines(input: LayoutInput, host: Host, index: number): Attached {
  const uplinks = host.spec.uplinks.map(
    (uplink, at: number): LabUplink => ({
      interface: uplink.interface,
      mac: uplinkMac(index, at),
      mtu: uplink.mtu,
      addresses: linkEnds(input, index, at).host,
      far: {
        namespace: spineNamespace(input.name, input.underlay.spines[at]?.name ?? ""),
        interface: spinePort(index),
      },
    }),
  );
  const loopback = host.spec.vteps.map(alone);
  return { uplinks, loopback, onLink: [], routes: hostRoutes(input, host, index) };
}

/** Locally administered, the same in every lab: an underlay is a lab's own. */
function uplinkMac(host: number, uplink: number): string {
  const octets = [0x02, 0x57, host >> 8, host & 0xff, 0, uplink];
  return octets.map((octet: number) => octet.toString(16).padStart(2, "0")).join(":");
}

/** From the upper end of the first tunnel address' prefix, for people count from the lower one. */
function freeAddresses(input: LayoutInput): readonly string[] {
  const taken = new Set([...input.intent.hosts.values()].flatMap((h: Host) => h.spec.vteps));
  const families: readonly IpFamily[] = ["ipv4", "ipv6"];
  return families.flatMap((family: IpFamily) => {
    const first = [...taken].find((vtep: string) => ip(vtep).family === family);
    if (first === undefined) return [];
    const hostBits = ip(first).octets.length * 8 - bitsOf(family, input.underlay);
    const last = 2 ** Math.min(hostBits, 16) - 2;
    const out: string[] = [];
    for (let offset = last; offset > 0 && out.length < FREE_ADDRESSES; offset--) {
      const address = addressAt(ip(first), hostBits, offset);
      if (!taken.has(address)) out.push(address);
    }
    return out;
  });
}

function layOutTunnels(
  intent: Intent,
  segments: readonly Segment[],
  self: Host,
): readonly Tunnel[] {
  const [fabric] = intent.fabrics.values();
  invariant(fabric !== undefined, "an intent without errors has a fabric");
  return segments
    .filter(({ membersByHost }: Segment) => membersByHost.has(self.key))
    .map((segment: Segment): Tunnel => {
      const { network, number, mtu, multicast } = segment;
      // The first of the network's family, as everybody else addresses the host.
      const vtep = (host: Host): string => vtepsOf(host, network.spec.underlay)[0] ?? "";
      return {
        vni: number,
        mtu,
        device: `vx${number}`,
        bridge: foreignBridge(number),
        local: vtep(self),
        vxlanPort: fabric.spec.vxlanPort,
        multicast: multicast && {
          group: multicast.group,
          interface: self.spec.uplinks[0]?.interface ?? "",
        },
        remotes: attendants(segment)
          .filter(({ host }: Member) => host.key !== self.key)
          .map(({ host, ports }: Member) => ({
            address: vtep(host),
            macs: ports.map((port: Port) => port.spec.mac),
          })),
      };
    });
}

const foreignBridge = (vni: number): string => `n${vni}`;

function layOutPort(input: LayoutInput, segments: readonly Segment[], port: Port): LabPort {
  const { intent, name } = input;
  const { network, number, mtu } = segmentOf(segments, port);
  const isRouted = routersByNetworkOf(intent).has(network.key);
  const gateways = isRouted ? gatewaysOf(network) : [];
  const index = [...intent.ports.keys()].indexOf(port.key);
  const managed = intent.hosts.get(port.spec.host)?.spec.managed ?? false;
  return {
    port: port.key,
    tenant: port.metadata.tenant,
    network: network.metadata.name,
    host: port.spec.host,
    namespace: portNamespace(name, port.key),
    interface: "eth0",
    // On a foreign host nobody else names it.
    hostInterface: port.spec.interface ?? `p${index}`,
    mac: port.spec.mac,
    mtu,
    addresses: port.spec.addresses.map((address: string) => workloadAddress(address, network)),
    gateways: gateways.filter(isReachedFrom(port)).map(formatIp),
    encapsulations: network.spec.encapsulations,
    vni: number,
    bridge: managed ? null : foreignBridge(number),
  };
}

/** Whether the workload has an address of the gateway's family, without which it has no way to it. */
const isReachedFrom =
  (port: Port) =>
  ({ family }: IpAddress): boolean =>
    port.spec.addresses.some((address: string) => ip(address).family === family);

/** With its subnet's length, so that the workload has a route to its neighbours; alone outside of all subnets. */
function workloadAddress(address: string, network: Network): string {
  for (const text of network.spec.subnets) {
    const subnet = parsePrefix(text);
    if (subnet && contains(subnet, ip(address))) return `${address}/${subnet.bits}`;
  }
  return `${address}/${ip(address).octets.length * 8}`;
}

/** Who is on it: hosts with ports, and the gateway host, whom a foreign host has to ask. */
function attendants({ membersByHost, gatewayHost }: Segment): readonly Member[] {
  const members = [...membersByHost.values()];
  return gatewayHost && !membersByHost.has(gatewayHost.key)
    ? [...members, { host: gatewayHost, ports: [] }]
    : members;
}
