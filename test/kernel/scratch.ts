/** Network namespaces for one test, gone when it ends. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import type { TestContext } from "node:test";
import { type IpAddress, parseIp } from "../../src/base/ip.ts";
import type { Result } from "../../src/base/result.ts";
import { withNamespace } from "../../src/kernel/namespace.ts";
import { type NetlinkOptions, NetlinkSocket } from "../../src/kernel/netlink.ts";

let made = 0;

/** A new namespace's name; deleted after the test. */
export function namespace(t: TestContext): string {
  const name = `weft-t-kernel-${process.pid}-${++made}`;
  execFileSync("ip", ["netns", "add", name]);
  t.after(() => execFileSync("ip", ["netns", "delete", name]));
  return name;
}

export const pathOf = (name: string): string => `/run/netns/${name}`;

/** Two namespaces joined by a veth, both ends up and addressed: v0 in the first, v1 in the second. */
export function joined(t: TestContext): readonly [string, string] {
  const a = namespace(t);
  const b = namespace(t);
  ip(
    a,
    `link add v0 type veth peer name v1 netns ${b}`,
    "link set lo up",
    "link set v0 address 02:00:00:00:0a:01 up",
    "address add 198.51.100.1/24 dev v0",
    "address add 2001:db8:1::1/64 dev v0 nodad",
  );
  ip(
    b,
    "link set v1 address 02:00:00:00:0a:02 up",
    "address add 198.51.100.2/24 dev v1",
    "address add 2001:db8:1::2/64 dev v1 nodad",
  );
  return [a, b];
}

/** Runs lines of `ip -batch` in the namespace. */
export function ip(name: string, ...lines: readonly string[]): void {
  execFileSync("ip", ["-n", name, "-batch", "-"], {
    input: `${lines.join("\n")}\n`,
    stdio: "pipe",
  });
}

/** What `ip -j` says there. */
export function ipJson(
  name: string,
  ...words: readonly string[]
): readonly Record<string, unknown>[] {
  const text = execFileSync("ip", ["-n", name, "-j", ...words], { encoding: "utf8" });
  const rows: readonly Record<string, unknown>[] = JSON.parse(text || "[]");
  // `ip -j` leaves empty objects for what its filter hides.
  return rows.filter((row) => Object.keys(row).length > 0);
}

export function must<T>(result: Result<T, unknown>): T {
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

export function address(text: string): IpAddress {
  const parsed = parseIp(text);
  assert.ok(parsed);
  return parsed;
}

/** Runs `f` in the namespace. */
export const inside = <T>(name: string, f: () => T): T => must(withNamespace(pathOf(name), f));

/** A netlink socket of the namespace, closed after the test. */
export function netlink(t: TestContext, name: string, options: NetlinkOptions = {}): NetlinkSocket {
  const socket = must(inside(name, () => NetlinkSocket.open(options)));
  t.after(() => socket.close());
  return socket;
}

/** Looks every 10 ms until `found` answers something; fails after `timeoutMs`, saying what was awaited. */
export async function eventually<T>(
  what: string,
  found: () => T | null | undefined | false,
  timeoutMs = 3000,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const value = found();
    if (value) return value;
    assert.ok(performance.now() < until, `not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
