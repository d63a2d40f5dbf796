/** The commands about an intent, as the operator starts them: words out, exit code, files. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { documentText, fabric, network, sound, spoiled, tenant } from "../intent/texts.ts";

const root = mkdtempSync(join(tmpdir(), "weft-t-cli-"));
after(() => rmSync(root, { recursive: true, force: true }));

function weft(...words: readonly string[]): {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
} {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["src/main/weft.ts", ...words], {
    encoding: "utf8",
  });
  return { code: status, out: stdout, err: stderr };
}

let made = 0;
function intentDirectory(documents: readonly string[]): string {
  const directory = join(root, `intent-${made++}`);
  mkdirSync(directory);
  writeFileSync(join(directory, "intent.yaml"), documents.join("---\n"));
  return directory;
}

test("check: the example is clean", () => {
  assert.deepEqual(weft("check", "examples/three-orgs"), {
    code: 0,
    out: "0 errors, 0 warnings\n",
    err: "",
  });
});

test("check: findings as lines and as JSON, exit 1", () => {
  const file = join(intentDirectory(spoiled(network, "subnets", "subnetz")), "intent.yaml");
  const line = `${file}:24:19: error unknown-field: Network a/n: there is no field subnetz (fix: subnets)`;
  assert.deepEqual(weft("check", file), {
    code: 1,
    out: `${line}\n1 error, 0 warnings\n`,
    err: "",
  });
  const json = weft("check", file, "--json");
  assert.equal(json.code, 1);
  assert.deepEqual(JSON.parse(json.out), {
    findings: [
      {
        severity: "error",
        code: "unknown-field",
        object: { kind: "Network", tenant: "a", name: "n" },
        file,
        line: 24,
        column: 19,
        path: "$.spec.subnetz",
        message: "there is no field subnetz",
        suggestion: "subnets",
      },
    ],
    errors: 1,
    warnings: 0,
  });
});

test("check: warnings alone are 0, and 1 with --strict", () => {
  const directory = intentDirectory(spoiled(network, "5000", "500"));
  assert.equal(weft("check", directory).code, 0);
  assert.equal(weft("check", directory, "--strict").code, 1);
});

test("check: what cannot be read, and bad usage, are 2", () => {
  const absent = weft("check", join(root, "absent"));
  assert.deepEqual([absent.code, absent.out], [2, ""]);
  assert.match(absent.err, /absent: not-readable: ENOENT/);
  assert.equal(weft("check").code, 2);
  assert.equal(weft("check", "examples/three-orgs", "--frobnicate").code, 2);
});

test("show rows: what the golden file has; a host that is not there is 2", () => {
  const rows = weft("show", "rows", "examples/three-orgs", "--host", "h2");
  const golden = readFileSync("test/golden/three-orgs/expected/rows.h2.ndjson", "utf8");
  assert.deepEqual(rows, { code: 0, out: golden, err: "" });
  const absent = weft("show", "rows", "examples/three-orgs", "--host", "h4");
  assert.deepEqual([absent.code, absent.out], [2, ""]);
  assert.match(absent.err, /it has h1, h2, h3/);
  assert.equal(weft("show", "rows", "examples/three-orgs").code, 2);
});

test("show rows: sound objects compile, findings go to stderr, exit 1", () => {
  const shown = weft("show", "rows", "test/golden/broken/input", "--host", "h1");
  assert.equal(shown.code, 1);
  assert.equal(shown.out, readFileSync("test/golden/broken/expected/rows.h1.ndjson", "utf8"));
  assert.match(shown.err, /error number-reserved/);
});

test("allocate: proposes, writes once, and then has nothing to say", () => {
  const directory = intentDirectory([fabric, tenant, documentText("Network", "a/m", "{}")]);
  const numbers = join(directory, "numbers.yaml");
  assert.equal(weft("check", directory).code, 1);
  const proposed = weft("allocate", directory);
  assert.deepEqual(proposed, {
    code: 0,
    out: "a/m\t4096\tnumbering rfc\nnot recorded: --write does\n",
    err: "",
  });
  assert.ok(!existsSync(numbers));
  const written = weft("allocate", directory, "--write", "--json");
  assert.equal(written.code, 0);
  assert.deepEqual(JSON.parse(written.out), {
    proposed: [{ network: "a/m", number: 4096, from: "numbering rfc" }],
    retired: [],
    written: true,
  });
  assert.match(readFileSync(numbers, "utf8"), /^ {2}a\/m: 4096$/m);
  assert.deepEqual(weft("check", directory), { code: 0, out: "0 errors, 0 warnings\n", err: "" });
  assert.equal(
    weft("allocate", directory, "--write").out,
    "every network and router has its number\n",
  );
  const again: unknown = JSON.parse(weft("allocate", directory, "--write", "--json").out);
  assert.deepEqual(again, { proposed: [], retired: [], written: false });
});

test("allocate: other errors stop it before it writes", () => {
  const directory = intentDirectory([
    ...sound,
    documentText("Network", "a/m", "{}"),
    documentText("Network", "a/o", "{vnj: 1}"),
  ]);
  const refused = weft("allocate", directory, "--write");
  assert.deepEqual([refused.code, refused.out], [1, ""]);
  assert.match(refused.err, /unknown-field/);
  assert.ok(!existsSync(join(directory, "numbers.yaml")));
});

test("explain: fields from the schema, JSON Schema, kinds, and an unknown kind", () => {
  const host = weft("explain", "host");
  assert.equal(host.code, 0);
  assert.match(host.out, /^spec\.uplinks\[\]\.mtu +integer +1500 +Octets of the largest underlay/m);
  assert.match(host.out, /^spec\.vteps +list of string +required +Tunnel addresses/m);
  assert.match(host.out, /^spec\.encapsulations +list of vxlan\|nvgre +\["vxlan","nvgre"\]/m);
  const schema: unknown = JSON.parse(weft("explain", "Port", "--json").out);
  assert.ok(typeof schema === "object" && schema !== null && "properties" in schema);
  assert.match(weft("explain").out, /^Network +One broadcast domain/m);
  const unknown = weft("explain", "netwerk");
  assert.deepEqual([unknown.code, unknown.err], [2, "no kind netwerk: did you mean Network?\n"]);
});
