/** The map from networks to groups: rows in order of numbers, prefixes for routers, MACs for switches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileIntent } from "../../src/intent/compile.ts";
import { planIntentGroups, planNumberGroups } from "../../src/plan/multicast.ts";
import { documentText, fabric, fileOf, tenant } from "../intent/texts.ts";

test("numbers from 1000 fill 239.1.10.0/24, and the 257th goes on behind it", () => {
  const plan = planNumberGroups(1000, 1256, "ipv4");
  assert.deepEqual(plan.groups[0], {
    network: null,
    vni: 1000,
    underlay: "ipv4",
    group: "239.1.10.0",
    mac: "01:00:5e:01:0a:00",
    given: false,
  });
  const all = plan.groups.map(({ group }) => group);
  assert.deepEqual([all[1], all[255], all[256]], ["239.1.10.1", "239.1.10.255", "239.1.11.0"]);
  assert.deepEqual(plan.blocks, [
    { prefix: "239.1.10.0/24", groups: 256 },
    { prefix: "239.1.11.0/24", groups: 1 },
  ]);
  assert.deepEqual(plan.sharedMacs, []);
});

test("over IPv6 one prefix holds 65536 numbers", () => {
  const { blocks } = planNumberGroups(65_530, 65_540, "ipv6");
  assert.deepEqual(blocks, [
    { prefix: "ff15::8000:0/112", groups: 6 },
    { prefix: "ff15::8001:0/112", groups: 5 },
  ]);
});

test("an intent's networks that flood by multicast, in order of numbers, with what they share", () => {
  const network = (name: string, spec: string): string =>
    documentText("Network", `a/${name}`, `{${spec}}`);
  const { intent } = compileIntent([
    fileOf([
      fabric,
      tenant,
      network("c", "vni: 5000, bum: multicast"),
      network("b", "vni: 5001, bum: multicast, group: 239.129.25.160"),
      network("a", "vni: 5002, bum: multicast, group: 239.1.25.160"),
      network("six", "vni: 4999, bum: multicast, underlay: ipv6"),
      network("plain", "vni: 5003"),
    ]),
  ]);
  const { groups, blocks, sharedMacs } = planIntentGroups(intent);
  assert.deepEqual(
    groups.map((row) => [row.network, row.vni, row.group, row.given]),
    [
      ["a/six", 4999, "ff15::8000:1387", false],
      ["a/c", 5000, "239.1.25.160", false],
      ["a/b", 5001, "239.129.25.160", true],
      ["a/a", 5002, "239.1.25.160", true],
    ],
  );
  assert.deepEqual(blocks, [
    { prefix: "ff15::8000:0/112", groups: 1 },
    { prefix: "239.1.25.0/24", groups: 1 },
    { prefix: "239.129.25.0/24", groups: 1 },
  ]);
  assert.deepEqual(sharedMacs, [
    { mac: "01:00:5e:01:19:a0", groups: ["239.1.25.160", "239.129.25.160"] },
  ]);
});
