/**
 * Pass: segments → the rows of one host, a network at a time (host-parts.ts). Ids come from the host's book.
 * Leaves out: an unmanaged host, which runs no agent and has no rows.
 */
import { LIMIT } from "../../rows/abi.generated.ts";
import type {
  EncapsulationName,
  FamilyName,
  FdbRow,
  FloodPeers,
  FloodRow,
  GroupMember,
  IdBook,
  Learning,
  MulticastRow,
  Row,
} from "../../rows/rows.ts";
import { idOf } from "../id-book.ts";
import type { Fabric, Host, Port } from "../intent.ts";
import { wireLearningOf } from "../learning.ts";
import { sourcesOf } from "../sources.ts";
import {
  encapsulationBetween,
  encapsulationsAt,
  type Member,
  type Segment,
  uplinkMtuOf,
  vtepsOf,
} from "./segments.ts";

/** One host's part of one segment. */
export interface Local {
  readonly segment: Segment;
  /** Null: its endpoints are declared. */
  readonly learning: Learning | null;
  readonly own: Member;
  readonly remotes: readonly Remote[];
}

/** Another host of the segment, and how we reach it there. */
interface Remote {
  readonly member: Member;
  readonly encapsulation: EncapsulationName;
  /** One for each tunnel address that he has in the network's family; by the first he is known. */
  readonly peers: readonly [RemotePeer, ...RemotePeer[]];
  /** Name in the id book. */
  readonly group: string;
}

/** A tunnel address of another host, and the one of our own that it is sent to from. */
export interface RemotePeer {
  readonly host: Host;
  readonly family: FamilyName;
  /** In the id book. */
  readonly name: string;
  /** Of the peer that a packet from the address is counted to: the host's first. */
  readonly knownAs: string;
  readonly local: string;
  readonly remote: string;
}

/** Null: the host has no port there. */
export function localOf(fabric: Fabric, host: Host, segment: Segment): Local | null {
  const { network, membersByHost } = segment;
  const own = membersByHost.get(host.key);
  if (!own) return null;
  const remotes: Remote[] = [];
  for (const member of membersByHost.values()) {
    const encapsulation = encapsulationBetween(network, host, member.host);
    if (member === own || encapsulation === null) continue;
    const peers = remotePeers(host, member.host, network.spec.underlay);
    const group = `${peers[0].name}/${network.key}/${encapsulation}`;
    remotes.push({ member, encapsulation, peers, group });
  }
  return { segment, learning: wireLearningOf(fabric, network), own, remotes };
}

/** LIMIT: as many as a next-hop group has members; what is beyond is an error of the host's (hosts.ts). */
function remotePeers(host: Host, remote: Host, family: FamilyName): Remote["peers"] {
  const knownAs = `${remote.key}/${family}`;
  const locals = vtepsOf(host, family);
  const [first = "", ...more] = vtepsOf(remote, family).slice(0, LIMIT.GROUP_MEMBERS_MAX);
  const peerAt = (address: string, i: number): RemotePeer => ({
    ...{ host: remote, family, knownAs, remote: address },
    name: i === 0 ? knownAs : `${knownAs}/${i + 1}`,
    local: locals[i % locals.length] ?? "",
  });
  return [peerAt(first, 0), ...more.map((address, i) => peerAt(address, i + 1))];
}

/** The members of a next-hop group to `remote`, each with the same share. */
const membersTo = ({ peers, encapsulation }: Remote, vni: number, ids: IdBook): GroupMember[] =>
  peers.map(({ name }) => ({ peer: idOf(ids.peers, name), vni, encapsulation, weight: 1 }));

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

/** What a host has whatever its networks. */
export function hostRows(fabric: Fabric, host: Host): readonly Row[] {
  const { uplinks, vteps, sharedAddress: shared } = host.spec;
  return [
    {
      table: "settings",
      hashSeed: seedOf(fabric.metadata.name),
      vxlanPort: fabric.spec.vxlanPort,
      gatewayMac: fabric.spec.gatewayMac ?? null,
      routerMac: null,
    },
    ...uplinks.map((one): Row => ({ table: "uplink", interface: one.interface, mtu: one.mtu })),
    ...vteps.map((address): Row => ({ table: "vtep", address, shared })),
  ];
}

