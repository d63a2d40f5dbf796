/** Other people's programs (iproute2, mount): run to the end, with their complaint as the error. */
import { spawn } from "node:child_process";
import { err, ok, type Result } from "../base/result.ts";

export interface ToolError {
  readonly kind: "tool";
  /** The command line. */
  readonly tool: string;
  readonly detail: string;
}

/** Standard output of `argv`, fed with `input`. */
export function runTool(
  argv: readonly string[],
  input: string = "",
): Promise<Result<string, ToolError>> {
  const [file = "", ...rest] = argv;
  const failed = (detail: string): Result<string, ToolError> =>
    err({ kind: "tool", tool: argv.join(" "), detail });
  return new Promise((resolve) => {
    const child = spawn(file, rest, { stdio: ["pipe", "pipe", "pipe"] });
    const out: Buffer[] = [];
    const complaint: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => complaint.push(chunk));
    child.on("error", (e: Error) => resolve(failed(e.message)));
    // A child that ends without reading its input is judged by its exit code.
    child.stdin.on("error", () => undefined);
    child.on("close", (code: number | null) => {
      const text = Buffer.concat(complaint).toString().trim();
      if (code === 0) resolve(ok(Buffer.concat(out).toString()));
      else resolve(failed(explain(text, input) || `exit ${code}`));
    });
    child.stdin.end(input);
  });
}

/** `ip -batch` says "Command failed -:7": adds what line 7 was. */
function explain(complaint: string, input: string): string {
  const line = /Command failed -:(\d+)/.exec(complaint)?.[1];
  const command = line === undefined ? undefined : input.split("\n")[Number(line) - 1];
  return command === undefined ? complaint : `${complaint.split("\n")[0]} (in: ${command})`;
}

/** Lines for one iproute2 program, inside the namespace `namespace` or, if null, outside of all. */
export interface Batch {
  readonly program: "ip" | "bridge";
  readonly namespace: string | null;
  readonly lines: readonly string[];
}

export function runBatch(batch: Batch): Promise<Result<string, ToolError>> {
  const inside = batch.namespace === null ? [] : ["-n", batch.namespace];
  return runTool([batch.program, ...inside, "-batch", "-"], `${batch.lines.join("\n")}\n`);
}
