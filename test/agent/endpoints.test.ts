/**
 * Endpoints that an agent finds by itself: shown by ARP, searched for when silent, asked again, and gone at their time;
 * taken over by the agent that comes next. Live, on two hosts. Needs root.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ask } from "../../src/io/agent-client.ts";
import { eventually, Fabric, type HostName, macOf, sleep, WEFT } from "./fabric.ts";
import { buildRelease } from "./release.ts";

interface Listed {
  readonly host: string;
  readonly tenant: string | null;
  readonly network: string | null;
  readonly port: string | null;
  readonly mac: string | null;
  readonly address: string;
  readonly state: string;
  readonly where: string | null;
  readonly since: string | null;
  readonly expires: string | null;
  readonly moves: number;
}

async function known(fabric: Fabric, host: HostName): Promise<readonly Listed[]> {
  const answer = await ask(join(fabric.run(host), "read.sock"), "/endpoints");
  assert.ok(answer.ok, JSON.stringify(answer));
  const { endpoints }: { endpoints: readonly Listed[] } = JSON.parse(JSON.stringify(answer.value));
  return endpoints.filter((one) => one.tenant === "a");
}

const at = async (fabric: Fabric, host: HostName, address: string): Promise<Listed | undefined> =>
  (await known(fabric, host)).find((one) => one.address === address);

/** Tenant a's workloads have no declared addresses; its networks are joined by a router. */
function undeclared(fabric: Fabric, ageSeconds?: number): void {
  for (const n of [1, 2]) fabric.document("Port", `p${n}`, "a").spec.addresses = [];
  if (ageSeconds !== undefined) fabric.document("Network", "net", "a").spec.ageSeconds = ageSeconds;
  fabric.write();
}

/** Tenant a gets a router, and a second network with a workload on h1. */
function routed(fabric: Fabric): void {
  fabric.document("Network", "net", "a").spec.gateways = ["10.1.0.254"];
  fabric.documents.push(
    {
      kind: "Network",
      metadata: { name: "far", tenant: "a" },
      spec: { subnets: ["10.2.0.0/24"], gateways: ["10.2.0.254"], vni: 13_000 },
    },
    {
      kind: "Port",
      metadata: { name: "q1", tenant: "a" },
      spec: {
        ...{ network: "far", host: "h1", interface: "port-q", mac: macOf("10.2.0.33") },
        addresses: ["10.2.0.33"],
      },
    },
    {
      kind: "Router",
      metadata: { name: "r", tenant: "a" },
      spec: { networks: ["net", "far"], l3vni: 14_000 },
    },
  );
  fabric.addWorkload("q1", "h1", "port-q", "10.2.0.33");
  fabric.ip("q1", "route add default via 10.2.0.254");
  for (const n of [1, 2]) fabric.ip(`a${n}`, "route add default via 10.1.0.254");
  fabric.write();
}

const start = async (fabric: Fabric): Promise<void> => {
  await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
};

