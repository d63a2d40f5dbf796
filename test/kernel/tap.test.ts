/** A tap is a device whose other end is this process, and ends with it. Needs root. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PacketSocket } from "../../src/kernel/packet-socket.ts";
import { Tap } from "../../src/kernel/tap.ts";
import { waitReadable } from "../../src/kernel/wait.ts";
import { ethernet, filler, hex } from "../datapath/frame.ts";
import { inside, ip, ipJson, must, namespace } from "./scratch.ts";

const frame = ethernet({ to: "02:00:00:00:00:02", from: "02:00:00:00:00:01" }, 0x88b5, filler(60));

test("what the host sends is read, what is written arrives, and nothing is left", async (t) => {
  const space = namespace(t);
  const tap = must(inside(space, () => Tap.open("tap7")));
  ip(space, "link set tap7 addrgenmode none arp off up");
  const socket = must(inside(space, () => PacketSocket.open("tap7")));
  t.after(() => socket.close());
  assert.equal(must(tap.receive()), null);
  assert.ok(socket.send(frame).ok);
  assert.deepEqual(await waitReadable([tap.fd], 5000), [tap.fd]);
  assert.equal(hex(must(tap.receive()) ?? new Uint8Array(0)), hex(frame));
  assert.equal(must(tap.receive()), null);
  must(tap.send(frame));
  assert.deepEqual(await waitReadable([socket.fd], 5000), [socket.fd]);
  assert.equal(hex(socket.receive() ?? new Uint8Array(0)), hex(frame));
  const [link] = ipJson(space, "link", "show", "tap7");
  assert.equal(link?.ifindex, tap.index);
  tap.close();
  assert.deepEqual(
    ipJson(space, "link", "show").map(({ ifname }) => ifname),
    ["lo"],
  );
});

test("a name that somebody has is not taken from him", (t) => {
  const space = namespace(t);
  ip(space, "link add tap7 type veth peer name tap9");
  const refused = inside(space, () => Tap.open("tap7"));
  assert.ok(!refused.ok);
  const first = must(inside(space, () => Tap.open("tap8")));
  const second = inside(space, () => Tap.open("tap8"));
  assert.ok(!second.ok && second.error.name === "EBUSY");
  first.close();
});

test("a tap whose device somebody has removed says so", (t) => {
  const space = namespace(t);
  const tap = must(inside(space, () => Tap.open("tap7")));
  t.after(() => tap.close());
  ip(space, "link delete tap7");
  const received = tap.receive();
  // EBADFD, for which the C library's list of this process has no name.
  assert.ok(!received.ok && received.error.errno === 77, JSON.stringify(received));
  assert.equal(tap.send(frame).ok, false);
});
