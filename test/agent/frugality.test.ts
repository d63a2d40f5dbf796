/** What an agent costs: memory with the example fabric, and next to nothing when nothing happens. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { test } from "node:test";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { readIntentFiles } from "../../src/io/files.ts";
import { Fabric, sleep } from "./fabric.ts";

const RSS_MAX = 120e6;

test("an agent of the example fabric stays below 120 MB", async (t) => {
  const example = resolve(import.meta.dirname, "../../examples/three-orgs");
  const files = await readIntentFiles(example);
  assert.ok(files.ok);
  const { rows } = compileHost(compileIntent(files.value).intent, "h1");
  const fabric = Fabric.make(t);
  const ports = new Set<string>();
  for (const row of rows)
    if (row.table === "uplink") {
      fabric.ip("h1", "link set up0 down");
      fabric.ip("h1", `link set up0 name ${row.interface} mtu ${row.mtu} up`);
    } else if (row.table === "port") {
      ports.add(row.interface);
      fabric.addWorkload(`w-${row.interface}`, "h1", row.interface, "10.1.0.1");
    }
  assert.ok(ports.size >= 6, "the example has ports on h1");
  const agent = fabric.start("h1", "--intent", example, "--audit-seconds", "1");
  await agent.ready();
  await sleep(4000);
  const status = await fabric.status("h1");
  assert.equal(status.ports.filter((port) => port.state === "in-force").length, ports.size);
  const [rss, peak] = [agent.memory("VmRSS"), agent.memory("VmHWM")];
  t.diagnostic(`resident ${(rss / 1e6).toFixed(1)} MB, at most ${(peak / 1e6).toFixed(1)} MB`);
  assert.ok(peak < RSS_MAX, `resident at most ${peak / 1e6} MB`);
});

for (const spines of [1, 2])
  test(`an agent with ${spines} uplinks and nothing to do does next to nothing`, async (t) => {
    const fabric = await Fabric.running(t, spines > 1 ? { spines: [1, 1] } : {});
    // Neighbours settle, and with them what we heard of our own doing.
    await sleep(7000);
    const { pid } = fabric.agent("h1");
    const before = { status: await fabric.status("h1"), ...activity(pid) };
    await sleep(4000);
    const after = { ...activity(pid), status: await fabric.status("h1") };
    const writes = after.status.writes.set - before.status.writes.set;
    // Each adjacency is vouched for again every ten seconds.
    assert.ok(writes <= spines, `${writes} rows written`);
    assert.equal(after.status.writes.removed, before.status.writes.removed);
    const wakeups = (after.wakeups - before.wakeups) / 4;
    t.diagnostic(`${wakeups} wakeups a second, ${after.cpuMs - before.cpuMs} ms of CPU in 4 s`);
    assert.ok(wakeups < 30, `${wakeups} wakeups a second`);
    assert.ok(after.cpuMs - before.cpuMs <= 200, `${after.cpuMs - before.cpuMs} ms of CPU in 4 s`);
  });

/** How often the main thread has waited, and time on a CPU. */
function activity(pid: number): { wakeups: number; cpuMs: number } {
  const text = readFileSync(`/proc/${pid}/task/${pid}/status`, "utf8");
  const wakeups = Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(text)?.[1] ?? Number.NaN);
  const words = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const ticks = Number(words[11]) + Number(words[12]);
  return { wakeups, cpuMs: ticks * 10 };
}
