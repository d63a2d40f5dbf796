/** What a frame teaches, step by step, without a kernel. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DECLARED, type Knowledge, learn, type Station, standing } from "../../src/pipeline/fdb.ts";

const SEEN = {
  ...{ network: 11_000, mac: "02:00:00:00:09:01", group: 1 },
  ...{ ageSeconds: 160, macsMax: 3 },
} as const;
const UNKNOWN: Knowledge = { known: null, learnedCount: 0, gatewayMac: null };
const NOW = 1000;
const learned = (target: number, freshUntilSeconds: number): Station => ({
  kind: "group",
  target,
  freshUntilSeconds,
  movedUntilSeconds: DECLARED.movedUntilSeconds,
});
const FRESH = learned(1, NOW + 160);

test("who was not known is, until his age is over", () => {
  assert.deepEqual(learn(SEEN, UNKNOWN, NOW), { verdict: "learned", station: FRESH });
  assert.deepEqual(standing(FRESH, NOW + 160), FRESH);
  assert.equal(standing(FRESH, NOW + 161), null);
});

test("who moves is followed, though he be over", () => {
  for (const until of [NOW + 100, NOW - 100]) {
    const known = learned(2, until);
    assert.deepEqual(learn(SEEN, { ...UNKNOWN, known }, NOW), { verdict: "moved", station: FRESH });
  }
});

test("who speaks on is written anew when a sixteenth of his life is gone", () => {
  const after = (seconds: number): unknown =>
    learn(SEEN, { ...UNKNOWN, known: learned(1, NOW - seconds + 160) }, NOW);
  assert.deepEqual(after(10), { verdict: null, station: null });
  assert.deepEqual(after(11), { verdict: null, station: FRESH });
});

test("what is declared, and the gateway's, is nobody's to take", () => {
  const refused = { verdict: "learn-refused", station: null };
  const elsewhere: readonly Station[] = [
    { kind: "port", target: 1, ...DECLARED },
    { kind: "group", target: 2, ...DECLARED },
    { kind: "drop", target: 0, ...DECLARED },
  ];
  for (const known of elsewhere) assert.deepEqual(learn(SEEN, { ...UNKNOWN, known }, NOW), refused);
  assert.deepEqual(learn(SEEN, { ...UNKNOWN, gatewayMac: SEEN.mac }, NOW), refused);
  const there: Station = { kind: "group", target: 1, ...DECLARED };
  assert.deepEqual(learn(SEEN, { ...UNKNOWN, known: there }, NOW), {
    verdict: null,
    station: null,
  });
});

test("a network that has learned as many as it may learns no more, and still follows", () => {
  const full = { ...UNKNOWN, learnedCount: 3 };
  assert.deepEqual(learn(SEEN, full, NOW), { verdict: "learn-full", station: null });
  assert.equal(learn(SEEN, { ...full, known: learned(2, NOW) }, NOW).verdict, "moved");
});
