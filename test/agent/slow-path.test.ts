/**
 * The slow path end to end: routed packets that the programs hand to the agent, and what their senders get. Two hosts;
 * each tenant has a router with a network on the first and one on the second, whose packets are smaller. Needs root.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { type Document, Fabric, macOf, type TenantName } from "./fabric.ts";

const GATEWAY_MAC = "06:77:65:66:74:01";
/** Of h2's uplink; 50 octets of it are VXLAN's. */
const FAR_UPLINK_MTU = 1400;

/** A tenant's network on h2 and its router. */
function routed(tenant: TenantName, index: number): readonly Document[] {
  return [
    {
      kind: "Network",
      metadata: { name: "far", tenant },
      spec: { subnets: ["10.2.0.0/24"], gateways: ["10.2.0.254"], vni: 13000 + index },
    },
    {
      kind: "Router",
      metadata: { name: "main", tenant },
      spec: { networks: ["net", "far"], l3vni: 15000 + index },
    },
    {
      kind: "Port",
      metadata: { name: "far", tenant },
      spec: {
        ...{ network: "far", host: "h2", interface: `far-${tenant}` },
        ...{ mac: macOf("10.2.0.9"), addresses: ["10.2.0.9"] },
      },
    },
  ];
}

/** Both tenants' workloads a1 and b1 on h1, far-a and far-b on h2. */
async function running(t: Parameters<typeof Fabric.make>[0]): Promise<Fabric> {
  const fabric = Fabric.make(t);
  for (const [i, tenant] of (["a", "b"] as const).entries()) {
    fabric.document("Network", "net", tenant).spec.gateways = ["10.1.0.254"];
    fabric.drop(fabric.document("Port", "p2", tenant));
    fabric.documents.push(...routed(tenant, i));
    fabric.addWorkload(`far-${tenant}`, "h2", `far-${tenant}`, "10.2.0.9");
    for (const [workload, subnet] of [
      [`${tenant}1`, "10.1.0"],
      [`far-${tenant}`, "10.2.0"],
    ] as const) {
      fabric.ip(workload, `neighbour add ${subnet}.254 lladdr ${GATEWAY_MAC} dev eth0`);
      fabric.ip(workload, `route add default via ${subnet}.254`);
    }
    fabric.ip(`far-${tenant}`, `link set eth0 mtu ${FAR_UPLINK_MTU - 50}`);
  }
  fabric.document("Host", "h2").spec.uplinks = [{ interface: "up0", mtu: FAR_UPLINK_MTU }];
  fabric.write();
  await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
  return fabric;
}

/** What ping says; it fails where nothing comes back. */
function ping(fabric: Fabric, workload: string, ...words: readonly string[]): string {
  const name = `--net=/run/netns/${fabric.namespace(workload)}`;
  const done = spawnSync("nsenter", [name, "ping", "-n", "-c", "1", "-W", "2", ...words], {
    encoding: "utf8",
  });
  return done.stdout;
}

async function slowPath(fabric: Fabric, host: "h1" | "h2") {
  const { slowPath } = await fabric.status(host);
  assert.ok(slowPath, "there is a slow path");
  return slowPath;
}

test("packets that cannot simply go on", async (t) => {
  const fabric = await running(t);
  assert.match(ping(fabric, "a1", "10.2.0.9"), / 1 received/);

  await t.test(
    "who runs out of hops on the far host hears of it from the gateway there",
    async () => {
      const said = ping(fabric, "a1", "-t", "2", "10.2.0.9");
      assert.match(said, /From 10\.2\.0\.254 icmp_seq=1 Time to live exceeded/);
      const { byReason } = await slowPath(fabric, "h2");
      assert.deepEqual(byReason.ttl, { heard: 1, answered: 1, limited: 0 });
      assert.equal(await fabric.counted("h2", "punted"), 1);
    },
  );

  await t.test("a packet too big for its way goes on in pieces, if it may", async () => {
    const said = ping(fabric, "a1", "-M", "dont", "-s", "1400", "10.2.0.9");
    assert.match(said, / 1 received/);
    const { byReason } = await slowPath(fabric, "h1");
    assert.deepEqual(byReason.fragment, { heard: 1, answered: 1, limited: 0 });
  });

  await t.test(
    "with the agent dead they are dropped for that reason, and all else goes on",
    async () => {
      await fabric.agent("h2").stop("SIGKILL");
      // The datapath goes on believing in him for a moment.
      for (let i = 0; i < 5; i++)
        assert.doesNotMatch(ping(fabric, "a1", "-W", "1", "-t", "2", "10.2.0.9"), /exceeded/);
      assert.match(ping(fabric, "a1", "10.2.0.9"), / 1 received/);
      await fabric.start("h2").ready();
      assert.ok((await fabric.counted("h2", "punt-unheard")) > 0);
      assert.match(ping(fabric, "a1", "-t", "2", "10.2.0.9"), /Time to live exceeded/);
    },
  );
});
