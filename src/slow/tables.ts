/** What answering takes of a host's rows: its gateways' addresses, and the ways back to those who asked. */
import { parseIp } from "../base/ip.ts";
import { parseMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import type { Row } from "../rows/rows.ts";

export interface SlowTables {
  /** Of the fabric's gateways, and of this host's routers; null: there are none. */
  readonly gatewayMac: Uint8Array | null;
  readonly routerMac: Uint8Array | null;
  /** Addresses of the router on this network, of both families. */
  gatewaysOfNetwork(network: number): readonly Uint8Array[];
  /** Of all networks of an address space. */
  gatewaysOfSpace(space: number): readonly Uint8Array[];
  /** Next-hop group to a peer on a network; null: nothing is sent to him there. */
  groupTo(peer: number, network: number): number | null;
  /** Of a peer's routers; null: he has none, or is not ours. */
  routerMacOf(peer: number): Uint8Array | null;
}

export function slowTablesOf(rows: Iterable<Row>): SlowTables {
  const macs: { gateway: Uint8Array | null; router: Uint8Array | null } = {
    gateway: null,
    router: null,
  };
  const byNetwork = new Map<number, readonly Uint8Array[]>();
  const bySpace = new Map<number, Uint8Array[]>();
  const groups = new Map<string, number>();
  const routerMacs = new Map<number, Uint8Array>();
  for (const row of rows) {
    if (row.table === "settings") {
      macs.gateway = row.gatewayMac === null ? null : macIn(row.gatewayMac);
      macs.router = row.routerMac === null ? null : macIn(row.routerMac);
    } else if (row.table === "gateway")
      byNetwork.set(
        row.network,
        [row.ipv4, row.ipv6].flatMap((text) => (text === null ? [] : [addressIn(text)])),
      );
    else if (row.table === "host" && row.kind === "gateway")
      bySpace.set(row.space, [...(bySpace.get(row.space) ?? []), addressIn(row.address)]);
    else if (row.table === "admit" && row.group !== null)
      groups.set(`${row.peer} ${row.network}`, row.group);
    else if (row.table === "peer" && row.routerMac !== null)
      routerMacs.set(row.peer, macIn(row.routerMac));
  }
  return {
    gatewayMac: macs.gateway,
    routerMac: macs.router,
    gatewaysOfNetwork: (network: number) => byNetwork.get(network) ?? [],
    gatewaysOfSpace: (space: number) => bySpace.get(space) ?? [],
    groupTo: (peer: number, network: number) => groups.get(`${peer} ${network}`) ?? null,
    routerMacOf: (peer: number) => routerMacs.get(peer) ?? null,
  };
}

function macIn(text: string): Uint8Array {
  const mac = parseMac(text);
  invariant(mac !== null, `a row has no MAC: ${text}`);
  return mac;
}

function addressIn(text: string): Uint8Array {
  const ip = parseIp(text);
  invariant(ip !== null, `a row has no address: ${text}`);
  return ip.octets;
}
