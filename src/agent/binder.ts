/**
 * What a host's tables should hold, kept part by part: a part is bound again (bind.ts) when its rows are others, when
 * an interface of its ports comes, goes or is another, or when one of its ports begins or ends to be traced. The
 * host's own part, which the routes and neighbours of its peers are in, is bound every time.
 */
import { OWN_PART } from "../intent/host-parts.ts";
import type { PortRow, Row, RowParts } from "../rows/rows.ts";
import type { Link } from "../wire/netlink/link.ts";
import { type BindInput, type Bound, bind } from "./bind.ts";
import {
  emptyTables,
  entriesOf,
  TABLES,
  type TableName,
  type Tables,
  type Touched,
} from "./entries.ts";
import type { HostFacts } from "./facts.ts";
import type { FloodLists, Floods } from "./floods.ts";
import type { Path } from "./paths.ts";

/** Which entries a part has, to be taken out again. */
interface BoundPart {
  readonly keys: readonly (readonly [TableName, string])[];
  readonly networks: readonly number[];
}

interface PlacedPort {
  readonly part: string;
  readonly row: PortRow;
}

export interface BinderInput extends Omit<BindInput, "rows"> {
  readonly parts: RowParts;
  /** Those that are not as they were the last time; null: any. */
  readonly changed: ReadonlySet<string> | null;
}

export class Binder {
  readonly #tables: Tables = emptyTables();
  readonly #floods = new Map<number, FloodLists>();
  readonly #bound = new Map<string, BoundPart>();
  readonly #portsByInterface = new Map<string, PlacedPort>();
  readonly #interfacesByPart = new Map<string, readonly string[]>();
  readonly #partsByPort = new Map<number, string>();
  /** Of the ports' interfaces that were there the last time: what bind reads of them. */
  #marks: ReadonlyMap<string, string> = new Map();
  #traced: ReadonlySet<number> = new Set();
  #paths: readonly Path[] = [];

  get tables(): Tables {
    return this.#tables;
  }

  get floods(): Floods {
    return this.#floods;
  }

  /** To the host's peers. */
  get paths(): readonly Path[] {
    return this.#paths;
  }

  /** Ports whose interface is there: `tenant/name`. */
  get presentPorts(): readonly string[] {
    const rows = [...this.#marks.keys()].flatMap(
      (name) => this.#portsByInterface.get(name)?.row ?? [],
    );
    return rows.map((row) => `${row.tenant}/${row.name}`);
  }

  /** Ports whose interface is there. */
  portsAmong(links: Iterable<Link>): readonly PortRow[] {
    const present: PortRow[] = [];
    for (const { name } of links) {
      const port = this.#portsByInterface.get(name);
      if (port) present.push(port.row);
    }
    return present;
  }

  /** What is wanted now; the entries that may be others than before. */
  bind(input: BinderInput): Touched {
    const { parts } = input;
    const rebound = new Set(input.changed ?? [...this.#bound.keys(), ...parts.keys()]);
    this.#placePorts(rebound, parts);
    for (const part of this.#partsOfOtherLinks(input.facts)) rebound.add(part);
    for (const part of this.#partsOfOtherTraces(input.traced)) rebound.add(part);
    rebound.add(OWN_PART);
    const touched = {
      keysByTable: new Map(TABLES.map((table) => [table, new Set<string>()])),
      networks: new Set<number>(),
    };
    // What is wanted of peers goes on from what was wanted, whatever the kernel's table says meanwhile.
    const isFirst = this.#bound.size === 0;
    const peersBefore = isFirst ? input.peersBefore : new Map(entriesOf(this.#tables, "peer"));
    for (const part of rebound) this.#takeOut(part, touched);
    for (const part of rebound) {
      const rows = parts.get(part);
      if (rows) this.#putIn(part, bind({ ...input, rows, peersBefore }), touched);
    }
    return touched;
  }

  /** First all that go, then all that come: an interface may go from one network to another. */
  #placePorts(changed: ReadonlySet<string>, parts: RowParts): void {
    for (const part of changed) {
      for (const name of this.#interfacesByPart.get(part) ?? []) {
        const port = this.#portsByInterface.get(name);
        if (port) this.#partsByPort.delete(port.row.port);
        this.#portsByInterface.delete(name);
      }
      this.#interfacesByPart.delete(part);
    }
    for (const part of changed) {
      const ports = (parts.get(part) ?? []).filter((row: Row) => row.table === "port");
      for (const row of ports) {
        this.#portsByInterface.set(row.interface, { part, row });
        this.#partsByPort.set(row.port, part);
      }
      const names = ports.map((row) => row.interface);
      if (names.length > 0) this.#interfacesByPart.set(part, names);
    }
  }

  #partsOfOtherLinks({ linksByName }: HostFacts): readonly string[] {
    const marks = new Map<string, string>();
    for (const { name, index, kind, lowerNamespace } of linksByName.values())
      if (this.#portsByInterface.has(name)) marks.set(name, `${index} ${kind} ${lowerNamespace}`);
    const names = [...marks.keys(), ...this.#marks.keys()];
    const others = names.filter((name) => marks.get(name) !== this.#marks.get(name));
    this.#marks = marks;
    return others.flatMap((name) => this.#portsByInterface.get(name)?.part ?? []);
  }

  #partsOfOtherTraces(traced: ReadonlySet<number>): readonly string[] {
    const before = this.#traced;
    this.#traced = new Set(traced);
    const others = [...traced, ...before].filter((port) => !traced.has(port) || !before.has(port));
    return others.flatMap((port) => this.#partsByPort.get(port) ?? []);
  }

  #takeOut(part: string, touched: MutableTouched): void {
    const { keys, networks } = this.#bound.get(part) ?? { keys: [], networks: [] };
    for (const [table, key] of keys) {
      entriesOf(this.#tables, table).delete(key);
      touched.keysByTable.get(table)?.add(key);
    }
    for (const network of networks) {
      this.#floods.delete(network);
      touched.networks.add(network);
    }
    this.#bound.delete(part);
  }

  #putIn(part: string, bound: Bound, touched: MutableTouched): void {
    const keys: (readonly [TableName, string])[] = [];
    for (const [table, entries] of bound.tables)
      for (const [key, entry] of entries) {
        entriesOf(this.#tables, table).set(key, entry);
        touched.keysByTable.get(table)?.add(key);
        keys.push([table, key]);
      }
    for (const [network, lists] of bound.floods) {
      this.#floods.set(network, lists);
      touched.networks.add(network);
    }
    this.#bound.set(part, { keys, networks: [...bound.floods.keys()] });
    if (part === OWN_PART) this.#paths = bound.paths;
  }
}

interface MutableTouched {
  readonly keysByTable: ReadonlyMap<TableName, Set<string>>;
  readonly networks: Set<number>;
}
