/**
 * How flows spread over a peer's next hops and a host's tunnel addresses: rows as compiled and bound, frames through the
 * program, the same of its twin. Twenty sets of a thousand flows each, drawn from seeds. Needs root.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { NextHop } from "../../src/agent/facts.ts";
import { fillSlots } from "../../src/agent/slots.ts";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { Frame } from "../../src/pipeline/frame.ts";
import { depart } from "../../src/pipeline/from-port.ts";
import type { Way } from "../../src/pipeline/host-tables.ts";
import { type PortTables, portTablesOf } from "../../src/pipeline/port-tables.ts";
import { documentText, fileOf } from "../intent/texts.ts";
import { Draw } from "./draw.ts";
import { ethernet, filler, hex, ip4, udp } from "./frame.ts";
import { PORTS, REDIRECT, Rig, UPLINK } from "./rig.ts";

const SETS = 20;
const FLOWS = 1000;
/** Of chi-square at p = 0.001, by degrees of freedom. */
const CHI_SQUARE: readonly number[] = [0, 10.83, 13.82, 16.27];

let rig: Rig;
before(() => {
  rig = new Rig("spread");
});
after(() => rig.close());

interface Case {
  readonly underlay: "ipv4" | "ipv6";
  readonly encapsulation: "vxlan" | "nvgre";
  readonly weights: readonly number[];
  /** Of the other host. */
  readonly addresses: number;
}

const prefixOf = ({ underlay }: Case): string => (underlay === "ipv4" ? "192.0.2." : "2001:db8::");
const remotesOf = (one: Case): readonly string[] =>
  Array.from({ length: one.addresses }, (_, i) => `${prefixOf(one)}${20 + i}`);
const macOf = (hop: number): string => `02:57:00:00:00:0${hop}`;

/** Host h1 of an intent of two hosts, in the rig's tables and in the twin's. */
function write(one: Case): PortTables {
  const { underlay, encapsulation, weights } = one;
  const port = (n: number, on: string): string =>
    documentText(
      "Port",
      `a/p${n}`,
      `{network: n, host: h${n}, interface: ${on}, mac: '${n === 1 ? PORTS[1] : PORTS[2]}'}`,
    );
  const quoted = remotesOf(one).map((remote) => `'${remote}'`);
  const { intent, errors } = compileIntent([
    fileOf([
      documentText("Fabric", "f", "{numbering: nvgre-safe}"),
      documentText("Tenant", "a", "{}"),
      documentText("Host", "h1", `{uplinks: [{interface: uplink}], vteps: ['${prefixOf(one)}1']}`),
      documentText("Host", "h2", `{uplinks: [{interface: up0}], vteps: [${quoted.join(", ")}]}`),
      documentText(
        "Network",
        "a/n",
        `{vni: 11000, encapsulations: [${encapsulation}], underlay: ${underlay}}`,
      ),
      port(1, "port1"),
      port(2, "port1"),
    ]),
  ]);
  assert.equal(errors, 0);
  const { rows } = compileHost(intent, "h1");
  const hops = weights.map(
    (weight, i): NextHop => ({
      ...{ oif: rig.ifindex("uplink"), interface: "uplink", address: `203.0.113.${i}`, weight },
      ...{ smac: UPLINK, l2Octets: 14, mac: macOf(i), fresh: true, state: "up" },
    }),
  );
  rig.writeRows(rows, new Map(remotesOf(one).map((remote) => [remote, hops])));
  const ways = hops.map(({ mac }): Way => ({ sourceMac: UPLINK, mac, isFresh: true }));
  const slots = fillSlots(
    weights.map((weight, id) => ({ id, weight })),
    new Set(weights.keys()),
    [],
  );
  const slotted = slots.flatMap((id) => ways[id] ?? []);
  return portTablesOf(rows, new Map(remotesOf(one).map((remote) => [remote, slotted])));
}

/** A flow's frame; `octets` of payload do not make another flow of it. */
function frameOf(flow: Draw, octets: number): Uint8Array {
  const address = (): string => `10.${flow.below(256)}.${flow.below(256)}.${flow.below(256)}`;
  const header = { from: address(), to: address(), protocol: 17 };
  const datagram = udp(1024 + flow.below(60_000), 1024 + flow.below(60_000), filler(octets));
  return ethernet({ to: PORTS[2], from: PORTS[1] }, 0x0800, ip4(header, datagram));
}

