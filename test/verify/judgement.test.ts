import assert from "node:assert/strict";
import { test } from "node:test";
import { type Evidence, judge, type Observed, summarize } from "../../src/verify/judgement.ts";

const deny: Evidence = {
  intended: "deny",
  expected: ["encapsulated"],
  arrived: false,
  verdict: "encapsulated",
  control: "org/other",
};
const allow: Evidence = { ...deny, intended: "allow", arrived: true };

const cases: readonly (readonly [what: string, evidence: Evidence, observed: Observed])[] = [
  ["a denied probe with every proof", deny, "deny"],
  ["a denied probe that arrived", { ...deny, arrived: true }, "allow"],
  ["a denied probe that nobody saw leave", { ...deny, verdict: null }, "unproven"],
  ["a denied probe to a target that heard nobody", { ...deny, control: null }, "unproven"],
  ["a denied probe that met another fate", { ...deny, verdict: "no-adjacency" }, "unproven"],
  ["a denied probe of which nothing is expected", { ...deny, expected: [] }, "unproven"],
  ["an allowed probe that arrived", allow, "allow"],
  ["an allowed probe that arrived unseen", { ...allow, verdict: null, control: null }, "allow"],
  ["an allowed probe that was dropped", { ...allow, arrived: false, verdict: "too-big" }, "deny"],
  ["an allowed probe that was lost on the way", { ...allow, arrived: false }, "deny"],
  [
    "an allowed probe lost with its target deaf",
    { ...allow, arrived: false, control: null },
    "unproven",
  ],
  ["an allowed probe that was never sent", { ...allow, arrived: false, verdict: null }, "unproven"],
];

for (const [what, evidence, observed] of cases)
  test(`${what}: ${observed}`, () => assert.equal(judge(evidence), observed));

test("a summary counts every probe once", () => {
  const probe = {
    from: "a/1",
    to: "a/2",
    protocol: "udp",
    port: 9,
    control: null,
    verdict: null,
  } as const;
  const probes = [
    { ...probe, intended: "allow", observed: "allow" },
    { ...probe, intended: "deny", observed: "deny" },
    { ...probe, intended: "deny", observed: "allow" },
    { ...probe, intended: "allow", observed: "deny" },
    { ...probe, intended: "deny", observed: "unproven" },
    { ...probe, intended: "allow", observed: "unproven" },
  ] as const;
  assert.deepEqual(summarize(probes), { total: 6, asIntended: 2, wrong: 2, unproven: 2 });
});
