/**
 * Pass: segments → the rows of one host. Ids come from the host's book, and leave in a new one.
 * Leaves out: an unmanaged host, which runs no agent and has no rows.
 */
import { LIMIT } from "../../rows/abi.generated.ts";
import { sortRows } from "../../rows/order.ts";
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
import { giveIds, idOf } from "../id-book.ts";
import type { Fabric, Host, Port } from "../intent.ts";
import { wireLearningOf } from "../learning.ts";
import { sourcesOf } from "../sources.ts";
import {
  encapsulationBetween,
  encapsulationsAt,
  type Member,
  type Multicast,
  type Segment,
  uplinkMtuOf,
  vtepsOf,
} from "./segments.ts";

/** One host's part of one segment. */
interface Local {
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

export function compileHostRows(
  fabric: Fabric,
  host: Host,
  segments: readonly Segment[],
  book: IdBook,
): { readonly rows: readonly Row[]; readonly ids: IdBook } {
  const locals = segments
    .map((segment) => localOf(fabric, host, segment))
    .filter((local) => local !== null);
  const remotes = locals.flatMap((local) => local.remotes);
  const ids: IdBook = {
    ports: giveIds(
      book.ports,
      locals.flatMap(({ own }) => own.ports.map((port) => port.key)),
      LIMIT.PORTS_MAX,
    ),
    peers: giveIds(
      book.peers,
      [...remotes.map((remote) => remote.peer), ...locals.flatMap(groupPeersOf)],
      LIMIT.PEERS_MAX,
    ),
    groups: giveIds(
      book.groups,
      remotes.map((remote) => remote.group),
      LIMIT.GROUPS_MAX,
    ),
  };
  const rows: Row[] = [
    ...hostRows(fabric, host),
    ...peerRows(host, locals, ids),
    ...multicastRows(host, locals, ids),
  ];
  for (const local of locals) {
    rows.push(...segmentRows(host, local, ids), ...endpointRows(local, ids));
    for (const port of local.own.ports) rows.push(...portRows(local.segment, port, ids));
  }
  return { rows: sortRows(rows), ids };
}

function localOf(fabric: Fabric, host: Host, segment: Segment): Local | null {
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

/** The group of a network as a peer's name in the id book: no host has a blank in its. */
const groupPeer = ({ group }: Multicast): string => `group ${group}`;

const groupPeersOf = ({ segment: { multicast } }: Local): readonly string[] =>
  multicast ? [groupPeer(multicast)] : [];

/** Several networks may have one group. */
function multicastRows(host: Host, locals: readonly Local[], ids: IdBook): readonly Row[] {
  const [uplink] = host.spec.uplinks;
  const rowsByGroup = new Map<string, MulticastRow>();
  for (const { segment } of locals) {
    const { multicast, network } = segment;
    if (!multicast || !uplink) continue;
    const { group } = multicast;
    const family = network.spec.underlay;
    rowsByGroup.set(group, {
      table: "multicast",
      peer: idOf(ids.peers, groupPeer(multicast)),
      group,
      family,
      local: vtepsOf(host, family)[0] ?? "",
      interface: uplink.interface,
      mtu: uplinkMtuOf(host),
      shared: host.spec.sharedAddress,
    });
  }
  return [...rowsByGroup.values()];
}

function hostRows(fabric: Fabric, host: Host): readonly Row[] {
  const { uplinks, vteps, sharedAddress: shared } = host.spec;
  return [
    {
      table: "settings",
      hashSeed: seedOf(fabric.metadata.name),
      vxlanPort: fabric.spec.vxlanPort,
      gatewayMac: fabric.spec.gatewayMac ?? null,
    },
    ...uplinks.map((one): Row => ({ table: "uplink", interface: one.interface, mtu: one.mtu })),
    ...vteps.map((address): Row => ({ table: "vtep", address, shared })),
  ];
}

/**
 * FNV-1a over the fabric's name, never 0: every host of a fabric spreads a flow alike, before and after the flow's
 * workload moves, and two fabrics over one underlay spread differently.
 */
function seedOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++)
    hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
  return hash || 1;
}

function peerRows(host: Host, locals: readonly Local[], ids: IdBook): readonly Row[] {
  const rows: Row[] = [];
  const done = new Set<string>();
  for (const { segment, learning, remotes } of locals)
    for (const { member, peer: name, group } of remotes) {
      const family: FamilyName = segment.network.spec.underlay;
      const peer = idOf(ids.peers, name);
      const dscpKeep = !member.host.spec.managed;
      const learnedGroup = learning ? idOf(ids.groups, group) : null;
      rows.push({ table: "admit", peer, network: segment.number, dscpKeep, learnedGroup });
      if (done.has(name)) continue;
      done.add(name);
      const addresses = vtepsOf(member.host, family);
      rows.push({
        table: "peer",
        peer,
        host: member.host.key,
        family,
        local: vtepsOf(host, family)[0] ?? "",
        remote: addresses[0] ?? "",
        mtu: Math.min(uplinkMtuOf(host), uplinkMtuOf(member.host)),
      });
      for (const address of addresses) rows.push({ table: "peer_in", address, peer });
    }
  return rows;
}

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
    const peer = idOf(ids.peers, groupPeer(multicast));
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
    },
    ...prefixes.map((prefix): Row => ({ table: "source", port: id, prefix })),
  ];
}
