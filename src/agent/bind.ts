/**
 * Rows and facts → table entries: names of interfaces become ifindexes, peers get the adjacencies that the
 * kernel's routes and neighbours give them. Pure but for the book of adjacency ids.
 */
import { type IpPrefix, mappedOctets, overlaps, parseIp, parsePrefix } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import { macOfGroup } from "../intent/groups.ts";
import {
  ADMIT_FLAG,
  ATTACH_FLAG,
  ENCAPSULATION,
  FLOOD_LIST,
  LIMIT,
  PORT_FLAG,
  ROUTE_FLAG,
  SOURCE_KIND,
  TARGET_KIND,
  VNI_IN_FLAG,
  VTEP_FLAG,
} from "../rows/abi.generated.ts";
import { pack } from "../rows/pack.ts";
import type {
  AttachRow,
  Destination,
  EncapsulationName,
  FdbRow,
  FloodRow,
  GroupRow,
  MulticastRow,
  PeerRow,
  PortRow,
  RouteRow,
  Row,
  SourceRow,
  SpaceRow,
  VniInRow,
} from "../rows/rows.ts";
import { HARDWARE_ETHERNET } from "../wire/netlink/link.ts";
import { emptyTables, entriesOf, keyText, type TableName, type Tables } from "./entries.ts";
import type { HostFacts, NextHop } from "./facts.ts";
import type { FloodLists, Floods } from "./floods.ts";
import { address, mac, macOrNone, u32 } from "./octets.ts";
import { adjacencyRow, bindPeers, type Path, type PathInput, type Put, peerRow } from "./paths.ts";

/** Replica budgets are earned back over this time: the largest burst. */
const BUM_BURST_NS = 100_000_000;

export interface Bound {
  readonly tables: Tables;
  readonly floods: Floods;
  /** Ports whose interface is not there (yet): `tenant/name`. */
  readonly absentPorts: readonly string[];
  /** To this host's peers. */
  readonly paths: readonly Path[];
}

export interface BindInput extends PathInput {
  readonly rows: readonly Row[];
  readonly facts: HostFacts;
  /** Port ids whose every frame is told. */
  readonly traced: ReadonlySet<number>;
}

const octetsOrNone = (text: string | null, octets: number): Uint8Array =>
  (text === null ? null : parseIp(text))?.octets ?? new Uint8Array(octets);

const encapsulationNumber = (name: EncapsulationName): number =>
  name === "vxlan" ? ENCAPSULATION.ENCAPSULATION_VXLAN : ENCAPSULATION.ENCAPSULATION_NVGRE;

export function bind(input: BindInput): Bound {
  const tables = emptyTables();
  const put: Put = (table: TableName, key: Uint8Array, row: Uint8Array): void => {
    entriesOf(tables, table).set(keyText(key), { key, row });
  };
  const floods: Map<number, FloodLists> = new Map();
  const absentPorts: string[] = [];
  const peers: PeerRow[] = [];
  for (const row of input.rows)
    switch (row.table) {
      case "settings": {
        const { hashSeed, vxlanPort } = row;
        const [gatewayMac, routerMac] = [macOrNone(row.gatewayMac), macOrNone(row.routerMac)];
        const values = { hashSeed, vxlanPort, gatewayMac, routerMac };
        put("settings", u32(0), pack("settingsRow", values));
        break;
      }
      case "uplink":
      case "standby":
      case "discovery":
        break; // an interface to attach to, whom to watch, how long to remember: no entries
      case "vtep": {
        const flags = row.shared ? VTEP_FLAG.VTEP_SHARED : 0;
        put("vtep", pack("vtepKey", { address: address(row.address) }), pack("vtepRow", { flags }));
        break;
      }
      case "peer":
        peers.push(row);
        break;
      case "peer_in": {
        const key = pack("peerInKey", { address: address(row.address) });
        put("peer_in", key, pack("peerInRow", { peer: row.peer }));
        break;
      }
      case "multicast":
        bindMulticast(row, input, put);
        break;
      case "admit": {
        const { peer, network } = row;
        const flags =
          flagIf(row.dscpKeep, ADMIT_FLAG.ADMIT_DSCP_KEEP) |
          flagIf(row.learns, ADMIT_FLAG.ADMIT_LEARN);
        const group = row.group ?? 0;
        put("admit", pack("admitKey", { peer, network }), pack("admitRow", { flags, group }));
        break;
      }
      case "vni_in":
        bindVni(row, put);
        break;
      case "port":
        if (input.facts.linksByName.has(row.interface))
          put("port", u32(row.port), portRow(row, input.facts, input.traced.has(row.port)));
        else absentPorts.push(`${row.tenant}/${row.name}`);
        break;
      case "attach": {
        const link = input.facts.linksByName.get(row.interface);
        if (!link) break;
        const key = pack("attachKey", { ifindex: link.index, vid: row.vid ?? LIMIT.VID_UNTAGGED });
        put("attach", key, attachRow(row, input.traced.has(row.port)));
        break;
      }
      case "source":
        put("source", sourceKey(row), u32(sourceKind(row)));
        break;
      case "group":
        put("group", u32(row.group), groupRow(row));
        break;
      case "fdb": {
        const key = pack("fdbKey", { network: row.network, mac: mac(row.mac) });
        put("fdb", key, pack("fdbRow", { target: row.target, kind: TARGET_KINDS[row.kind] }));
        break;
      }
      case "flood":
        floods.set(row.network, floodLists(row));
        break;
      case "host": {
        const key = pack("hostKey", { space: row.space, address: address(row.address) });
        put("host", key, destinationRow(row));
        break;
      }
      case "route":
        put("route", routeKey(row), destinationRow(row));
        break;
      case "space":
        put("space", pack("spaceKey", { space: row.space }), spaceRow(row));
        break;
      case "gateway": {
        const [ipv4, ipv6] = [octetsOrNone(row.ipv4, 4), octetsOrNone(row.ipv6, 16)];
        put(
          "gateway",
          pack("gatewayKey", { network: row.network }),
          pack("gatewayRow", { ipv4, ipv6 }),
        );
        break;
      }
    }
  return { tables, floods, absentPorts, paths: bindPeers(peers, input, put) };
}

