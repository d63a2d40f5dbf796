/** Bound part by part, as things change: the same tables as bound at once, and every difference is pointed at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AdjacencyBook } from "../../src/agent/adjacency-book.ts";
import { bind } from "../../src/agent/bind.ts";
import { Binder } from "../../src/agent/binder.ts";
import {
  diffEntries,
  emptyTables,
  entriesOf,
  TABLES,
  type Tables,
} from "../../src/agent/entries.ts";
import type { HostFacts, NextHop } from "../../src/agent/facts.ts";
import { compileIntent } from "../../src/intent/compile.ts";
import { HostRows } from "../../src/intent/host-parts.ts";
import { SoundIntent } from "../../src/intent/sound-intent.ts";
import { emptyIdBook, type RowParts } from "../../src/rows/rows.ts";
import type { Link } from "../../src/wire/netlink/link.ts";
import { documentText, fileOf } from "../intent/texts.ts";

const PORTS = 6;

/** Which network each port is in, if it is there; all ports of h1 have the interface of their number. */
type Placing = readonly (number | null)[];

function partsOf(placing: Placing): RowParts {
  const { intent, errors } = compileIntent([
    fileOf([
      documentText("Fabric", "f", "{}"),
      documentText("Tenant", "a", "{}"),
      ...[1, 2].map((n) =>
        documentText("Host", `h${n}`, `{uplinks: [{interface: up0}], vteps: [192.0.2.${n}]}`),
      ),
      ...[0, 1, 2].map((n) => documentText("Network", `a/n${n}`, `{vni: ${5000 + n}}`)),
      ...placing.flatMap((network, n) =>
        network === null
          ? []
          : [1, 2].map((host) =>
              documentText(
                "Port",
                `a/p${n}-${host}`,
                `{network: n${network}, host: h${host}, interface: w${n}, mac: '02:00:00:00:0${host}:0${n}'}`,
              ),
            ),
      ),
    ]),
  ]);
  assert.equal(errors, 0);
  const [fabric] = intent.fabrics.values();
  const self = intent.hosts.get("h1");
  assert.ok(fabric && self);
  const rows = new HostRows("h1", emptyIdBook);
  rows.replace(fabric, self, new SoundIntent(intent).overlay);
  return rows.parts;
}

const linkOf = (n: number, index: number): Link => ({
  index,
  name: `w${n}`,
  hardware: 1,
  mac: "02:00:00:00:00:01",
  mtu: 1500,
  up: true,
  arp: false,
  operstate: "up",
  carrier: true,
  promiscuity: 0,
  kind: "veth",
  master: null,
  lower: null,
  lowerNamespace: null,
  addressGeneration: null,
  vxlan: null,
});

/** `mac` 0 of the second: its link is down. */
const hopOf = (oif: number, mac: number): NextHop => ({
  oif,
  interface: `up${oif}`,
  address: "192.0.2.2",
  smac: "02:00:00:00:ff:01",
  l2Octets: 14,
  mac: `02:00:00:00:ff:${mac + 10}`,
  fresh: true,
  weight: oif,
  state: oif === 3 && mac === 0 ? "link-down" : "up",
});

interface Situation {
  readonly placing: Placing;
  /** By port: its interface's number; null: it is not there. */
  readonly indexes: readonly (number | null)[];
  readonly traced: readonly number[];
  readonly mac: number;
  /** The parts that are different are told apart from the others. */
  readonly told: boolean;
}

const each = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<readonly (T | null)[]> =>
  fc.array(fc.option(value, { nil: null }), { minLength: PORTS, maxLength: PORTS });

/** Few placings, so that often something else changes. */
const situations = fc
  .array(each(fc.integer({ min: 0, max: 2 })), { minLength: 1, maxLength: 2 })
  .chain((placings) =>
    fc.array(situationOf(fc.constantFrom(...placings)), { minLength: 2, maxLength: 6 }),
  );

const situationOf = (placing: fc.Arbitrary<Placing>): fc.Arbitrary<Situation> =>
  fc.record({
    placing,
    indexes: each(fc.integer({ min: 10, max: 13 })),
    traced: fc.subarray([1, 2, 3]),
    mac: fc.integer({ min: 0, max: 2 }),
    told: fc.boolean(),
  });

