/** Rows as text: one JSON object a line, keys in the order of rows.ts with `table` first. */
import type { Row } from "./rows.ts";

/**
 * Every key of a row of each table, and of what it holds, in order: JSON.stringify writes what is listed, in the
 * order of the list, at every depth.
 */
const keysByTable: Readonly<Record<Row["table"], readonly string[]>> = {
  settings: ["hashSeed", "vxlanPort", "gatewayMac", "routerMac"],
  uplink: ["interface", "mtu"],
  vtep: ["address", "shared"],
  peer: ["peer", "host", "family", "local", "remote", "mtu", "routerMac"],
  peer_in: ["address", "peer"],
  multicast: ["peer", "group", "family", "local", "interface", "mtu", "shared"],
  admit: ["peer", "network", "dscpKeep", "group", "learns"],
  vni_in: [
    "vtep",
    "encapsulation",
    "vni",
    "network",
    "mtu",
    "dscp",
    "unknownUnicast",
    "learning",
    "ageSeconds",
    "macsMax",
    "isRouter",
    "isGateway",
    "mssClamp",
    "space",
    "owner",
  ],
  port: ["port", "tenant", "name", "networkName", "network", "interface", "attachment", "mtu"],
  attach: [
    "interface",
    "vid",
    "port",
    "network",
    "mac",
    "mtu",
    "ipv4",
    "ipv6",
    "anyIpv4",
    "anyIpv6",
    "sources",
    "unknownUnicast",
    "dscp",
    "tenantTunnels",
    "bumPps",
    "routed",
    "unknownNeighbours",
    "discovers",
    "mssClamp",
    "space",
    "owner",
  ],
  source: ["port", "prefix"],
  group: ["group", "members", "peer", "vni", "encapsulation", "weight"],
  fdb: ["network", "mac", "kind", "target"],
  flood: [
    "network",
    "local",
    "lists",
    "bumPps",
    "encapsulation",
    "family",
    "members",
    "peer",
    "vni",
  ],
  host: ["space", "address", "kind", "target", "network", "mac", "byRouter", "mtu"],
  route: ["space", "prefix", "kind", "target", "network", "mac", "byRouter", "mtu"],
  space: ["space", "ipv4Lengths", "ipv6Lengths"],
  gateway: ["network", "ipv4", "ipv6"],
  discovery: ["network", "ageSeconds"],
  standby: ["network", "candidates", "host", "address", "self"],
};

/** One row, without the newline. */
export function renderRow(row: Row): string {
  return JSON.stringify(row, ["table", ...keysByTable[row.table]]);
}

/** NDJSON: a line a row, each with its newline. */
export function renderRows(rows: readonly Row[]): string {
  return rows.map((row) => `${renderRow(row)}\n`).join("");
}
