import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { InvariantError } from "../../src/base/result.ts";
import { Waker, waitReadable } from "../../src/kernel/wait.ts";
import { must } from "./scratch.ts";

test("waits its time while the event loop and the pool go on", async (t) => {
  const waker = must(Waker.open());
  t.after(() => waker.close());
  let ticks = 0;
  const timer = setInterval(() => ticks++, 5);
  const started = performance.now();
  const waiting = waitReadable([waker.fd], 200);
  assert.ok((await readFile("/proc/self/comm")).length > 0);
  assert.ok(performance.now() - started < 150, "a file is read meanwhile");
  assert.deepEqual(await waiting, []);
  clearInterval(timer);
  assert.ok(performance.now() - started >= 195);
  assert.ok(ticks >= 10, `${ticks} ticks`);
});

test("ends as soon as one is readable, and names which, in order", async (t) => {
  const [a, b, c] = [must(Waker.open()), must(Waker.open()), must(Waker.open())];
  t.after(() => [a, b, c].map((w) => w.close()));
  const started = performance.now();
  const waiting = waitReadable([a.fd, b.fd, c.fd], 5000);
  setTimeout(() => b.wake(), 20);
  assert.deepEqual(await waiting, [b.fd]);
  assert.ok(performance.now() - started < 2000);
  c.wake();
  a.wake();
  assert.deepEqual(await waitReadable([c.fd, b.fd, a.fd], 0), [c.fd, b.fd, a.fd]);
  for (const w of [a, b, c]) w.rest();
  assert.deepEqual(await waitReadable([a.fd, b.fd, c.fd], 0), []);
});

test("a descriptor that is not open is reported, not ignored", async () => {
  const waker = must(Waker.open());
  waker.close();
  assert.deepEqual(await waitReadable([waker.fd], 1000), [waker.fd]);
  assert.throws(() => waitReadable([-1], 0), InvariantError);
});

test("two waits at a time, and no third", async (t) => {
  const waker = must(Waker.open());
  t.after(() => waker.close());
  const two = [waitReadable([waker.fd], 5000), waitReadable([waker.fd], 5000)];
  assert.throws(() => waitReadable([waker.fd], 0), InvariantError);
  waker.wake();
  assert.deepEqual(await Promise.all(two), [[waker.fd], [waker.fd]]);
  assert.deepEqual(await waitReadable([waker.fd], 0), [waker.fd]);
});
