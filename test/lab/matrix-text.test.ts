import assert from "node:assert/strict";
import { test } from "node:test";
import { renderMatrix } from "../../src/lab/matrix-text.ts";
import { type ProbeResult, summarize } from "../../src/verify/judgement.ts";

const places = new Map([
  ["a/1", { network: "a/red", space: "a/red" }],
  ["a/2", { network: "a/red", space: "a/red" }],
  ["b/1", { network: "b/blue", space: "b/main" }],
  ["b/2", { network: "b/green", space: "b/main" }],
]);
const spaceOf = (port: string): string => places.get(port)?.space ?? "";
const probe = (from: string, to: string, outcome: Partial<ProbeResult>): ProbeResult => ({
  from,
  to,
  protocol: "icmp",
  port: null,
  intended: spaceOf(from) === spaceOf(to) ? "allow" : "deny",
  observed: spaceOf(from) === spaceOf(to) ? "allow" : "deny",
  control: "a/2",
  verdict: "encapsulated",
  ...outcome,
});
const render = (...probes: readonly ProbeResult[]): string =>
  renderMatrix({ probes, summary: summarize(probes) }, places).join("\n");

test("a sound matrix is a block a network, one table between them, and one line", () => {
  const text = render(
    probe("a/1", "a/2", {}),
    probe("a/2", "a/1", {}),
    probe("a/1", "b/1", {}),
    probe("b/1", "a/1", {}),
    probe("b/1", "a/1", { protocol: "arp" }),
  );
  assert.equal(
    text,
    `a/red      1 2
   1 a/1   . +
   2 a/2   + .

denied between networks     1   2
   1 a/red                  .   1
   2 b/blue                 2   .

5 probes: 5 came out right, 0 wrong, 0 unproven`,
  );
});

test("every failure is named in full, with why it proves nothing", () => {
  const text = render(
    probe("a/1", "a/2", { observed: "deny", verdict: "too-big" }),
    probe("a/2", "a/1", { observed: "unproven", verdict: null }),
    probe("a/1", "b/1", { observed: "allow" }),
    probe("a/2", "b/1", { observed: "unproven", control: null }),
    probe("b/1", "a/1", { observed: "unproven", verdict: "no-adjacency" }),
  );
  assert.equal(
    text,
    `a/red      1 2
   1 a/1   . -
   2 a/2   ? .

denied between networks       1     2
   1 a/red                    .  0/2!
   2 b/blue                0/1!     .

wrong    icmp a/1 -> a/2: intended allow, observed deny, verdict too-big
unproven icmp a/2 -> a/1: intended allow, not seen at its source
wrong    icmp a/1 -> b/1: intended deny, observed allow, verdict encapsulated
unproven icmp a/2 -> b/1: intended deny, the target heard nobody else, verdict encapsulated
unproven icmp b/1 -> a/1: intended deny, dropped for another reason than the rows say, verdict no-adjacency

5 probes: 0 came out right, 2 wrong, 3 unproven`,
  );
});

test("networks of one router are one block, with what another router lets in behind", () => {
  const denied = { intended: "deny", observed: "deny", protocol: "arp" } as const;
  const text = render(
    probe("b/1", "b/2", {}),
    probe("b/2", "b/1", {}),
    probe("b/1", "b/2", denied),
    probe("b/1", "b/3", { intended: "allow", observed: "allow" }),
  );
  assert.equal(
    text,
    `b/main     1 2 3
   1 b/1   . + +
   2 b/2   + . .
   3 b/3   . . .

denied between networks     1   2
   1 b/blue                 .   1
   2 b/green                .   .

4 probes: 4 came out right, 0 wrong, 0 unproven`,
  );
});
