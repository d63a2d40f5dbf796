/** The bench itself, on the real kernel: it measures, it can be stopped, and it leaves nothing behind. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface Bench {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly answered: () => string;
  readonly ended: Promise<number | null>;
}

function start(...args: readonly string[]): Bench {
  const child = spawn(process.execPath, [join(root, "bench/run.ts"), ...args], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, complaint] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  return { child, said: () => complaint, answered: () => out, ended };
}

const namespacesOf = (pid: number): readonly string[] =>
  readdirSync("/run/netns").filter((name) => name.startsWith(`weft-t-bench-${pid}-`));

/** Whatever still names one of the bench's files or runs one of its programs. */
const remainsOf = (pid: number, session: string): readonly string[] => [
  ...namespacesOf(pid),
  ...readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .filter((line) => line.includes(session)),
  ...readdirSync("/tmp").filter((name) => session.endsWith(name)),
  ...readdirSync("/proc").filter(
    (entry) => /^\d+$/.test(entry) && commandOf(entry).includes(session),
  ),
];

const commandOf = (pid: string): string => {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // it ended meanwhile
  }
};

/** The bench's own directory, as the bpffs mounted for it shows; other benches may run beside it. */
const sessionOf = (pid: number): string => {
  const own = mounts().filter((path) => path.startsWith(`/tmp/weft-bench-${pid}-`));
  assert.equal(own.length, 1, `expected one bpffs of bench ${pid}, found ${own.join(" ")}`);
  return (own[0] ?? "").replace(/\/bpf$/, "");
};

const mounts = (): readonly string[] =>
  [
    ...readFileSync("/proc/mounts", "utf8").matchAll(/^\S+ (\/tmp\/weft-bench-\S+\/bpf) bpf /gm),
  ].map((found) => found[1] ?? "");

/** For a bench that failed its test: takes away what it should have. */
async function cleanUp({ child, ended }: Bench, session: string): Promise<void> {
  child.kill("SIGTERM");
  await ended;
  for (const namespace of namespacesOf(child.pid ?? 0))
    execFileSync("ip", ["netns", "delete", namespace]);
  if (mounts().includes(`${session}/bpf`)) execFileSync("umount", [`${session}/bpf`]);
  if (session !== "") rmSync(session, { recursive: true, force: true });
}

async function until(what: string, holds: () => boolean, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `${what}: not within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test("a stopped bench leaves no namespace, mount, directory or program", async (context) => {
  const bench = start("datapath", "--rounds", "1", "--only", "redirect");
  const pid = bench.child.pid ?? 0;
  let session = "";
  context.after(() => cleanUp(bench, session));
  await until("the first sample", () => bench.said().includes("round 1/1 bridge "), 60_000);
  session = sessionOf(pid);
  assert.equal(namespacesOf(pid).length, 4, "it was in the middle of it");
  bench.child.kill("SIGINT");
  assert.equal(await bench.ended, 1);
  assert.match(bench.said(), /stopped by SIGINT/);
  assert.equal(bench.answered(), "", "and shows no figures");
  assert.deepEqual(remainsOf(pid, session), []);
});

/** Benches are commands of their own; a round of each takes a minute. */
const long = {
  skip: process.env.WEFT_BENCH ? false : "takes a minute: WEFT_BENCH=1 runs it",
};

test("a round measures every contender that was asked for", long, async (context) => {
  const bench = start("datapath", "--rounds", "1", "--only", "weft-vxlan", "--json");
  let session = "";
  context.after(() => cleanUp(bench, session));
  await until("the first sample", () => bench.said().includes("round 1/1 bridge "), 60_000);
  session = sessionOf(bench.child.pid ?? 0);
  const code = await bench.ended;
  assert.ok(code === 0 || /"outcome":"void"/.test(bench.answered()), bench.said());
  const { rounds, samples, outcome, figures } = JSON.parse(bench.answered());
  assert.equal(rounds, 1);
  assert.notEqual(outcome, "sound", "one round shows nothing");
  assert.deepEqual(Object.keys(samples[0]).sort(), ["bridge", "bridge-again", "weft-vxlan"]);
  for (const sample of Object.values(samples[0]))
    for (const value of Object.values(Object(sample))) assert.ok(Number(value) > 0);
  assert.equal(figures.length, 5 * 3);
  assert.deepEqual(remainsOf(bench.child.pid ?? 0, session), []);
});

test(
  "a round of routing measures paths, many routes and a neighbour's change",
  long,
  async (context) => {
    const bench = start(
      ...["routing", "--rounds", "1", "--only", "redirect", "--json"],
      ...["--routes", "300", "--lengths", "25,28", "--endpoints", "50"],
    );
    let session = "";
    context.after(() => cleanUp(bench, session));
    await until("the first sample", () => bench.said().includes("round 1/1 router "), 60_000);
    session = sessionOf(bench.child.pid ?? 0);
    const code = await bench.ended;
    assert.ok(code === 0 || /"outcome":"void"/.test(bench.answered()), bench.said());
    const { paths, routes, neighbours } = JSON.parse(bench.answered());
    assert.deepEqual(Object.keys(paths.samples[0]).sort(), ["redirect", "router", "router-again"]);
    assert.deepEqual(Object.keys(routes.samples[0]), ["router"]);
    for (const samples of [paths.samples, routes.samples])
      for (const sample of Object.values(samples[0]))
        for (const value of Object.values(Object(sample))) assert.ok(Number(value) > 0);
    assert.equal(neighbours.isFrugal, true, JSON.stringify(neighbours));
    assert.deepEqual(remainsOf(bench.child.pid ?? 0, session), []);
  },
);

for (const args of [
  [],
  ["speed"],
  ["datapath", "--rounds", "0"],
  ["datapath", "--only", "carrier-pigeon"],
  ["datapath", "--fast"],
  ["routing", "--part", "roads"],
  ["routing", "--routes", "100"],
  ["routing", "--lengths", "24"],
])
  test(`bad usage: ${args.join(" ") || "nothing"}`, async () => {
    const bench = start(...args);
    assert.equal(await bench.ended, 2);
    assert.match(bench.said(), /usage: npm run bench -- datapath/);
    assert.equal(namespacesOf(bench.child.pid ?? 0).length, 0);
  });
