/**
 * What the agent must not forget when it ends: the last good rows and the ids given on this host. Losing it is
 * survivable: the ids that the kernel's tables still hold are then not given to anything else (`idsBeyond`).
 *
 * The file is a log: a header, everything as it was when the file was begun, and a line for each change since, so that
 * a change costs what it changes. Each line's checksum covers the lines before it. A last line without its end was
 * being written when the machine stopped, and what it says was not in force yet.
 */
import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { err, ok, type Result } from "../base/result.ts";
import type { SystemError } from "../kernel/libc.ts";
import {
  emptyIdBook,
  type IdBook,
  type IdChange,
  type IdSpace,
  type Row,
  type RowParts,
  type RowsChange,
  unchangedIds,
} from "../rows/rows.ts";
import { systemErrorFrom } from "./attempt.ts";
import { entriesOf, indexOf, type TableName, type Tables } from "./entries.ts";

/** Raised when the shape of rows or ids changes: an older file is then not read. */
const STATE_VERSION = 3;

export interface AgentState {
  /** Whose ids these are; null: nobody's yet. */
  readonly host: string | null;
  readonly ids: IdBook;
  /** Null: nothing was ever in force. */
  readonly parts: RowParts | null;
}

/** The file is there, and is not what we wrote or not of this version. */
export interface StateUnreadable {
  readonly kind: "state-unreadable";
  readonly path: string;
  readonly detail: string;
}

export const emptyState: AgentState = { host: null, ids: emptyIdBook, parts: null };

const fileIn = (directory: string): string => join(directory, "state.ndjson");

/** A line: what is otherwise than the lines before say. Null: not there any more. */
interface StateLine {
  readonly parts: Readonly<Record<string, readonly Row[] | null>>;
  readonly ids: RowsChange["ids"];
}

/** Parts a line of what the file begins with: small enough to be written between two other things. */
const PARTS_A_LINE = 128;
/** A log that has grown by more than it began with, and by more than this, is begun anew. */
const GROWTH_OCTETS = 1 << 20;

const sumOf = (before: string, text: string): string =>
  createHash("sha256").update(before).update(text).digest("hex").slice(0, 16);

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

/** The checksums vouch for the rest: it was written by this program, with this version's shape. */
function parseState(text: string): AgentState | string {
  const [head = "", ...lines] = text.split("\n");
  // What comes after the last end of a line is nothing, or a line that was not finished.
  lines.pop();
  try {
    const { version, host, first } = JSON.parse(head);
    if (version !== STATE_VERSION) return `it is of version ${version}, not ${STATE_VERSION}`;
    if (lines.length < first) return `it has ${lines.length} of at least ${first} lines`;
    const parts = new Map<string, readonly Row[]>();
    const spaces = { ports: openSpace(), peers: openSpace(), groups: openSpace() };
    let sum = sumOf("", head);
    for (const line of lines) {
      const body = line.slice(line.indexOf(" ") + 1);
      sum = sumOf(sum, body);
      if (!line.startsWith(`${sum} `)) return "a checksum is wrong";
      replay(JSON.parse(body), parts, spaces);
    }
    const { ports, peers, groups } = spaces;
    const ids = { ports: closed(ports), peers: closed(peers), groups: closed(groups) };
    return { host, ids, parts };
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

interface OpenSpace {
  next: number;
  readonly idsByName: Map<string, number>;
}

const openSpace = (): OpenSpace => ({ next: 1, idsByName: new Map() });
const closed = ({ next, idsByName }: OpenSpace): IdSpace => ({
  next,
  idsByName: Object.fromEntries(idsByName),
});

function replay(
  line: StateLine,
  parts: Map<string, readonly Row[]>,
  spaces: Readonly<Record<keyof IdBook, OpenSpace>>,
): void {
  for (const [key, rows] of Object.entries(line.parts))
    if (rows) parts.set(key, rows);
    else parts.delete(key);
  replayIds(line.ids.ports, spaces.ports);
  replayIds(line.ids.peers, spaces.peers);
  replayIds(line.ids.groups, spaces.groups);
}

function replayIds(change: IdChange, space: OpenSpace): void {
  space.next = change.next;
  for (const [name, id] of Object.entries(change.idsByName))
    if (id === null) space.idsByName.delete(name);
    else space.idsByName.set(name, id);
}

/** Writes the state of one agent, and what becomes of it. */
export class StateFile {
  readonly #path: string;
  #log: OpenLog | null = null;

  constructor(directory: string) {
    this.#path = fileIn(directory);
  }

  /** All of it. Whole or not at all. */
  async write(state: AgentState): Promise<Result<null, SystemError>> {
    await this.close();
    try {
      const fresh = `${this.#path}.new`;
      const log = await beginLog(fresh, state);
      await rename(fresh, this.#path);
      this.#log = log;
      return ok(null);
    } catch (thrown) {
      return err(systemErrorFrom(`write ${this.#path}`, thrown));
    }
  }

  /** What has changed since; `state` is what it has come to. */
  async change(state: AgentState, change: RowsChange): Promise<Result<null, SystemError>> {
    const log = this.#log;
    if (!log || !state.parts) return this.write(state);
    const { parts } = state;
    const changed = [...change.parts].map((key) => [key, parts.get(key) ?? null] as const);
    try {
      await append(log, { parts: Object.fromEntries(changed), ids: change.ids });
      await log.file.datasync();
      return ok(null);
    } catch (thrown) {
      // Half a line may be there: only a new file tells the rest.
      await this.close();
      return err(systemErrorFrom(`write ${this.#path}`, thrown));
    }
  }

  /** Whether most of the file tells what is not so any more. */
  get isLong(): boolean {
    return this.#log !== null && this.#log.grownOctets > GROWTH_OCTETS + this.#log.firstOctets;
  }

  async close(): Promise<void> {
    await this.#log?.file.close();
    this.#log = null;
  }
}

interface OpenLog {
  readonly file: FileHandle;
  /** Of all lines so far. */
  sum: string;
  firstOctets: number;
  grownOctets: number;
}

async function append(log: OpenLog, line: StateLine): Promise<void> {
  const body = JSON.stringify(line);
  log.sum = sumOf(log.sum, body);
  const text = `${log.sum} ${body}\n`;
  await log.file.writeFile(text);
  log.grownOctets += text.length;
}

async function beginLog(path: string, { host, ids, parts }: AgentState): Promise<OpenLog> {
  const file = await open(path, "w", 0o600);
  try {
    const keys = [...(parts?.keys() ?? [])];
    const lines = Math.max(1, Math.ceil(keys.length / PARTS_A_LINE));
    const head = JSON.stringify({ version: STATE_VERSION, host, first: lines });
    await file.writeFile(`${head}\n`);
    const log: OpenLog = { file, sum: sumOf("", head), firstOctets: 0, grownOctets: 0 };
    for (let line = 0; line < lines; line++) {
      const some = keys.slice(line * PARTS_A_LINE, (line + 1) * PARTS_A_LINE);
      const rows = Object.fromEntries(some.map((key) => [key, parts?.get(key) ?? null]));
      await append(log, { parts: rows, ids: line === 0 ? ids : unchangedIds(ids) });
    }
    await file.datasync();
    log.firstOctets = log.grownOctets;
    log.grownOctets = 0;
    return log;
  } catch (thrown) {
    await file.close();
    throw thrown;
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