const isIpv4 = (octets: Uint8Array): boolean => octets[12] === 0x08;
/** Where a frame goes: the next hop's MAC and the outer destination. */
const wayOf = (octets: Uint8Array): readonly [hop: string, remote: string] => [
  hex(octets.subarray(0, 6)),
  hex(isIpv4(octets) ? octets.subarray(30, 34) : octets.subarray(38, 54)),
];

function sent(frame: Uint8Array, tables: PortTables): readonly [string, string] {
  const { action, octets, delta } = rig.run("port", frame, "port1");
  assert.deepEqual([action, delta], [REDIRECT, { encapsulated: 1 }]);
  const whole = new Frame(frame, { wireOctets: frame.length, segmentOctets: 0 });
  const [twin] = depart(whole, "port1", tables, 0).out;
  assert.ok(twin);
  assert.equal(hex(twin.octets), hex(octets));
  return wayOf(octets);
}

/** Counts of each set, against the shares that they should have. */
function assertSpread(counts: readonly (readonly number[])[], shares: readonly number[]): void {
  for (const [i, set] of counts.entries())
    for (const [way, count] of set.entries()) {
      const points = 100 * (count / FLOWS - (shares[way] ?? 0));
      assert.ok(Math.abs(points) <= 5, `set ${i}: way ${way} is off by ${points} points`);
    }
  const chiSquare = shares.reduce((sum, share, way) => {
    const expected = SETS * FLOWS * share;
    const found = counts.reduce((total, set) => total + (set[way] ?? 0), 0);
    return sum + (found - expected) ** 2 / expected;
  }, 0);
  const most = CHI_SQUARE[shares.length - 1] ?? 0;
  assert.ok(chiSquare < most, `chi-square ${chiSquare} of ${shares}, at most ${most}`);
}

const PLAIN: Case = { underlay: "ipv4", encapsulation: "vxlan", weights: [1], addresses: 1 };
const CASES: Readonly<Record<string, Case>> = {
  "two spines, VXLAN over IPv4": { ...PLAIN, weights: [1, 1] },
  "two spines, NVGRE over IPv6": {
    ...PLAIN,
    ...{ underlay: "ipv6", encapsulation: "nvgre", weights: [1, 1] },
  },
  "weights 3 and 1": { ...PLAIN, weights: [3, 1] },
  "three spines": { ...PLAIN, underlay: "ipv6", weights: [1, 1, 1] },
  "two tunnel addresses": { ...PLAIN, addresses: 2 },
  "two tunnel addresses over two spines": { ...PLAIN, weights: [1, 1], addresses: 2 },
};

for (const [what, one] of Object.entries(CASES))
  test(`flows spread: ${what}`, () => {
    const tables = write(one);
    const total = one.weights.reduce((sum, weight) => sum + weight, 0);
    const places = new Map<string, number>();
    const counts = rig.inside(() =>
      Array.from({ length: SETS }, (_, set) => {
        const ways: number[] = Array.from({ length: one.weights.length * one.addresses }, () => 0);
        for (let i = 0; i < FLOWS; i++) {
          const flow = new Draw(set * 1_000_003 + i);
          const [hop, remote] = sent(frameOf(flow, 20), tables);
          if (!places.has(remote)) places.set(remote, places.size);
          const at = (places.get(remote) ?? 0) * one.weights.length + Number(hop.slice(-1));
          ways[at] = (ways[at] ?? 0) + 1;
        }
        return ways;
      }),
    );
    const shares = Array.from({ length: one.addresses }, () =>
      one.weights.map((weight) => weight / total / one.addresses),
    );
    assertSpread(counts, shares.flat());
  });

test("one flow, one way, whatever its packets are", () => {
  const tables = write({ ...PLAIN, weights: [1, 1], addresses: 2 });
  rig.inside(() => {
    for (let i = 0; i < 50; i++) {
      const ways = [0, 1, 20, 500, 1400].map((octets) =>
        sent(frameOf(new Draw(i), octets), tables).join(),
      );
      assert.equal(new Set(ways).size, 1);
    }
  });
});
