/** What a command reads whole: a file, or standard input. LIMIT: 2 GiB, which is what one read may hold. */
import { readFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { err, ok, type Result } from "../base/result.ts";

/** By this name standard input is meant. */
export const STANDARD_INPUT = "-";

export async function readInput(path: string): Promise<Result<Uint8Array, InputError>> {
  try {
    return ok(path === STANDARD_INPUT ? await buffer(process.stdin) : await readFile(path));
  } catch (thrown) {
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    return err({ kind: "not-readable", path, detail });
  }
}

export interface InputError {
  readonly kind: "not-readable";
  readonly path: string;
  readonly detail: string;
}
