/** Workloads reserve room for outer headers, where the port is ours to arrange. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually, Fabric, isUp } from "./fabric.ts";
import { headroomOf } from "./link-headroom.ts";

/** Ethernet, IPv6, UDP, VXLAN: the most that the datapath writes in front of a frame. */
const OUTER_OCTETS = 14 + 40 + 8 + 8;

const masterOf = (fabric: Fabric, port: string): string | undefined =>
  fabric.link("h1", port)?.master;

test("a workload reserves room for the outer headers, and no longer than it is one", async (t) => {
  const fabric = Fabric.make(t);
  assert.equal(headroomOf(fabric, "a1"), 0);
  await fabric.start("h1").ready();
  await eventually(() => assert.ok(headroomOf(fabric, "a1") >= OUTER_OCTETS));
  for (const name of ["weft-room", "weft-room-vx"]) {
    const link = fabric.link("h1", name);
    assert.ok(link && !isUp(link), `${name} is not there, or up`);
  }
  fabric.drop(fabric.document("Port", "p1", "a"));
  fabric.write();
  await eventually(() => assert.equal(masterOf(fabric, "port-a"), undefined));
  assert.equal(headroomOf(fabric, "a1"), 0);
  assert.equal(masterOf(fabric, "port-b"), "weft-room");
});

test("a port under somebody else's bridge stays there, and works", async (t) => {
  const fabric = Fabric.make(t);
  fabric.ip("h1", "link add br-theirs type bridge");
  fabric.ip("h1", "link set port-a master br-theirs");
  const agents = [fabric.start("h1"), fabric.start("h2")];
  for (const agent of agents) await agent.ready();
  await eventually(() => assert.equal(masterOf(fabric, "port-b"), "weft-room"));
  assert.equal(masterOf(fabric, "port-a"), "br-theirs");
  await eventually(() => assert.ok(fabric.pings("a1", 2) && fabric.pings("b1", 2)));
});
