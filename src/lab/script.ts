/** Topology → the lines that iproute2 is given to build it. Text only; build.ts runs them in this order. */

import type { Batch } from "./tool.ts";
import type {
  LabHost,
  LabPort,
  LabRoute,
  LabSpine,
  LabUplink,
  Topology,
  Tunnel,
} from "./topology.ts";

export const namespacesIn = (topology: Topology): readonly string[] => [
  topology.underlay.namespace,
  ...topology.underlay.spines.map((spine: LabSpine) => spine.namespace),
  ...topology.hosts.map((host: LabHost) => host.namespace),
  ...topology.ports.map((port: LabPort) => port.namespace),
];

export function namespaceBatch(topology: Topology): Batch {
  const lines = namespacesIn(topology).map((namespace: string) => `netns add ${namespace}`);
  return { program: "ip", namespace: null, lines };
}

/** Each pair is made with both ends where they belong: none is ever seen in the machine's own namespace. */
export function linkBatch(topology: Topology): Batch {
  const { underlay } = topology;
  const lines: string[] = [];
  for (const { namespace, uplinks } of topology.hosts)
    for (const uplink of uplinks)
      lines.push(
        `link add ${uplink.interface} netns ${namespace} address ${uplink.mac} mtu ${uplink.mtu} type veth` +
          ` peer name ${uplink.far.interface} netns ${uplink.far.namespace} mtu ${underlay.mtu}`,
      );
  for (const { namespace, edge } of underlay.spines)
    lines.push(
      `link add ${edge.interface} netns ${namespace} mtu ${underlay.mtu} type veth` +
        ` peer name ${edge.bridgePort} netns ${underlay.namespace} mtu ${underlay.mtu}`,
    );
  for (const port of topology.ports)
    lines.push(
      `link add ${port.hostInterface} netns ${hostNamespaceOf(topology, port)} mtu ${port.mtu} type veth` +
        ` peer name ${port.interface} netns ${port.namespace} address ${port.mac} mtu ${port.mtu}`,
    );
  return { program: "ip", namespace: null, lines };
}

function hostNamespaceOf(topology: Topology, port: LabPort): string {
  return topology.hosts.find((host: LabHost) => host.name === port.host)?.namespace ?? "";
}

/** One for each namespace; independent of one another. */
export function addressBatches(topology: Topology): readonly Batch[] {
  return [
    underlayBatch(topology),
    ...topology.underlay.spines.map(spineBatch),
    ...topology.hosts.map((host: LabHost) => hostBatch(topology, host)),
    ...topology.ports.map(portBatch),
  ];
}

function underlayBatch({ underlay, hosts }: Topology): Batch {
  const { bridge, namespace, mtu, spines } = underlay;
  const ports =
    spines.length > 0
      ? spines.map(({ edge }: LabSpine) => edge.bridgePort)
      : hosts.flatMap((host: LabHost) => host.uplinks.map((u: LabUplink) => u.far.interface));
  return {
    program: "ip",
    namespace,
    lines: [
      "link set lo up",
      `link add ${bridge} mtu ${mtu} ${QUIET_BRIDGE}`,
      `link set ${bridge} up`,
      ...ports.map((port: string) => `link set ${port} master ${bridge} up`),
    ],
  };
}

/** No spanning tree, and groups go everywhere: neighbour discovery must not wait for a querier. */
const QUIET_BRIDGE = "type bridge stp_state 0 forward_delay 0 mcast_snooping 0";

function spineBatch({ namespace, links, routes, edge }: LabSpine): Batch {
  const device = edge.interface;
  return {
    program: "ip",
    namespace,
    lines: [
      "link set lo up",
      ...links.flatMap(({ interface: name, addresses }) => [
        ...addresses.map((address) => `address add ${address} dev ${name}${noDad(address)}`),
        `link set ${name} up`,
      ]),
      `link set ${device} up`,
      ...edge.prefixes.map((prefix) => `route add ${prefix} dev ${device}`),
      // IPv4 is answered for by what routes say (build.ts); IPv6 address by address.
      ...edge.answersFor
        .filter((address) => address.includes(":"))
        .map((address) => `neighbour add proxy ${address} dev ${device}`),
      ...routes.map(routeLine),
    ],
  };
}

