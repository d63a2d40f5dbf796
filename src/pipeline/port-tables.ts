/**
 * What a host knows of those behind its ports and of where they send: the lookups of datapath/from-port.bpf.c, answered
 * from the host's compiled rows and from the ways to its peers, which rows do not know.
 */
import { contains, type IpAddress, type IpPrefix, parsePrefix } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import type { AttachRow, FloodRow, Row } from "../rows/rows.ts";
import { type HostTables, hostTablesOf, type WaysByRemote } from "./host-tables.ts";

/** Null: no row. */
export interface PortTables extends HostTables {
  attach(interfaceName: string): AttachRow | null;
  /** Whether a source row of the port covers the address. */
  isSource(port: number, address: IpAddress): boolean;
  flood(network: number): FloodRow | null;
}

export function portTablesOf(rows: readonly Row[], waysByRemote: WaysByRemote): PortTables {
  const attached = new Map<string, AttachRow>();
  const sources = new Map<number, IpPrefix[]>();
  const floods = new Map<number, FloodRow>();
  for (const row of rows) {
    if (row.table === "attach") attached.set(row.interface, row);
    else if (row.table === "source") {
      const prefix = parsePrefix(row.prefix);
      invariant(prefix !== null, `a row has no prefix: ${row.prefix}`);
      sources.set(row.port, [...(sources.get(row.port) ?? []), prefix]);
    } else if (row.table === "flood") floods.set(row.network, row);
  }
  return {
    ...hostTablesOf(rows, waysByRemote),
    attach: (interfaceName: string) => attached.get(interfaceName) ?? null,
    isSource: (port: number, address: IpAddress) =>
      sources.get(port)?.some((prefix) => contains(prefix, address)) ?? false,
    flood: (network: number) => floods.get(network) ?? null,
  };
}
