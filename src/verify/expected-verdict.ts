/**
 * What must become of a frame that a port sends, read from its host's compiled rows: the forwarding step only.
 * Leaves out: the guards on what a port may send (a probe keeps to them) and budgets.
 */
import { invariant } from "../base/result.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import type { FdbRow, FloodRow, PortRow, Row, VniInRow } from "../rows/rows.ts";

/** One host's rows, by what a frame is looked up with. */
export interface HostTables {
  readonly portsByName: ReadonlyMap<string, PortRow>;
  /** By `network mac`. */
  readonly fdbByMac: ReadonlyMap<string, FdbRow>;
  readonly floodByNetwork: ReadonlyMap<number, FloodRow>;
  /** One way in which each network arrives here. */
  readonly tunnelByNetwork: ReadonlyMap<number, VniInRow>;
  /** Networks that learn where MACs are: what the rows do not say of one, the wire may have. */
  readonly learns: ReadonlySet<number>;
  /** Ids of ports whose frames to unknown MACs are dropped. */
  readonly dropsUnknown: ReadonlySet<number>;
}

export function hostTables(rows: readonly Row[]): HostTables {
  const portsByName = new Map<string, PortRow>();
  const fdbByMac = new Map<string, FdbRow>();
  const floodByNetwork = new Map<number, FloodRow>();
  const tunnelByNetwork = new Map<number, VniInRow>();
  const learns = new Set<number>();
  const dropsUnknown = new Set<number>();
  for (const row of rows) {
    if (row.table === "port") portsByName.set(`${row.tenant}/${row.name}`, row);
    else if (row.table === "fdb") fdbByMac.set(`${row.network} ${row.mac}`, row);
    else if (row.table === "flood") floodByNetwork.set(row.network, row);
    else if (row.table === "vni_in") {
      tunnelByNetwork.set(row.network, row);
      if (row.learning) learns.add(row.network);
    } else if (row.table === "attach" && row.unknownUnicast === "drop") dropsUnknown.add(row.port);
  }
  return { portsByName, fdbByMac, floodByNetwork, tunnelByNetwork, learns, dropsUnknown };
}

/** The verdicts that a sound frame from port `source` ("tenant/name", of this host) to `destinationMac` may get. */
export function expectedVerdicts(
  tables: HostTables,
  source: string,
  destinationMac: string,
): readonly VerdictName[] {
  const port = tables.portsByName.get(source);
  invariant(port !== undefined, `${source} is not a port of this host`);
  const isGroup = (Number.parseInt(destinationMac.slice(0, 2), 16) & 1) === 1;
  const known = isGroup
    ? undefined
    : tables.fdbByMac.get(`${port.network} ${destinationMac.toLowerCase()}`);
  if (known === undefined) {
    const unknown =
      !isGroup && tables.dropsUnknown.has(port.port)
        ? "unknown-unicast"
        : floodVerdict(tables.floodByNetwork.get(port.network), port.port);
    return !isGroup && tables.learns.has(port.network) ? [unknown, "encapsulated"] : [unknown];
  }
  if (known.kind === "drop") return ["fdb-drop"];
  if (known.kind === "group") return ["encapsulated"];
  return [known.target === port.port ? "hairpin" : "delivered"];
}

function floodVerdict(flood: FloodRow | undefined, sender: number): VerdictName {
  const others = flood?.local.some((port: number) => port !== sender) ?? false;
  const remote = flood?.lists.some((list) => list.members.length > 0) ?? false;
  return others || remote ? "flooded" : "no-receiver";
}
