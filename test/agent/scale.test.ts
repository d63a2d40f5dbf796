/** Hundreds of networks, of which some come and go: each costs what it is, and leaves nothing behind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ip } from "../../bench/bed.ts";
import { diffInventories, type Inventory, takeInventory } from "../../bench/inventory.ts";
import { type Running, stop } from "../../bench/program.ts";
import {
  buildScaleBed,
  destroyScaleBed,
  hostSpace,
  interfaceLine,
  measuredReaches,
  newScaleBed,
  pinsOf,
  type ScaleBed,
  startAgent,
  statusOf,
  writeFile,
} from "../../bench/scale-bed.ts";
import { fileOf, hosts, interfaceOf, networkTexts } from "../../bench/scale-intent.ts";
import { eventually, type Status } from "./fabric.ts";

const NETWORKS = 500;
const ATTACHED = 10;
const CYCLES = 100;

/** Entries of one network that two hosts share, a port on each, on a host where the port's interface is there. */
const ENTRIES = {
  admit: 1,
  attach: 1,
  fdb: 2,
  flood: 1,
  flood_member: 2,
  group: 1,
  host: 2,
  port: 1,
  source: 1,
  vni_in: 1,
};
/** Of those what is written one by one: a flood list is one write with its members. */
const WRITES = 11;
/** The rest of what a host has: settings, its address, its peer, the way there. */
const OWN_ENTRIES = { settings: 1, vtep: 1, peer: 1, peer_in: 1, adjacency: 1 };

const statusOnH1 = async (bed: ScaleBed): Promise<Status> =>
  JSON.parse(JSON.stringify(await statusOf(bed, "h1")));

const inventories = (bed: ScaleBed): Promise<readonly Inventory[]> =>
  Promise.all(hosts.map((host) => takeInventory(hostSpace(bed, host), pinsOf(bed, host))));

/** How many entries each table has. */
function countsOf(inventory: Inventory): object {
  const tables = inventory.map((line) => line.split(" ")[0] ?? "");
  return Object.fromEntries(
    Object.entries(Object.groupBy(tables, (table) => table)).map(([table, all]) => [
      table,
      all?.length ?? 0,
    ]),
  );
}

test(`${NETWORKS} networks, and ${CYCLES} more that come and go`, async (t) => {
  const bed = newScaleBed({ networks: NETWORKS, tenants: 10 }, ATTACHED, 450);
  const agents: Running[] = [];
  t.after(async () => {
    for (const agent of agents) await stop(agent, "SIGKILL");
    await destroyScaleBed(bed);
  });
  await buildScaleBed(bed);
  for (const host of hosts) agents.push(await startAgent(bed, host));
  assert.ok(await measuredReaches(bed), "no traffic on network 450");
  const before = await inventories(bed);
  const { port: _, attach: __, ...always } = ENTRIES;
  const wanted = Object.entries(always).map(([table, count]) => [table, count * NETWORKS] as const);
  const links = { link: ATTACHED + 3, device: ATTACHED + 6 };
  const present = { port: ATTACHED, attach: ATTACHED };
  for (const inventory of before)
    assert.deepEqual(countsOf(inventory), {
      ...Object.fromEntries(wanted),
      ...OWN_ENTRIES,
      ...present,
      ...links,
    });
  const start = await statusOnH1(bed);
  assert.equal(start.ports.filter(({ state }) => state === "in-force").length, ATTACHED);
  for (let cycle = 0; cycle < CYCLES; cycle++) await comeAndGo(bed, NETWORKS + 1 + cycle);
  await eventually(async () => {
    const after = await inventories(bed);
    for (const [i, host] of hosts.entries())
      assert.deepEqual([host, ...diffInventories(before[i] ?? [], after[i] ?? [])], [host]);
  }, 10_000);
  const end = await statusOnH1(bed);
  assert.deepEqual([end.revision, end.problems, end.drift.entries], [start.revision, [], 0]);
  assert.equal(end.writes.removed - start.writes.removed, CYCLES * WRITES);
  // Besides, an adjacency is vouched for again now and then.
  const more = end.writes.set - start.writes.set - CYCLES * WRITES;
  assert.ok(more >= 0 && more < 10, `${more} writes more than the networks need`);
  assert.ok(await measuredReaches(bed), "no traffic after the churn");
});

/** One network with its ports and an interface on h1, until it is in force; then it goes, until that is. */
async function comeAndGo(bed: ScaleBed, network: number): Promise<void> {
  const file = fileOf(network, bed.shape);
  const whole = bed.files.get(file) ?? [];
  const state = async (): Promise<string | undefined> => {
    const { ports } = await statusOnH1(bed);
    return ports.find(({ port }) => port.endsWith(`/n${network}-h1`))?.state;
  };
  await ip(hostSpace(bed, "h1"), [interfaceLine(bed, "h1", network)]);
  bed.files.set(file, [...whole, ...networkTexts(network, bed.shape)]);
  writeFile(bed, file);
  await eventually(async () => assert.equal(await state(), "in-force"));
  bed.files.set(file, whole);
  writeFile(bed, file);
  await eventually(async () => assert.equal(await state(), undefined));
  await ip(hostSpace(bed, "h1"), [`link delete ${interfaceOf(network)}`]);
}
