import assert from "node:assert/strict";
import { test } from "node:test";
import { joinGroup, leaveGroup, readAddresses } from "../../src/kernel/addresses.ts";
import { address, ip, ipJson, joined, must, netlink } from "./scratch.ts";

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
      autojoin: false,
    })),
  );
  const key = (x: unknown): string => JSON.stringify(x);
  const got = must(readAddresses(netlink(t, a)));
  // Who added an address, this ip does not say.
  const seen = got.map(({ protocol: _, ...rest }) => rest);
  assert.deepEqual(seen.map(key).sort(), want.map(key).sort());
  assert.ok(got.some(({ address, usable }) => address === "2001:db8:1::1" && usable));
  assert.ok(got.some(({ address, bits }) => address === "203.0.113.1" && bits === 32));
});

test("an address whose duplicate detection runs is not usable", (t) => {
  const [a] = joined(t);
  ip(a, "address add 2001:db8:1::77/64 dev v0");
  const got = must(readAddresses(netlink(t, a))).find((x) => x.address === "2001:db8:1::77");
  assert.equal(got?.usable, false);
});

test("joins groups of both families for as long as they stand among the addresses", (t) => {
  const [a] = joined(t);
  const on = netlink(t, a);
  const index = ipJson(a, "link", "show", "v0")[0]?.ifindex;
  assert.ok(typeof index === "number");
  const joinedGroups = (): readonly unknown[] =>
    ipJson(a, "maddress", "show", "dev", "v0")
      .flatMap((row) => (Array.isArray(row.maddr) ? row.maddr : []))
      .map((row) => row.address)
      .filter((group) => /^239|^ff15/.test(String(group)));
  for (const text of ["239.1.10.5", "ff15::8000:3ed"]) {
    const group = { index, group: address(text), protocol: 0x77 };
    must(joinGroup(on, group));
    must(joinGroup(on, group));
    assert.deepEqual(joinedGroups(), [text]);
    const [held] = must(readAddresses(on)).filter((one) => one.autojoin);
    assert.deepEqual(
      [held?.address, held?.protocol, held?.bits],
      [text, 0x77, text.includes(":") ? 128 : 32],
    );
    must(leaveGroup(on, group));
    must(leaveGroup(on, group));
    assert.deepEqual(joinedGroups(), []);
  }
});
