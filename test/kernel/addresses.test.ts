import assert from "node:assert/strict";
import { test } from "node:test";
import { readAddresses } from "../../src/kernel/addresses.ts";
import { ip, ipJson, joined, must, netlink } from "./scratch.ts";

test("reads addresses as ip does", (t) => {
  const [a] = joined(t);
  ip(a, "address add 203.0.113.1 peer 203.0.113.2/32 dev v0", "address add 203.0.113.9/32 dev lo");
  const want = ipJson(a, "address", "show").flatMap((link) =>
    (Array.isArray(link.addr_info) ? link.addr_info : []).map((row) => ({
      index: link.ifindex,
      address: row.local,
      bits: row.prefixlen,
      scope: row.scope,
      usable: row.tentative === undefined,
    })),
  );
  const key = (x: unknown): string => JSON.stringify(x);
  const got = must(readAddresses(netlink(t, a)));
  assert.deepEqual(got.map(key).sort(), want.map(key).sort());
  assert.ok(got.some(({ address, usable }) => address === "2001:db8:1::1" && usable));
  assert.ok(got.some(({ address, bits }) => address === "203.0.113.1" && bits === 32));
});

test("an address whose duplicate detection runs is not usable", (t) => {
  const [a] = joined(t);
  ip(a, "address add 2001:db8:1::77/64 dev v0");
  const got = must(readAddresses(netlink(t, a))).find((x) => x.address === "2001:db8:1::77");
  assert.equal(got?.usable, false);
});
