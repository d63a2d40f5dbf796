/**
 * Pass: segments → the rows of one host, a network at a time (host-parts.ts). Ids come from the host's book.
 * Leaves out: an unmanaged host, which runs no agent and has no rows; routers' own rows (vrf-rows.ts).
 */
import type { FdbRow, FloodPeers, FloodRow, IdBook, MulticastRow, Row } from "../../rows/rows.ts";
import { idOf } from "../id-book.ts";
import type { Fabric, Host, Network, Port } from "../intent.ts";
import { AGE_SECONDS } from "../learning.ts";
import { gatewayMacOf, routerMacOf } from "../macs.ts";
import { sourcesOf } from "../sources.ts";
import { destinationsOf, renderPlaced } from "./destinations.ts";
import type { Local } from "./locals.ts";
import { encapsulationsAt, type Segment, uplinkMtuOf, vtepsOf } from "./segments.ts";
import { isCentralized, routesAt } from "./vrfs.ts";
import { membersThrough, type RemotePeer } from "./ways.ts";

/** A group as a peer's name in the id book: no host has a blank in its. */
export const groupPeer = (group: string): string => `group ${group}`;

/** The group that networks of one family share, to which `segment`'s belongs. */
export function multicastRows(host: Host, segment: Segment, ids: IdBook): readonly MulticastRow[] {
  const [uplink] = host.spec.uplinks;
  const { multicast, network } = segment;
  if (!multicast || !uplink) return [];
  const { group } = multicast;
  const family = network.spec.underlay;
  return [
    {
      table: "multicast",
      peer: idOf(ids.peers, groupPeer(group)),
      group,
      family,
      local: vtepsOf(host, family)[0] ?? "",
      interface: uplink.interface,
      mtu: uplinkMtuOf(host),
      shared: host.spec.sharedAddress,
    },
  ];
}

/** What a host has whatever its networks; `routed`: there are routers, with or without it. */
export function hostRows(fabric: Fabric, host: Host, routed: boolean): readonly Row[] {
  const { uplinks, vteps, sharedAddress: shared } = host.spec;
  return [
    {
      table: "settings",
      hashSeed: seedOf(fabric.metadata.name),
      vxlanPort: fabric.spec.vxlanPort,
      gatewayMac: routed ? gatewayMacOf(fabric) : (fabric.spec.gatewayMac ?? null),
      routerMac: routed ? routerMacOf(host) : null,
    },
    ...uplinks.map((one): Row => ({ table: "uplink", interface: one.interface, mtu: one.mtu })),
    ...vteps.map((address): Row => ({ table: "vtep", address, shared })),
  ];
}

/** A tenant as a number: two tenants that share one, one in four thousand million, share budgets, and nothing else. */
export const ownerOf = (tenant: string): number => numberOfName(tenant);

/**
 * Every host of a fabric spreads a flow alike, before and after the flow's workload moves, and two fabrics over one
 * underlay spread differently.
 */
const seedOf = (fabric: string): number => numberOfName(fabric);

/** FNV-1a, never 0. */
function numberOfName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++)
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash || 1;
}

/** Another host with which this one has to do, by one of his addresses. */
export function peerRows(
  self: Host,
  peer: RemotePeer,
  routed: boolean,
  ids: IdBook,
): readonly Row[] {
  const { host, family, name, knownAs, local, remote } = peer;
  return [
    {
      ...{ table: "peer", peer: idOf(ids.peers, name), host: host.key, family, local, remote },
      mtu: Math.min(uplinkMtuOf(self), uplinkMtuOf(host)),
      routerMac: routed && host.spec.managed ? routerMacOf(host) : null,
    },
    { table: "peer_in", address: remote, peer: idOf(ids.peers, knownAs) },
  ];
}

