/** The command line as a whole: every command answers --help, and wrong words are told apart from our bugs. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

const weft = (
  ...words: readonly string[]
): { status: number | null; stdout: string; stderr: string } =>
  spawnSync("bin/weft", words, { encoding: "utf8", timeout: 60_000 });

const commands = [
  "check",
  "allocate",
  "explain",
  "show rows",
  "decode",
  "agent",
  "status",
  "counters",
  "drops",
  "lab up",
  "lab down",
  "lab status",
  "lab list",
  "matrix",
];

test("--help lists every command", () => {
  const { status, stdout } = weft("--help");
  assert.equal(status, 0);
  for (const command of commands)
    assert.match(stdout, new RegExp(`^ +${command.split(" ")[0]}\\b`, "m"));
});

for (const command of commands)
  test(`weft ${command} --help names it and says what it does`, () => {
    const { status, stdout } = weft(...command.split(" "), "--help");
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`^Usage: weft ${command}`));
    assert.ok((stdout.split("\n")[2] ?? "").length > 10, "a summary");
  });

test("an unknown command and an unknown option are bad usage", () => {
  assert.equal(weft("wibble").status, 2);
  assert.equal(weft("check", "--wibble", ".").status, 2);
});

test("a reader that goes away ends weft without a word", () => {
  const { stdout, stderr } = spawnSync("sh", ["-c", "bin/weft explain Network --json | head -1"], {
    encoding: "utf8",
    timeout: 60_000,
  });
  assert.ok(stdout.length > 0);
  assert.equal(stderr, "");
});
