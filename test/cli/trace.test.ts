/** `weft trace`, as the operator starts it. Golden: UPDATE=1 writes the files anew; read the difference. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const EXPECTED = "test/cli/trace";
const update = process.env.UPDATE === "1" && !process.env.CI;

interface Answer {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function weftTrace(...words: readonly string[]): Answer {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["src/main/weft.ts", "trace", ...words],
    { encoding: "utf8" },
  );
  return { code: status, out: stdout, err: stderr };
}

const ORGS = ["--intent", "examples/three-orgs"];
const LEAVES = ["--intent", "examples/spine-leaf"];

const cases: Readonly<
  Record<string, { readonly words: readonly string[]; readonly code: number }>
> = {
  "one-network": { words: ["org-a/train-1", "org-a/train-3", ...ORGS], code: 0 },
  "one-host": { words: ["org-a/train-1", "org-a/train-2", ...ORGS], code: 0 },
  ipv6: { words: ["org-b/train-1:fd00:1::1", "org-b/train-3:fd00:1::3", ...ORGS], code: 0 },
  routed: {
    words: ["org-a/train-1", "org-a/infer-2", "--protocol", "tcp", "--port", "443", ...ORGS],
    code: 0,
  },
  "spine-leaf": { words: ["research/train-1", "research/train-4", ...LEAVES], code: 0 },
  // Its addresses are also those of a neighbour of the asker's: he gets the packet.
  "another-tenant": { words: ["org-a/train-1", "org-b/train-2", ...ORGS], code: 1 },
  "no-route": { words: ["org-a/train-1", "10.99.0.1", ...ORGS], code: 1 },
};

for (const [name, { words, code }] of Object.entries(cases))
  test(`golden ${name}: ${words.join(" ")}`, () => {
    const answer = weftTrace(...words);
    assert.deepEqual({ code: answer.code, err: answer.err }, { code, err: "" }, answer.out);
    const file = join(EXPECTED, `${name}.txt`);
    if (update) {
      mkdirSync(EXPECTED, { recursive: true });
      writeFileSync(file, answer.out);
    }
    assert.ok(existsSync(file), `${file} is missing: UPDATE=1 writes it`);
    assert.deepEqual(answer.out.split("\n"), readFileSync(file, "utf8").split("\n"));
  });

test("JSON says what the lines say", () => {
  const { code, out } = weftTrace("org-a/train-1", "org-a/train-3", "--json", ...ORGS);
  const { protocol, port, arrives, forward, back } = JSON.parse(out);
  assert.deepEqual(
    { code, protocol, port, arrives },
    { code: 0, protocol: "icmp", port: null, arrives: true },
  );
  const hops = (leg: {
    readonly steps: readonly { readonly host: string; readonly verdict: string }[];
  }): unknown => leg.steps.map(({ host, verdict }) => [host, verdict]);
  assert.deepEqual(hops(forward), [
    ["h1", "encapsulated"],
    ["h2", "delivered"],
  ]);
  assert.deepEqual(hops(back), [
    ["h2", "encapsulated"],
    ["h1", "delivered"],
  ]);
  assert.deepEqual(forward.end, { at: "port", host: "h2", port: "org-a/train-3" });
});

test("who is not there is said, and nothing is traced", () => {
  const unknown = weftTrace("org-a/nobody", "org-a/train-3", ...ORGS);
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /no port org-a\/nobody in the intent: it has /);
  assert.equal(weftTrace("10.1.0.1", "org-a/train-3", ...ORGS).code, 2);
  const other = weftTrace("org-a/train-1", "org-a/train-3", "--protocol", "sctp", ...ORGS);
  assert.deepEqual([other.code, other.out], [2, ""]);
});
