/** `weft overhead` as it is called: tables for people, one object for programs, and questions that make no sense. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

function overhead(...words: readonly string[]): {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
} {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["src/main/weft.ts", "overhead", ...words],
    { encoding: "utf8" },
  );
  return { code: status, out: stdout, err: stderr };
}

interface Row {
  readonly encapsulation: string;
  readonly underlay: string;
  readonly addedOctets: number;
  readonly innerMtu: number;
  readonly layers: readonly { readonly octets: number; readonly part: string }[];
  readonly sweep: readonly { readonly payloadOctets: number }[];
}

function rows(...words: readonly string[]): readonly Row[] {
  const { code, out, err } = overhead(...words, "--json");
  assert.deepEqual({ code, err }, { code: 0, err: "" });
  const answer: { readonly stacks: readonly Row[] } = JSON.parse(out);
  return answer.stacks;
}

const digest = (all: readonly Row[]): readonly string[] =>
  all.map((row) => `${row.encapsulation} ${row.underlay} ${row.addedOctets} ${row.innerMtu}`);

test("both encapsulations over both families unless asked otherwise", () => {
  assert.deepEqual(digest(rows()), [
    "vxlan ipv4 50 1450",
    "nvgre ipv4 42 1458",
    "vxlan ipv6 70 1430",
    "nvgre ipv6 62 1438",
  ]);
  assert.deepEqual(
    digest(rows("--encapsulation", "nvgre", "--underlay", "ipv6", "--mtu", "9000", "--tags", "2")),
    ["nvgre ipv6 70 8938"],
  );
  assert.deepEqual(digest(rows("--group-policy", "--underlay", "ipv4", "--esp", "tunnel")), [
    "vxlan ipv4 104 1396",
  ]);
  assert.deepEqual(
    digest(
      rows("--underlay", "ipv4", "--esp", "transport", "--nat-traversal", "--suite", "aes-gcm"),
    ),
    ["vxlan ipv4 92 1408", "nvgre ipv4 84 1416"],
  );
});

test("layers add up, and payloads are those asked for, from 64 to 9000 if none are", () => {
  for (const { layers, addedOctets } of rows()) {
    const frame = layers.filter(({ part }) => part !== "line");
    assert.equal(
      frame.reduce((sum, { octets }) => sum + octets, 0),
      addedOctets + 18,
    );
  }
  const payloads = (all: readonly Row[]): readonly number[] =>
    (all[0]?.sweep ?? []).map(({ payloadOctets }) => payloadOctets);
  assert.deepEqual(payloads(rows("--payload", "64,1500, 9000")), [64, 1500, 9000]);
  const swept = payloads(rows());
  assert.deepEqual([swept[0], swept.at(-1)], [64, 9000]);
});

test("for people: a line a stack, the layers, the sweep; and what is quoted wrongly on demand", () => {
  const { code, out } = overhead();
  assert.equal(code, 0);
  assert.match(
    out,
    /^NVGRE\/IPv4 +42 +60 +1458 +1542 +9042 +1518 +92\.20 % +97\.12 % +8 bits +no$/m,
  );
  assert.match(
    out,
    /^VXLAN\/IPv6: .*, IPv6 40, UDP 8, VXLAN 8, inner Ethernet 14, payload, FCS 4/m,
  );
  assert.match(out, /^9000 +0\.20 +0\.76 +0\.67 +0\.98 +0\.89$/m);
  assert.doesNotMatch(out, /58 octets/);
  const explained = overhead("--explain").out;
  assert.match(explained, /^"NVGRE costs 58 octets .*\n {2}60, counted like VXLAN's 68/m);
  assert.match(explained, /^"more than 95 % of the physical capacity, at MTU 1500"$/m);
});

for (const [words, complaint] of [
  [["--encapsulation", "geneve"], "--encapsulation geneve: it is one of vxlan, nvgre"],
  [["--underlay", "4"], "--underlay 4: it is one of ipv4, ipv6"],
  [["--tags", "3"], "--tags 3: it is one of 0, 1, 2"],
  [["--mtu", "575"], "--mtu 575: 576 to 65535 octets"],
  [["--mtu", "1e4"], "--mtu 1e4: 576 to 65535 octets"],
  [["--payload", "64,,9000"], "--payload : 46 to 65000 octets"],
  [["--payload", "45"], "--payload 45: 46 to 65000 octets"],
  [["--suite", "aes-gcm"], "--suite: goes with --esp transport or --esp tunnel"],
  [["--nat-traversal"], "--nat-traversal: goes with --esp transport or --esp tunnel"],
  [["--esp", "ah"], "--esp ah: it is one of transport, tunnel"],
  [
    ["--esp", "tunnel", "--suite", "des"],
    "--suite des: it is one of aes-gcm, chacha20-poly1305, aes-cbc-sha256",
  ],
  [
    ["--group-policy", "--encapsulation", "nvgre"],
    "--group-policy: NVGRE has no place for a group; --encapsulation vxlan has",
  ],
] as const)
  test(`bad usage: ${words.join(" ")}`, () =>
    assert.deepEqual(overhead(...words), {
      code: 2,
      out: "",
      err: `weft overhead: ${complaint}\n`,
    }));