const TARGET_KINDS: Readonly<Record<FdbRow["kind"], number>> = {
  port: TARGET_KIND.TARGET_PORT,
  group: TARGET_KIND.TARGET_GROUP,
  drop: TARGET_KIND.TARGET_DROP,
};

/** A peer whose next hop nobody has to be asked for: a group's MAC follows from its address. */
function bindMulticast(row: MulticastRow, input: BindInput, put: Put): void {
  const link = input.facts.linksByName.get(row.interface);
  if (!link) return;
  const l2Octets = link.hardware === HARDWARE_ETHERNET ? 14 : 0;
  const hop: NextHop = {
    ...{ oif: link.index, interface: link.name, address: row.group, smac: link.mac, l2Octets },
    ...{ mac: macOfGroup(row.group), fresh: true, weight: 1, state: "up" },
  };
  const known = input.adjacencies.take(hop);
  put("adjacency", u32(known.id), adjacencyRow(hop, known, input.freshUntilNs));
  put("peer", u32(row.peer), peerRow({ ...row, remote: row.group, routerMac: null }, [known.id]));
  const flags = VTEP_FLAG.VTEP_GROUP | flagIf(row.shared, VTEP_FLAG.VTEP_SHARED);
  put("vtep", pack("vtepKey", { address: address(row.group) }), pack("vtepRow", { flags }));
}

function bindVni(row: VniInRow, put: Put): void {
  const key = pack("vniInKey", {
    vtep: address(row.vtep),
    vni: row.vni,
    encapsulation: encapsulationNumber(row.encapsulation),
  });
  const flags =
    flagIf(row.dscp === "pipe", VNI_IN_FLAG.VNI_IN_DSCP_PIPE) |
    flagIf(row.unknownUnicast === "drop", VNI_IN_FLAG.VNI_IN_UNKNOWN_DROP) |
    flagIf(row.learning !== null, VNI_IN_FLAG.VNI_IN_LEARN) |
    flagIf(row.isRouter, VNI_IN_FLAG.VNI_IN_ROUTER) |
    flagIf(row.isGateway, VNI_IN_FLAG.VNI_IN_GATEWAY) |
    flagIf(row.mssClamp, VNI_IN_FLAG.VNI_IN_MSS_CLAMP);
  const { network, mtu, learning, space, owner } = row;
  put("vni_in", key, pack("vniInRow", { network, mtu, flags, ...learning, space, owner }));
}

const DESTINATION_KINDS: Readonly<Record<Destination["kind"], number>> = {
  port: TARGET_KIND.TARGET_PORT,
  group: TARGET_KIND.TARGET_GROUP,
  drop: TARGET_KIND.TARGET_DROP,
  gateway: TARGET_KIND.TARGET_GATEWAY,
  glean: TARGET_KIND.TARGET_GLEAN,
};

function destinationRow(row: Destination): Uint8Array {
  const { network, target, mtu } = row;
  return pack("routeRow", {
    ...{ network, target, mtu, mac: macOrNone(row.mac) },
    kind: DESTINATION_KINDS[row.kind],
    flags: flagIf(row.byRouter, ROUTE_FLAG.ROUTE_BY_ROUTER),
  });
}

function routeKey({ space, prefix: text }: RouteRow): Uint8Array {
  const prefix = parsePrefix(text);
  invariant(prefix !== null, `a row has no prefix: ${text}`);
  return pack("routeKey", { space, bits: mappedBits(prefix), address: mappedOctets(prefix) });
}

function spaceRow({ ipv4Lengths, ipv6Lengths }: SpaceRow): Uint8Array {
  const [ipv4Bits, ipv6Bits] = [new Uint8Array(36), new Uint8Array(24)];
  ipv4Bits.set(ipv4Lengths.map((bits) => 96 + bits));
  ipv6Bits.set(ipv6Lengths);
  return pack("spaceRow", {
    ...{ ipv4Bits, ipv6Bits },
    ipv4Lengths: ipv4Lengths.length,
    ipv6Lengths: ipv6Lengths.length,
  });
}

