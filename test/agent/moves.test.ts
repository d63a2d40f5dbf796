/** Which entries are marked when an endpoint leaves this host, how long, and what takes the mark off. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Entries, keyText, type TableName } from "../../src/agent/entries.ts";
import { STRAGGLERS_NS, withMoves } from "../../src/agent/moves.ts";
import { FDB_FLAG, ROUTE_FLAG, TARGET_KIND } from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";

const [PORT, GROUP, DROP] = [
  TARGET_KIND.TARGET_PORT,
  TARGET_KIND.TARGET_GROUP,
  TARGET_KIND.TARGET_DROP,
];
/** After half a year: more nanoseconds than a double has integers. */
const NOW = 15_552_000_000_000_001n;
const UNTIL = NOW + STRAGGLERS_NS;
const mac = Uint8Array.of(2, 0, 0, 0, 0, 1);

type Row = (kind: number, target: number, until?: bigint) => Uint8Array;

const cases: Readonly<Record<"fdb" | "host", { readonly key: Uint8Array; readonly row: Row }>> = {
  fdb: {
    key: pack("fdbKey", { network: 7, mac }),
    row: (kind, target, until) =>
      pack("fdbRow", {
        ...{ kind, target },
        ...(until === undefined ? {} : { flags: FDB_FLAG.FDB_MOVED, freshUntilNs: until }),
      }),
  },
  host: {
    key: pack("hostKey", { space: 7, address: new Uint8Array(16).fill(1) }),
    row: (kind, target, until) =>
      pack("routeRow", {
        ...{ kind, target, network: 7, mac, mtu: 1450 },
        flags: ROUTE_FLAG.ROUTE_BY_ROUTER | (until === undefined ? 0 : ROUTE_FLAG.ROUTE_MOVED),
        freshUntilNs: until ?? 0n,
      }),
  },
};

for (const table of ["fdb", "host"] as const)
  describe(table, () => {
    const { key, row } = cases[table];

    /** What is written when `want` is to be where `have` is. */
    const written = (have: Uint8Array | null, want: Uint8Array): readonly Uint8Array[] => {
      const there: Entries = new Map(have ? [[keyText(key), { key, row: have }]] : []);
      const change = { set: [{ key, row: want }], remove: [key] };
      const { set, remove } = withMoves(table, change, there, NOW);
      assert.deepEqual(remove, [key], "what goes, goes");
      return set.map((entry) => entry.row);
    };

    test("from a port of ours to another host: marked, for a while", () =>
      assert.deepEqual(written(row(PORT, 3), row(GROUP, 3)), [row(GROUP, 3, UNTIL)]));

    test("what does not leave is written as it is", () => {
      for (const [have, want] of [
        [null, row(GROUP, 1)],
        [null, row(PORT, 1)],
        [row(GROUP, 1), row(GROUP, 2)],
        [row(GROUP, 1), row(PORT, 1)],
        [row(PORT, 1), row(PORT, 2)],
        [row(PORT, 1), row(DROP, 0)],
        [row(DROP, 0), row(GROUP, 1)],
        [row(GROUP, 1, UNTIL), row(PORT, 1)],
      ] as const)
        assert.deepEqual(written(have, want), [want]);
    });

    test("a mark stays until its time, then it is taken off", () => {
      assert.deepEqual(written(row(GROUP, 3, NOW + 100n), row(GROUP, 3)), []);
      assert.deepEqual(written(row(GROUP, 3, NOW), row(GROUP, 3)), [row(GROUP, 3)]);
    });

    test("who goes on to a third host meanwhile is marked anew", () =>
      assert.deepEqual(written(row(GROUP, 3, NOW + 100n), row(GROUP, 4)), [row(GROUP, 4, UNTIL)]));
  });

test("other tables know no moves", () => {
  const [key, row] = [new Uint8Array(4), pack("portRow", { ifindex: 1 })];
  const tables: readonly TableName[] = ["port", "group", "route"];
  for (const table of tables) {
    const change = { set: [{ key, row }], remove: [] };
    assert.equal(withMoves(table, change, new Map(), NOW), change);
  }
});
