/**
 * Routed flows outlive their agent, and every change of how they are routed: nothing is lost, doubled or reordered.
 * WEFT_REPEATS=20 is the long run.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { eventually, Fabric, type HostName, sleep } from "./fabric.ts";
import { buildFlows, Traffic } from "./traffic.ts";

const REPEATS = Number(process.env.WEFT_REPEATS ?? "1");
const HOSTS: readonly HostName[] = ["h1", "h2"];

let flows = "";
before(() => {
  flows = buildFlows();
});

const both = async (act: (host: HostName) => Promise<unknown>): Promise<void> => {
  await Promise.all(HOSTS.map(act));
};

/** Writes the intent, and waits until it is in force on h2, for which every change here means other rows, and h1 has had as long. */
async function applied(fabric: Fabric, change: () => void): Promise<void> {
  const before = (await fabric.status("h2")).revision;
  change();
  fabric.write();
  await fabric.until(
    "h2",
    "the change is in force",
    ({ ready, stale, revision }) => ready && !stale && revision !== before,
  );
  await sleep(300);
  await fabric.until("h1", "nothing is wrong", ({ ready, stale }) => ready && !stale);
}

/** Sets a field of the tenant's router to one value, and after a while to the other. */
const thereAndBack =
  (field: string, there: string, back: string) =>
  async (fabric: Fabric): Promise<void> => {
    const router = fabric.document("Router", "main", "a");
    for (const value of [there, back])
      await applied(fabric, () => {
        router.spec[field] = value;
      });
  };

async function killed(fabric: Fabric): Promise<void> {
  await both((host) => fabric.agent(host).stop("SIGKILL"));
  await sleep(200);
  await both((host) => fabric.start(host).ready());
}

const events: readonly (readonly [
  what: string,
  router: Readonly<Record<string, unknown>>,
  event: (fabric: Fabric) => Promise<void>,
])[] = [
  ["symmetric, kill -9, and a new start", {}, killed],
  ["asymmetric, kill -9, and a new start", { irb: "asymmetric" }, killed],
  ["centralized, kill -9, and a new start", { gateway: "centralized", gatewayHost: "h1" }, killed],
  ["from symmetric to asymmetric, and back", {}, thereAndBack("irb", "asymmetric", "symmetric")],
  [
    "from distributed to centralized, and back",
    { gatewayHost: "h1" },
    thereAndBack("gateway", "centralized", "distributed"),
  ],
];

async function repeat(fabric: Fabric, event: (fabric: Fabric) => Promise<void>): Promise<void> {
  for (let turn = 0; turn < REPEATS; turn++) {
    const traffic = await Traffic.start(fabric, "a", flows);
    await sleep(200);
    await event(fabric);
    await sleep(200);
    const { sent, ...bad } = await traffic.stop();
    assert.deepEqual(
      bad,
      { lost: 0, duplicated: 0, reordered: 0, errors: 0 },
      `repeat ${turn}, of ${sent} sent`,
    );
  }
}

for (const [i, encapsulation] of ["vxlan", "nvgre"].entries()) {
  for (const [j, [what, router, event]] of events.entries()) {
    // The short run takes the encapsulations in turn.
    if (REPEATS === 1 && (i + j) % 2 === 1) continue;
    test(`${encapsulation}: ${what}, ${REPEATS} times: none lost`, async (t) => {
      const fabric = await Fabric.running(t, { encapsulations: [encapsulation], router });
      for (const [from, to] of [
        ["a1", 2],
        ["a2", 1],
      ] as const)
        await eventually(() => fabric.exec(from, "ping", "-c1", "-W1", "-q", fabric.addressOf(to)));
      await repeat(fabric, event);
    });
  }

  test(`${encapsulation}: a router attached to a running network, and taken off, ${REPEATS} times: none lost`, async (t) => {
    const fabric = await Fabric.running(t, { encapsulations: [encapsulation] });
    const network = fabric.document("Network", "net", "a");
    const router = {
      kind: "Router",
      metadata: { name: "main", tenant: "a" },
      spec: { networks: ["net"], encapsulations: [encapsulation], l3vni: 11002 },
    };
    assert.ok(fabric.pings("a1", 2, 3));
    await repeat(fabric, async () => {
      await applied(fabric, () => {
        network.spec.gateways = ["10.1.0.254"];
        fabric.documents.push(router);
      });
      assert.equal((await fabric.status("h1")).findings.length, 0);
      await applied(fabric, () => {
        delete network.spec.gateways;
        fabric.drop(router);
      });
    });
  });
}