const mappedBits = ({ family, bits }: IpPrefix): number => (family === "ipv4" ? 96 + bits : bits);

function sourceKey(row: SourceRow): Uint8Array {
  const prefix = parsePrefix(row.prefix);
  invariant(prefix !== null, `a row has no prefix: ${row.prefix}`);
  return pack("sourceKey", {
    prefixBits: 32 + mappedBits(prefix),
    port: row.port,
    address: mappedOctets(prefix),
  });
}

/** A short IPv6 prefix covers the addresses that IPv4 is mapped to, and means none of them. */
function sourceKind(row: SourceRow): number {
  const [prefix, mapped] = [parsePrefix(row.prefix), parsePrefix("::ffff:0:0/96")];
  const isBoth = prefix !== null && mapped !== null && overlaps(prefix, mapped);
  return isBoth ? SOURCE_KIND.SOURCE_IPV6_ONLY : SOURCE_KIND.SOURCE_ANY;
}

function groupRow(row: GroupRow): Uint8Array {
  const member = row.members.map((m) => ({
    peer: m.peer,
    vni: m.vni,
    encapsulation: encapsulationNumber(m.encapsulation),
    weight: m.weight,
  }));
  return pack("groupRow", { members: member.length, member });
}

function portRow(row: PortRow, facts: HostFacts, traced: boolean): Uint8Array {
  const link = facts.linksByName.get(row.interface);
  const elsewhere = link?.kind === "veth" && link.lowerNamespace !== null;
  return pack("portRow", {
    ifindex: link?.index ?? 0,
    network: row.network,
    mtu: row.mtu,
    flags: flagIf(elsewhere, PORT_FLAG.PORT_REDIRECT_PEER) | flagIf(traced, PORT_FLAG.PORT_TRACE),
  });
}

const flagIf = (on: boolean, flag: number): number => (on ? flag : 0);

function attachRow(row: AttachRow, traced: boolean): Uint8Array {
  const ipv4 = row.ipv4 === null ? null : parseIp(row.ipv4);
  const ipv6 = row.ipv6 === null ? null : parseIp(row.ipv6);
  const flags =
    flagIf(traced, ATTACH_FLAG.ATTACH_TRACE) |
    flagIf(row.unknownUnicast === "drop", ATTACH_FLAG.ATTACH_UNKNOWN_DROP) |
    flagIf(row.dscp === "pipe", ATTACH_FLAG.ATTACH_DSCP_PIPE) |
    flagIf(row.tenantTunnels === "deny", ATTACH_FLAG.ATTACH_TUNNELS_DENY) |
    flagIf(row.anyIpv4, ATTACH_FLAG.ATTACH_ANY_IPV4) |
    flagIf(row.anyIpv6, ATTACH_FLAG.ATTACH_ANY_IPV6) |
    flagIf(row.sources, ATTACH_FLAG.ATTACH_SOURCES) |
    flagIf(row.routed, ATTACH_FLAG.ATTACH_ROUTED) |
    flagIf(row.unknownNeighbours === "drop", ATTACH_FLAG.ATTACH_NEIGHBOURS_DROP) |
    flagIf(row.discovers, ATTACH_FLAG.ATTACH_DISCOVER) |
    flagIf(row.mssClamp, ATTACH_FLAG.ATTACH_MSS_CLAMP);
  return pack("attachRow", {
    port: row.port,
    network: row.network,
    mac: mac(row.mac),
    flags,
    mtu: row.mtu,
    ipv4: ipv4?.octets ?? new Uint8Array(4),
    ipv6: ipv6?.octets ?? new Uint8Array(16),
    ...budget(row.bumPps),
    space: row.space,
    owner: row.owner,
  });
}

function budget(pps: number | null): { bumIntervalNs: number; bumBurstNs: number } {
  return pps === null
    ? { bumIntervalNs: 0, bumBurstNs: 0 }
    : { bumIntervalNs: Math.ceil(1e9 / pps), bumBurstNs: BUM_BURST_NS };
}

function floodLists(row: FloodRow): FloodLists {
  const lists: { target: number; vni: number }[][] = Array.from(
    { length: FLOOD_LIST.FLOOD_LISTS },
    () => [],
  );
  lists[FLOOD_LIST.FLOOD_LOCAL] = row.local.map((target) => ({ target, vni: 0 }));
  for (const { encapsulation, family, members } of row.lists) {
    const vxlan = encapsulation === "vxlan";
    const index =
      family === "ipv4"
        ? vxlan
          ? FLOOD_LIST.FLOOD_VXLAN_IPV4
          : FLOOD_LIST.FLOOD_NVGRE_IPV4
        : vxlan
          ? FLOOD_LIST.FLOOD_VXLAN_IPV6
          : FLOOD_LIST.FLOOD_NVGRE_IPV6;
    lists[index] = members.map(({ peer, vni }) => ({ target: peer, vni }));
  }
  return { lists, ...budget(row.bumPps) };
}
