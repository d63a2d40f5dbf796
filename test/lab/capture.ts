/** Capture programs (tcpdump, tshark) inside a namespace. */
import { spawn } from "node:child_process";

/** What a capture program prints while `traffic` runs; it is told to end, and has ended, before this returns. */
export async function listen(
  namespace: string,
  command: readonly string[],
  traffic: () => unknown,
): Promise<readonly string[]> {
  const child = spawn("ip", ["netns", "exec", namespace, ...command]);
  const ended = new Promise<void>((settle) => child.on("close", () => settle()));
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk;
  });
  await new Promise<void>((settle) => {
    child.stderr.on("data", (chunk: Buffer) => {
      if (/listening on|Capturing on/.test(chunk.toString())) settle();
    });
    child.on("close", () => settle());
  });
  await sleep(300);
  traffic();
  await sleep(700);
  child.kill("SIGINT");
  await ended;
  return out.split("\n").filter((line) => line !== "");
}

export const sleep = (ms: number): Promise<void> => new Promise((settle) => setTimeout(settle, ms));
