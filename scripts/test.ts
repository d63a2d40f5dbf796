/**
 * `npm test`: every test. What needs the kernel runs one file after the other, for its timings; what is pure runs beside
 * it on the other CPU. Ends with a line that counts both.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";

/** Folders of test/ whose files touch neither the kernel's network nor the clock. */
const PURE =
  "test/{*,{base,wire,rows,endpoints,intent,pipeline,slow,verify,plan,docs,cli}/**/*}.test.ts";

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly code: number;
}

/** Runs the files one after the other; their output as it comes, or all of it at the end. */
function run(files: readonly string[], { isShown }: { isShown: boolean }): Promise<Outcome> {
  const words = ["--test", "--test-concurrency=1", "--test-timeout=300000", ...files];
  const child = spawn(process.execPath, words, { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (chunk: string) => {
    text += chunk;
    if (isShown) process.stdout.write(chunk);
  });
  return new Promise((resolve) =>
    child.on("close", (code) => {
      if (!isShown) process.stdout.write(text);
      const count = (what: string): number =>
        Number(new RegExp(`^. ${what} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
      resolve({ passed: count("pass"), failed: count("fail"), code: code ?? 1 });
    }),
  );
}

const all = globSync("test/**/*.test.ts").sort();
const pure = new Set(globSync(PURE));
const others = all.filter((file) => !pure.has(file));
const outcomes = await Promise.all([
  run([...pure].sort(), { isShown: false }),
  run(others, { isShown: true }),
]);
const sum = (what: (outcome: Outcome) => number): number =>
  outcomes.reduce((total, outcome) => total + what(outcome), 0);
console.log(`${sum((one) => one.passed)} passed, ${sum((one) => one.failed)} failed`);
process.exitCode = outcomes.every(({ code }) => code === 0) ? 0 : 1;
