/**
 * What must become of a frame that a port sends, read from its host's compiled rows: the forwarding step only.
 * Leaves out: the guards on what a port may send (a probe keeps to them), answers in others' place (a probe asks nobody) and budgets.
 */
import { contains, type IpPrefix, parseIp, parsePrefix } from "../base/ip.ts";
import { invariant, unreachable } from "../base/result.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import type {
  AttachRow,
  Destination,
  FdbRow,
  FloodRow,
  PortRow,
  RouteRow,
  Row,
  VniInRow,
} from "../rows/rows.ts";

interface Route {
  readonly prefix: IpPrefix;
  readonly row: RouteRow;
}

/** One host's rows, by what a frame is looked up with. */
export interface HostTables {
  readonly portsByName: ReadonlyMap<string, PortRow>;
  readonly attachByPort: ReadonlyMap<number, AttachRow>;
  /** By `network mac`. */
  readonly fdbByMac: ReadonlyMap<string, FdbRow>;
  readonly floodByNetwork: ReadonlyMap<number, FloodRow>;
  /** One way in which each network, or router, arrives here. */
  readonly tunnelByNetwork: ReadonlyMap<number, VniInRow>;
  /** By `space address`. */
  readonly hostsByAddress: ReadonlyMap<string, Destination>;
  /** Longest prefix first. */
  readonly routesBySpace: ReadonlyMap<number, readonly Route[]>;
  readonly gatewayMac: string | null;
  readonly routerMac: string | null;
}

export function hostTables(rows: readonly Row[]): HostTables {
  const portsByName = new Map<string, PortRow>();
  const attachByPort = new Map<number, AttachRow>();
  const fdbByMac = new Map<string, FdbRow>();
  const floodByNetwork = new Map<number, FloodRow>();
  const tunnelByNetwork = new Map<number, VniInRow>();
  const hostsByAddress = new Map<string, Destination>();
  const routes: Route[] = [];
  let macs: Pick<HostTables, "gatewayMac" | "routerMac"> = { gatewayMac: null, routerMac: null };
  for (const row of rows) {
    if (row.table === "port") portsByName.set(`${row.tenant}/${row.name}`, row);
    else if (row.table === "attach") attachByPort.set(row.port, row);
    else if (row.table === "fdb") fdbByMac.set(`${row.network} ${row.mac}`, row);
    else if (row.table === "flood") floodByNetwork.set(row.network, row);
    else if (row.table === "vni_in") tunnelByNetwork.set(row.network, row);
    else if (row.table === "host") hostsByAddress.set(`${row.space} ${row.address}`, row);
    else if (row.table === "route") routes.push(routeOf(row));
    else if (row.table === "settings") macs = row;
  }
  const routesBySpace = Map.groupBy(
    routes.toSorted((a: Route, b: Route) => b.prefix.bits - a.prefix.bits),
    ({ row }: Route) => row.space,
  );
  return {
    portsByName,
    attachByPort,
    fdbByMac,
    floodByNetwork,
    tunnelByNetwork,
    hostsByAddress,
    routesBySpace,
    gatewayMac: macs.gatewayMac,
    routerMac: macs.routerMac,
  };
}

function routeOf(row: RouteRow): Route {
  const prefix = parsePrefix(row.prefix);
  invariant(prefix !== null, `${row.prefix} is no prefix`);
  return { prefix, row };
}

/** A sound frame, as far as its way depends on it. */
export interface Sent {
  readonly destinationMac: string;
  /** Of its IP packet; null: it has none, or it is not asked for. */
  readonly destination: string | null;
}

/** The verdicts that a frame from port `source` ("tenant/name", of this host) may get. */
export function expectedVerdicts(
  tables: HostTables,
  source: string,
  sent: Sent,
): readonly VerdictName[] {
  const port = tables.portsByName.get(source);
  const attach = port && tables.attachByPort.get(port.port);
  invariant(attach !== undefined, `${source} is not a port of this host`);
  const mac = sent.destinationMac.toLowerCase();
  return attach.routed && mac === tables.gatewayMac
    ? routed(tables, attach, sent.destination)
    : switched(tables, attach, mac);
}

function switched(tables: HostTables, attach: AttachRow, mac: string): readonly VerdictName[] {
  const { port, network } = attach;
  const isGroup = (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
  const known = isGroup ? undefined : tables.fdbByMac.get(`${network} ${mac}`);
  if (known === undefined) {
    const unknown =
      !isGroup && attach.unknownUnicast === "drop"
        ? "unknown-unicast"
        : floodVerdict(tables.floodByNetwork.get(network), port);
    // What the rows do not say of a network that learns, the wire may have.
    const learns = tables.tunnelByNetwork.get(network)?.learning ?? null;
    return !isGroup && learns !== null ? [unknown, "encapsulated"] : [unknown];
  }
  if (known.kind === "drop") return ["fdb-drop"];
  if (known.kind === "group") return ["encapsulated"];
  return [known.target === port ? "hairpin" : "delivered"];
}

function floodVerdict(flood: FloodRow | undefined, sender: number): VerdictName {
  const others = flood?.local.some((port: number) => port !== sender) ?? false;
  const remote = flood?.lists.some((list) => list.members.length > 0) ?? false;
  return others || remote ? "flooded" : "no-receiver";
}

function routed(
  tables: HostTables,
  attach: AttachRow,
  destination: string | null,
): readonly VerdictName[] {
  const found = destination === null ? null : placeOf(tables, attach.space, destination);
  if (found === null) return ["no-route"];
  switch (found.kind) {
    case "port":
      return ["delivered"];
    case "group":
      return ["encapsulated"];
    case "drop":
      return ["blackhole"];
    case "gateway":
      return ["answered", "gateway-closed"];
    case "glean":
      return ["punted", "punt-limited"];
    default:
      return unreachable(found.kind);
  }
}

/** The address itself, else the longest prefix around it. */
function placeOf(tables: HostTables, space: number, destination: string): Destination | null {
  const exact = tables.hostsByAddress.get(`${space} ${destination}`);
  if (exact) return exact;
  const ip = parseIp(destination);
  invariant(ip !== null, `${destination} is no address`);
  const routes = tables.routesBySpace.get(space) ?? [];
  return routes.find(({ prefix }: Route) => contains(prefix, ip))?.row ?? null;
}
