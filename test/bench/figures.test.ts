/** What makes a figure, a void run, a met goal. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  absolute,
  figureOf,
  floorOf,
  judge,
  paired,
  ROUNDS_MIN,
  type Round,
  type Sample,
} from "../../bench/figures.ts";
import { jsonOf, outcomeOf, type Run, renderText } from "../../bench/report.ts";
import { bridgedStandard } from "../../bench/standards.ts";

const plain: Sample = { packets: 200, tcp: 40, tcpSegmented: 10, rttP50: 15, rttP99: 20 };
const scaled = (by: number): Sample => ({
  packets: plain.packets * by,
  tcp: plain.tcp * by,
  tcpSegmented: plain.tcpSegmented * by,
  rttP50: plain.rttP50,
  rttP99: plain.rttP99,
});

/** A round in which the whole machine runs at `pace`, and each contender at its own multiple of the bridge. */
const roundAt = (pace: number, multiples: Readonly<Record<string, number>>): Round =>
  new Map(Object.entries(multiples).map(([name, by]) => [name, scaled(pace * by)]));

const usual = { bridge: 1, "bridge-again": 1, "kernel-vxlan": 0.6, "weft-vxlan": 1.2 };
const usualRounds = Array.from({ length: ROUNDS_MIN }, (_, i) => roundAt(1 + i / 10, usual));

const runOf = (rounds: readonly Round[]): Run => ({
  standard: bridgedStandard,
  at: "2026-01-01T00:00:00.000Z",
  command: "bench",
  machine: "a machine",
  load: [0, 0],
  method: [],
  contenders: Object.keys(usual).map((name) => ({
    name,
    summary: "",
    overheadOctets: 0,
    up: () => Promise.resolve(),
    down: () => Promise.resolve(),
  })),
  rounds,
});

test("a figure is the median with its extremes, whatever the order", () => {
  assert.deepEqual(figureOf([5, 1, 3]), { median: 3, low: 1, high: 5 });
  assert.deepEqual(figureOf([4, 1, 3, 2]), { median: 2.5, low: 1, high: 4 });
  assert.equal(figureOf([]), null);
});

test("comparisons are paired by round: a machine that speeds up does not move them", () => {
  const ratio = paired(usualRounds, "packets", "weft-vxlan", "kernel-vxlan");
  assert.ok(ratio);
  for (const value of [ratio.median, ratio.low, ratio.high])
    assert.ok(Math.abs(value - 2) < 1e-9, `${value}`);
  assert.deepEqual(absolute(usualRounds, "packets", "bridge"), {
    median: 280,
    low: 200,
    high: 360,
  });
});

test("round trips are compared by difference, not by ratio", () => {
  const round: Round = new Map([
    ["bridge", plain],
    ["weft-vxlan", { ...plain, rttP50: 12, rttP99: 26 }],
  ]);
  assert.deepEqual(paired([round], "rttP50", "weft-vxlan", "bridge"), {
    median: -3,
    low: -3,
    high: -3,
  });
  assert.equal(paired([round], "rttP99", "weft-vxlan", "bridge")?.median, 6);
});

test("a contender that took no part has no figure and no goal", () => {
  assert.equal(paired(usualRounds, "tcp", "weft-nvgre", "bridge"), null);
  assert.deepEqual(
    judge(usualRounds, ["weft-nvgre", "redirect"], bridgedStandard),
    [],
    "nor has one that is not weft",
  );
});

for (const [apart, off] of [
  [0.94, true],
  [0.96, false],
  [1.04, false],
  [1.06, true],
] as const)
  test(`a floor of ${apart} makes a run ${off ? "void" : "sound"}`, () => {
    const rounds = usualRounds.map((_, i) => roundAt(1 + i, { ...usual, "bridge-again": apart }));
    assert.deepEqual(
      floorOf(rounds, bridgedStandard).map((reading) => [reading.metric, reading.off]),
      [
        ["packets", off],
        ["tcp", off],
        ["tcpSegmented", off],
      ],
    );
    assert.equal(outcomeOf(rounds, bridgedStandard), off ? "void" : "sound");
    const text = renderText(runOf(rounds));
    assert.equal(text.includes("VOID"), off);
    assert.equal(text.includes("goals"), !off, "a void run judges nothing");
    assert.equal(JSON.parse(JSON.stringify(jsonOf(runOf(rounds)))).outcome, off ? "void" : "sound");
  });

test("one metric off is enough to make a run void", () => {
  const rounds = usualRounds.map((round) =>
    new Map(round).set("bridge-again", { ...plain, packets: 1000, tcp: 40, tcpSegmented: 1 }),
  );
  assert.equal(outcomeOf(rounds, bridgedStandard), "void");
});

test("fewer rounds than nine are a trial", () => {
  assert.equal(outcomeOf(usualRounds.slice(1), bridgedStandard), "trial");
  assert.match(renderText(runOf(usualRounds.slice(1))), /TRIAL: fewer than 9 rounds/);
  assert.equal(outcomeOf(usualRounds, bridgedStandard), "sound");
});

test("goals are judged by the median, each in its own direction", () => {
  const rounds = Array.from({ length: ROUNDS_MIN }, (): Round => {
    const round = new Map(roundAt(1, usual));
    round.set("weft-vxlan", {
      packets: 230, // 1.15 × bridge: just met; 1.92 × kernel-vxlan: met
      tcp: 37, // 0.93: not met; 1.54: met
      tcpSegmented: 7, // 0.7 and 1.17: neither
      rttP50: 15, // 0 more: met
      rttP99: 31, // 11 more: not met
    });
    return round;
  });
  assert.deepEqual(
    judge(rounds, ["weft-vxlan"], bridgedStandard).map(({ metric, against, met }) => [
      metric,
      against,
      met,
    ]),
    [
      ["packets", "bridge", true],
      ["packets", "kernel-vxlan", true],
      ["tcp", "bridge", false],
      ["tcp", "kernel-vxlan", true],
      ["tcpSegmented", "bridge", false],
      ["tcpSegmented", "kernel-vxlan", false],
      ["rttP50", "bridge", true],
      ["rttP99", "bridge", false],
    ],
  );
  const text = renderText(runOf(rounds));
  assert.equal(text.match(/^ {2}met /gm)?.length, 4);
  assert.equal(text.match(/^ {2}NOT MET /gm)?.length, 4);
  assert.equal(bridgedStandard.goals.length, 8);
});
