/** Groups from numbers, groups that nobody may have, and MACs that several groups have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { contains, formatIp, parseIp, parsePrefix } from "../../src/base/ip.ts";
import { compileIntent } from "../../src/intent/compile.ts";
import { controlAliasOf, deriveGroup, macOfGroup, refuseGroup } from "../../src/intent/groups.ts";
import { compileGroups } from "../../src/intent/passes/groups.ts";
import { documentText, fabric, fileOf, tenant } from "./texts.ts";

/** Number, its group over IPv4. */
const groups = [
  [1000, "239.1.10.0"],
  [1001, "239.1.10.1"],
  [1002, "239.1.10.2"],
  [1255, "239.1.10.255"],
  [1256, "239.1.11.0"],
  [4096, "239.1.22.24"],
  [10_000, "239.1.45.40"],
  [999, "239.1.9.255"],
  [0, "239.1.6.24"],
  // The ends of the half: 239.128.0.x is left out.
  [8_321_511, "239.127.255.255"],
  [8_321_512, "239.128.1.0"],
  // 239.255.255.x is left out, and the pool goes on at its start.
  [16_709_607, "239.255.254.255"],
  [16_709_608, "239.0.1.0"],
  // The last number comes round to the first ones': 16 776 448 after 767.
  [16_777_215, "239.1.9.23"],
  [767, "239.1.9.23"],
] as const;

for (const [number, group] of groups)
  test(`${number} has ${group}`, () => assert.equal(deriveGroup(number, "ipv4"), group));

test("over IPv6 a number is the low half of the group, and of its MAC", () => {
  for (const [number, group, mac] of [
    [0, "ff15::8000:0", "33:33:80:00:00:00"],
    [1000, "ff15::8000:3e8", "33:33:80:00:03:e8"],
    [0xffffff, "ff15::80ff:ffff", "33:33:80:ff:ff:ff"],
  ] as const) {
    assert.equal(deriveGroup(number, "ipv6"), group);
    assert.equal(macOfGroup(group), mac);
    const ip = parseIp(group);
    assert.ok(ip);
    assert.equal(formatIp(ip), group, "canonical");
  }
});

const anyNumber = fc.integer({ min: 0, max: 0xffffff });
const POOL = 16_776_448;

test("what is derived is a group that a network may have, and no MAC of the link's own", () =>
  fc.assert(
    fc.property(anyNumber, fc.constantFrom("ipv4", "ipv6"), (number, family) => {
      const group = deriveGroup(number, family);
      assert.equal(refuseGroup(group, family), null);
      assert.equal(controlAliasOf(group), null);
      const relative = parsePrefix("239.255.255.0/24");
      const ip = parseIp(group);
      assert.ok(relative && ip && !contains(relative, ip));
    }),
  ));

test("two numbers have one group only if they are a whole pool apart", () =>
  fc.assert(
    fc.property(anyNumber, anyNumber, (a, b) => {
      const same = deriveGroup(a, "ipv4") === deriveGroup(b, "ipv4");
      assert.equal(same, a === b || Math.abs(a - b) === POOL);
      assert.equal(deriveGroup(a, "ipv6") === deriveGroup(b, "ipv6"), a === b);
    }),
  ));

/** Group, family, what is wrong with it; null: nothing. */
const judged = [
  ["239.1.10.0", "ipv4", null],
  ["225.0.0.1", "ipv4", null],
  ["224.0.1.1", "ipv4", null],
  ["192.0.2.1", "ipv4", /is no multicast address/],
  ["240.0.0.1", "ipv4", /is no multicast address/],
  ["224.0.0.5", "ipv4", /link-local control block/],
  ["232.1.1.1", "ipv4", /source-specific/],
  ["239.1.10.0", "ipv6", /is ipv4, and the network's underlay ipv6/],
  ["ff15::8000:3e8", "ipv4", /is ipv6, and the network's underlay ipv4/],
  ["ff05::1:3", "ipv6", null],
  ["ff3e:40:2001:db8::1", "ipv6", null],
  ["fe80::1", "ipv6", /is no multicast address/],
  ["ff02::1", "ipv6", /scope 2/],
  ["ff01::1", "ipv6", /scope 1/],
  ["ff0f::1", "ipv6", /scope 15/],
  ["ff35::1", "ipv6", /source-specific/],
] as const;

for (const [group, family, wrong] of judged)
  test(`${group} over ${family} is ${wrong ? "refused" : "taken"}`, () => {
    const refusal = refuseGroup(group, family);
    if (!wrong) assert.equal(refusal, null);
    else {
      assert.equal(refusal?.code, "group-illegal");
      assert.match(refusal?.message ?? "", wrong);
    }
  });

/** RFC 1112 §6.4 and RFC 2464 §7: group, MAC, the group of the link that has it, too. */
const macs = [
  ["239.1.10.0", "01:00:5e:01:0a:00", null],
  ["239.129.10.0", "01:00:5e:01:0a:00", null],
  ["239.0.0.5", "01:00:5e:00:00:05", "224.0.0.5"],
  ["239.128.0.251", "01:00:5e:00:00:fb", "224.0.0.251"],
  ["239.0.1.5", "01:00:5e:00:01:05", null],
  ["ff05::1", "33:33:00:00:00:01", "ff02::1"],
  ["ff15::ff01:203", "33:33:ff:01:02:03", "ff02::1:ff01:203"],
  ["ff15::1:2", "33:33:00:01:00:02", null],
] as const;

for (const [group, mac, alias] of macs)
  test(`${group} goes to ${mac}`, () =>
    assert.deepEqual([macOfGroup(group), controlAliasOf(group)], [mac, alias]));

const network = (name: string, spec: string): string =>
  documentText("Network", `a/${name}`, `{bum: multicast, ${spec}}`);

test("a given group counts, and no network moves another's", () => {
  const assigned = (documents: readonly string[]): Readonly<Record<string, string>> => {
    const { intent } = compileIntent([fileOf([fabric, tenant, ...documents])]);
    const { assignments } = compileGroups(intent);
    return Object.fromEntries(assignments.map((one) => [one.network.key, one.group]));
  };
  const some = [network("m", "vni: 5000"), network("o", "vni: 6000, group: 239.9.9.9")];
  const before = assigned(some);
  assert.deepEqual(before, { "a/m": "239.1.25.160", "a/o": "239.9.9.9" });
  const more = [
    network("first", "vni: 1"),
    network("between", "vni: 5500"),
    network("unnumbered", ""),
    documentText("Network", "a/plain", "{vni: 7000}"),
  ];
  assert.deepEqual(assigned([...more, ...some]), {
    ...before,
    "a/first": "239.1.6.25",
    "a/between": "239.1.27.148",
  });
});
