/** The longest match by asking for each length, beside a plain search of all routes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  contains,
  formatIp,
  formatPrefix,
  type IpAddress,
  type IpFamily,
  type IpPrefix,
  prefixOf,
} from "../../src/base/ip.ts";
import { Frame } from "../../src/pipeline/frame.ts";
import { hostTablesOf } from "../../src/pipeline/host-tables.ts";
import { type Consultation, consult } from "../../src/pipeline/route.ts";
import type { Destination, Row } from "../../src/rows/rows.ts";
import { ethernet, ip4, ip6 } from "../datapath/frame.ts";

const SPACE = 20_000;
const MACS = { to: "02:00:00:00:00:01", from: "02:00:00:00:00:02" };

const towards = (target: number): Destination => ({
  ...{ kind: "group", target, network: 11_000, mac: null, byRouter: true, mtu: 1450 },
});

function askFor(rows: readonly Row[], to: IpAddress, ttl = 64): Consultation {
  const ends = { to: formatIp(to) };
  const octets =
    to.family === "ipv4"
      ? ethernet(MACS, 0x0800, ip4({ ...ends, from: "10.0.0.1", protocol: 17, ttl }))
      : ethernet(MACS, 0x86dd, ip6({ ...ends, from: "fd00::1", next: 17, hops: ttl }));
  const tables = hostTablesOf(rows, new Map());
  return consult({ frame: new Frame(octets), at: 0, space: SPACE, tables }, 0);
}

/** Addresses that are near one another, so that prefixes cover them. */
const addressOf = (family: IpFamily): fc.Arbitrary<IpAddress> => {
  const [head, octets] = family === "ipv4" ? [[10], 4] : [[0xfd, 0], 16];
  const free = octets - head.length;
  return fc
    .array(fc.constantFrom(0, 1, 0x80, 0xff), { minLength: free, maxLength: free })
    .map((rest) => ({ family, octets: Uint8Array.from([...head, ...rest]) }));
};

const prefixesOf = (family: IpFamily): fc.Arbitrary<readonly IpPrefix[]> =>
  fc.uniqueArray(
    fc
      .tuple(addressOf(family), fc.nat(family === "ipv4" ? 32 : 128))
      .map(([address, bits]) => prefixOf(address, bits)),
    { selector: formatPrefix, maxLength: 20 },
  );

const lengthsOf = (prefixes: readonly IpPrefix[]): readonly number[] =>
  [...new Set(prefixes.map(({ bits }) => bits))].sort((a, b) => b - a);

for (const family of ["ipv4", "ipv6"] as const)
  test(`${family}: the longest prefix that covers the address, as a plain search finds it`, () => {
    fc.assert(
      fc.property(prefixesOf(family), addressOf(family), (prefixes, to) => {
        const lengths = lengthsOf(prefixes);
        const rows: readonly Row[] = [
          ...prefixes.map(
            (prefix, i): Row => ({
              ...{ table: "route", space: SPACE, prefix: formatPrefix(prefix) },
              ...towards(i),
            }),
          ),
          {
            ...{ table: "space", space: SPACE },
            ipv4Lengths: family === "ipv4" ? lengths : [],
            ipv6Lengths: family === "ipv6" ? lengths : [],
          },
        ];
        const covering = [...prefixes.entries()].filter(([, prefix]) => contains(prefix, to));
        const [longest] = covering.sort(([, a], [, b]) => b.bits - a.bits);
        const found = askFor(rows, to);
        if (longest) assert.ok(found.kind === "found" && found.place.target === longest[0]);
        else assert.deepEqual(found, { kind: "refused", why: "no-route" });
      }),
      { seed: 1, numRuns: 300 },
    );
  });

const HERE: IpAddress = { family: "ipv4", octets: Uint8Array.of(10, 0, 0, 9) };
const host = (there: Partial<Destination>): Row => ({
  ...{ table: "host", space: SPACE, address: formatIp(HERE) },
  ...{ ...towards(7), ...there },
});
const route: readonly Row[] = [
  { table: "route", space: SPACE, prefix: "10.0.0.9/32", ...towards(1) },
  { table: "space", space: SPACE, ipv4Lengths: [32], ipv6Lengths: [] },
];

test("an exact address comes before every prefix", () => {
  const found = askFor([...route, host({})], HERE);
  assert.ok(found.kind === "found" && found.place.target === 7);
});

test("a route that says drop is said before the TTL, and the gateway asks for none", () => {
  assert.deepEqual(askFor([host({ kind: "drop" })], HERE, 0), {
    kind: "refused",
    why: "blackhole",
  });
  assert.equal(askFor([host({ kind: "gateway" })], HERE, 0).kind, "found");
  for (const ttl of [0, 1])
    assert.deepEqual(askFor([host({})], HERE, ttl), { kind: "refused", why: "ttl-exceeded" });
  assert.equal(askFor([host({})], HERE, 2).kind, "found");
});

test("what no router passes on", () => {
  const refused: Consultation = { kind: "refused", why: "not-routable" };
  const everything: readonly Row[] = [
    { table: "route", space: SPACE, prefix: "0.0.0.0/0", ...towards(1) },
    { table: "space", space: SPACE, ipv4Lengths: [0], ipv6Lengths: [] },
  ];
  for (const text of ["0.0.0.1", "127.0.0.1", "169.254.0.1", "224.0.0.1", "255.255.255.255"]) {
    const octets = Uint8Array.from(text.split("."), Number);
    assert.deepEqual(askFor(everything, { family: "ipv4", octets }), refused, text);
  }
  assert.equal(askFor(everything, HERE).kind, "found");
});
