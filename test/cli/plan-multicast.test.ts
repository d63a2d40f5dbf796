/** `weft plan multicast` as it is called: of an intent, of numbers alone, and with questions that make no sense. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { documentText, fabric, tenant } from "../intent/texts.ts";

const root = mkdtempSync(join(tmpdir(), "weft-t-groups-"));
after(() => rmSync(root, { recursive: true, force: true }));

function plan(...words: readonly string[]): {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["src/main/weft.ts", "plan", "multicast", ...words],
    { encoding: "utf8" },
  );
  return { code: status, out: stdout, err: stderr };
}

function intentOf(...networks: readonly string[]): string {
  const file = join(root, `${networks.length}.yaml`);
  const documents = networks.map((spec, i) => documentText("Network", `a/n${i}`, spec));
  writeFileSync(file, [fabric, tenant, ...documents].join("---\n"));
  return file;
}

test("of numbers: a line each, and the prefixes that they fill", () => {
  const { code, out, err } = plan("--vni", "1000-1256");
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /^- +1000 +239\.1\.10\.0 +01:00:5e:01:0a:00 +derived$/m);
  assert.match(out, /^- +1256 +239\.1\.11\.0 +01:00:5e:01:0b:00 +derived$/m);
  assert.match(out, / {2}239\.1\.10\.0\/24 {2}256 groups\n {2}239\.1\.11\.0\/24 {2}1 group\n/);
  assert.match(out, /256 numbers fill a \/24: the map goes on behind it\.\n$/);
  const six = plan("--vni", "1000", "--underlay", "ipv6", "--json");
  assert.deepEqual(JSON.parse(six.out), {
    groups: [
      {
        network: null,
        vni: 1000,
        underlay: "ipv6",
        group: "ff15::8000:3e8",
        mac: "33:33:80:00:03:e8",
        given: false,
      },
    ],
    blocks: [{ prefix: "ff15::8000:0/112", groups: 1 }],
    sharedMacs: [],
  });
});

test("of an intent: a shared MAC is said, and planned all the same", () => {
  const file = intentOf(
    "{vni: 1000, bum: multicast}",
    "{vni: 8389352, bum: multicast}",
    "{vni: 1002}",
  );
  const { code, out, err } = plan(file);
  assert.equal(code, 0);
  assert.match(out, /^a\/n0 +1000 +239\.1\.10\.0 /m);
  assert.match(out, /^a\/n1 +8389352 +239\.129\.10\.0 +01:00:5e:01:0a:00 +derived$/m);
  assert.match(out, /^01:00:5e:01:0a:00 is the MAC of 239\.1\.10\.0, 239\.129\.10\.0: /m);
  assert.doesNotMatch(out, /a\/n2/);
  assert.match(err, /warning group-mac-shared: Network a\/n1/);
});

test("of an intent: errors about groups and numbers are exit 1, and the rest is planned", () => {
  const { code, out, err } = plan(
    intentOf("{vni: 1000, bum: multicast, group: 10.0.0.1}", "{vni: 1001, bum: multicast}"),
  );
  assert.equal(code, 1);
  assert.match(err, /error group-illegal: Network a\/n0: 10\.0\.0\.1 is no multicast address/);
  assert.match(out, /^a\/n1 +1001 +239\.1\.10\.1 /m);
  assert.doesNotMatch(out, /a\/n0/);
});

test("of an intent without such networks", () =>
  assert.deepEqual(plan("examples/three-orgs"), {
    code: 0,
    out: "no network floods by multicast (bum: multicast)\n",
    err: "",
  }));

for (const [words, complaint] of [
  [[], "an intent, or --vni RANGE: one of them"],
  [["examples/three-orgs", "--vni", "1"], "an intent, or --vni RANGE: one of them"],
  [
    ["examples/three-orgs", "--underlay", "ipv6"],
    "--underlay goes with --vni; a network has its own",
  ],
  [["--vni", "1", "--underlay", "6"], "--underlay 6: it is one of ipv4, ipv6"],
  ...["2-1", "x", "16777216", "0-65536", "-1"].map(
    (range) =>
      [
        [`--vni=${range}`],
        `--vni ${range}: a number or a range, numbers from 0 to 16777215, at most 65536 of them`,
      ] as const,
  ),
] as const)
  test(`bad usage: ${words.join(" ")}`, () =>
    assert.deepEqual(plan(...words), {
      code: 2,
      out: "",
      err: `weft plan multicast: ${complaint}\n`,
    }));

test("an intent that cannot be read is bad usage, too", () =>
  assert.deepEqual([plan(join(root, "absent")).code, plan(join(root, "absent")).out], [2, ""]));
