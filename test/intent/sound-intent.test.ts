/** Whatever is changed, step by step: what is found and what comes of it is what a first reading gives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compileHost, compileIntent } from "../../src/intent/compile.ts";
import { HostRows } from "../../src/intent/host-parts.ts";
import { IntentLoader } from "../../src/intent/load.ts";
import { countErrors } from "../../src/intent/report.ts";
import { SoundIntent } from "../../src/intent/sound-intent.ts";
import type { TextFile } from "../../src/intent/yaml.ts";
import { sortRows } from "../../src/rows/order.ts";
import { emptyIdBook, type IdBook } from "../../src/rows/rows.ts";
import { documentText, fileOf } from "./texts.ts";

const base = [
  documentText("Fabric", "f", "{numbering: rfc}"),
  documentText("Tenant", "a", "{}"),
  documentText("Tenant", "b", "{}"),
  ...[1, 2, 3].map((n) =>
    documentText(
      "Host",
      `h${n}`,
      `{uplinks: [{interface: up0, mtu: 1600}], vteps: [192.0.2.${n}, '2001:db8::${n}', 192.0.2.1${n}]${n === 3 ? ", managed: false" : ""}}`,
    ),
  ),
];

type Named = readonly [key: string, text: string];

const TENANTS = ["a", "b"] as const;
type Tenant = (typeof TENANTS)[number];

/** `clash`: it takes what another has. */
function networkOf(tenant: Tenant, n: number, more: { clash: boolean; underlay: string }): Named {
  const vni = more.clash ? 4094 : 4094 + 10 * TENANTS.indexOf(tenant) + n;
  const spec = `{vni: ${vni}, subnets: [10.0.${n}.0/24], gateways: [10.0.${n}.254], underlay: ${more.underlay}}`;
  return [`${tenant}/n${n}`, documentText("Network", `${tenant}/n${n}`, spec)];
}

function portOf(
  tenant: Tenant,
  n: number,
  { clash, network, host }: { clash: boolean; network: number; host: number },
): Named {
  const device = clash ? "w0" : `w${20 * TENANTS.indexOf(tenant) + n}`;
  const place = host === 3 ? "host: h3" : `host: h${host}, interface: ${device}`;
  const mac = clash && n === 12 ? "0a:77:c0:00:02:01" : `02:00:00:00:00:${n + 10}`;
  const spec = `{network: n${network}, ${place}, mac: '${mac}', addresses: [10.0.${network}.${n}]}`;
  return [`${tenant}/p${n}`, documentText("Port", `${tenant}/p${n}`, spec)];
}

/** Of two networks of a tenant, the others have none; it exports one of the two to the other tenant's, which has the others. */
function routerOf(tenant: Tenant, more: { mode: string; via: number }): Named {
  const [[first, second], other] =
    tenant === "a" ? ([[0, 1], "b/r"] as const) : ([[2, 3], "a/r"] as const);
  const routes =
    more.via > 0 ? `, routes: [{prefix: 0.0.0.0/0, via: 10.0.${first}.${more.via}}]` : "";
  const to = `export: [{prefixes: [10.0.${second}.0/25], to: [${other}]}]`;
  const spec = `{networks: [n${first}, n${second}], l3vni: ${5000 + first}, ${more.mode}${routes}, ${to}}`;
  return [`${tenant}/r`, documentText("Router", `${tenant}/r`, spec)];
}

const tenants = fc.constantFrom(...TENANTS);
const clash = fc.integer({ min: 0, max: 23 }).map((n) => n === 0);
const numbers = fc.integer({ min: 0, max: 3 });

const networkText = fc
  .tuple(tenants, numbers, fc.record({ clash, underlay: fc.constantFrom("ipv4", "ipv6") }))
  .map((given) => networkOf(...given));
const portText = fc
  .tuple(
    tenants,
    fc.integer({ min: 1, max: 12 }),
    fc.record({ clash, network: numbers, host: fc.integer({ min: 1, max: 3 }) }),
  )
  .map((given) => portOf(...given));

const routerText = fc
  .tuple(
    tenants,
    fc.record({
      mode: fc.constantFrom(
        "irb: symmetric",
        "irb: asymmetric",
        "gateway: centralized, gatewayHost: h1",
        "gateway: centralized, gatewayHost: h2",
        "gatewayHost: h2",
      ),
      via: fc.constantFrom(0, 0, 0, 1),
    }),
  )
  .map((given) => routerOf(...given));

