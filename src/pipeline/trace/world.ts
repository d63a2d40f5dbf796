/** The hosts of an intent as a trace needs them: their tables, who has which tunnel address, and where each port is. */
import type { PortRow, Row, UplinkRow } from "../../rows/rows.ts";
import type { Way } from "../host-tables.ts";
import { type PortTables, portTablesOf } from "../port-tables.ts";
import { type UnderlayTables, underlayTablesOf } from "../underlay-tables.ts";

export interface TraceHost {
  readonly name: string;
  readonly ports: PortTables;
  readonly underlay: UnderlayTables;
  readonly portsById: ReadonlyMap<number, PortRow>;
  readonly uplinks: readonly Pick<UplinkRow, "interface" | "mtu">[];
}

export interface World {
  /** Null: not weft's to program. */
  hostOf(name: string): TraceHost | null;
  /** Of all hosts, by tunnel address. */
  readonly namesByVtep: ReadonlyMap<string, string>;
}

/** `rowsOf` is asked only for hosts that frames come to, once each; null: not weft's to program. */
export function worldOf(
  namesByVtep: ReadonlyMap<string, string>,
  rowsOf: (name: string) => readonly Row[] | null,
): World {
  const hosts = new Map<string, TraceHost | null>();
  return {
    namesByVtep,
    hostOf: (name: string): TraceHost | null => {
      const known = hosts.get(name);
      if (known !== undefined) return known;
      const rows = rowsOf(name);
      const host = rows && compiledHost(name, rows);
      hosts.set(name, host);
      return host;
    },
  };
}

/** Which way a host's kernel goes to a peer, no row says: one that is up, over addresses that do not matter. */
const SOME_WAY: Way = { sourceMac: "00:00:00:00:00:00", mac: "00:00:00:00:00:00", isFresh: true };

function compiledHost(name: string, rows: readonly Row[]): TraceHost {
  const ways = new Map<string, readonly Way[]>();
  const portsById = new Map<number, PortRow>();
  const uplinks: UplinkRow[] = [];
  for (const row of rows) {
    if (row.table === "peer") ways.set(row.remote, [SOME_WAY]);
    else if (row.table === "multicast") ways.set(row.group, [SOME_WAY]);
    else if (row.table === "port") portsById.set(row.port, row);
    else if (row.table === "uplink") uplinks.push(row);
  }
  const [ports, underlay] = [portTablesOf(rows, ways), underlayTablesOf(rows, ways)];
  return { name, ports, underlay, portsById, uplinks };
}

export const portNameOf = ({ portsById }: TraceHost, port: number): string | null => {
  const row = portsById.get(port);
  return row ? `${row.tenant}/${row.name}` : null;
};
