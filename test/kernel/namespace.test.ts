import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { readlinkSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { InvariantError } from "../../src/base/result.ts";
import { interfaceIndex } from "../../src/kernel/libc.ts";
import { readLink } from "../../src/kernel/links.ts";
import { NamespaceFinder, withNamespace } from "../../src/kernel/namespace.ts";
import { eventually, inside, ip, joined, must, namespace, netlink, pathOf } from "./scratch.ts";

const here = (): string => readlinkSync("/proc/thread-self/ns/net");

test("runs inside, answers, and comes back", (t) => {
  const [a, b] = joined(t);
  const home = here();
  assert.notEqual(
    inside(a, () => interfaceIndex("v0")),
    0,
  );
  assert.equal(interfaceIndex("v0"), 0);
  const nested = inside(a, () => [here(), inside(b, here), here()]);
  assert.equal(nested[0], nested[2]);
  assert.equal(new Set([...nested, home]).size, 3);
  assert.equal(here(), home);
});

test("comes back when the function throws", (t) => {
  const name = namespace(t);
  const home = here();
  assert.throws(
    () =>
      inside(name, () => {
        throw new RangeError("mine");
      }),
    /mine/,
  );
  assert.equal(here(), home);
});

test("refuses what would wait inside, and is home again", (t) => {
  const name = namespace(t);
  const home = here();
  assert.throws(() => inside(name, () => Promise.resolve()), InvariantError);
  assert.equal(here(), home);
});

test("a path that is none, or no namespace, is an error that names it", () => {
  const home = here();
  let ran = false;
  const run = (path: string) =>
    withNamespace(path, () => {
      ran = true;
    });
  assert.deepEqual(run("/run/netns/weft-t-none"), {
    ok: false,
    error: {
      ...{ kind: "system", call: "open /run/netns/weft-t-none", errno: 2, name: "ENOENT" },
      detail: "No such file or directory",
    },
  });
  const not = run("/etc/hostname");
  assert.ok(!not.ok);
  assert.deepEqual(
    [not.error.name, not.error.call],
    ["EINVAL", "enter network namespace /etc/hostname"],
  );
  assert.deepEqual([ran, here()], [false, home]);
});

test("finds a named namespace by its number, and forgets it when it is gone", (t) => {
  const [a, b] = joined(t);
  const on = netlink(t, a);
  const finder = new NamespaceFinder(on);
  const nsid = must(readLink(on, "v0"))?.lowerNamespace ?? -1;
  assert.equal(finder.find(nsid), pathOf(b));
  assert.equal(finder.find(nsid), pathOf(b));
  assert.equal(finder.find(nsid + 40), null);
});

test("a number that passes to another namespace is looked up again", (t) => {
  const [a, b] = joined(t);
  const c = namespace(t);
  const on = netlink(t, a);
  const finder = new NamespaceFinder(on);
  const nsid = must(readLink(on, "v0"))?.lowerNamespace ?? -1;
  assert.equal(finder.find(nsid), pathOf(b));
  // Moving the peer numbers the new namespace; the old number stays the old one's.
  ip(b, `link set v1 netns ${c}`);
  const moved = must(readLink(on, "v0"))?.lowerNamespace ?? -1;
  assert.notEqual(moved, nsid);
  assert.equal(finder.find(moved), pathOf(c));
  assert.equal(finder.find(nsid), pathOf(b));
});

test("finds a namespace that only a process is in; a stray file among the names does no harm", async (t) => {
  const a = namespace(t);
  const stray = `/run/netns/weft-t-stray-${process.pid}`;
  writeFileSync(stray, "");
  t.after(() => rmSync(stray));
  // Only the child keeps this namespace once its name is gone.
  const unnamed = `weft-t-unnamed-${process.pid}`;
  execFileSync("ip", ["netns", "add", unnamed]);
  const child = inside(unnamed, () => spawn("sleep", ["60"], { stdio: "ignore" }));
  execFileSync("ip", ["netns", "delete", unnamed]);
  const pid = child.pid ?? 0;
  const path = `/proc/${pid}/ns/net`;
  let ended = false;
  child.on("exit", () => {
    ended = true;
  });
  try {
    assert.notEqual(readlinkSync(path), here());
    ip(a, `link add v0 type veth peer name v1 netns ${pid}`);
    const on = netlink(t, a);
    const nsid = must(readLink(on, "v0"))?.lowerNamespace ?? -1;
    const finder = new NamespaceFinder(on);
    assert.equal(finder.find(nsid), path);
    assert.notEqual(must(withNamespace(path, () => interfaceIndex("v1"))), 0);
    child.kill("SIGKILL");
    await eventually("its end", () => ended);
    assert.equal(finder.find(nsid), null);
  } finally {
    child.kill("SIGKILL");
  }
});
