/** Peers' rows from routes: who is used, who stands in for whom, and what is told of it. Adjacency ids are in order. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdjacencyBook } from "../../src/agent/adjacency-book.ts";
import { type Entries, indexOf, keyText, type TableName } from "../../src/agent/entries.ts";
import type { NextHop, NextHopState } from "../../src/agent/facts.ts";
import { bindPeers, type Path, unreachableHosts } from "../../src/agent/paths.ts";
import { underlayStatus } from "../../src/agent/underlay.ts";
import { formatIp, fromMapped } from "../../src/base/ip.ts";
import { integerOf, integersOf, octetsOf } from "../../src/rows/pack.ts";
import type { PeerRow } from "../../src/rows/rows.ts";

const hop = (n: number, state: NextHopState): NextHop => ({
  ...{ oif: n, interface: `up${n}`, address: `10.0.${n}.1`, smac: "02:00:00:00:00:01" },
  ...{ l2Octets: 14, mac: state === "up" ? `02:00:00:00:01:0${n}` : null, fresh: state === "up" },
  ...{ weight: 1, state },
});

const peer = (id: number, host: string, remote: string): PeerRow => ({
  ...{ table: "peer", peer: id, host, family: "ipv4", remote, local: `192.0.2.10${id}` },
  ...{ mtu: 1500, routerMac: null },
});

interface Rows {
  readonly paths: readonly Path[];
  /** By peer: outer addresses, and slots by adjacency id. */
  readonly peers: Readonly<Record<number, readonly unknown[]>>;
  /** Ids with a row. */
  readonly adjacencies: readonly number[];
  readonly entries: Entries;
}

function bound(
  rows: readonly PeerRow[],
  hops: Readonly<Record<string, readonly NextHop[]>>,
  book: AdjacencyBook = new AdjacencyBook(),
  peersBefore: Entries = new Map(),
): Rows {
  const written = new Map<TableName, Entries>([
    ["peer", new Map()],
    ["adjacency", new Map()],
  ]);
  const routes = Object.entries(hops).map(
    ([to, nextHops]) => [to, { nextHops, mtu: null }] as const,
  );
  const paths = bindPeers(
    rows,
    {
      facts: { routesByRemote: new Map(routes) },
      adjacencies: book,
      peersBefore,
      freshUntilNs: 9n,
    },
    (table, key, row) => written.get(table)?.set(keyText(key), { key, row }),
  );
  const entries = written.get("peer") ?? new Map();
  const text = (row: Uint8Array, field: "local" | "remote"): string =>
    formatIp(fromMapped(octetsOf("peerRow", row, field)));
  return {
    paths,
    peers: Object.fromEntries(
      [...entries.values()].map(({ key, row }) => {
        const slots = integersOf("peerRow", row, "adjacency");
        const used = slots.slice(0, integerOf("peerRow", row, "adjacencies"));
        const counts = [...Map.groupBy(used, (id) => id)].map(([id, at]) => [id, at.length]);
        return [
          indexOf(key),
          [text(row, "local"), text(row, "remote"), Object.fromEntries(counts)],
        ];
      }),
    ),
    adjacencies: [...(written.get("adjacency")?.values() ?? [])].map(({ key }) => indexOf(key)),
    entries,
  };
}

const FAR = "198.51.100.1";
const FURTHER = "198.51.100.2";

test("those that are up are used; without any, those that may still answer; never one without a link", () => {
  const slotsOf = (...states: readonly NextHopState[]): unknown => {
    const { peers, adjacencies } = bound([peer(1, "h2", FAR)], {
      [FAR]: states.map((state, i) => hop(i + 1, state)),
    });
    const there = states.flatMap((state, i) => (state === "link-gone" ? [] : i + 1));
    assert.equal(adjacencies.length, there.length, "each that is there has its row, used or not");
    return peers[1]?.[2];
  };
  assert.deepEqual(slotsOf("up", "up"), { 1: 8, 2: 8 });
  assert.deepEqual(slotsOf("up", "failed"), { 1: 16 });
  assert.deepEqual(slotsOf("unresolved", "up"), { 2: 16 });
  assert.deepEqual(slotsOf("failed", "unresolved", "link-down"), { 1: 8, 2: 7 });
  assert.deepEqual(slotsOf("link-down", "link-gone"), {});
  assert.deepEqual(slotsOf(), {});
});

test("what was before is read from the rows, whichever next hop comes first now", () => {
  const book = new AdjacencyBook();
  const rows = [peer(1, "h2", FAR)];
  const before = bound(rows, { [FAR]: [hop(1, "up"), hop(2, "up")] }, book);
  const after = bound(rows, { [FAR]: [hop(2, "up"), hop(1, "up")] }, book, before.entries);
  assert.deepEqual([...after.entries], [...before.entries]);
});

test("an address without a way is replaced by another of the host, and by nobody else's", () => {
  const rows = [peer(1, "h2", FAR), peer(2, "h2", FURTHER), peer(3, "h3", "198.51.100.3")];
  const { peers, paths } = bound(rows, { [FAR]: [hop(1, "up")], [FURTHER]: [hop(2, "failed")] });
  assert.deepEqual(peers, {
    1: ["192.0.2.101", FAR, { 1: 1 }],
    2: ["192.0.2.101", FAR, { 1: 1 }],
    3: ["192.0.2.103", "198.51.100.3", {}],
  });
  assert.deepEqual(
    paths.map(({ instead }) => instead),
    [null, FAR, null],
  );
  assert.deepEqual(unreachableHosts(paths), ["h3"]);
});

test("status tells each path, and each lost next hop once with all hosts that miss it", () => {
  const { paths } = bound([peer(1, "h3", FAR), peer(2, "h2", FURTHER)], {
    [FAR]: [hop(1, "up"), hop(2, "link-down")],
    [FURTHER]: [hop(1, "up"), hop(2, "link-down")],
  });
  const status = underlayStatus(
    paths,
    [1, 2].map((n) => ({ table: "uplink", interface: `up${n}`, mtu: 1500 })),
    new Map(),
  );
  assert.deepEqual(status.uplinks, [
    { interface: "up1", state: "missing", mtu: null },
    { interface: "up2", state: "missing", mtu: null },
  ]);
  assert.deepEqual(status.lost, [
    { interface: "up2", address: "10.0.2.1", state: "link-down", hosts: ["h2", "h3"] },
  ]);
  assert.deepEqual(
    status.paths.map(({ host, width, routeWidth, mtu }) => [host, width, routeWidth, mtu]),
    [
      ["h3", 1, 2, null],
      ["h2", 1, 2, null],
    ],
  );
});
