import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type PacketOptions, PacketSocket } from "../../src/kernel/packet-socket.ts";
import { waitReadable } from "../../src/kernel/wait.ts";
import { inside, ip, joined, must } from "./scratch.ts";

/** IEEE 802 local experimental EtherType: nobody else's frame looks like it. */
const frame = (tag: number, octets = 60): Uint8Array => {
  const out = new Uint8Array(octets).fill(tag);
  out.set([2, 0, 0, 0, 0x0a, 2, 2, 0, 0, 0, 0x0a, 1, 0x88, 0xb5]);
  return out;
};
const isOurs = (f: Uint8Array): boolean => f[12] === 0x88 && f[13] === 0xb5;

function open(t: TestContext, name: string, device: string, options?: PacketOptions): PacketSocket {
  const socket = must(inside(name, () => PacketSocket.open(device, options)));
  t.after(() => socket.close());
  return socket;
}

/** Frames of ours that wait; the kernel's own (neighbour discovery) are left out. */
function drain(socket: PacketSocket): readonly Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let f = socket.receive(); f; f = socket.receive()) if (isOurs(f)) frames.push(f);
  return frames;
}

test("frames arrive at the other end, octet for octet, in order", async (t) => {
  const [a, b] = joined(t);
  const near = open(t, a, "v0");
  const far = open(t, b, "v1");
  drain(far);
  assert.equal(far.receive(), null);
  for (const tag of [1, 2, 3]) must(near.send(frame(tag)));
  must(near.send(frame(4, 1514)));
  assert.deepEqual(await waitReadable([far.fd], 1000), [far.fd]);
  assert.deepEqual(drain(far), [frame(1), frame(2), frame(3), frame(4, 1514)]);
  assert.deepEqual(drain(near), []);
});

test("what the host sends is seen only when asked for", (t) => {
  const [a] = joined(t);
  const sender = open(t, a, "v0");
  const quiet = open(t, a, "v0");
  const all = open(t, a, "v0", { outgoing: true });
  must(sender.send(frame(7)));
  assert.deepEqual(drain(all), [frame(7)]);
  assert.deepEqual(drain(quiet), []);
});

test("frames of other interfaces are not seen", (t) => {
  const [a, b] = joined(t);
  ip(a, `link add w0 type veth peer name w1 netns ${b}`, "link set w0 up");
  ip(b, "link set w1 up");
  const w1 = open(t, b, "w1");
  const v1 = open(t, b, "v1");
  must(open(t, a, "v0").send(frame(9)));
  assert.deepEqual(drain(v1), [frame(9)]);
  assert.deepEqual(drain(w1), []);
});

test("a frame kept is not overwritten by the next", (t) => {
  const [a, b] = joined(t);
  const near = open(t, a, "v0");
  const far = open(t, b, "v1");
  must(near.send(frame(1)));
  must(near.send(frame(2)));
  const [first] = drain(far);
  assert.deepEqual(first, frame(1));
});

test("a burst of a thousand full frames fits", (t) => {
  const [a, b] = joined(t);
  const near = open(t, a, "v0");
  const far = open(t, b, "v1");
  for (let i = 0; i < 1000; i++) must(near.send(frame(i & 0xff, 1514)));
  assert.equal(drain(far).length, 1000);
});

test("no interface, too long a frame, and an interface that is down are errors with names", (t) => {
  const [a] = joined(t);
  const none = inside(a, () => PacketSocket.open("nope"));
  assert.ok(!none.ok);
  assert.deepEqual([none.error.name, none.error.call], ["ENODEV", "find interface nope"]);
  const near = open(t, a, "v0");
  const long = near.send(frame(1, 9000));
  assert.ok(!long.ok);
  assert.deepEqual([long.error.name, long.error.call], ["EMSGSIZE", "send 9000 octets on v0"]);
  ip(a, "link set v0 down");
  const down = near.send(frame(1));
  assert.ok(!down.ok);
  assert.equal(down.error.name, "ENETDOWN");
  assert.equal(near.receive(), null);
});

test("closed is closed", (t) => {
  const [a] = joined(t);
  const socket = must(inside(a, () => PacketSocket.open("v0")));
  socket.close();
  socket.close();
  assert.throws(() => socket.receive(), /closed/);
});
