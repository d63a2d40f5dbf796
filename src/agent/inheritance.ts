/**
 * What the datapath itself has learned, carried from the maps of another layout into ours: the learned rows of `fdb`
 * and of `host`, and the budgets (docs/decisions/0003-upgrade.md). Everything else comes from the intent anew. A release
 * leaves a description of its layouts beside its state, so that the next one can read its maps: field by field, by
 * name, for keys and rows may have grown, shrunk or changed their order.
 *
 * Leaves out: counters, which begin at zero with a new layout, and rows of tables that the other release did not have.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ok, type Result } from "../base/result.ts";
import { type BpfError, BpfMap, closeBpfFd, openPinned } from "../kernel/bpf.ts";
import type { SystemError } from "../kernel/libc.ts";
import { LAYOUTS, LIMIT } from "../rows/abi.generated.ts";
import { attempt } from "./attempt.ts";
import { isLearned } from "./entries.ts";

interface Field {
  readonly at: number;
  readonly octets: number;
}

interface Layout {
  readonly octets: number;
  readonly fields: Readonly<Record<string, Field>>;
}

/** By name. */
type Layouts = Readonly<Record<string, Layout>>;

const INHERITED = [
  {
    table: "fdb",
    key: "fdbKey",
    row: "fdbRow",
    isOurs: (row: Uint8Array): boolean => isLearned("fdb", row),
  },
  {
    table: "host",
    key: "hostKey",
    row: "routeRow",
    isOurs: (row: Uint8Array): boolean => isLearned("host", row),
  },
  { table: "bucket", key: "bucketKey", row: "bucketRow", isOurs: (): boolean => true },
] as const;

const fileOf = (directory: string, abi: number): string => join(directory, `layouts.v${abi}.json`);

/** Describes our layouts for releases to come; to be called before our maps are pinned. */
export function writeLayouts(stateDirectory: string): Result<null, SystemError> {
  const path = fileOf(stateDirectory, LIMIT.WEFT_ABI);
  const written = attempt(`write ${path}`, () => {
    mkdirSync(stateDirectory, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.new`, JSON.stringify(LAYOUTS), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  });
  return written.ok ? ok(null) : written;
}

/** How another release lays out its rows; null: it did not say. */
export function readLayouts(stateDirectory: string, abi: number): Layouts | null {
  const read = attempt(`read ${abi}`, (): unknown =>
    JSON.parse(readFileSync(fileOf(stateDirectory, abi), "utf8")),
  );
  if (!read.ok) return null;
  const out: Record<string, Layout> = {};
  for (const [name, layout] of Object.entries(Object(read.value)))
    if (isLayout(layout)) out[name] = layout;
  return out;
}

function isLayout(value: unknown): value is Layout {
  const { octets, fields }: { octets?: unknown; fields?: unknown } = Object(value);
  return (
    typeof octets === "number" &&
    Object.values(Object(fields)).every((field) => {
      const { at, octets: width }: { at?: unknown; octets?: unknown } = Object(field);
      return typeof at === "number" && typeof width === "number";
    })
  );
}

/**
 * Copies from the maps pinned in `from` what they have learned and ours have not: what is declared in ours, or has been
 * learned since, stays. The number of rows copied.
 */
export function inherit(
  from: string,
  layouts: Layouts,
  mapOf: (table: string) => BpfMap,
): Result<number, BpfError> {
  let copied = 0;
  for (const { table, key, row, isOurs } of INHERITED) {
    const [oldKey, oldRow] = [layouts[key], layouts[row]];
    if (!oldKey || !oldRow) continue;
    const fd = openPinned(join(from, table));
    if (!fd.ok) return fd;
    if (fd.value === null) continue;
    const shape = { keyOctets: oldKey.octets, rowOctets: oldRow.octets, isArray: false };
    const entries = new BpfMap(table, fd.value, shape).entries();
    closeBpfFd(fd.value);
    if (!entries.ok) return entries;
    for (const [theirKey, theirRow] of entries.value) {
      const ourRow = translate(oldRow, LAYOUTS[row], theirRow);
      if (!isOurs(ourRow)) continue;
      const done = mapOf(table).setIfAbsent(translate(oldKey, LAYOUTS[key], theirKey), ourRow);
      if (!done.ok) return done;
      copied += done.value ? 1 : 0;
    }
  }
  return ok(copied);
}

/** Octets of one layout as those of another: fields of one name, as many octets of each as both have. */
function translate(from: Layout, to: Layout, octets: Uint8Array): Uint8Array {
  const out = new Uint8Array(to.octets);
  for (const [name, field] of Object.entries(to.fields)) {
    const there = from.fields[name];
    if (!there) continue;
    // Integers are little-endian: what is wider is zero behind.
    const width = Math.min(field.octets, there.octets);
    out.set(octets.subarray(there.at, there.at + width), field.at);
  }
  return out;
}
