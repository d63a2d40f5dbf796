/** The prefixes of many routes: each apart from the others, and with a destination of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BEHIND } from "../../bench/bed.ts";
import { destinationsIn, LENGTH_MIN, prefixesOf, SLOTS } from "../../bench/prefixes.ts";
import {
  contains,
  type IpAddress,
  type IpPrefix,
  parseIp,
  parsePrefix,
} from "../../src/base/ip.ts";

const address = (text: string): IpAddress => parseIp(text) ?? assert.fail(`no address: ${text}`);
const prefix = (text: string): IpPrefix => parsePrefix(text) ?? assert.fail(`no prefix: ${text}`);

/** As rate.c counts them. */
const destinationsOf = (count: number): readonly IpAddress[] => {
  const { first, step } = destinationsIn(count);
  const octets = address(first).octets;
  const start = new DataView(octets.buffer, octets.byteOffset).getUint32(0);
  return Array.from({ length: count }, (_, k) => {
    const at = start + k * step;
    return address([24, 16, 8, 0].map((shift) => (at >>> shift) & 255).join("."));
  });
};

test("lengths take turns, and prefixes follow each other", () => {
  assert.deepEqual(prefixesOf(4, [25, 26, 27]), [
    "10.0.0.0/25",
    "10.0.0.128/26",
    "10.0.1.0/27",
    "10.0.1.128/25",
  ]);
});

test("each destination is in one prefix, its own", () => {
  const count = 600;
  const prefixes = prefixesOf(count, [LENGTH_MIN, 28, 31]).map(prefix);
  for (const [k, destination] of destinationsOf(count).entries())
    assert.deepEqual(
      prefixes.flatMap((one, i) => (contains(one, destination) ? [i] : [])),
      [k],
    );
});

test("as many as there can be are still behind the second workload", () => {
  const last = destinationsOf(SLOTS).at(-1) ?? assert.fail("none");
  assert.ok(contains(prefix(BEHIND), last));
  assert.ok(contains(prefix(prefixesOf(SLOTS, [LENGTH_MIN]).at(-1) ?? ""), last));
});