/** All that comes of one network. */
export function networkRows(fabric: Fabric, host: Host, local: Local, ids: IdBook): readonly Row[] {
  const { segment, vrf, own } = local;
  const rows: Row[] = [...admitRows(local, ids), ...groupRows(local, ids)];
  if (!own) return rows;
  rows.push(...segmentRows(host, local, ids), ...endpointRows(fabric, host, local, ids));
  rows.push(...own.ports.flatMap((port) => portRows(host, local, port, ids)));
  if (vrf) return rows;
  const here = destinationsOf({ self: host, space: null }, null, segment);
  return [...rows, ...here.map((placed) => renderPlaced(placed, segment.number, ids))];
}

const admitRows = ({ segment, learning, remotes }: Local, ids: IdBook): readonly Row[] =>
  remotes
    .filter(({ admitted }) => admitted)
    .map(({ member, tunnel, reached }) => ({
      table: "admit",
      peer: idOf(ids.peers, tunnel.peers[0].name),
      network: segment.number,
      dscpKeep: !member.host.spec.managed,
      group: reached ? idOf(ids.groups, tunnel.group) : null,
      // What a visitor routed comes from its router's MAC.
      learns: learning !== null && member.ports.length > 0,
    }));

const groupRows = ({ segment, remotes }: Local, ids: IdBook): readonly Row[] =>
  remotes
    .filter(({ reached }) => reached)
    .map(({ tunnel }) => ({
      ...{ table: "group", group: idOf(ids.groups, tunnel.group) },
      members: membersThrough(tunnel, segment.number, ids),
    }));

/** The number of the address space that a network is in. */
const spaceOf = ({ segment, vrf }: Local): number => vrf?.number ?? segment.number;

/** What the host knows of a network in which it is, besides its own ports' rows. */
function segmentRows(host: Host, local: Local, ids: IdBook): readonly Row[] {
  const { segment, learning } = local;
  const { network, number, mtu } = segment;
  const rows: Row[] = [floodRow(local, ids)];
  const arrivals = vtepsOf(host, network.spec.underlay).flatMap((vtep) =>
    encapsulationsAt(network, host).map((encapsulation) => ({ vtep, encapsulation })),
  );
  if (segment.multicast) {
    const { group, encapsulation } = segment.multicast;
    arrivals.push({ vtep: group, encapsulation });
  }
  const candidates = candidatesOf(local);
  for (const { vtep, encapsulation } of arrivals)
    rows.push({
      table: "vni_in",
      vtep,
      encapsulation,
      vni: number,
      network: number,
      mtu,
      dscp: network.spec.dscp,
      unknownUnicast: network.spec.unknownUnicast,
      learning,
      isRouter: false,
      isGateway: candidates[0]?.key === host.key,
      mssClamp: network.spec.mssClamp,
      space: spaceOf(local),
      owner: ownerOf(network.metadata.tenant),
    });
  const self = candidates.findIndex(({ key }) => key === host.key);
  if (self >= 0 && candidates.length > 1) {
    const named = candidates.map((one) => ({
      host: one.key,
      address: vtepsOf(one, network.spec.underlay)[0] ?? "",
    }));
    rows.push({ table: "standby", network: number, candidates: named, self });
  }
  if (local.own?.ports.some((port) => discovers(port, network))) {
    const { ageSeconds = AGE_SECONDS } = network.spec;
    rows.push({ table: "discovery", network: number, ageSeconds });
  }
  return rows;
}

/**
 * Who may be the gateway for those who have none of their own, in order of precedence: the gateway host, and, where
 * hosts route for themselves and some are not ours, the others with ports. Empty: nobody needs one.
 */
function candidatesOf({ segment, vrf }: Local): readonly Host[] {
  if (!vrf) return [];
  const named = vrf.gatewayHost ? [vrf.gatewayHost] : [];
  const members = [...segment.membersByHost.values()].map(({ host }) => host);
  if (isCentralized(vrf) || members.every(({ spec }) => spec.managed)) return named;
  const others = members.filter((host) => host.spec.managed && host.key !== named[0]?.key);
  return [...named, ...others];
}

