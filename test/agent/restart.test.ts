/** What an agent keeps from one life to the next, and what it does with an intent that is wrong. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readState } from "../../src/agent/state.ts";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import { eventually, Fabric, portDocument, sleep } from "./fabric.ts";
import { bpftool } from "./variant.ts";

const stateDirectory = (fabric: Fabric): string => join(fabric.run("h1"), "state");
const stateFile = (fabric: Fabric): string => join(stateDirectory(fabric), "state.ndjson");
const readIds = async (fabric: Fabric): Promise<Readonly<Record<string, number>>> => {
  const state = await readState(stateDirectory(fabric));
  assert.ok(state.ok, JSON.stringify(state));
  return state.value.ids.ports.idsByName;
};

/** Networks by port id, of the rows that say what a port may send. */
function networksByPort(fabric: Fabric): ReadonlyMap<number, number> {
  const path = join(fabric.pins("h1"), `v${LIMIT.WEFT_ABI}`, "attach");
  const entries: readonly { readonly value: readonly string[] }[] = bpftool(
    ...["map", "dump", "pinned", path],
  );
  const u32 = (octets: readonly string[]): number =>
    octets.reduce((sum, octet, i) => sum + Number(octet) * 256 ** i, 0);
  return new Map(entries.map(({ value }) => [u32(value.slice(0, 4)), u32(value.slice(4, 8))]));
}

test("ids stay over restarts, whatever comes before them in order", async (t) => {
  const fabric = await Fabric.running(t);
  const before = await readIds(fabric);
  await fabric.agent("h1").stop();
  fabric.addWorkload("z1", "h1", "port-z", "10.1.0.5");
  fabric.documents.unshift({
    ...portDocument("a", 5, "h1", "port-z"),
    metadata: { name: "aaa", tenant: "a" },
  });
  fabric.write();
  await fabric.start("h1").ready();
  const { "a/aaa": added, ...rest } = await readIds(fabric);
  assert.deepEqual(rest, before);
  assert.ok(added !== undefined && !Object.values(before).includes(added));
});

for (const [what, spoil] of [
  ["lost", (file: string): void => rmSync(file)],
  ["torn", (file: string): void => writeFileSync(file, readFileSync(file).subarray(0, 900))],
  [
    "edited",
    (file: string): void =>
      writeFileSync(file, readFileSync(file, "utf8").replace('"a/p1":1', '"b/p1":1')),
  ],
] as const)
  test(`a state that is ${what}: no id in the kernel comes to mean something else`, async (t) => {
    const fabric = await Fabric.running(t);
    const before = networksByPort(fabric);
    await fabric.agent("h1").stop("SIGKILL");
    spoil(stateFile(fabric));
    // In this order of documents an id given anew would go to the other tenant.
    fabric.drop(fabric.document("Port", "p1", "a"));
    fabric.write();
    const agent = await fabric.start("h1").ready();
    for (const [port, network] of networksByPort(fabric))
      assert.ok((before.get(port) ?? network) === network, `port id ${port} has changed networks`);
    assert.equal(networksByPort(fabric).size, 1);
    assert.ok(fabric.pings("b1", 2));
    assert.ok(!fabric.pings("a1", 2));
    const aside = existsSync(`${stateFile(fabric)}.unreadable`);
    assert.equal(aside, what !== "lost", agent.err);
  });

test("the state of another host is refused", async (t) => {
  const fabric = await Fabric.running(t);
  await fabric.agent("h1").stop();
  const words = ["--host", "h2"];
  const agent = fabric.start("h1", ...words);
  assert.equal(await agent.exited, 2);
  assert.match(agent.err, /is the state of host h1, not of h2/);
});

