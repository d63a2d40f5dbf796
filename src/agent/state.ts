/** What the agent must not forget when it ends: the last good rows and the ids given on this host. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "../base/result.ts";
import { emptyIdBook, type IdBook, type Row } from "../rows/rows.ts";

/** Raised when the shape of rows or ids changes: an older file is then not read. */
const STATE_VERSION = 1;

export interface AgentState {
  readonly ids: IdBook;
  /** Null: nothing was ever in force. */
  readonly rows: readonly Row[] | null;
}

export interface StateError {
  readonly kind: "state";
  readonly path: string;
  readonly detail: string;
}

const fileIn = (directory: string): string => join(directory, "state.json");

export async function readState(directory: string): Promise<Result<AgentState, StateError>> {
  const path = fileIn(directory);
  let text: string;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    text = await readFile(path, "utf8");
  } catch (thrown) {
    if (isMissing(thrown)) return ok({ ids: emptyIdBook, rows: null });
    return err({ kind: "state", path, detail: String(thrown) });
  }
  try {
    const { version, ids, rows } = JSON.parse(text);
    if (version !== STATE_VERSION)
      return err({ kind: "state", path, detail: `version ${version}, not ${STATE_VERSION}` });
    return ok({ ids, rows });
  } catch (thrown) {
    return err({ kind: "state", path, detail: String(thrown) });
  }
}

/** Whole or not at all. */
export async function writeState(
  directory: string,
  state: AgentState,
): Promise<Result<null, StateError>> {
  const path = fileIn(directory);
  try {
    const fresh = `${path}.new`;
    await writeFile(fresh, JSON.stringify({ version: STATE_VERSION, ...state }), {
      mode: 0o600,
      flush: true,
    });
    await rename(fresh, path);
    return ok(null);
  } catch (thrown) {
    return err({ kind: "state", path, detail: String(thrown) });
  }
}

const isMissing = (thrown: unknown): boolean =>
  thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
