/**
 * Table entries of the datapath as octets: what there should be, what there is, and the writes between.
 * Pure. Flood lists are apart (floods.ts) because a list changes as one.
 */

import { FDB_FLAG, ROUTE_FLAG } from "../rows/abi.generated.ts";
import { integerOf } from "../rows/pack.ts";

/** The tables that are written entry by entry, in the order in which additions are safe: what is pointed at first. */
export const TABLES = [
  "settings",
  "vtep",
  "adjacency",
  "peer",
  "group",
  "port",
  "admit",
  "peer_in",
  "source",
  "fdb",
  "gateway",
  "host",
  "route",
  "space",
  "vni_in",
  "attach",
] as const;

export type TableName = (typeof TABLES)[number];

export interface Entry {
  readonly key: Uint8Array;
  readonly row: Uint8Array;
}

/** Entries of one table by their key's octets as a Latin-1 string. */
export type Entries = Map<string, Entry>;

export type Tables = ReadonlyMap<TableName, Entries>;

/** Octets as a Map key: one character an octet. */
export const keyText = (key: Uint8Array): string => Buffer.from(key).toString("latin1");

/** The key of an array, and an id at the front of a key: a u32. */
export const indexOf = (key: Uint8Array): number =>
  new DataView(key.buffer, key.byteOffset).getUint32(0, true);

export function emptyTables(): Tables {
  return new Map(TABLES.map((table) => [table, new Map<string, Entry>()]));
}

export function entriesOf(tables: Tables, table: TableName): Entries {
  return tables.get(table) ?? new Map<string, Entry>();
}

/**
 * Whether an entry of `table` was found out and not declared, by the datapath (fdb) or by the agent's endpoints (host):
 * no reconciliation writes it, removes it, or calls it drift.
 */
export function isLearned(table: TableName, row: Uint8Array): boolean {
  if (table === "fdb") return (integerOf("fdbRow", row, "flags") & FDB_FLAG.FDB_LEARNED) !== 0;
  return (
    table === "host" && (integerOf("routeRow", row, "flags") & ROUTE_FLAG.ROUTE_DISCOVERED) !== 0
  );
}

export interface TableChange {
  readonly set: readonly Entry[];
  readonly remove: readonly Uint8Array[];
}

/** Keys of entries that may be otherwise than before: by table their texts, of flood lists their networks. */
export interface Touched {
  readonly keysByTable: ReadonlyMap<TableName, ReadonlySet<string>>;
  readonly networks: ReadonlySet<number>;
}

/** The writes that turn `have` into `want`, of the entries with these keys. */
export function diffTouched(
  want: Entries,
  have: Entries,
  keys: ReadonlySet<string> | undefined,
): TableChange {
  const set: Entry[] = [];
  const remove: Uint8Array[] = [];
  for (const key of keys ?? []) {
    const [wanted, there] = [want.get(key), have.get(key)];
    if (wanted && !(there && sameEntry(wanted, there))) set.push(wanted);
    else if (!wanted && there) remove.push(there.key);
  }
  return { set, remove };
}

const sameEntry = (a: Entry, b: Entry): boolean => a === b || Buffer.compare(a.row, b.row) === 0;

/** The writes that turn `have` into `want`. */
export function diffEntries(want: Entries, have: Entries): TableChange {
  const set: Entry[] = [];
  const remove: Uint8Array[] = [];
  for (const [key, entry] of want) {
    const there = have.get(key);
    if (!there || !sameEntry(there, entry)) set.push(entry);
  }
  for (const [key, entry] of have) if (!want.has(key)) remove.push(entry.key);
  return { set, remove };
}
