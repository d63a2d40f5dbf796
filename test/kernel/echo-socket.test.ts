/** Echoes to addresses of a namespace of our own, of both families. Needs root. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { EchoSocket } from "../../src/kernel/echo-socket.ts";
import { withNamespace } from "../../src/kernel/namespace.ts";
import { waitReadable } from "../../src/kernel/wait.ts";
import { must } from "./scratch.ts";

test("who is there answers, by name; who is not does not", async (t) => {
  const space = `weft-t-echo-${process.pid}`;
  execFileSync("ip", ["netns", "add", space]);
  t.after(() => execFileSync("ip", ["netns", "delete", space]));
  const ip = (line: string): void => void execFileSync("ip", ["-n", space, ...line.split(" ")]);
  ip("link set lo up");
  ip("address add 192.0.2.1/32 dev lo");
  ip("address add 2001:db8::1/128 dev lo nodad");
  ip("route add unreachable 192.0.2.9");
  const echoes = must(must(withNamespace(`/run/netns/${space}`, () => EchoSocket.open())));
  t.after(() => echoes.close());

  for (const address of ["192.0.2.1", "2001:db8::1", "127.0.0.1"]) must(echoes.ask(address));
  const refused = echoes.ask("192.0.2.9");
  assert.equal(!refused.ok && refused.error.name, "EHOSTUNREACH");
  const answered: string[] = [];
  for (let turn = 0; turn < 100 && answered.length < 3; turn++) {
    await waitReadable(echoes.fds, 100);
    answered.push(...echoes.answers());
  }
  assert.deepEqual(answered.sort(), ["127.0.0.1", "192.0.2.1", "2001:db8::1"]);
  assert.deepEqual(echoes.answers(), []);
});

test("other people's answers are not ours", async (t) => {
  const space = `weft-t-echo2-${process.pid}`;
  execFileSync("ip", ["netns", "add", space]);
  t.after(() => execFileSync("ip", ["netns", "delete", space]));
  execFileSync("ip", ["-n", space, "link", "set", "lo", "up"]);
  const echoes = must(must(withNamespace(`/run/netns/${space}`, () => EchoSocket.open())));
  t.after(() => echoes.close());
  execFileSync("ip", ["netns", "exec", space, "ping", "-c", "2", "-i", "0.1", "127.0.0.1"]);
  await waitReadable(echoes.fds, 200);
  assert.deepEqual(echoes.answers(), []);
  must(echoes.ask("127.0.0.1"));
  await waitReadable(echoes.fds, 1000);
  assert.deepEqual(echoes.answers(), ["127.0.0.1"]);
});
