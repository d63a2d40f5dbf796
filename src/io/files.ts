/** Files as the rest of weft needs them: an intent's texts in, a small text out as a whole or not at all. */
import { randomUUID } from "node:crypto";
import { readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { err, ok, type Result } from "../base/result.ts";
import { compareText } from "../base/text.ts";

export interface IntentText {
  readonly path: string;
  readonly text: string;
}

const NUMBERS_FILE = "numbers.yaml";
/** The lab's own description, beside the intent. */
const LAB_FILE = "lab.yaml";

/**
 * The texts of an intent: a file, or a directory's *.yaml and *.yml in order of names (not its subdirectories, not
 * lab.yaml). numbers.yaml comes along from beside the intent if it is there.
 */
export async function readIntentFiles(
  path: string,
): Promise<Result<readonly IntentText[], IntentFileError>> {
  const paths = await intentPaths(path);
  if (!paths.ok) return paths;
  const files: IntentText[] = [];
  for (const one of paths.value) {
    const text = await readText(one);
    if (!text.ok) return text;
    files.push({ path: one, text: text.value });
  }
  return ok(files);
}

export interface IntentFileError {
  readonly kind: "not-readable" | "not-utf8" | "no-documents" | "not-writable";
  readonly path: string;
  readonly detail: string;
}

/** By its name: whether a file of a directory belongs to the intent there. */
export const isIntentFile = (name: string): boolean => /\.ya?ml$/.test(name) && name !== LAB_FILE;

/** The files of an intent, in order. */
export async function intentPaths(
  path: string,
): Promise<Result<readonly string[], IntentFileError>> {
  const found = await attempt("not-readable", path, () => stat(path));
  if (!found.ok) return found;
  if (!found.value.isDirectory()) {
    const numbers = numbersPathOf(path, false);
    if (numbers === path) return ok([path]);
    const beside = await attempt("not-readable", numbers, () => stat(numbers));
    return ok(beside.ok ? [path, numbers] : [path]);
  }
  const names = await attempt("not-readable", path, () => readdir(path));
  if (!names.ok) return names;
  const wanted = names.value.filter(isIntentFile);
  if (!wanted.some((name) => name !== NUMBERS_FILE))
    return err({ kind: "no-documents", path, detail: "the directory has no *.yaml" });
  return ok(wanted.sort(compareText).map((name) => join(path, name)));
}

/** Where the lock file of the intent at `path` is. */
export async function findNumbersPath(path: string): Promise<Result<string, IntentFileError>> {
  const found = await attempt("not-readable", path, () => stat(path));
  return found.ok ? ok(numbersPathOf(path, found.value.isDirectory())) : found;
}

function numbersPathOf(path: string, isDirectory: boolean): string {
  if (basename(path) === NUMBERS_FILE) return path;
  return join(isDirectory ? path : dirname(path), NUMBERS_FILE);
}

export async function readText(path: string): Promise<Result<string, IntentFileError>> {
  const octets = await attempt("not-readable", path, () => readFile(path));
  if (!octets.ok) return octets;
  return attempt("not-utf8", path, async () =>
    new TextDecoder("utf-8", { fatal: true }).decode(octets.value),
  );
}

/** Replaces `path` with `text`: a reader sees the old text or the new one, never a part. */
export async function writeText(
  path: string,
  text: string,
): Promise<Result<null, IntentFileError>> {
  const draft = `${path}.${randomUUID()}`;
  const written = await attempt("not-writable", path, async () => {
    await writeFile(draft, text, { flag: "wx" });
    await rename(draft, path);
    return null;
  });
  if (!written.ok) await attempt("not-writable", draft, () => rm(draft, { force: true }));
  return written;
}

/** What Node throws about `path`, as a value. */
export async function attempt<Value>(
  kind: IntentFileError["kind"],
  path: string,
  act: () => Promise<Value>,
): Promise<Result<Value, IntentFileError>> {
  try {
    return ok(await act());
  } catch (thrown) {
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    return err({ kind, path, detail });
  }
}