describe("discovery", () => {
  test("an address is listed when its port has shown it, with where and until when", async (t) => {
    const fabric = Fabric.make(t);
    undeclared(fabric);
    await start(fabric);
    assert.deepEqual(await known(fabric, "h1"), []);
    assert.ok(fabric.pings("a1", 2, 3));
    const { since, expires, ...rest } = await eventually(async () => {
      const found = await at(fabric, "h1", "10.1.0.1");
      assert.ok(found);
      return found;
    }, 2000);
    assert.deepEqual(rest, {
      ...{ host: "h1", tenant: "a", network: "net", vni: 11_000, port: "a/p1" },
      ...{ mac: macOf("10.1.0.1"), address: "10.1.0.1", state: "discovered", where: "h1" },
      lastSeen: since,
      moves: 0,
    });
    assert.equal(Date.parse(expires ?? "") - Date.parse(since ?? ""), 300_000);
    await eventually(async () => assert.equal((await at(fabric, "h2", "10.1.0.2"))?.port, "a/p2"));
    assert.equal(await at(fabric, "h1", "10.1.0.2"), undefined, "another host's is his to find");
  });

  test("it outlives the agent, is not drift, and the next agent has it", async (t) => {
    const fabric = Fabric.make(t, { agent: ["--audit-seconds", "1"] });
    undeclared(fabric);
    await start(fabric);
    assert.ok(fabric.pings("a1", 2, 3));
    await eventually(async () => assert.ok(await at(fabric, "h1", "10.1.0.1")), 2000);
    await sleep(1500);
    assert.equal((await fabric.status("h1")).drift.entries, 0);
    await fabric.agent("h1").stop("SIGKILL");
    await fabric.start("h1").ready();
    const { state, port } = (await at(fabric, "h1", "10.1.0.1")) ?? {};
    assert.deepEqual([state, port], ["discovered", "a/p1"]);
    // Declared, it is learned no longer.
    fabric.document("Port", "p1", "a").spec.addresses = ["10.1.0.1"];
    fabric.write();
    await eventually(async () =>
      assert.equal((await at(fabric, "h1", "10.1.0.1"))?.state, "declared"),
    );
    assert.equal((await fabric.status("h1")).drift.entries, 0);
  });

  test("it is carried into the maps of another layout, and back", async (t) => {
    const directory = mkdtempSync(join(tmpdir(), "weft-t-release-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const { weft } = buildRelease(directory);
    const fabric = Fabric.make(t);
    undeclared(fabric);
    await start(fabric);
    assert.ok(fabric.pings("a1", 2, 3));
    await eventually(async () => assert.ok(await at(fabric, "h1", "10.1.0.1")), 2000);
    // Nobody speaks from here on: what is known is what was inherited.
    fabric.ip("a1", "link set eth0 down");
    for (const program of [weft, WEFT]) {
      await fabric.agent("h1").stop("SIGKILL");
      await fabric.startFrom("h1", program).ready();
      const { state, port, mac } = (await at(fabric, "h1", "10.1.0.1")) ?? {};
      assert.deepEqual([state, port, mac], ["discovered", "a/p1", macOf("10.1.0.1")]);
    }
  });

  test("one that falls silent is gone at its time, one that answers stays", async (t) => {
    const fabric = Fabric.make(t);
    undeclared(fabric, 3);
    routed(fabric);
    await start(fabric);
    assert.ok(fabric.pings("a1", 2, 3));
    await eventually(async () => assert.ok(await at(fabric, "h1", "10.1.0.1")), 2000);
    const { since } = (await at(fabric, "h1", "10.1.0.1")) ?? {};
    await sleep(5000);
    assert.equal((await at(fabric, "h1", "10.1.0.1"))?.since, since, "it was asked, and answered");
    fabric.ip("a1", "address flush dev eth0");
    await eventually(async () => {
      assert.equal(await at(fabric, "h1", "10.1.0.1"), undefined);
    }, 8000);
  });

  for (const [where, n] of [
    ["on this host", 1],
    ["on another", 2],
  ] as const)
    test(`a silent host ${where} is found by asking, and reached`, async (t) => {
      const fabric = Fabric.make(t);
      undeclared(fabric);
      routed(fabric);
      await start(fabric);
      const target = `10.1.0.${n}`;
      assert.equal(await at(fabric, "h1", target), undefined);
      const words = ["-c", "20", "-i", "0.2", "-W", "1", target];
      await eventually(() =>
        assert.match(fabric.exec("q1", "ping", ...words), /[1-9]\d* received/),
      );
      const found = await at(fabric, "h1", target);
      assert.deepEqual([found?.state, found?.where], ["discovered", `h${n}`]);
      // Whom nobody has is listed as silent.
      assert.throws(() => fabric.exec("q1", "ping", "-c", "1", "-W", "1", "10.1.0.77"));
      const silent = await eventually(async () => {
        const one = await at(fabric, "h1", "10.1.0.77");
        assert.ok(one);
        return one;
      }, 3000);
      assert.deepEqual([silent.state, silent.where, silent.mac], ["silent", null, null]);
    });
});
