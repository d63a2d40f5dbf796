import assert from "node:assert/strict";
import { test } from "node:test";
import { renderMatrix } from "../../src/lab/matrix-text.ts";
import { type ProbeResult, summarize } from "../../src/verify/judgement.ts";

const networks = new Map([
  ["a/1", "a/red"],
  ["a/2", "a/red"],
  ["b/1", "b/blue"],
]);
const probe = (from: string, to: string, outcome: Partial<ProbeResult>): ProbeResult => ({
  from,
  to,
  protocol: "icmp",
  port: null,
  intended: networks.get(from) === networks.get(to) ? "allow" : "deny",
  observed: networks.get(from) === networks.get(to) ? "allow" : "deny",
  control: "a/2",
  verdict: "encapsulated",
  ...outcome,
});
const render = (...probes: readonly ProbeResult[]): string =>
  renderMatrix({ probes, summary: summarize(probes) }, networks).join("\n");

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
