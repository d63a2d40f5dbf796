/** One address: every state and event, and when what is known of it ends. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type Claim,
  type EndpointAction,
  type EndpointEvent,
  type EndpointState,
  inherited,
  nextDeadline,
  step,
} from "../../src/endpoints/endpoint.ts";

const LIFE_MS = 300_000;
const HERE: Claim = { kind: "port", id: 1, network: 7, mac: "02:00:00:00:00:01" };
const THERE: Claim = { kind: "port", id: 2, network: 7, mac: "02:00:00:00:00:02" };
const AWAY: Claim = { kind: "group", id: 1, network: 7, mac: "02:00:00:00:00:03" };

const seen = (claim: Claim, overrides = true): EndpointEvent => ({ on: "seen", claim, overrides });
const sought: EndpointEvent = { on: "sought", network: 7 };

const text = (action: EndpointAction): string => {
  switch (action.do) {
    case "write":
      return `write ${action.claim.kind} ${action.claim.id} until ${action.freshUntil}`;
    case "ask":
      return `ask ${action.claim.kind} ${action.claim.id}`;
    case "search":
      return `search ${action.network}`;
    case "tell-move":
      return `move ${action.moves} from ${action.from.id} to ${action.to.id}`;
    default:
      return action.do;
  }
};

/** A history, by hand: what was done and when. */
class History {
  state: EndpointState | null = null;
  readonly lines: string[] = [];
  now: number = 0;

  feed(event: EndpointEvent, now = this.now): this {
    this.now = now;
    const next = step(LIFE_MS, this.state, event, now);
    this.state = next.state;
    this.lines.push(...next.actions.map((action) => `${now} ${text(action)}`));
    return this;
  }

  /** Nobody speaks until `until`. */
  silence(until: number): this {
    while (this.state && nextDeadline(LIFE_MS, this.state) <= until)
      this.feed({ on: "deadline" }, nextDeadline(LIFE_MS, this.state));
    this.now = until;
    return this;
  }
}

describe("an address that is shown", () => {
  test("is asked at each third of its life, and over at its end if it does not answer", () => {
    const { lines, state } = new History().feed(seen(HERE)).silence(1e9);
    assert.deepEqual(lines, [
      "0 write port 1 until 300000",
      "100000 ask port 1",
      "200000 ask port 1",
      "300000 remove",
    ]);
    assert.equal(state, null);
  });

  test("lives on while it answers", () => {
    const history = new History().feed(seen(HERE)).silence(100_000).feed(seen(HERE), 100_001);
    history.silence(400_000);
    assert.deepEqual(history.lines, [
      "0 write port 1 until 300000",
      "100000 ask port 1",
      "100001 write port 1 until 400001",
      "200001 ask port 1",
      "300001 ask port 1",
    ]);
    assert.equal(history.state?.since, 0, "known since it was first seen");
  });

  test("by another: the last one has it, and who had it is told", () => {
    const history = new History().feed(seen(HERE)).feed(seen(THERE), 10).feed(seen(HERE), 20);
    assert.deepEqual(history.lines, [
      "0 write port 1 until 300000",
      "10 write port 2 until 300010",
      "10 move 1 from 1 to 2",
      "20 write port 1 until 300020",
      "20 move 2 from 2 to 1",
    ]);
    assert.deepEqual(history.state, {
      ...{ at: "discovered", claim: HERE, since: 20, seenAt: 20 },
      ...{ asked: 0, moves: 2, rival: THERE },
    });
  });

  test("a port that has another MAC, and a group that has the number of a port, are others", () => {
    for (const claim of [AWAY, { ...HERE, mac: THERE.mac }, { ...HERE, network: 8 }]) {
      const { lines } = new History().feed(seen(HERE)).feed(seen(claim), 1);
      assert.equal(lines.length, 3, JSON.stringify(claim));
    }
  });

  test("an advertisement that overrides nothing confirms what is known, and no more", () => {
    const history = new History().feed(seen(HERE, false));
    assert.equal(history.state, null);
    history.feed(seen(HERE), 1).feed(seen(THERE, false), 2).feed(seen(HERE, false), 3);
    assert.deepEqual(history.lines, ["1 write port 1 until 300001", "3 write port 1 until 300003"]);
  });

  test("is asked at once for each third that has passed meanwhile, and only once", () => {
    const history = new History().feed(seen(HERE)).feed({ on: "deadline" }, 250_000);
    assert.deepEqual(history.lines.slice(1), ["250000 ask port 1"]);
    assert.equal(history.state && nextDeadline(LIFE_MS, history.state), 300_000);
  });

  test("is over when its port is gone", () => {
    const { lines, state } = new History().feed(seen(HERE)).feed({ on: "lost" }, 1);
    assert.deepEqual([lines.at(-1), state], ["1 remove", null]);
  });
});

