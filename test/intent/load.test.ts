/** Reading: what arrives in the intent, and that no text whatever stops it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkIntent, compileHost } from "../../src/intent/compile.ts";
import { parseIntent } from "../../src/intent/load.ts";
import { documentText, fileOf, sound } from "./texts.ts";

test("defaults are filled in, and text is made canonical", () => {
  const { intent, findings } = parseIntent([
    fileOf([
      "apiVersion: weft.network/v1alpha1\nkind: Fabric\nmetadata: {name: f}\n",
      documentText("Host", "h", "{uplinks: [{interface: u}], vteps: ['2001:DB8:0::1']}"),
      "apiVersion: weft.network/v1alpha1\nkind: Network\nmetadata: {name: n, tenant: a, labels: {role: x}}\n",
      documentText("Port", "a/p", "{network: n, host: h, mac: '02:00:00:00:0A:01'}"),
    ]),
  ]);
  assert.deepEqual(findings, []);
  assert.deepEqual(intent.fabrics.get("f")?.spec, { numbering: "rfc", vxlanPort: 4789 });
  assert.deepEqual(intent.hosts.get("h")?.spec, {
    managed: true,
    uplinks: [{ interface: "u", mtu: 1500, secure: false }],
    vteps: ["2001:db8::1"],
    sharedAddress: false,
    encapsulations: ["vxlan", "nvgre"],
    udp6Checksum: "zero",
  });
  const network = intent.networks.get("a/n");
  assert.deepEqual(network?.metadata, { name: "n", tenant: "a", labels: { role: "x" } });
  assert.deepEqual(network.spec, {
    subnets: [],
    encapsulations: ["vxlan"],
    underlay: "ipv4",
    bum: "ingress-replication",
    unknownUnicast: "flood",
    unknownNeighbours: "flood",
    mssClamp: false,
    dscp: "uniform",
    tenantTunnels: "allow",
    inside: "allow",
  });
  assert.deepEqual(intent.ports.get("a/p")?.spec, {
    network: "n",
    host: "h",
    attachment: "veth",
    mac: "02:00:00:00:0a:01",
    addresses: [],
    allowedAddresses: [],
  });
});

test("every fault of a file at once, and what is sound beside them", () => {
  const { intent, findings } = parseIntent([
    fileOf([
      ...sound,
      documentText("Host", "h3", "{uplinks: [], vteps: [1.2.3], encapsulations: [gre], x: 1}"),
    ]),
  ]);
  assert.deepEqual(findings.map(({ code, path }) => [code, path]).sort(), [
    ["bad-value", "$.spec.encapsulations[0]"],
    ["bad-value", "$.spec.uplinks"],
    ["bad-value", "$.spec.vteps[0]"],
    ["unknown-field", "$.spec.x"],
  ]);
  assert.deepEqual([...intent.hosts.keys()], ["h1", "h2"]);
  assert.deepEqual([...intent.broken], ["Host h3"]);
});

test("empty documents and files are nothing", () => {
  const { intent, findings } = parseIntent([
    { path: "a.yaml", text: "" },
    { path: "b.yaml", text: "---\n---\n# only words\n" },
  ]);
  assert.deepEqual([findings, intent.hosts.size, intent.files], [[], 0, ["a.yaml", "b.yaml"]]);
});

test("numbers.yaml is known by its name only", () => {
  const text = "apiVersion: weft.network/v1alpha1\nnumbers: {a/n: 7}\n";
  const lock = parseIntent([{ path: "d/numbers.yaml", text }]);
  assert.deepEqual([...lock.intent.recorded.numbersByName], [["a/n", 7]]);
  const other = parseIntent([{ path: "d/other-numbers.yaml", text }]);
  assert.deepEqual(
    other.findings.map((finding) => finding.code),
    ["unknown-kind"],
  );
  const wrong = parseIntent([{ path: "numbers.yaml", text: text.replace("7", "seven") }]);
  assert.deepEqual(
    wrong.findings.map(({ code, path }) => [code, path]),
    [["wrong-type", '$.numbers["a/n"]']],
  );
});

test("noise and damaged intents never throw, and every finding has a place in its file", () => {
  const text = sound.join("---\n");
  const damaged = fc
    .array(
      fc.record({
        at: fc.nat({ max: text.length }),
        cut: fc.nat({ max: 12 }),
        put: fc.string({
          unit: fc.constantFrom(..."{}[]:,-'\"\n &*!|>#0a\t__proto__"),
          maxLength: 5,
        }),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) =>
      edits.reduce((sum, { at, cut, put }) => sum.slice(0, at) + put + sum.slice(at + cut), text),
    );
  fc.assert(
    fc.property(fc.oneof(damaged, fc.string({ unit: "binary" })), (noise) => {
      const { intent, findings } = parseIntent([{ path: "x.yaml", text: noise }]);
      const lines = noise.split(/\r\n|\n/).length;
      for (const { line, column, file } of [...findings, ...checkIntent(intent)])
        assert.ok(file === "x.yaml" && line >= 1 && line <= lines + 1 && column >= 1);
      for (const host of intent.hosts.keys()) compileHost(intent, host);
    }),
    { numRuns: 300 },
  );
});
