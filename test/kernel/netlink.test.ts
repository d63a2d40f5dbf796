import assert from "node:assert/strict";
import { test } from "node:test";
import { interfaceIndex } from "../../src/kernel/libc.ts";
import { readLink, readLinks } from "../../src/kernel/links.ts";
import { manageNeighbour, readNeighbours } from "../../src/kernel/neighbours.ts";
import { NetlinkSocket, type SocketEvent } from "../../src/kernel/netlink.ts";
import { waitReadable } from "../../src/kernel/wait.ts";
import { address, eventually, inside, ip, joined, must, namespace, netlink } from "./scratch.ts";

test("a socket stays in the namespace that made it", (t) => {
  const [a] = joined(t);
  const there = netlink(t, a);
  const here = must(NetlinkSocket.open());
  t.after(() => here.close());
  assert.ok(must(readLink(there, "v0")));
  assert.equal(must(readLink(here, "v0")), null);
});

test("a dump of more than one datagram is read whole", (t) => {
  const name = namespace(t);
  const pairs = Array.from({ length: 60 }, (_, i) => `link add p${i} type veth peer name q${i}`);
  ip(name, ...pairs);
  const links = must(readLinks(netlink(t, name)));
  assert.equal(links.length, 121);
  assert.equal(new Set(links.map((l) => l.name)).size, 121);
});

test("a subscriber hears of links, addresses, routes and neighbours, and of nothing else", async (t) => {
  const [a] = joined(t);
  const hears = netlink(t, a, { groups: ["link", "address", "route", "neighbour"] });
  const v0 = inside(a, () => interfaceIndex("v0"));
  assert.deepEqual(hears.events(), []);
  const heard: SocketEvent[] = [];
  const hear = async (what: string, is: (event: SocketEvent) => boolean): Promise<void> => {
    await eventually(what, () => {
      heard.push(...hears.events());
      return heard.some(is);
    });
  };

  ip(a, "route add 203.0.113.0/24 via 198.51.100.2");
  await hear(
    "a new route",
    (e) => e.on === "route" && !e.gone && e.route.destination === "203.0.113.0",
  );
  must(manageNeighbour(netlink(t, a), v0, address("198.51.100.2")));
  await hear(
    "a resolved neighbour",
    (e) =>
      e.on === "neighbour" &&
      !e.gone &&
      e.neighbour.mac === "02:00:00:00:0a:02" &&
      e.neighbour.state === "reachable" &&
      e.neighbour.managed,
  );
  ip(a, "address add 198.51.100.7/24 dev v0");
  await hear(
    "a new address",
    (e) => e.on === "address" && !e.gone && e.address.address === "198.51.100.7",
  );
  ip(a, "address delete 198.51.100.7/24 dev v0");
  await hear(
    "an address gone",
    (e) => e.on === "address" && e.gone && e.address.address === "198.51.100.7",
  );
  ip(a, "link set v0 down");
  await hear("a link down", (e) => e.on === "link" && !e.gone && e.link.index === v0 && !e.link.up);
  await hear(
    "a neighbour gone with it",
    (e) => e.on === "neighbour" && e.gone && e.neighbour.address === "198.51.100.2",
  );
  // IPv4 routes that go with their device go without a word: the link's event must be enough.
  ip(a, "link delete v0");
  await hear("a link gone", (e) => e.on === "link" && e.gone && e.link.index === v0);
  assert.ok(heard.every((e) => e.on !== "overflow" && e.on !== "malformed"));
});

test("a port that leaves its bridge is not a link gone", async (t) => {
  const [a] = joined(t);
  ip(a, "link add br0 type bridge", "link set v0 master br0");
  const hears = netlink(t, a, { groups: ["link"] });
  ip(a, "link set v0 nomaster");
  const heard = await eventually("events", () => {
    const events = hears.events();
    return events.length > 0 && events;
  });
  assert.deepEqual(
    heard.filter((e) => e.on !== "link" || e.gone),
    [],
  );
});

test("a subscriber is readable when there is something, through waitReadable", async (t) => {
  const [a] = joined(t);
  const hears = netlink(t, a, { groups: ["link"] });
  assert.deepEqual(await waitReadable([hears.fd], 20), []);
  const waiting = waitReadable([hears.fd], 5000);
  ip(a, "link set v0 mtu 1400");
  assert.deepEqual(await waiting, [hears.fd]);
  assert.ok(hears.events().some((e) => e.on === "link" && e.link.mtu === 1400));
  assert.deepEqual(await waitReadable([hears.fd], 20), []);
});

test("lost messages are told once, and it goes on from there", (t) => {
  const [a] = joined(t);
  const hears = netlink(t, a, { groups: ["link"], receiveBufferOctets: 4096 });
  ip(a, ...Array.from({ length: 64 }, (_, i) => `link set v0 mtu ${1300 + i}`));
  const events = hears.events();
  assert.equal(events.filter((e) => e.on === "overflow").length, 1);
  assert.ok(events.length < 64);
  assert.deepEqual(hears.events(), []);
  ip(a, "link set v0 mtu 1500");
  assert.ok(hears.events().some((e) => e.on === "link" && e.link.mtu === 1500));
});

test("a subscribed socket can ask, and keeps what it heard meanwhile", (t) => {
  const [a] = joined(t);
  const both = netlink(t, a, { groups: ["link", "neighbour"] });
  ip(a, "link set v0 mtu 1400");
  assert.ok(must(readLinks(both)).some((l) => l.name === "v0" && l.mtu === 1400));
  must(readNeighbours(both));
  assert.ok(both.events().some((e) => e.on === "link" && e.link.mtu === 1400));
});

test("a closed socket's descriptor is closed, once", () => {
  const socket = must(NetlinkSocket.open());
  socket.close();
  const next = must(NetlinkSocket.open());
  assert.equal(next.fd, socket.fd);
  socket.close();
  assert.equal(must(readLink(next, "lo"))?.index, 1);
  next.close();
  assert.throws(() => next.events(), /closed/);
});
