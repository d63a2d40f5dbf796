/** Whose claims are believed, how many, and what the intent takes back. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parsePrefix } from "../../src/base/ip.ts";
import {
  ADDRESSES_PER_PLACE_MAX,
  Directory,
  type DirectoryAction,
  type Ground,
  type GroundNetwork,
  SEARCHES_PER_NETWORK_MAX,
} from "../../src/endpoints/directory.ts";
import type { Claim } from "../../src/endpoints/endpoint.ts";

const ROUTER = 500;
const [RED, BLUE, ALONE] = [7, 8, 9];
const prefix = (text: string): NonNullable<ReturnType<typeof parsePrefix>> => {
  const parsed = parsePrefix(text);
  assert.ok(parsed);
  return parsed;
};

const network = (space: number, ...subnets: readonly string[]): GroundNetwork => ({
  space,
  subnets: subnets.map(prefix),
  lifeMs: 300_000,
});

/** Red and blue are a router's, alone is its own. */
const ground: Ground = {
  declared: new Set([`${ROUTER} 10.1.0.1`, `${ROUTER} 10.1.0.254`]),
  networks: new Map([
    [RED, network(ROUTER, "10.1.0.0/24", "fd01::/64")],
    [BLUE, network(ROUTER, "10.2.0.0/16")],
    [ALONE, network(ALONE)],
  ]),
  places: new Set(["port 1", "port 2", "group 1"]),
};

const claim = (network: number, place: Partial<Claim> = {}): Claim => ({
  ...{ kind: "port", id: 1, network, mac: "02:00:00:00:00:01", ...place },
});

function directory(): Directory {
  const made = new Directory();
  assert.deepEqual(made.rebase(ground, 0), []);
  return made;
}

const what = (actions: readonly DirectoryAction[]): readonly string[] =>
  actions.map((action) => `${action.do} ${action.space} ${action.address}`);

const see = (of: Directory, address: string, network = RED, now = 0): readonly string[] =>
  what(of.seen({ space: ROUTER, address }, claim(network), true, now));

describe("a claim is believed", () => {
  test("of an address in a subnet of its network", () => {
    const made = directory();
    for (const address of ["10.1.0.7", "fd01::7"])
      assert.deepEqual(see(made, address), [`write ${ROUTER} ${address}`]);
    assert.deepEqual(made.refusals, { declared: 0, foreign: 0, full: 0 });
  });

  test("of any address, in a network that is a space of its own", () => {
    const subject = { space: ALONE, address: "203.0.113.5" };
    const done = directory().seen(subject, claim(ALONE), true, 0);
    assert.deepEqual(what(done), [`write ${ALONE} 203.0.113.5`]);
  });
});

describe("a claim is not believed", () => {
  test("of what is declared, a gateway's or anybody's", () => {
    const made = directory();
    for (const address of ["10.1.0.1", "10.1.0.254"]) assert.deepEqual(see(made, address), []);
    assert.deepEqual(made.refusals, { declared: 2, foreign: 0, full: 0 });
  });

  test("of another network's address, of none's, of another space's, in a network that is not there", () => {
    const made = directory();
    assert.deepEqual(see(made, "10.2.0.7"), []);
    assert.deepEqual(see(made, "192.0.2.1"), []);
    assert.deepEqual(see(made, "10.1.0.7", 77), []);
    const elsewhere = { space: ALONE, address: "10.1.0.7" };
    assert.deepEqual(made.seen(elsewhere, claim(RED), true, 0), []);
    assert.deepEqual(made.refusals, { declared: 0, foreign: 4, full: 0 });
    assert.ok(made.isEmpty);
  });

  test("of one address more than a place may have; others have room, and so has what it has", () => {
    const made = directory();
    const address = (i: number): string => `10.2.${i >> 8}.${i & 255}`;
    for (let i = 0; i < ADDRESSES_PER_PLACE_MAX; i++) see(made, address(i), BLUE);
    assert.deepEqual(see(made, "10.2.9.9", BLUE), []);
    assert.equal(made.refusals.full, 1);
    assert.deepEqual(see(made, address(0), BLUE), [`write ${ROUTER} ${address(0)}`]);
    const other = claim(BLUE, { id: 2 });
    const moved = made.seen({ space: ROUTER, address: address(1) }, other, true, 0);
    assert.deepEqual(what(moved).length, 2);
    assert.deepEqual(see(made, "10.2.9.9", BLUE), [`write ${ROUTER} 10.2.9.9`]);
  });
});

describe("searches", () => {
  test("are for addresses that somebody could have, so many at a time", () => {
    const made = directory();
    const seek = (address: string, network = BLUE): readonly string[] =>
      what(made.sought({ space: ROUTER, address }, network, 0));
    assert.deepEqual(seek("10.1.0.1", RED), []);
    assert.deepEqual(seek("10.2.0.7", RED), []);
    for (let i = 0; i < SEARCHES_PER_NETWORK_MAX; i++)
      assert.deepEqual(seek(`10.2.1.${i}`), [`search ${ROUTER} 10.2.1.${i}`]);
    assert.deepEqual(seek("10.2.9.9"), []);
    assert.deepEqual(made.refusals, { declared: 1, foreign: 1, full: 1 });
    assert.deepEqual(seek("10.1.0.7", RED), [`search ${ROUTER} 10.1.0.7`], "of another network");
    assert.equal(made.nextDeadline(), 1000);
    assert.equal(made.wake(1000).length, SEARCHES_PER_NETWORK_MAX + 1);
  });
});

describe("the intent changes", () => {
  const known = (): Directory => {
    const made = directory();
    see(made, "10.1.0.7");
    see(made, "10.2.0.7", BLUE);
    made.sought({ space: ROUTER, address: "10.1.0.8" }, RED, 0);
    return made;
  };
  const rest = (of: Directory): readonly string[] =>
    [...of.known].map(({ address }) => address).sort();

  test("what it declares is learned no longer", () => {
    const made = known();
    const declared = new Set([`${ROUTER} 10.1.0.7`, `${ROUTER} 10.1.0.8`]);
    assert.deepEqual(what(made.rebase({ ...ground, declared }, 1)), [`remove ${ROUTER} 10.1.0.7`]);
    assert.deepEqual(rest(made), ["10.2.0.7"]);
  });

  test("what was behind a port or a host that is gone is gone", () => {
    const made = known();
    assert.equal(made.rebase({ ...ground, places: new Set(["port 2"]) }, 1).length, 2);
    assert.deepEqual(rest(made), ["10.1.0.8"]);
  });

  test("what is of no subnet any more, or of a network that has changed its space", () => {
    const made = known();
    const networks = new Map([[BLUE, network(BLUE)]]);
    assert.equal(made.rebase({ ...ground, networks }, 1).length, 2);
    assert.ok(made.isEmpty);
  });
});

test("what an earlier life has learned is asked, and ends, by what is left of its life", () => {
  const made = directory();
  made.inherit({ space: ROUTER, address: "10.1.0.7" }, claim(RED), 150_000);
  assert.equal(made.nextDeadline(), -50_000);
  assert.deepEqual(what(made.wake(0)), [`ask ${ROUTER} 10.1.0.7`]);
  assert.deepEqual(what(made.wake(150_000)), [`remove ${ROUTER} 10.1.0.7`]);
  assert.equal(made.nextDeadline(), Number.POSITIVE_INFINITY);
});
