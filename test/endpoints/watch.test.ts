/** Who is there: questions, answers, and when a host is taken for dead. And who is the gateway then. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { announcedOf, deadOf, servedOf, watchedOf } from "../../src/endpoints/standby.ts";
import {
  initial,
  isAlive,
  nextDeadline,
  step,
  type WatchEvent,
  type WatchState,
} from "../../src/endpoints/watch.ts";
import type { StandbyRow } from "../../src/rows/rows.ts";

const [A, B, C] = ["192.0.2.1", "192.0.2.2", "2001:db8::3"] as const;

const watch = (addresses: readonly string[], dead: readonly string[] = []): WatchEvent => ({
  on: "watch",
  addresses: new Set(addresses),
  dead: new Set(dead),
});

class History {
  state: WatchState = initial(0);
  readonly lines: string[] = [];

  feed(event: WatchEvent, now: number): this {
    const next = step(this.state, event, now);
    this.state = next.state;
    for (const action of next.actions)
      this.lines.push(
        action.do === "ask"
          ? `${now} ask ${action.address}`
          : `${now} ${action.address} is ${action.alive ? "alive" : "dead"}`,
      );
    return this;
  }

  /** Those of `answering` answer each question after a millisecond, until `until`. */
  run(until: number, answering: readonly string[]): this {
    for (;;) {
      const now = nextDeadline(this.state);
      if (now > until) return this;
      const before = this.lines.length;
      this.feed({ on: "deadline" }, now);
      for (const line of this.lines.slice(before)) {
        const asked = / ask (.*)$/.exec(line)?.[1];
        if (asked !== undefined && answering.includes(asked))
          this.feed({ on: "answer", address: asked }, now + 1);
      }
    }
  }

  get news(): readonly string[] {
    return this.lines.filter((line) => line.includes(" is "));
  }
}

describe("watching", () => {
  test("a host that answers is asked again and again, and that is all", () => {
    const { lines } = new History().feed(watch([A]), 0).run(600, [A]);
    assert.deepEqual(
      lines,
      [0, 150, 300, 450, 600].map((at) => `${at} ask ${A}`),
    );
  });

  test("three questions without an answer, each with its time: dead, and asked on", () => {
    const { lines } = new History().feed(watch([A]), 0).run(600, []);
    assert.deepEqual(lines, [
      `0 ask ${A}`,
      `150 ask ${A}`,
      `300 ask ${A}`,
      `450 ${A} is dead`,
      `450 ask ${A}`,
      `600 ask ${A}`,
    ]);
  });

  test("one answer, and it is back; two lost are nothing", () => {
    const history = new History()
      .feed(watch([A]), 0)
      .run(300, [])
      .run(450, [A]);
    assert.deepEqual(history.news, [`450 ${A} is dead`, `451 ${A} is alive`]);
    const late = new History().feed(watch([A]), 0).run(300, []);
    late.feed({ on: "answer", address: A }, 449).run(750, []);
    assert.deepEqual(late.news, []);
    assert.deepEqual(late.run(900, []).news, [`900 ${A} is dead`]);
  });

  test("one that was known to be dead is asked, and told when it is back", () => {
    const history = new History().feed(watch([A, B], [A]), 0);
    assert.deepEqual([isAlive(history.state, A), isAlive(history.state, B)], [false, true]);
    history.run(4950, [B]);
    assert.deepEqual(history.news, []);
    assert.deepEqual(history.run(5100, [A, B]).news, [`5101 ${A} is alive`]);
  });

  test("nobody to watch: nothing to do, and strangers' answers are nobody's", () => {
    const history = new History().run(1e9, []).feed({ on: "answer", address: A }, 5);
    assert.deepEqual([history.lines, nextDeadline(history.state)], [[], Number.POSITIVE_INFINITY]);
    history
      .feed(watch([A]), 10)
      .run(1000, [])
      .feed(watch([B]), 1000);
    assert.equal(isAlive(history.state, A), true, "watched no longer");
  });

  test("whatever happens: a deadline moves on", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.oneof(
              fc.constant<WatchEvent>({ on: "deadline" }),
              fc.constantFrom(A, B).map((address): WatchEvent => ({ on: "answer", address })),
              fc.subarray([A, B, C]).map((some) => watch(some)),
            ),
            fc.nat(500),
          ),
        ),
        (history) => {
          let [state, now] = [initial(0), 0];
          for (const [event, after] of history) {
            now += after;
            state = step(state, event, now).state;
            if (event.on === "deadline") assert.ok(nextDeadline(state) > now);
          }
        },
      ),
    ));
});

describe("the gateway", () => {
  const candidates = [A, B, C].map((address, i) => ({ host: `h${i + 1}`, address }));
  const row = (self: number, network = 7): StandbyRow => ({
    ...{ table: "standby", network, candidates, self },
  });
  const aliveBut =
    (...dead: readonly string[]) =>
    (address: string): boolean =>
      !dead.includes(address);

  test("is the first that is there, as each of them sees it", () => {
    for (const [dead, serving] of [
      [[], 0],
      [[B], 0],
      [[A], 1],
      [[A, C], 1],
      [[A, B], 2],
    ] as const)
      for (const self of [0, 1, 2]) {
        const isDead = dead.some((address) => address === candidates[self]?.address);
        const served = servedOf([row(self)], aliveBut(...dead));
        if (!isDead) assert.equal(served.has(7), self === serving, `${self} with ${dead} dead`);
      }
  });

  test("everybody watches all the others", () => {
    assert.deepEqual([...watchedOf([row(1)])], [A, C]);
    assert.deepEqual([...watchedOf([row(0), row(2, 8)])].sort(), [A, B, C]);
  });

  test("who was it when it last ran takes those before it for dead", () => {
    assert.deepEqual([...deadOf([row(2), row(1, 8)], new Set([7]))], [A, B]);
    assert.deepEqual([...deadOf([row(0)], new Set([7]))], []);
  });

  test("is announced when it begins, and when another is back", () => {
    const [none, seven]: readonly ReadonlySet<number>[] = [new Set(), new Set([7])];
    assert.ok(none && seven);
    const rows = [row(0), row(0, 8)];
    assert.deepEqual(announcedOf(rows, [none, seven], new Set()), [7]);
    assert.deepEqual(announcedOf(rows, [seven, seven], new Set()), []);
    assert.deepEqual(announcedOf(rows, [seven, seven], new Set([B])), [7]);
    assert.deepEqual(announcedOf(rows, [seven, none], new Set([B])), []);
  });
});
