/** The order of rows: by table, then by key, so that equal intent gives equal octets. */
import { mappedOctets, parseIp, parsePrefix } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { compareOctets, compareText } from "../base/text.ts";
import type { Row } from "./rows.ts";

/** Tables in the order of `Row`. */
const TABLES: readonly Row["table"][] = [
  "settings",
  "uplink",
  "vtep",
  "peer",
  "peer_in",
  "multicast",
  "admit",
  "vni_in",
  "port",
  "attach",
  "source",
  "group",
  "fdb",
  "flood",
  "host",
  "route",
  "space",
  "gateway",
  "standby",
  "discovery",
];

/** Parts of a key, most significant first. */
type Key = readonly (number | string | Uint8Array)[];

export function sortRows(rows: readonly Row[]): readonly Row[] {
  return rows
    .map((row) => ({ row, rank: TABLES.indexOf(row.table), key: keyOf(row) }))
    .sort((a, b) => a.rank - b.rank || compareKeys(a.key, b.key))
    .map(({ row }) => row);
}

function keyOf(row: Row): Key {
  switch (row.table) {
    case "settings":
      return [];
    case "uplink":
      return [row.interface];
    case "vtep":
      return [addressOctets(row.address)];
    case "peer":
      return [row.peer];
    case "peer_in":
      return [addressOctets(row.address)];
    case "multicast":
      return [row.peer];
    case "admit":
      return [row.peer, row.network];
    case "vni_in":
      return [addressOctets(row.vtep), row.vni, row.encapsulation];
    case "port":
      return [row.port];
    case "attach":
      return [row.interface, row.vid ?? -1];
    case "source":
      return [row.port, ...prefixKey(row.prefix)];
    case "group":
      return [row.group];
    case "fdb":
      return [row.network, parseMac(row.mac) ?? new Uint8Array(0)];
    case "flood":
      return [row.network];
    case "host":
      return [row.space, addressOctets(row.address)];
    case "route":
      return [row.space, ...prefixKey(row.prefix)];
    case "space":
      return [row.space];
    case "gateway":
    case "standby":
    case "discovery":
      return [row.network];
  }
}

function prefixKey(text: string): Key {
  const prefix = parsePrefix(text);
  return prefix ? [mappedOctets(prefix), prefix.bits] : [new Uint8Array(0), 0];
}

function addressOctets(text: string): Uint8Array {
  const ip = parseIp(text);
  return ip ? mappedOctets(ip) : new Uint8Array(0);
}

function compareKeys(a: Key, b: Key): number {
  for (const [i, part] of a.entries()) {
    const difference = compareParts(part, b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

function compareParts(a: Key[number], b: Key[number]): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareOctets(a, b);
  return compareText(String(a), String(b));
}
