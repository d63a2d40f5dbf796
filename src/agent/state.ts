/**
 * What the agent must not forget when it ends: the last good rows and the ids given on this host. Losing it is
 * survivable: the ids that the kernel's tables still hold are then not given to anything else (`idsBeyond`).
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "../base/result.ts";
import type { SystemError } from "../kernel/libc.ts";
import { emptyIdBook, type IdBook, type IdSpace, type Row } from "../rows/rows.ts";
import { systemErrorFrom } from "./attempt.ts";
import { entriesOf, indexOf, type TableName, type Tables } from "./entries.ts";

/** Raised when the shape of rows changes: those of an older file are then compiled anew. */
const STATE_VERSION = 3;
/** Since when ids have had their shape: they are worth keeping, for an id must mean the same to the next release. */
const IDS_VERSION_MIN = 2;

export interface AgentState {
  /** Whose ids these are; null: nobody's yet. */
  readonly host: string | null;
  readonly ids: IdBook;
  /** Null: nothing was ever in force. */
  readonly rows: readonly Row[] | null;
}

/** The file is there, and is not what we wrote or not of this version. */
export interface StateUnreadable {
  readonly kind: "state-unreadable";
  readonly path: string;
  readonly detail: string;
}

export const emptyState: AgentState = { host: null, ids: emptyIdBook, rows: null };

const fileIn = (directory: string): string => join(directory, "state.json");

const checksumOf = ({ host, ids, rows }: AgentState): string =>
  createHash("sha256")
    .update(JSON.stringify([host, ids, rows]))
    .digest("hex");

export async function readState(
  directory: string,
): Promise<Result<AgentState, StateUnreadable | SystemError>> {
  const path = fileIn(directory);
  let text: string;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    text = await readFile(path, "utf8");
  } catch (thrown) {
    const error = systemErrorFrom(`read ${path}`, thrown);
    return error.name === "ENOENT" ? ok(emptyState) : err(error);
  }
  const state = parseState(text);
  return typeof state === "string"
    ? err({ kind: "state-unreadable", path, detail: state })
    : ok(state);
}

/** The checksum vouches for the rest: it was written by this program, whole, with this version's shape. */
function parseState(text: string): AgentState | string {
  try {
    const { version, checksum, host, ids, rows } = JSON.parse(text);
    if (!(version >= IDS_VERSION_MIN && version <= STATE_VERSION))
      return `it is of version ${version}, not ${IDS_VERSION_MIN} to ${STATE_VERSION}`;
    const state: AgentState = { host, ids, rows };
    if (checksum !== checksumOf(state)) return "its checksum is wrong";
    return version === STATE_VERSION ? state : { ...state, rows: null };
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** Whole or not at all. */
export async function writeState(
  directory: string,
  state: AgentState,
): Promise<Result<null, SystemError>> {
  const path = fileIn(directory);
  try {
    const fresh = `${path}.new`;
    const { host, ids, rows } = state;
    const whole = { version: STATE_VERSION, checksum: checksumOf(state), host, ids, rows };
    await writeFile(fresh, JSON.stringify(whole), { mode: 0o600, flush: true });
    await rename(fresh, path);
    return ok(null);
  } catch (thrown) {
    return err(systemErrorFrom(`write ${path}`, thrown));
  }
}

/** Keeps an unreadable file for whoever wants to look into it, out of the way. */
export async function setStateAside(directory: string): Promise<Result<string, SystemError>> {
  const aside = `${fileIn(directory)}.unreadable`;
  try {
    await rename(fileIn(directory), aside);
    return ok(aside);
  } catch (thrown) {
    return err(systemErrorFrom(`rename ${fileIn(directory)}`, thrown));
  }
}

/**
 * `ids`, giving new ids only above those that `tables` hold: an id in the kernel whose owner we do not know (the
 * state was lost, or is older than the tables) must not come to mean something else while rows still point at it.
 */
export function idsBeyond(ids: IdBook, tables: Tables): IdBook {
  const above = (space: IdSpace, table: TableName): IdSpace => {
    const held = [...entriesOf(tables, table).values()].map(({ key }) => indexOf(key));
    return { ...space, next: held.reduce((next, id) => Math.max(next, id + 1), space.next) };
  };
  return {
    ports: above(ids.ports, "port"),
    peers: above(ids.peers, "peer"),
    groups: above(ids.groups, "group"),
  };
}
