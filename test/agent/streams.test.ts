/** Followers that keep up, and one that does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStreams, type StreamSource } from "../../src/agent/streams.ts";
import { HOOK, VERDICTS } from "../../src/rows/abi.generated.ts";
import { pack } from "../../src/rows/pack.ts";

const event = (verdict: (typeof VERDICTS)[number], port: number): Uint8Array =>
  pack("eventRow", {
    atNs: 1n,
    verdict: VERDICTS.indexOf(verdict),
    hook: HOOK.HOOK_FROM_PORT,
    network: 11000,
    port,
    vni: 0,
    ifindex: 3,
    source: new Uint8Array(16),
    frameOctets: 60,
    capturedOctets: 0,
    headers: new Uint8Array(128),
  });

function source(lost: { total: number }): StreamSource & { readonly retraced: () => void } {
  return { retraced: (): void => undefined, eventsLost: (): number => lost.total };
}

const verdictsOf = (records: readonly object[]): readonly unknown[] =>
  records.map((record) => ("verdict" in record ? record.verdict : record));

test("drops go to those who follow drops, frames of a port to those who trace it", () => {
  const streams = new EventStreams("h1", source({ total: 0 }));
  const [drops, traced]: [object[], object[]] = [[], []];
  streams.followDrops((record) => drops.push(record) > 0);
  const stop = streams.trace([4], (record) => traced.push(record) > 0);
  assert.deepEqual([...streams.traced], [4]);
  streams.deliver([event("delivered", 4), event("source-mac", 4), event("source-mac", 5)]);
  assert.deepEqual(verdictsOf(drops), ["source-mac", "source-mac"]);
  assert.deepEqual(verdictsOf(traced), ["delivered", "source-mac"]);
  stop();
  assert.deepEqual([...streams.traced], []);
});

test("what was lost is told from when one began to follow, once", () => {
  const lost = { total: 100 };
  const streams = new EventStreams("h1", source(lost));
  const told: object[] = [];
  streams.followDrops((record) => told.push(record) > 0);
  streams.tellLost();
  lost.total = 130;
  streams.tellLost();
  streams.tellLost();
  assert.deepEqual(told, [{ lost: 30 }]);
});

test("what a follower had no room for is told to him, and to nobody else", () => {
  const lost = { total: 0 };
  const streams = new EventStreams("h1", source(lost));
  const [slow, quick]: [object[], object[]] = [[], []];
  let room = false;
  streams.followDrops((record) => room && slow.push(record) > 0);
  streams.followDrops((record) => quick.push(record) > 0);
  streams.deliver([event("source-mac", 4), event("source-mac", 4)]);
  lost.total = 5;
  streams.tellLost();
  room = true;
  streams.tellLost();
  assert.deepEqual(slow, [{ lost: 7 }]);
  assert.deepEqual(verdictsOf(quick), ["source-mac", "source-mac", { lost: 5 }]);
});
