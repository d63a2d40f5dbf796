import assert from "node:assert/strict";
import { test } from "node:test";
import { interfaceIndex } from "../../src/kernel/libc.ts";
import { routeTo } from "../../src/kernel/routes.ts";
import {
  address,
  eventually,
  inside,
  ip,
  ipJson,
  joined,
  must,
  namespace,
  netlink,
} from "./scratch.ts";

test("on the link, through a gateway, and to ourselves; both families; as ip route get says", (t) => {
  const [a] = joined(t);
  ip(
    a,
    "route add 203.0.113.0/24 via 198.51.100.2 mtu 1300",
    "route add 2001:db8:9::/48 via 2001:db8:1::2 mtu 1290 src 2001:db8:1::1",
    "address add 192.0.2.9/32 dev lo",
  );
  const on = netlink(t, a);
  const v0 = inside(a, () => interfaceIndex("v0"));
  const got = (to: string) => must(routeTo(on, address(to)));
  const link = { local: false, oif: v0 };
  const hop = { oif: v0, weight: 1, usable: true };
  assert.deepEqual(got("198.51.100.77"), {
    ...{ ...link, gateway: null, source: "198.51.100.1", mtu: null },
    nexthops: [{ ...hop, gateway: null }],
  });
  assert.deepEqual(got("203.0.113.5"), {
    ...{ ...link, gateway: "198.51.100.2", source: "198.51.100.1", mtu: 1300 },
    nexthops: [{ ...hop, gateway: "198.51.100.2" }],
  });
  assert.deepEqual(got("2001:db8:9::5"), {
    ...{ ...link, gateway: "2001:db8:1::2", source: "2001:db8:1::1", mtu: 1290 },
    nexthops: [{ ...hop, gateway: "2001:db8:1::2" }],
  });
  assert.equal(got("192.0.2.9")?.local, true);
  for (const to of ["198.51.100.77", "203.0.113.5", "2001:db8:9::5"]) {
    const [row] = ipJson(a, "route", "get", to);
    const path = got(to);
    assert.deepEqual([path?.gateway, path?.source], [row?.gateway ?? null, row?.prefsrc]);
  }
});

test("a multipath route shows every next hop with its weight, and which are usable", async (t) => {
  const [a, b] = joined(t);
  ip(
    a,
    `link add w0 type veth peer name w1 netns ${b}`,
    "link set w0 up",
    "address add 198.18.0.1/24 dev w0",
  );
  ip(b, "link set w1 up");
  ip(
    a,
    "route add 203.0.113.0/24 nexthop via 198.51.100.2 weight 3 nexthop via 198.18.0.2 weight 5",
    "route add 198.19.0.0/24 nexthop via inet6 2001:db8:1::2 dev v0 weight 2 nexthop via 198.18.0.2",
    "route add 2001:db8:9::/48 nexthop via 2001:db8:1::2 weight 7 nexthop via 2001:db8:1::3",
  );
  const on = netlink(t, a);
  const [v0, w0] = inside(a, () => [interfaceIndex("v0"), interfaceIndex("w0")]);
  const hops = (to: string) => must(routeTo(on, address(to)))?.nexthops;
  assert.deepEqual(hops("203.0.113.5"), [
    { oif: v0, gateway: "198.51.100.2", weight: 3, usable: true },
    { oif: w0, gateway: "198.18.0.2", weight: 5, usable: true },
  ]);
  assert.deepEqual(hops("198.19.0.5"), [
    { oif: v0, gateway: "2001:db8:1::2", weight: 2, usable: true },
    { oif: w0, gateway: "198.18.0.2", weight: 1, usable: true },
  ]);
  assert.deepEqual(hops("2001:db8:9::5"), [
    { oif: v0, gateway: "2001:db8:1::2", weight: 7, usable: true },
    { oif: v0, gateway: "2001:db8:1::3", weight: 1, usable: true },
  ]);
  ip(b, "link set w1 down");
  // The kernel may take a second to act on a lost carrier.
  const usable = () => hops("203.0.113.5")?.map((hop) => hop.usable);
  await eventually("a next hop down", () => usable()?.includes(false));
  assert.deepEqual(usable(), [true, false]);
});

test("next hops of a nexthop object are those of its group", (t) => {
  const [a] = joined(t);
  ip(
    a,
    "nexthop add id 1 via 198.51.100.2 dev v0",
    "nexthop add id 2 via 198.51.100.3 dev v0",
    "nexthop add id 10 group 1,4/2,9",
    "route add 203.0.113.0/24 nhid 10",
  );
  assert.deepEqual(
    must(routeTo(netlink(t, a), address("203.0.113.5")))?.nexthops.map((n) => [
      n.gateway,
      n.weight,
    ]),
    [
      ["198.51.100.2", 4],
      ["198.51.100.3", 9],
    ],
  );
});

test("a path MTU that the kernel has learned is the path's", (t) => {
  const [a] = joined(t);
  ip(a, "route add 203.0.113.7 via 198.51.100.2 mtu lock 1234");
  assert.equal(must(routeTo(netlink(t, a), address("203.0.113.7")))?.mtu, 1234);
});

test("no route, and routes that forbid, are null", (t) => {
  const [a] = joined(t);
  ip(
    a,
    "route add blackhole 203.0.113.0/28",
    "route add unreachable 203.0.113.16/28",
    "route add prohibit 203.0.113.32/28",
    "route add blackhole 2001:db8:9::/48",
    "route add unreachable 2001:db8:a::/48",
    "route add prohibit 2001:db8:b::/48",
  );
  const on = netlink(t, a);
  for (const to of [
    ...["203.0.113.1", "203.0.113.17", "203.0.113.33", "192.0.2.1"],
    ...["2001:db8:9::1", "2001:db8:a::1", "2001:db8:b::1", "2001:db8:c::1"],
  ])
    assert.equal(must(routeTo(on, address(to))), null, to);
  assert.equal(must(routeTo(netlink(t, namespace(t)), address("192.0.2.1"))), null);
});