describe("an address that nobody has shown", () => {
  test("is searched for three times, a second apart, then for ten seconds not at all", () => {
    const history = new History().feed(sought).feed(sought, 500).silence(2999);
    assert.deepEqual(history.lines, ["0 search 7", "1000 search 7", "2000 search 7"]);
    history.silence(3000);
    assert.equal(history.state?.at, "silent");
    history.feed(sought, 12_999);
    assert.equal(history.lines.length, 3);
    history.feed(sought, 13_000);
    assert.deepEqual(history.lines.slice(3), ["13000 search 7"]);
    assert.equal(history.state?.since, 0, "silent since it was first sought");
  });

  test("is forgotten when nobody asks for it", () => {
    const { state, now } = new History().feed(sought).silence(63_000);
    assert.deepEqual([state, now], [null, 63_000]);
    assert.equal(new History().feed(sought).silence(62_999).state?.at, "silent");
  });

  test("is known when it answers, whether searched for or given up", () => {
    for (const at of [500, 5000]) {
      const history = new History().feed(sought).silence(at).feed(seen(AWAY), at);
      assert.equal(history.lines.at(-1), `${at} write group 1 until ${at + LIFE_MS}`);
      assert.equal(
        history
          .feed(sought, at + 1)
          .lines.at(-1)
          ?.startsWith(`${at} `),
        true,
      );
    }
  });

  test("there is nothing to take back when its network is gone", () => {
    for (const until of [0, 5000]) {
      const { lines, state } = new History().feed(sought).silence(until).feed({ on: "lost" });
      assert.deepEqual([lines.filter((line) => line.includes("remove")), state], [[], null]);
    }
  });
});

test("what another life has learned is asked by what is left of its life", () => {
  const history = new History();
  history.state = inherited(LIFE_MS, HERE, 400_000);
  history.silence(1e9);
  assert.deepEqual(history.lines, ["200000 ask port 1", "300000 ask port 1", "400000 remove"]);
});

test("nothing known: only what shows or seeks it does anything", () => {
  for (const event of [{ on: "lost" }, { on: "deadline" }] as const)
    assert.deepEqual(step(LIFE_MS, null, event, 5), { state: null, actions: [] });
});

const events = fc.oneof(
  fc.constantFrom(HERE, THERE, AWAY).chain((claim) => fc.boolean().map((o) => seen(claim, o))),
  fc.constant(sought),
  fc.constant<EndpointEvent>({ on: "lost" }),
  fc.constant<EndpointEvent>({ on: "deadline" }),
);

test("whatever happens: a deadline moves on, and what was written is removed or fresh", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 400_000 }),
      fc.array(fc.tuple(events, fc.integer({ min: 0, max: 150_000 }))),
      (lifeMs, history) => {
        let [state, now, freshUntil]: [EndpointState | null, number, number] = [null, 0, -1];
        for (const [event, after] of history) {
          now += after;
          const next = step(lifeMs, state, event, now);
          for (const action of next.actions) {
            if (action.do === "write") freshUntil = action.freshUntil;
            if (action.do === "remove") freshUntil = -1;
          }
          state = next.state;
          if (event.on === "deadline" && state) assert.ok(nextDeadline(lifeMs, state) > now);
          assert.equal(state?.at === "discovered", freshUntil >= 0);
          if (state?.at === "discovered") assert.equal(freshUntil, state.seenAt + lifeMs);
        }
      },
    ),
  ));