function factsOf({ indexes, mac }: Situation): HostFacts {
  const links = indexes.flatMap((index, n) => (index === null ? [] : linkOf(n, index * 10 + n)));
  return {
    linksByName: new Map(links.map((link) => [link.name, link])),
    routesByRemote: new Map([
      ["192.0.2.2", { nextHops: [hopOf(2, mac), hopOf(3, mac)], mtu: null }],
    ]),
    refusals: [],
  };
}

/** Parts of `now` that are not the same in `before`. */
function changed(before: RowParts, now: RowParts): ReadonlySet<string> {
  const keys = new Set([...before.keys(), ...now.keys()]);
  const text = (parts: RowParts, key: string): string => JSON.stringify(parts.get(key) ?? null);
  return new Set([...keys].filter((key) => text(before, key) !== text(now, key)));
}

const differences = (a: Tables, b: Tables): number =>
  TABLES.reduce((sum, table) => {
    const { set, remove } = diffEntries(entriesOf(a, table), entriesOf(b, table));
    return sum + set.length + remove.length;
  }, 0);

test("part by part as at once", () => {
  let moved = 0;
  fc.assert(
    fc.property(situations, (steps) => {
      const [binder, adjacencies] = [new Binder(), new AdjacencyBook()];
      const kernel = emptyTables();
      let parts: RowParts = new Map();
      for (const [i, now] of steps.entries()) {
        const before = parts;
        parts = partsOf(now.placing);
        const [facts, traced] = [factsOf(now), new Set(now.traced)];
        const shared = { facts, adjacencies, traced, freshUntilNs: 1n };
        const different = i > 0 && now.told ? changed(before, parts) : null;
        const peersBefore = new Map(entriesOf(binder.tables, "peer"));
        const touched = binder.bind({ parts, changed: different, ...shared, peersBefore });
        const whole = bind({ rows: [...parts.values()].flat(), ...shared, peersBefore });
        assert.equal(differences(whole.tables, binder.tables), 0);
        assert.deepEqual(
          [...binder.floods].sort(([a], [b]) => a - b),
          [...whole.floods].sort(([a], [b]) => a - b),
        );
        for (const table of TABLES)
          for (const key of touched.keysByTable.get(table) ?? []) {
            const entry = entriesOf(whole.tables, table).get(key);
            if (entry) entriesOf(kernel, table).set(key, entry);
            else entriesOf(kernel, table).delete(key);
          }
        assert.equal(differences(whole.tables, kernel), 0, "something is not pointed at");
        const there = now.placing.flatMap((network, n) =>
          network !== null && now.indexes[n] !== null ? [`a/p${n}-1`] : [],
        );
        assert.deepEqual([...binder.presentPorts].sort(), there);
        if (different !== null && different.size > 0) moved++;
      }
    }),
    { numRuns: 150 },
  );
  assert.ok(moved > 15, `only ${moved} changes were told part by part`);
});

test("nothing new: the host's own entries are pointed at, and no others", () => {
  const binder = new Binder();
  const here: Situation = {
    placing: [0, 0, 1, null, null, 2],
    indexes: [10, 11, 12, null, null, 13],
    traced: [],
    mac: 0,
    told: true,
  };
  const parts = partsOf(here.placing);
  const input = {
    parts,
    facts: factsOf(here),
    adjacencies: new AdjacencyBook(),
    peersBefore: new Map(),
    traced: new Set<number>(),
    freshUntilNs: 1n,
  };
  binder.bind({ ...input, changed: null });
  const pointed = (changedParts: readonly string[]): object => {
    const touched = binder.bind({ ...input, changed: new Set(changedParts) });
    return Object.fromEntries(
      [...touched.keysByTable].flatMap(([table, keys]) =>
        keys.size > 0 ? [[table, keys.size]] : [],
      ),
    );
  };
  const own = { settings: 1, vtep: 1, adjacency: 2, peer: 1, peer_in: 1 };
  assert.deepEqual(pointed([]), own);
  const network = { group: 1, port: 1, admit: 1, source: 1, fdb: 2, vni_in: 1, attach: 1 };
  assert.deepEqual(pointed(["a/n1"]), { ...own, ...network });
});