/** One document in, in the place of any of its name, at the start or at the end of its file; or out. */
const edit = fc.tuple(
  fc.oneof(
    { arbitrary: networkText, weight: 1 },
    { arbitrary: routerText, weight: 1 },
    { arbitrary: portText, weight: 10 },
  ),
  fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  fc.boolean(),
);

const start = fc
  .tuple(fc.array(portText, { maxLength: 20 }), fc.constantFrom(0, 2))
  .map(([ports, routers]) => {
    const networks = TENANTS.flatMap((tenant) =>
      [0, 1, 2, 3].map((n) => networkOf(tenant, n, { clash: false, underlay: "ipv4" })),
    );
    const both = TENANTS.map((tenant) => routerOf(tenant, { mode: "irb: symmetric", via: 0 }));
    return new Map([...networks, ...both.slice(0, routers), ...ports]);
  });

function filesOf(documents: ReadonlyMap<string, string>): readonly TextFile[] {
  const some = [...documents];
  const of = (tenant: string): readonly string[] =>
    some.filter(([key]) => key.startsWith(tenant)).map(([, text]) => text);
  return [fileOf(base, "0.yaml"), fileOf(of("a"), "a.yaml"), fileOf(of("b"), "b.yaml")];
}

/** As the agent does it: a change by itself where that can be done, and all where not. */
class Follower {
  readonly #loader = new IntentLoader();
  #sound: SoundIntent | null = null;
  #rows: HostRows | null = null;
  partly: number = 0;
  partlyRouted: number = 0;

  follow(files: readonly TextFile[]): { findings: readonly object[]; rows: object; ids: IdBook } {
    const { intent, findings, change } = this.#loader.load(files);
    const networks =
      this.#sound && change && findings.length === 0 ? this.#sound.change(intent, change) : null;
    if (this.#sound && networks && this.#rows) {
      const { parts } = this.#rows.change(networks, this.#sound.overlay);
      this.partly++;
      if ([...parts].some((part) => part.startsWith("router "))) this.partlyRouted++;
      return this.#outcome(this.#sound.findings, this.#rows);
    }
    const whole = compileIntent(files);
    const sound = whole.errors === 0 ? new SoundIntent(intent) : null;
    this.#sound = sound;
    const [fabric] = intent.fabrics.values();
    const self = intent.hosts.get("h1");
    assert.ok(fabric && self);
    this.#rows = new HostRows("h1", this.#rows?.ids ?? emptyIdBook);
    if (!sound) return { findings: whole.findings, rows: [], ids: this.#rows.ids };
    this.#rows.replace(fabric, self, sound.overlay);
    return this.#outcome(sound.findings, this.#rows);
  }

  #outcome(
    findings: readonly object[],
    { parts, ids }: HostRows,
  ): { findings: readonly object[]; rows: object; ids: IdBook } {
    return {
      findings,
      rows: sortRows([...parts.values()].flat()),
      ids: structuredClone(ids),
    };
  }
}

test("step by step is as from the start", () => {
  let [partly, partlyRouted, sound, unsound] = [0, 0, 0, 0];
  fc.assert(
    fc.property(start, fc.array(edit, { minLength: 1, maxLength: 16 }), (documents, edits) => {
      const follower = new Follower();
      follower.follow(filesOf(documents));
      let ids = compileHost(compileIntent(filesOf(documents)).intent, "h1").ids;
      if (compileIntent(filesOf(documents)).errors > 0) ids = emptyIdBook;
      for (const [[key, text], there, first] of edits) {
        documents.delete(key);
        const rest = [...documents];
        documents.clear();
        if (there && first) documents.set(key, text);
        for (const [other, its] of rest) documents.set(other, its);
        if (there && !first) documents.set(key, text);
        const files = filesOf(documents);
        const got = follower.follow(files);
        const { intent, findings } = compileIntent(files);
        assert.deepEqual(got.findings, findings);
        if (countErrors(findings) > 0) {
          unsound++;
          continue;
        }
        sound++;
        const want = compileHost(intent, "h1", ids);
        assert.deepEqual({ rows: got.rows, ids: got.ids }, { rows: want.rows, ids: want.ids });
        ids = want.ids;
      }
      partly += follower.partly;
      partlyRouted += follower.partlyRouted;
    }),
    { numRuns: 200 },
  );
  const counts = JSON.stringify({ partly, partlyRouted, sound, unsound });
  assert.ok(partly > 100 && partlyRouted > 20 && sound > 100 && unsound > 100, counts);
});
