/** Other programs: run to their end, or kept running beside us until stopped. All die with the bench. */
import { type ChildProcess, spawn } from "node:child_process";

export interface RunOptions {
  /** Fed to standard input. */
  readonly input?: string;
  /** Aborted: the program is ended, and `run` throws. */
  readonly signal?: AbortSignal;
}

/** Standard output of `argv`; throws with its complaint if it fails. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const [file = "", ...rest] = argv;
  return new Promise((resolve, reject) => {
    const { signal } = options;
    // A group of its own: Ctrl-C is ours to answer, and teardown must not die of it halfway.
    const child = spawn(file, rest, {
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
      ...(signal ? { signal } : {}),
    });
    const out: Buffer[] = [];
    const complaint: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => complaint.push(chunk));
    child.on("error", (e) => reject(new Error(`${argv.join(" ")}: ${e.message}`)));
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on("error", () => undefined);
    child.on("close", (code) => {
      if (code === 0) return resolve(Buffer.concat(out).toString());
      const why = Buffer.concat(complaint).toString().trim();
      reject(new Error(`${argv.join(" ")}: ${why || `exit ${code}`}`));
    });
    child.stdin.end(options.input ?? "");
  });
}

/** Whether `argv` ends well. */
export const succeeds = (argv: readonly string[]): Promise<boolean> =>
  run(argv).then(
    () => true,
    () => false,
  );

export interface Running {
  readonly child: ChildProcess;
  readonly name: string;
}

/** Starts `argv` and waits for the first line of its output that `isReady` accepts. */
export function start(
  argv: readonly string[],
  isReady: (line: string) => boolean,
  withinMs: number,
): Promise<Running> {
  const [file = "", ...rest] = argv;
  const name = argv.join(" ");
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, { stdio: ["ignore", "pipe", "pipe"], detached: true });
    let said = "";
    let complaint = "";
    const give = (why: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`${name}: ${why}: ${complaint.trim().slice(-2000)}`));
    };
    const timer = setTimeout(() => give(`not ready within ${withinMs} ms`), withinMs);
    child.on("error", (e) => give(e.message));
    child.on("exit", (code) => give(`ended (${code}) before it was ready`));
    child.stderr.on("data", (chunk: Buffer) => {
      complaint = (complaint + chunk.toString()).slice(-8000);
    });
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (!said.split("\n").some(isReady)) return;
      clearTimeout(timer);
      child.removeAllListeners("exit");
      child.stdout.removeAllListeners("data").resume();
      resolve({ child, name });
    });
  });
}

/** Ends a program that `start` gave, by its pid; SIGKILL when it does not go within two seconds. */
export function stop({ child }: Running, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), 2000);
    child.once("exit", () => {
      clearTimeout(timer);
      resolve();
    });
    child.kill(signal);
  });
}