/** A tenant as a number: two tenants that share one, one in four thousand million, share budgets, and nothing else. */
const ownerOf = (tenant: string): number => numberOfName(tenant);

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

/** Another host with whom it shares networks, by one of his addresses. */
export function peerRows(self: Host, peer: RemotePeer, ids: IdBook): readonly Row[] {
  const { host, family, name, knownAs, local, remote } = peer;
  const mtu = Math.min(uplinkMtuOf(self), uplinkMtuOf(host));
  const id = idOf(ids.peers, name);
  return [
    { ...{ table: "peer", peer: id, host: host.key, family, local, remote, mtu }, routerMac: null },
    { table: "peer_in", address: remote, peer: idOf(ids.peers, knownAs) },
  ];
}

/** All that comes of one network. */
export function networkRows(host: Host, local: Local, ids: IdBook): readonly Row[] {
  const ports = local.own.ports.flatMap((port) => portRows(local.segment, port, ids));
  const rows = [...admitRows(local, ids), ...segmentRows(host, local, ids)];
  return [...rows, ...endpointRows(local, ids), ...ports];
}

const admitRows = ({ segment, learning, remotes }: Local, ids: IdBook): readonly Row[] =>
  remotes.map(({ member, peers, group }) => ({
    table: "admit",
    peer: idOf(ids.peers, peers[0].name),
    network: segment.number,
    dscpKeep: !member.host.spec.managed,
    group: idOf(ids.groups, group),
    learns: learning !== null,
  }));

/** What the host knows of a network besides its own ports' rows. */
function segmentRows(host: Host, local: Local, ids: IdBook): readonly Row[] {
  const { segment, learning, remotes } = local;
  const { network, number, mtu } = segment;
  const rows: Row[] = [floodRow(local, ids)];
  const arrivals = vtepsOf(host, network.spec.underlay).flatMap((vtep) =>
    encapsulationsAt(network, host).map((encapsulation) => ({ vtep, encapsulation })),
  );
  if (segment.multicast) {
    const { group, encapsulation } = segment.multicast;
    arrivals.push({ vtep: group, encapsulation });
  }
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
      isGateway: false,
      mssClamp: false,
      space: number,
      owner: ownerOf(network.metadata.tenant),
    });
  for (const remote of remotes) {
    const members = membersTo(remote, number, ids);
    rows.push({ table: "group", group: idOf(ids.groups, remote.group), members });
  }
  return rows;
}

/** Where MACs are, as far as the intent says it: those of this host always, others' where nothing is learned. */
function endpointRows({ segment, learning, own, remotes }: Local, ids: IdBook): readonly Row[] {
  const at = (port: Port, kind: FdbRow["kind"], target: number): FdbRow => {
    const { mac } = port.spec;
    return { table: "fdb", network: segment.number, mac, kind, target };
  };
  const rows = own.ports.map((port) => at(port, "port", idOf(ids.ports, port.key)));
  if (learning) return rows;
  for (const { member, group } of remotes)
    rows.push(...member.ports.map((port) => at(port, "group", idOf(ids.groups, group))));
  return rows;
}

function floodRow(local: Local, ids: IdBook): FloodRow {
  const { network, number } = local.segment;
  return {
    table: "flood",
    network: number,
    local: local.own.ports.map((port) => idOf(ids.ports, port.key)).sort((a, b) => a - b),
    lists: floodLists(local, ids),
    bumPps: network.spec.bumPps ?? null,
  };
}

/** A copy to the group, if there is one; else one to each host, in ascending header length, as the datapath goes through them. */
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
      .filter((remote) => remote.encapsulation === encapsulation)
      .map(({ peers }) => ({ peer: idOf(ids.peers, peers[0].name), vni: number }))
      .sort((a, b) => a.peer - b.peer);
    if (members.length > 0) lists.push({ encapsulation, family, members });
  }
  return lists;
}

function portRows(segment: Segment, port: Port, ids: IdBook): readonly Row[] {
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
      routed: false,
      unknownNeighbours: "flood",
      discovers: false,
      mssClamp: false,
      space: number,
      owner: ownerOf(network.metadata.tenant),
    },
    ...prefixes.map((prefix): Row => ({ table: "source", port: id, prefix })),
  ];
}
