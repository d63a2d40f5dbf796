/**
 * What a host knows of those behind its ports and of where they send: the lookups of datapath/from-port.bpf.c, answered
 * from the host's compiled rows and from the ways to its peers, which rows do not know.
 */
import { contains, type IpAddress, type IpPrefix, parsePrefix } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import type { AttachRow, FloodRow, GroupMember, PeerRow, Row } from "../rows/rows.ts";
import type { Station } from "./fdb.ts";

/** A way out to a peer, as the kernel's routes and neighbours have it. */
export interface Way {
  readonly sourceMac: string;
  /** The next hop's, as it was last known; null: never resolved. */
  readonly mac: string | null;
  /** It is vouched for now; else the kernel is asked for every IP packet. */
  readonly isFresh: boolean;
}

export type Endpoint = Pick<PeerRow, "family" | "local" | "remote">;

/** Null: no row. */
export interface PortTables {
  readonly hashSeed: number;
  readonly vxlanPort: number;
  attach(interfaceName: string): AttachRow | null;
  /** Whether a source row of the port covers the address. */
  isSource(port: number, address: IpAddress): boolean;
  fdb(network: number, mac: string): Station | null;
  networkOfPort(port: number): number | null;
  group(id: number): readonly GroupMember[];
  peer(id: number): Endpoint | null;
  /** By the peer's tunnel address; a way is there as often as its weight says, as in the peer's slots. */
  waysTo(remote: string): readonly Way[];
  flood(network: number): FloodRow | null;
  /** Time until which a replica budget is used up; 0: never used. */
  spentUntilSeconds(scope: "port" | "network", id: number): number;
}

export function portTablesOf(
  rows: readonly Row[],
  waysByRemote: ReadonlyMap<string, readonly Way[]>,
): PortTables {
  const settings = { hashSeed: 0, vxlanPort: 0 };
  const attached = new Map<string, AttachRow>();
  const sources = new Map<number, IpPrefix[]>();
  const fdb = new Map<string, Station>();
  const ports = new Map<number, number>();
  const groups = new Map<number, readonly GroupMember[]>();
  const peers = new Map<number, Endpoint>();
  const floods = new Map<number, FloodRow>();
  for (const row of rows) {
    if (row.table === "settings") Object.assign(settings, row);
    else if (row.table === "attach") attached.set(row.interface, row);
    else if (row.table === "source") {
      const prefix = parsePrefix(row.prefix);
      invariant(prefix !== null, `a row has no prefix: ${row.prefix}`);
      sources.set(row.port, [...(sources.get(row.port) ?? []), prefix]);
    } else if (row.table === "fdb")
      fdb.set(`${row.network} ${row.mac}`, { ...row, freshUntilSeconds: null });
    else if (row.table === "port") ports.set(row.port, row.network);
    else if (row.table === "group") groups.set(row.group, row.members);
    else if (row.table === "peer") peers.set(row.peer, row);
    else if (row.table === "multicast") peers.set(row.peer, { ...row, remote: row.group });
    else if (row.table === "flood") floods.set(row.network, row);
  }
  return {
    ...settings,
    attach: (interfaceName: string) => attached.get(interfaceName) ?? null,
    isSource: (port: number, address: IpAddress) =>
      sources.get(port)?.some((prefix) => contains(prefix, address)) ?? false,
    fdb: (network: number, mac: string) => fdb.get(`${network} ${mac}`) ?? null,
    networkOfPort: (port: number) => ports.get(port) ?? null,
    group: (id: number) => groups.get(id) ?? [],
    peer: (id: number) => peers.get(id) ?? null,
    waysTo: (remote: string) => waysByRemote.get(remote) ?? [],
    flood: (network: number) => floods.get(network) ?? null,
    spentUntilSeconds: () => 0,
  };
}
