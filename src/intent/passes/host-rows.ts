/**
 * Pass: segments → the rows of one host, a network at a time (host-parts.ts). Ids come from the host's book.
 * Leaves out: an unmanaged host, which runs no agent and has no rows.
 */
import type {
  EncapsulationName,
  FamilyName,
  FdbRow,
  FloodPeers,
  FloodRow,
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
  /** Names in the id book. */
  readonly peer: string;
  readonly group: string;
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
    const peer = `${member.host.key}/${network.spec.underlay}`;
    remotes.push({ member, encapsulation, peer, group: `${peer}/${network.key}/${encapsulation}` });
  }
  return { segment, learning: wireLearningOf(fabric, network), own, remotes };
}

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

/** Another host with whom it shares networks: `name` in the id book. */
export function peerRows(host: Host, remote: Host, name: string, ids: IdBook): readonly Row[] {
  const family: FamilyName = name.endsWith("/ipv6") ? "ipv6" : "ipv4";
  const peer = idOf(ids.peers, name);
  const addresses = vtepsOf(remote, family);
  return [
    {
      table: "peer",
      peer,
      host: remote.key,
      family,
      local: vtepsOf(host, family)[0] ?? "",
      remote: addresses[0] ?? "",
      mtu: Math.min(uplinkMtuOf(host), uplinkMtuOf(remote)),
      routerMac: null,
    },
    ...addresses.map((address): Row => ({ table: "peer_in", address, peer })),
  ];
}

/** All that comes of one network. */
export function networkRows(host: Host, local: Local, ids: IdBook): readonly Row[] {
  const ports = local.own.ports.flatMap((port) => portRows(local.segment, port, ids));
  const rows = [...admitRows(local, ids), ...segmentRows(host, local, ids)];
  return [...rows, ...endpointRows(local, ids), ...ports];
}

const admitRows = ({ segment, learning, remotes }: Local, ids: IdBook): readonly Row[] =>
  remotes.map(({ member, peer, group }) => ({
    table: "admit",
    peer: idOf(ids.peers, peer),
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
  for (const { encapsulation, peer, group } of remotes) {
    const members = [{ peer: idOf(ids.peers, peer), vni: number, encapsulation, weight: 1 }];
    rows.push({ table: "group", group: idOf(ids.groups, group), members });
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
      .map((remote) => ({ peer: idOf(ids.peers, remote.peer), vni: number }))
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
