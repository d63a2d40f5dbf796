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
  "overhead",
  "plan multicast",
  "show rows",
  "decode",
  "agent",
  "status",
  "counters",
  "endpoints",
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

/** What weft does with `fault` in it, a module that runs before its own. */
const weftWith = (fault: string): { status: number | null; stderr: string } =>
  spawnSync("bin/weft", ["check", "examples/three-orgs", "--json"], {
    encoding: "utf8",
    timeout: 20_000,
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fault)}`,
    },
  });

test("a bug ends weft with 70, whatever is still open", () => {
  const listening = 'import net from "node:net"; net.createServer().listen(0);';
  for (const fault of [
    `${listening} JSON.stringify = () => { throw new Error("our bug"); };`,
    `${listening} setImmediate(() => { throw new Error("our bug"); });`,
    `${listening} Promise.reject(new Error("our bug"));`,
  ]) {
    const { status, stderr } = weftWith(fault);
    assert.match(stderr, /our bug/, fault);
    assert.equal(status, 70, fault);
  }
});
