import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { planNumbers, renderNumbers } from "../../src/intent/allocate.ts";
import { compileIntent } from "../../src/intent/compile.ts";
import type { Intent } from "../../src/intent/intent.ts";
import { numberNameOf } from "../../src/intent/numbers.ts";
import { documentText, fabric, fileOf, tenant } from "./texts.ts";

const HEAD = "apiVersion: weft.network/v1alpha1\n";
const intentOf = (documents: readonly string[], numbers = ""): Intent =>
  compileIntent([fileOf(documents), { path: "x/numbers.yaml", text: HEAD + numbers }]).intent;
const named = (name: string, spec = "{}"): string => documentText("Network", `a/${name}`, spec);
const proposed = (intent: Intent): readonly (readonly [string, number])[] =>
  planNumbers(intent).proposals.map(({ of, number }) => [numberNameOf(of), number] as const);

test("free numbers are given in order of names, after pools in their order", () => {
  const documents = [
    fabric,
    documentText("Tenant", "top", "{pools: [two, one]}"),
    documentText("Tenant", "a", "{parent: top}"),
    documentText("Pool", "one", "{numbers: vni, ranges: ['7000-7001']}"),
    documentText("Pool", "two", "{numbers: vni, ranges: ['9000']}"),
    documentText("Pool", "unused", "{numbers: vni, ranges: ['1']}"),
    named("z"),
    named("y"),
    named("x", "{vni: 7000}"),
  ];
  assert.deepEqual(proposed(intentOf(documents)), [
    ["a/y", 9000],
    ["a/z", 7001],
  ]);
});

test("a pool of VSIDs is for networks that allow NVGRE, one of VNIs for those that allow VXLAN", () => {
  const documents = [
    fabric,
    documentText("Tenant", "a", "{pools: [vnis, vsids]}"),
    documentText("Pool", "vnis", "{numbers: vni, ranges: ['4094-5000']}"),
    documentText("Pool", "vsids", "{numbers: vsid, ranges: ['4000-6000']}"),
    named("both", "{encapsulations: [nvgre, vxlan]}"),
    named("nvgre", "{encapsulations: [nvgre]}"),
    named("vxlan"),
  ];
  // NVGRE never gets a number below 4096 (RFC 7637 §3.4), whatever the pool says.
  assert.deepEqual(proposed(intentOf(documents)), [
    ["a/both", 4096],
    ["a/nvgre", 4097],
    ["a/vxlan", 4094],
  ]);
});

test("without a pool the profile's own range serves; a VLAN's network gets the VLAN's number", () => {
  assert.deepEqual(proposed(intentOf([fabric, tenant, named("n")])), [["a/n", 4096]]);
  const vlans = fabric.replace("rfc", "vlan-compatible");
  assert.deepEqual(proposed(intentOf([vlans, tenant, named("n", "{vlan: 77}"), named("m")])), [
    ["a/m", 4096],
    ["a/n", 77],
  ]);
});

test("numbers of networks that are gone or renumbered rest, and are not given again", () => {
  const plan = planNumbers(
    intentOf(
      [fabric, tenant, named("kept"), named("moved", "{vni: 8000}"), named("new")],
      "numbers: {a/gone: 4096, a/kept: 4097, a/moved: 4098}\nresting: {4099: a/older}\n",
    ),
  );
  assert.deepEqual(plan.retired, [
    { number: 4096, name: "a/gone" },
    { number: 4098, name: "a/moved" },
  ]);
  assert.equal(
    renderNumbers(plan.recorded).replace(/^#.*\n/gm, ""),
    `${HEAD}numbers:\n  a/kept: 4097\n  a/new: 4100\nresting:\n  4096: a/gone\n  4098: a/moved\n  4099: a/older\n`,
  );
});

test("a network that cannot be read keeps its number", () => {
  const plan = planNumbers(
    intentOf([fabric, tenant, named("n", "{vnj: 1}")], "numbers: {a/n: 5}\n"),
  );
  assert.deepEqual([plan.retired, [...plan.recorded.numbersByName]], [[], [["a/n", 5]]]);
});

test("over any history of networks: numbers are legal, unique, and never move or come back", () => {
  const some = fc.uniqueArray(fc.constantFrom(..."abcdefgh"), { maxLength: 6 });
  fc.assert(
    fc.property(fc.array(some, { minLength: 1, maxLength: 6 }), (history) => {
      let text = "numbers: {}\n";
      const owners = new Map<number, string>();
      let before = new Map<string, number>();
      for (const names of history) {
        const documents = [fabric, tenant, ...names.map((name) => named(name))];
        const { recorded } = planNumbers(intentOf(documents, text));
        text = renderNumbers(recorded).replace(/^(#|apiVersion).*\n/gm, "");
        const again = compileIntent([
          fileOf(documents),
          { path: "numbers.yaml", text: HEAD + text },
        ]);
        assert.deepEqual(again.findings, []);
        const now = new Map(recorded.numbersByName);
        for (const [network, number] of now) {
          if (before.has(network)) assert.equal(number, before.get(network));
          else assert.ok(!owners.has(number), `${number} was ${owners.get(number)}'s`);
          owners.set(number, network);
        }
        before = now;
      }
    }),
    { numRuns: 40 },
  );
});
