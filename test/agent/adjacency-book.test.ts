/** Adjacency ids: kept while in use, over restarts, and not given again soon. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdjacencyBook } from "../../src/agent/adjacency-book.ts";
import { type Entries, keyText } from "../../src/agent/entries.ts";
import type { NextHop } from "../../src/agent/facts.ts";
import { mappedOctets, parseIp } from "../../src/base/ip.ts";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";

const hop = (oif: number, address: string, mac: string | null = null): NextHop => ({
  oif,
  address,
  smac: "02:00:00:00:00:01",
  l2Octets: 14,
  mac,
  fresh: mac !== null,
  interface: `up${oif}`,
  weight: 1,
  state: mac === null ? "unresolved" : "up",
});

function entries(
  ...rows: readonly (readonly [id: number, oif: number, address: string])[]
): Entries {
  const made: Entries = new Map();
  for (const [id, oif, address] of rows) {
    const ip = parseIp(address);
    assert.ok(ip);
    const key = Uint8Array.of(id & 0xff, id >> 8, 0, 0);
    const row = pack("adjacencyRow", {
      oif,
      family: ip.family === "ipv4" ? 4 : 6,
      l2Octets: 14,
      dmac: Uint8Array.of(2, 0, 0, 0, 0, 9),
      smac: new Uint8Array(6),
      nextHop: mappedOctets(ip),
      freshUntilNs: 1n,
    });
    made.set(keyText(key), { key, row });
  }
  return made;
}

test("one next hop, one id, on each interface", () => {
  const book = new AdjacencyBook();
  const one = book.take(hop(2, "192.0.2.1"));
  assert.equal(book.take(hop(2, "192.0.2.1")).id, one.id);
  assert.notEqual(book.take(hop(3, "192.0.2.1")).id, one.id);
  assert.notEqual(book.take(hop(2, "192.0.2.2")).id, one.id);
  assert.ok(book.has(2, "192.0.2.1") && !book.has(4, "192.0.2.1"));
});

test("octets once known are kept while the neighbour is not resolved", () => {
  const book = new AdjacencyBook();
  book.take(hop(2, "192.0.2.1", "02:00:00:00:00:07"));
  assert.deepEqual([...(book.take(hop(2, "192.0.2.1")).mac ?? [])], [2, 0, 0, 0, 0, 7]);
});

test("the pinned table says what each id means", () => {
  const book = AdjacencyBook.of(entries([5, 2, "192.0.2.1"], [9, 2, "2001:db8::1"]));
  assert.equal(book.take(hop(2, "192.0.2.1")).id, 5);
  assert.equal(book.take(hop(2, "2001:db8::1")).id, 9);
  assert.deepEqual([...(book.take(hop(2, "192.0.2.1")).mac ?? [])], [2, 0, 0, 0, 0, 9]);
  assert.equal(book.take(hop(2, "192.0.2.7")).id, 10);
});

test("an id that is let go is the last to be given again, and all can be in use", () => {
  const book = new AdjacencyBook();
  const first = book.take(hop(2, "192.0.2.1"));
  assert.deepEqual(book.retain(entries()), [first]);
  assert.ok(!book.has(2, "192.0.2.1"));
  const given = new Set<number>();
  for (let oif = 10; given.size < LIMIT.ADJACENCIES_MAX - 1; oif++) {
    assert.ok(!given.has(first.id), "it was given before the others");
    given.add(book.take(hop(oif, "192.0.2.1")).id);
  }
  assert.ok(given.has(first.id) && !given.has(0));
  assert.throws(() => book.take(hop(1, "192.0.2.1")), /no adjacency id left/);
});
