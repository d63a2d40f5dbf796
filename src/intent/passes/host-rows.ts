/**
 * Pass: segments → the rows of one host, a network at a time (host-parts.ts). Ids come from the host's book.
 * Leaves out: an unmanaged host, which runs no agent and has no rows.
 */
import type {
  EncapsulationName,
  FamilyName,
  FloodPeers,
  FloodRow,
  IdBook,
  Row,
} from "../../rows/rows.ts";
import { idOf } from "../id-book.ts";
import type { Fabric, Host, Port } from "../intent.ts";
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
export function localOf(host: Host, segment: Segment): Local | null {
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
  return { segment, own, remotes };
}

/** What a host has whatever its networks. */
export function hostRows(fabric: Fabric, host: Host): readonly Row[] {
  const { uplinks, vteps, sharedAddress: shared } = host.spec;
  return [
    {
      table: "settings",
      hashSeed: seedOf(fabric.metadata.name),
      vxlanPort: fabric.spec.vxlanPort,
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
    },
    ...addresses.map((address): Row => ({ table: "peer_in", address, peer })),
  ];
}

/** All that comes of one network. */
export function networkRows(host: Host, local: Local, ids: IdBook): readonly Row[] {
  const ports = local.own.ports.flatMap((port) => portRows(local.segment, port, ids));
  return [...admitRows(local, ids), ...segmentRows(host, local, ids), ...ports];
}

const admitRows = ({ segment, remotes }: Local, ids: IdBook): readonly Row[] =>
  remotes.map(({ member, peer }) => ({
    table: "admit",
    peer: idOf(ids.peers, peer),
    network: segment.number,
    dscpKeep: !member.host.spec.managed,
  }));

/** What the host knows of a network besides its own ports' rows. */
function segmentRows(host: Host, local: Local, ids: IdBook): readonly Row[] {
  const { segment, own, remotes } = local;
  const { network, number, mtu } = segment;
  const rows: Row[] = [floodRow(local, ids)];
  for (const vtep of vtepsOf(host, network.spec.underlay))
    for (const encapsulation of encapsulationsAt(network, host))
      rows.push({
        table: "vni_in",
        vtep,
        encapsulation,
        vni: number,
        network: number,
        mtu,
        dscp: network.spec.dscp,
        unknownUnicast: network.spec.unknownUnicast,
      });
  for (const port of own.ports)
    rows.push({
      table: "fdb",
      network: number,
      mac: port.spec.mac,
      kind: "port",
      target: idOf(ids.ports, port.key),
    });
  for (const { member, encapsulation, peer, group: name } of remotes) {
    const group = idOf(ids.groups, name);
    const members = [{ peer: idOf(ids.peers, peer), vni: number, encapsulation, weight: 1 }];
    rows.push({ table: "group", group, members });
    for (const port of member.ports)
      rows.push({
        table: "fdb",
        network: number,
        mac: port.spec.mac,
        kind: "group",
        target: group,
      });
  }
  return rows;
}

function floodRow({ segment, own, remotes }: Local, ids: IdBook): FloodRow {
  const { network, number } = segment;
  const lists: FloodPeers[] = [];
  // Ascending header length, as the datapath goes through them.
  for (const encapsulation of ["nvgre", "vxlan"] as const) {
    const members = remotes
      .filter((remote) => remote.encapsulation === encapsulation)
      .map((remote) => ({ peer: idOf(ids.peers, remote.peer), vni: number }))
      .sort((a, b) => a.peer - b.peer);
    if (members.length > 0) lists.push({ encapsulation, family: network.spec.underlay, members });
  }
  return {
    table: "flood",
    network: number,
    local: own.ports.map((port) => idOf(ids.ports, port.key)).sort((a, b) => a - b),
    lists,
    bumPps: network.spec.bumPps ?? null,
  };
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
