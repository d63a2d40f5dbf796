/**
 * What a host knows whichever way a frame comes: the lookups that both programs make, answered from the host's compiled
 * rows and from the ways to its peers, which rows do not know. Addresses and MACs are text in canonical form.
 */
import type { IpFamily } from "../base/ip.ts";
import type {
  Destination,
  GatewayRow,
  GroupMember,
  PeerRow,
  PortRow,
  Row,
  SettingsRow,
} from "../rows/rows.ts";
import { DECLARED, type Station } from "./fdb.ts";

/** A way out to a peer, as the kernel's routes and neighbours have it. */
export interface Way {
  readonly sourceMac: string;
  /** The next hop's, as it was last known; null: never resolved. */
  readonly mac: string | null;
  /** It is vouched for now; else the kernel is asked for every IP packet. */
  readonly isFresh: boolean;
}

export type Endpoint = Pick<PeerRow, "family" | "local" | "remote" | "routerMac">;

/** Where an address is, or those under a prefix. */
export interface Place extends Destination {
  /** When it is over, if it was discovered; null: declared. */
  readonly freshUntilSeconds: number | null;
  /** Was behind a port of ours: until then what still comes for it through tunnels is sent on. */
  readonly movedUntilSeconds: number;
  /** If it was discovered: its life, from the last sign of it. */
  readonly ageSeconds: number;
  /** Several may have the address: neighbour advertisements override nothing. */
  readonly isShared: boolean;
}

export type Settings = Omit<SettingsRow, "table">;

export type Gateway = Pick<GatewayRow, "ipv4" | "ipv6">;

/** Null: no row. */
export interface HostTables extends Settings {
  fdb(network: number, mac: string): Station | null;
  /** The network of a port of this host. */
  networkOfPort(port: number): number | null;
  group(id: number): readonly GroupMember[];
  peer(id: number): Endpoint | null;
  /** By the peer's tunnel address; a way is there as often as its weight says, as in the peer's slots. */
  waysTo(remote: string): readonly Way[];
  /** Where an address of a space is. */
  host(space: number, address: string): Place | null;
  /** Lengths of the prefixes that a space has routes for, descending. */
  lengths(space: number, family: IpFamily): readonly number[];
  /** `prefix` without its host part. */
  route(space: number, prefix: string): Place | null;
  gateway(network: number): Gateway | null;
  /** Until when the agent is known to listen to what is punted to him. */
  readonly agentHeardUntilSeconds: number;
  /** Time until which a budget is used up; 0: never used. */
  spentUntilSeconds(scope: BudgetScope, id: number): number;
}

/** Replicas of a port and of a network; punted frames of an owner; answers to a port. */
export type BudgetScope = "port" | "network" | "punt" | "answer";

export type WaysByRemote = ReadonlyMap<string, readonly Way[]>;

export function hostTablesOf(rows: readonly Row[], waysByRemote: WaysByRemote): HostTables {
  let settings: Settings = { hashSeed: 0, vxlanPort: 0, gatewayMac: null, routerMac: null };
  const fdb = new Map<string, Station>();
  const ports = new Map<number, PortRow>();
  const groups = new Map<number, readonly GroupMember[]>();
  const peers = new Map<number, Endpoint>();
  const places = new Map<string, Place>();
  const lengths = new Map<string, readonly number[]>();
  const gateways = new Map<number, Gateway>();
  for (const row of rows) {
    if (row.table === "settings") {
      const { hashSeed, vxlanPort, gatewayMac, routerMac } = row;
      settings = { hashSeed, vxlanPort, gatewayMac, routerMac };
    }
    if (row.table === "fdb") fdb.set(`${row.network} ${row.mac}`, { ...row, ...DECLARED });
    else if (row.table === "port") ports.set(row.port, row);
    else if (row.table === "group") groups.set(row.group, row.members);
    else if (row.table === "peer") peers.set(row.peer, row);
    else if (row.table === "multicast")
      peers.set(row.peer, { ...row, remote: row.group, routerMac: null });
    else if (row.table === "host") places.set(`${row.space} ${row.address}`, placeOf(row));
    else if (row.table === "route") places.set(`${row.space} ${row.prefix}`, placeOf(row));
    else if (row.table === "gateway") gateways.set(row.network, row);
    else if (row.table === "space") {
      lengths.set(`${row.space} ipv4`, row.ipv4Lengths);
      lengths.set(`${row.space} ipv6`, row.ipv6Lengths);
    }
  }
  const place = (space: number, where: string): Place | null =>
    places.get(`${space} ${where}`) ?? null;
  return {
    ...settings,
    fdb: (network: number, mac: string) => fdb.get(`${network} ${mac}`) ?? null,
    networkOfPort: (port: number) => ports.get(port)?.network ?? null,
    group: (id: number) => groups.get(id) ?? [],
    peer: (id: number) => peers.get(id) ?? null,
    waysTo: (remote: string) => waysByRemote.get(remote) ?? [],
    host: place,
    lengths: (space: number, family: IpFamily) => lengths.get(`${space} ${family}`) ?? [],
    route: place,
    gateway: (network: number) => gateways.get(network) ?? null,
    // Whose rows they are lives, and has not been asked much.
    agentHeardUntilSeconds: Number.POSITIVE_INFINITY,
    spentUntilSeconds: () => 0,
  };
}

const placeOf = (row: Destination): Place => ({
  ...row,
  ...DECLARED,
  ...{ ageSeconds: 0, isShared: false },
});