test("an intent that goes wrong leaves what is in force, over a restart too", async (t) => {
  const fabric = await Fabric.running(t);
  const { revision } = await fabric.status("h1");
  const wrong: Readonly<Record<string, { text: string; expect: RegExp }>> = {
    "no YAML": { text: "{kind: Fabric", expect: /yaml-syntax/ },
    "an unknown field": {
      text: 'apiVersion: weft.network/v1alpha1\nkind: Fabric\nmetadata: {name: f}\nspec: {numbring: "rfc"}\n',
      expect: /unknown-field/,
    },
  };
  for (const [what, { text, expect }] of Object.entries(wrong))
    await t.test(what, async () => {
      fabric.writeText(text);
      const told = (s: { findings: readonly object[] }): boolean =>
        expect.test(JSON.stringify(s.findings));
      const status = await fabric.until("h1", what, (s) => s.stale && told(s), 4000);
      assert.deepEqual([status.revision, status.ports.length], [revision, 2]);
      assert.ok(fabric.pings("a1", 2) && fabric.pings("b1", 2));
    });
  await t.test("the host is missing", async () => {
    const host = fabric.document("Host", "h1");
    host.metadata.name = "h9";
    for (const d of fabric.documents) if (d.spec.host === "h1") d.spec.host = "h9";
    fabric.write();
    await fabric.until("h1", "it is told", (s) =>
      s.problems.some((p) => p.code === "unknown-host"),
    );
    assert.ok(fabric.pings("a1", 2));
    host.metadata.name = "h1";
    for (const d of fabric.documents) if (d.spec.host === "h9") d.spec.host = "h1";
  });
  await t.test("the files are gone", async () => {
    renameSync(fabric.intent, `${fabric.intent}.away`);
    const told = (s: { problems: readonly { code: string }[] }): boolean =>
      s.problems.some((p) => p.code === "intent-unreadable");
    await fabric.until("h1", "it is told", told);
    assert.ok(fabric.pings("a1", 2));
  });
  await t.test("a restart meanwhile", async () => {
    await fabric.agent("h1").stop();
    await fabric.start("h1").ready();
    const status = await fabric.status("h1");
    assert.deepEqual([status.stale, status.revision], [true, revision]);
    assert.ok(fabric.pings("a1", 2) && fabric.pings("b1", 2));
  });
  await t.test("and it is right again", async () => {
    renameSync(`${fabric.intent}.away`, fabric.intent);
    fabric.write();
    await fabric.until("h1", "no longer stale", (s) => !s.stale && s.problems.length === 0);
  });
});

test("--partial: a tenant's error costs neither him what he has nor the others their changes", async (t) => {
  const fabric = await Fabric.running(t, { agent: ["--partial"] });
  fabric.addWorkload("b7", "h1", "port-b7", "10.1.0.7");
  fabric.documents.push(portDocument("b", 7, "h1", "port-b7"));
  fabric.document("Port", "p1", "a").spec.mac = "no MAC";
  fabric.write();
  const status = await fabric.until("h1", "three ports", (s) => s.stale && s.ports.length === 3);
  assert.match(JSON.stringify(status.findings), /"tenant":"a"/);
  await eventually(() => assert.ok(fabric.pings("b7", 2), "the sound tenant's change"));
  assert.ok(fabric.pings("a1", 2), "the unsound tenant lost what he had");
  await t.test("unless the two do not go together: then all stays", async () => {
    const { revision } = status;
    fabric.document("Network", "net", "b").spec.vni = 11000; // the other's, as it is in force
    fabric.document("Network", "net", "a").spec.vni = 11001;
    fabric.write();
    await sleep(2500);
    const later = await fabric.status("h1");
    assert.deepEqual([later.stale, later.revision], [true, revision]);
    assert.ok(fabric.pings("a1", 2) && fabric.pings("b1", 2));
  });
});

test("--partial: a first start applies the sound tenants", async (t) => {
  const fabric = Fabric.make(t, { agent: ["--partial"] });
  fabric.document("Port", "p1", "a").spec.mac = "no MAC";
  fabric.write();
  await Promise.all([fabric.start("h1").ready(), fabric.start("h2").ready()]);
  const { ports, stale } = await fabric.status("h1");
  assert.deepEqual([ports.map((p) => p.port), stale], [["b/p1"], true]);
  assert.ok(fabric.pings("b1", 2));
  assert.ok(!fabric.pings("a1", 2));
});
