/** What `--partial` leaves of an intent, and what it keeps of the one before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileIntent } from "../../src/intent/compile.ts";
import { soundTenants, withTenantsKept } from "../../src/intent/partial.ts";

interface Written {
  readonly [network: string]: number | string;
}

/** A fabric of a tenant a network, each with its vni. */
function intentOf(written: Written): ReturnType<typeof compileIntent> {
  const documents = [
    { kind: "Fabric", metadata: { name: "f" }, spec: {} },
    ...Object.keys(written).map((name) => ({ kind: "Tenant", metadata: { name }, spec: {} })),
    ...Object.entries(written).map(([tenant, vni]) => ({
      kind: "Network",
      metadata: { name: "net", tenant },
      spec: { vni },
    })),
  ];
  const text = documents
    .map((d) => JSON.stringify({ apiVersion: "weft.network/v1alpha1", ...d }))
    .join("\n---\n");
  return compileIntent([{ path: "all.yaml", text }]);
}

test("a tenant with an error is left out whole", () => {
  const { intent, findings } = intentOf({ a: "no number", b: 12000 });
  const sound = soundTenants(intent, findings);
  assert.ok(sound);
  assert.deepEqual([...sound.tenants.keys()], ["b"]);
  assert.deepEqual([...sound.networks.keys()], ["b/net"]);
});

test("an error that is no tenant's leaves nothing", () => {
  const { intent } = intentOf({ b: 12000 });
  const { findings } = compileIntent([{ path: "all.yaml", text: "{kind" }]);
  assert.equal(soundTenants(intent, findings), null);
});

test("a tenant with an error stays as it was, beside the others as they are", () => {
  const before = intentOf({ a: 11000, b: 12000, z: 13000 });
  const now = intentOf({ a: "no number", b: 12001 });
  const sound = soundTenants(now.intent, now.findings);
  assert.ok(sound);
  const kept = withTenantsKept(sound, before.intent, now.findings);
  const numbers = [...kept.networks].map(([key, network]) => [key, network.spec.vni]);
  // z was taken out on purpose.
  assert.deepEqual(numbers, [
    ["a/net", 11000],
    ["b/net", 12001],
  ]);
  assert.deepEqual([...kept.tenants.keys()], ["a", "b"]);
});
