/**
 * The datapath outlives its agent: nothing of an established flow is lost, doubled or reordered when agents are
 * killed, ended, started again, replaced by others with other instructions or another map layout, or told a new
 * intent about something else. WEFT_REPEATS=20 is the long run.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import { Fabric, type HostName, portDocument, sleep, WEFT } from "./fabric.ts";
import { buildRelease, type Release } from "./release.ts";
import { buildFlows, Traffic } from "./traffic.ts";
import { buildVariant, programTags } from "./variant.ts";

const REPEATS = Number(process.env.WEFT_REPEATS ?? "1");
const HOSTS: readonly HostName[] = ["h1", "h2"];

let flows = "";
let release: Release;
const directory = mkdtempSync(join(tmpdir(), "weft-t-release-"));
before(() => {
  flows = buildFlows();
  release = buildRelease(directory);
});
after(() => rmSync(directory, { recursive: true }));

const layoutsPinned = (fabric: Fabric, host: HostName): readonly string[] =>
  readdirSync(fabric.pins(host)).filter((name) => /^v\d+$/.test(name));

interface Run {
  readonly fabric: Fabric;
  readonly turn: number;
  /** Objects with other instructions. */
  readonly variant: string;
  readonly release: Release;
}

const both = async (act: (host: HostName) => Promise<unknown>): Promise<void> => {
  await Promise.all(HOSTS.map(act));
};

/** What happens mid-stream, to both hosts at once; every repeat starts with both agents ready. */
const events: Readonly<Record<string, (run: Run) => Promise<void>>> = {
  "kill -9, and a new start": async ({ fabric }) => {
    await both((host) => fabric.agent(host).stop("SIGKILL"));
    await sleep(200);
    await both((host) => fabric.start(host).ready());
  },
  "SIGTERM, and a new start": async ({ fabric }) => {
    await both(async (host) => assert.equal(await fabric.agent(host).stop(), 0));
    await sleep(200);
    await both((host) => fabric.start(host).ready());
  },
  "upgrade to other instructions": async ({ fabric, turn, variant }) => {
    const before = HOSTS.map((host) => programTags(fabric, host));
    await both((host) => fabric.agent(host).stop("SIGKILL"));
    const words = turn % 2 === 0 ? ["--objects", variant] : [];
    await both((host) => fabric.start(host, ...words).ready());
    for (const [i, host] of HOSTS.entries()) {
      const after = programTags(fabric, host);
      assert.deepEqual([...after.keys()], [...(before[i]?.keys() ?? [])]);
      for (const [name, tag] of after)
        assert.notEqual(tag, before[i]?.get(name), `${host} ${name} runs the old instructions`);
    }
  },
  "upgrade to another map layout, and back": async ({ fabric, release }) => {
    for (const { weft, abi } of [release, { weft: WEFT, abi: LIMIT.WEFT_ABI }]) {
      await both((host) => fabric.agent(host).stop("SIGKILL"));
      await both((host) => fabric.startFrom(host, weft).ready());
      for (const host of HOSTS) assert.deepEqual(layoutsPinned(fabric, host), [`v${abi}`]);
    }
  },
  "an upgrade to another map layout that is killed on its way": async ({ fabric, release }) => {
    await both((host) => fabric.agent(host).stop("SIGKILL"));
    for (let delayMs = 50; delayMs < 1000; delayMs += 150)
      await both(async (host) => {
        const half = fabric.startFrom(host, release.weft);
        await sleep(delayMs);
        await half.stop("SIGKILL");
      });
    // Who comes next finds a whole set in force, and goes on: here it is the old release.
    await both((host) => fabric.startFrom(host, WEFT).ready());
    for (const host of HOSTS) assert.deepEqual(layoutsPinned(fabric, host), [`v${LIMIT.WEFT_ABI}`]);
  },
  "an intent about something else": async ({ fabric, turn }) => {
    const device = `port-x${turn}`;
    fabric.addWorkload("x1", "h1", device, "10.1.0.77");
    const port = portDocument("a", 77, "h1", device);
    fabric.documents.push(port);
    fabric.write();
    await fabric.until("h1", "the port is in force", (s) => s.ports.length === 3);
    await fabric.until("h1", "it carries", () => fabric.pings("x1", 2));
    fabric.drop(port);
    fabric.write();
    await fabric.until("h1", "the port is gone", (s) => s.ports.length === 2);
    fabric.ip("h1", `link delete ${device}`);
  },
};

for (const [i, encapsulation] of (["vxlan", "nvgre"] as const).entries())
  for (const [j, [what, event]] of Object.entries(events).entries()) {
    // The short run takes the encapsulations in turn.
    if (REPEATS === 1 && (i + j) % 2 === 1) continue;
    test(`${encapsulation}: ${what}, ${REPEATS} times: none lost`, async (t) => {
      const fabric = await Fabric.running(t, {
        encapsulations: [encapsulation],
        underlay: "ipv4",
      });
      const variant = what.includes("instructions") ? buildVariant(fabric.directory) : "";
      assert.ok(fabric.pings("a1", 2, 3));
      for (let turn = 0; turn < REPEATS; turn++) {
        const traffic = await Traffic.start(fabric, "a", flows);
        await sleep(200);
        await event({ fabric, turn, variant, release });
        await sleep(200);
        const { sent, ...bad } = await traffic.stop();
        assert.deepEqual(
          bad,
          { lost: 0, duplicated: 0, reordered: 0, errors: 0 },
          `repeat ${turn}, of ${sent} sent`,
        );
      }
    });
  }
