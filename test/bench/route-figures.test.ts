/** What makes a figure, a void run and a met goal of many routes, and of a neighbour that changes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ROUNDS_MIN } from "../../bench/figures.ts";
import { isFrugal } from "../../bench/neighbour-figures.ts";
import {
  figuresOf,
  judgeRoutes,
  outcomeOfRoutes,
  type RouteRound,
  type RouteSample,
} from "../../bench/route-figures.ts";
import { jsonOfRoutes, renderNeighbours, renderRoutes } from "../../bench/route-report.ts";

const usual: RouteSample = { few: 200, many: 190, again: 200, loadMs: 1000 };
const roundOf = (weft: Partial<RouteSample>): RouteRound =>
  new Map([
    ["router", { ...usual, many: 160, loadMs: 9000 }],
    ["weft-vxlan", { ...usual, ...weft }],
  ]);
const rounds = (weft: Partial<RouteSample>, count: number = ROUNDS_MIN): readonly RouteRound[] =>
  Array.from({ length: count }, () => roundOf(weft));
const textOf = (of: readonly RouteRound[]): string =>
  renderRoutes({ few: 100, many: 100_000, lengths: [25], rounds: of });

test("many and few are compared within a sample: a machine that speeds up does not move them", () => {
  const paced = [1, 2, 3].map((pace) =>
    roundOf({ few: 200 * pace, many: 180 * pace, again: 202 * pace }),
  );
  const [, weft] = figuresOf(paced);
  assert.equal(weft?.contender, "weft-vxlan");
  assert.deepEqual(weft?.ratio, { median: 0.9, low: 0.9, high: 0.9 });
  assert.deepEqual(weft?.floor, { median: 1.01, low: 1.01, high: 1.01 });
  assert.deepEqual(weft?.few, { median: 400, low: 200, high: 600 });
});

for (const [name, weft, met] of [
  ["as few, in time", {}, [true, true]],
  ["just", { many: 180 }, [true, true]],
  ["too slow with many", { many: 179 }, [false, true]],
  ["too slow to load", { loadMs: 5000 }, [true, false]],
] as const)
  test(`goals: ${name}`, () => {
    assert.deepEqual(
      judgeRoutes(rounds(weft)).map((goal) => [goal.contender, goal.met]),
      met.map((each) => ["weft-vxlan", each]),
      "the router has none",
    );
    assert.equal(textOf(rounds(weft)).match(/NOT MET/g)?.length ?? 0, met.filter((m) => !m).length);
  });

test("one load that takes too long is enough", () => {
  const [first = roundOf({}), ...others] = rounds({});
  const slow = new Map(first).set("weft-vxlan", { ...usual, loadMs: 6000 });
  assert.deepEqual(
    judgeRoutes([slow, ...others]).map(({ met }) => met),
    [true, false],
  );
});

test("a contender that does not come back to what it was makes the run void", () => {
  assert.equal(outcomeOfRoutes(rounds({ again: 191 })), "sound");
  assert.equal(outcomeOfRoutes(rounds({ again: 189 })), "void");
  assert.match(textOf(rounds({ again: 189 })), /VOID/);
  assert.doesNotMatch(textOf(rounds({ again: 189 })), /MET|met /);
  assert.equal(Object(jsonOfRoutes({ few: 1, many: 2, lengths: [25], rounds: [] })).rounds, 0);
});

test("fewer rounds than nine are a trial", () => {
  assert.equal(outcomeOfRoutes(rounds({}, ROUNDS_MIN - 1)), "trial");
  assert.match(textOf(rounds({}, ROUNDS_MIN - 1)), /TRIAL/);
});

for (const [name, figures, frugal] of [
  ["one row each", {}, true],
  ["two for one of them", { rows: [1, 2] }, false],
  ["none for one of them: it was not seen", { rows: [1, 0] }, false],
  ["rows that nothing caused", { quiet: 1 }, false],
  ["tables that hold less than they should", { loaded: 999 }, false],
  ["no change at all", { rows: [] }, false],
] as const)
  test(`a neighbour's change: ${name}`, () => {
    const whole = { endpoints: 1000, loaded: 2010, quiet: 0, rows: [1, 1], ...figures };
    assert.equal(isFrugal(whole), frugal);
    assert.equal(renderNeighbours(whole).includes("NOT MET"), !frugal);
  });
