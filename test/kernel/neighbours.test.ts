import assert from "node:assert/strict";
import { test } from "node:test";
import { interfaceIndex } from "../../src/kernel/libc.ts";
import { manageNeighbour, readNeighbours, unmanageNeighbour } from "../../src/kernel/neighbours.ts";
import { address, eventually, inside, ip, ipJson, joined, must, netlink } from "./scratch.ts";

test("reads neighbours as ip does", (t) => {
  const [a] = joined(t);
  ip(
    a,
    "neighbour add 198.51.100.9 dev v0 lladdr 02:00:00:00:00:09",
    "neighbour add 198.51.100.10 dev v0 lladdr 02:00:00:00:00:10 nud stale",
    "neighbour add 2001:db8:1::9 dev v0 lladdr 02:00:00:00:00:09 nud noarp router",
    "neighbour add 198.51.100.11 dev v0 managed",
  );
  const names = ["none", "incomplete", "failed"];
  const want = ["-4", "-6"].flatMap((family) =>
    ipJson(a, family, "neighbour", "show", "nud", "all").map((row) => ({
      address: row.dst,
      mac: row.lladdr ?? null,
      state: Array.isArray(row.state) ? String(row.state[0]).toLowerCase() : "none",
      router: "router" in row,
      managed: "managed" in row,
    })),
  );
  const got = must(readNeighbours(netlink(t, a))).map(({ index: _, ...rest }) => rest);
  const key = (x: unknown): string => JSON.stringify(x);
  // What is being resolved may move on between the two looks.
  const settled = (x: { readonly state: string }): boolean => !names.includes(x.state);
  assert.deepEqual(got.filter(settled).map(key).sort(), want.filter(settled).map(key).sort());
  assert.ok(got.some((n) => n.address === "198.51.100.11" && n.managed));
  assert.ok(got.some((n) => n.address === "2001:db8:1::9" && n.router));
});

test("of one device only", (t) => {
  const [a] = joined(t);
  ip(
    a,
    "link add w0 type veth peer name w1",
    "link set w0 up",
    "neighbour add 198.51.100.9 dev v0 lladdr 02:00:00:00:00:09",
    "neighbour add 198.51.100.8 dev w0 lladdr 02:00:00:00:00:08",
  );
  const w0 = inside(a, () => interfaceIndex("w0"));
  const got = must(readNeighbours(netlink(t, a), w0));
  assert.deepEqual([...new Set(got.map((n) => n.index))], [w0]);
  assert.ok(got.some((n) => n.address === "198.51.100.8"));
});

for (const to of ["198.51.100.2", "2001:db8:1::2"])
  test(`managed, ${to} becomes reachable with its MAC and stays so when repeated`, async (t) => {
    const [a] = joined(t);
    const on = netlink(t, a);
    const v0 = inside(a, () => interfaceIndex("v0"));
    const found = () => must(readNeighbours(on, v0)).find((n) => n.address === to);
    must(manageNeighbour(on, v0, address(to)));
    await eventually("reachable", () => found()?.state === "reachable");
    const want = { index: v0, address: to, mac: "02:00:00:00:0a:02", state: "reachable" };
    assert.deepEqual({ ...found(), router: null }, { ...want, managed: true, router: null });
    must(manageNeighbour(on, v0, address(to)));
    assert.deepEqual({ ...found(), router: null }, { ...want, managed: true, router: null });
    must(unmanageNeighbour(on, v0, address(to)));
    assert.deepEqual([found()?.managed, found()?.mac], [false, "02:00:00:00:0a:02"]);
    must(unmanageNeighbour(on, v0, address(to)));
  });

test("an entry that someone made permanent is taken over, and released again", async (t) => {
  const [a] = joined(t);
  ip(a, "neighbour add 198.51.100.2 dev v0 lladdr 02:00:00:00:00:99");
  const on = netlink(t, a);
  const v0 = inside(a, () => interfaceIndex("v0"));
  must(manageNeighbour(on, v0, address("198.51.100.2")));
  const found = () => must(readNeighbours(on, v0)).find((n) => n.address === "198.51.100.2");
  assert.deepEqual([found()?.managed, found()?.state === "permanent"], [true, false]);
});

test("releasing what is not there succeeds; managing on no device names the object", (t) => {
  const [a] = joined(t);
  const on = netlink(t, a);
  const v0 = inside(a, () => interfaceIndex("v0"));
  must(unmanageNeighbour(on, v0, address("198.51.100.50")));
  must(unmanageNeighbour(on, 4242, address("198.51.100.50")));
  assert.equal(
    must(readNeighbours(on)).some((n) => n.address === "198.51.100.50"),
    false,
  );
  const got = manageNeighbour(on, 4242, address("198.51.100.50"));
  assert.ok(!got.ok);
  assert.deepEqual(
    [got.error.operation, got.error.object, got.error.name],
    ["manage neighbour", "198.51.100.50 on device 4242", "ENODEV"],
  );
});