/** Where MACs are, as far as the intent says it: those of this host always, others' where nothing is learned. */
function endpointRows(fabric: Fabric, host: Host, local: Local, ids: IdBook): readonly Row[] {
  const { segment, vrf, learning, own, remotes } = local;
  const at = (mac: string, kind: FdbRow["kind"], target: number): FdbRow => ({
    table: "fdb",
    network: segment.number,
    mac,
    kind,
    target,
  });
  const ports = own?.ports ?? [];
  const rows = ports.map((port) => at(port.spec.mac, "port", idOf(ids.ports, port.key)));
  for (const { member, tunnel, reached } of remotes) {
    if (!reached) continue;
    const group = idOf(ids.groups, tunnel.group);
    if (!learning) rows.push(...member.ports.map((port) => at(port.spec.mac, "group", group)));
    // Where this host does not route, the gateway is a station like any other.
    const isGateway = vrf?.gatewayHost?.key === member.host.key && !routesAt(vrf, host);
    if (isGateway) rows.push(at(gatewayMacOf(fabric), "group", group));
    // Its agent asks, for its router, who has an address: that is where answers go.
    if (vrf && member.host.spec.managed) rows.push(at(routerMacOf(member.host), "group", group));
  }
  return rows;
}

/** Where its port says nothing, what an endpoint shows of itself within its subnets is believed. */
const discovers = (port: Port, network: Network): boolean =>
  port.spec.addresses.length === 0 && network.spec.subnets.length > 0;

function floodRow(local: Local, ids: IdBook): FloodRow {
  const { network, number } = local.segment;
  const ports = local.own?.ports ?? [];
  return {
    table: "flood",
    network: number,
    local: ports.map((port) => idOf(ids.ports, port.key)).sort((a, b) => a - b),
    lists: floodLists(local, ids),
    bumPps: network.spec.bumPps ?? null,
  };
}

/** A copy to the group, if there is one; else one to each host with ports, in ascending header length, as the datapath goes through them. */
function floodLists({ segment, remotes }: Local, ids: IdBook): readonly FloodPeers[] {
  const { network, number, multicast } = segment;
  const family = network.spec.underlay;
  if (multicast) {
    const peer = idOf(ids.peers, groupPeer(multicast.group));
    const { encapsulation } = multicast;
    return [{ encapsulation, family, members: [{ peer, vni: number }] }];
  }
  const lists: FloodPeers[] = [];
  for (const encapsulation of ["nvgre", "vxlan"] as const) {
    const members = remotes
      .filter(
        ({ tunnel, member }) => tunnel.encapsulation === encapsulation && member.ports.length > 0,
      )
      .map(({ tunnel }) => ({ peer: idOf(ids.peers, tunnel.peers[0].name), vni: number }))
      .sort((a, b) => a.peer - b.peer);
    if (members.length > 0) lists.push({ encapsulation, family, members });
  }
  return lists;
}

function portRows(host: Host, local: Local, port: Port, ids: IdBook): readonly Row[] {
  const { segment, vrf } = local;
  const { network, number, mtu } = segment;
  const { interface: device, attachment, mac, bumPps } = port.spec;
  const id = idOf(ids.ports, port.key);
  // A managed host's port without one has an error, and is not here.
  if (device === undefined) return [];
  const { prefixes, ...sources } = sourcesOf(port, network);
  return [
    {
      table: "port",
      port: id,
      tenant: port.metadata.tenant,
      name: port.metadata.name,
      networkName: network.metadata.name,
      network: number,
      interface: device,
      attachment,
      mtu,
    },
    {
      table: "attach",
      interface: device,
      vid: null,
      port: id,
      network: number,
      mac,
      mtu,
      ...sources,
      sources: prefixes.length > 0,
      unknownUnicast: network.spec.unknownUnicast,
      dscp: network.spec.dscp,
      tenantTunnels: network.spec.tenantTunnels,
      bumPps: bumPps ?? null,
      routed: vrf !== null && routesAt(vrf, host),
      unknownNeighbours: network.spec.unknownNeighbours,
      discovers: discovers(port, network),
      mssClamp: network.spec.mssClamp,
      space: spaceOf(local),
      owner: ownerOf(network.metadata.tenant),
    },
    ...prefixes.map((prefix): Row => ({ table: "source", port: id, prefix })),
  ];
}