function routeLine({ to, source, nextHops }: LabRoute): string {
  const from = source === null ? "" : ` src ${source}`;
  const hops = nextHops.map(({ via, interface: device, weight }) => {
    const family = via.includes(":") && !to.includes(":") ? "inet6 " : "";
    return ` nexthop via ${family}${via} dev ${device} weight ${weight}`;
  });
  return `route add ${to}${from}${hops.join("")}`;
}

function hostBatch(topology: Topology, host: LabHost): Batch {
  const [first] = host.uplinks;
  const lines = ["link set lo up"];
  for (const uplink of host.uplinks) {
    for (const address of uplink.addresses)
      lines.push(`address add ${address} dev ${uplink.interface}${noDad(address)}`);
    lines.push(`link set ${uplink.interface} up`);
  }
  for (const address of host.loopback) lines.push(`address add ${address} dev lo${noDad(address)}`);
  lines.push(...host.routes.map(routeLine));
  for (const vtep of host.onLink) lines.push(`route add ${vtep} dev ${first?.interface ?? ""}`);
  for (const tunnel of host.tunnels) lines.push(...tunnelLines(tunnel));
  for (const port of topology.ports)
    if (port.host === host.name && port.bridge !== null)
      lines.push(`link set ${port.hostInterface} master ${port.bridge} up`);
  return { program: "ip", namespace: host.namespace, lines };
}

function tunnelLines(tunnel: Tunnel): readonly string[] {
  const { device, bridge, mtu, vni, local, vxlanPort, multicast } = tunnel;
  const group = multicast ? ` group ${multicast.group} dev ${multicast.interface} ttl 64` : "";
  // Zero sums over IPv6 both ways, as our datapath sends them (RFC 6936).
  const sums = local.includes(":") ? " udp6zerocsumtx udp6zerocsumrx" : "";
  return [
    `link add ${bridge} mtu ${mtu} ${QUIET_BRIDGE}`,
    `link add ${device} mtu ${mtu} type vxlan id ${vni} local ${local} dstport ${vxlanPort} nolearning${group}${sums}`,
    `link set ${device} master ${bridge} up`,
    `link set ${bridge} up`,
  ];
}

function portBatch(port: LabPort): Batch {
  const addresses = port.addresses.map(
    (address: string) => `address add ${address} dev ${port.interface}${noDad(address)}`,
  );
  const routes = port.gateways.map(
    (gateway: string) => `route add default via ${gateway} dev ${port.interface}`,
  );
  return {
    program: "ip",
    namespace: port.namespace,
    lines: ["link set lo up", ...addresses, `link set ${port.interface} up`, ...routes],
  };
}

/** Detection of duplicates would hold every IPv6 address back for a second. */
const noDad = (address: string): string => (address.includes(":") ? " nodad" : "");

/** Where a foreign host's tunnels lead: a copy for every other host, and each known MAC to its own. */
export function forwardingBatches(topology: Topology): readonly Batch[] {
  return topology.hosts
    .filter((host: LabHost) => host.tunnels.length > 0)
    .map((host: LabHost): Batch => {
      const lines = host.tunnels.flatMap(({ device, remotes, multicast }: Tunnel) =>
        remotes.flatMap(({ address, macs }) =>
          [...(multicast ? [] : ["00:00:00:00:00:00"]), ...macs].map(
            (mac: string) => `fdb append ${mac} dev ${device} dst ${address}`,
          ),
        ),
      );
      return { program: "bridge", namespace: host.namespace, lines };
    });
}
