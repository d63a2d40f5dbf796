/** The texts of one intent, read again and again: what was not written since is not read again. */
import { type FSWatcher, watch } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { ok, type Result } from "../base/result.ts";
import {
  attempt,
  type IntentFileError,
  type IntentText,
  intentPaths,
  isIntentFile,
  readText,
} from "./files.ts";

interface KnownText {
  readonly mark: string;
  readonly text: IntentText;
}

export class IntentFiles {
  readonly #path: string;
  readonly #known = new Map<string, KnownText>();
  #marks: string = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** The same, or null if no file was written, added or removed since; cheap enough to ask every second. */
  async readChanged(): Promise<Result<readonly IntentText[] | null, IntentFileError>> {
    const marks = await marksOf(this.#path);
    return marksText(marks) === this.#marks ? ok(null) : this.#readMarked(marks);
  }

  async read(): Promise<Result<readonly IntentText[], IntentFileError>> {
    return this.#readMarked(await marksOf(this.#path));
  }

  /** The marks are older than the texts: what is written while we read is seen the next time. */
  async #readMarked(marks: Marks): Promise<Result<readonly IntentText[], IntentFileError>> {
    this.#marks = marksText(marks);
    if (!marks.ok) return marks;
    const texts: IntentText[] = [];
    for (const [path, mark] of marks.value) {
      const known = this.#known.get(path);
      if (known?.mark === mark) {
        texts.push(known.text);
        continue;
      }
      const text = await readText(path);
      if (!text.ok) return text;
      this.#known.set(path, { mark, text: { path, text: text.value } });
      texts.push({ path, text: text.value });
    }
    for (const path of this.#known.keys()) if (!marks.value.has(path)) this.#known.delete(path);
    return ok(texts);
  }
}

type Marks = Result<ReadonlyMap<string, string>, IntentFileError>;

/** By path what changes when the file is written. */
async function marksOf(path: string): Promise<Marks> {
  const paths = await intentPaths(path);
  if (!paths.ok) return paths;
  const marks = paths.value.map(async (one): Promise<[string, string]> => {
    const found = await attempt("not-readable", one, () => stat(one));
    if (!found.ok) return [one, found.error.detail];
    const { size, mtimeMs, ino } = found.value;
    return [one, `${size} ${mtimeMs} ${ino}`];
  });
  return ok(new Map(await Promise.all(marks)));
}

const marksText = (marks: Marks): string =>
  marks.ok ? JSON.stringify([...marks.value]) : JSON.stringify(marks.error);

/**
 * Tells when something happens to the files of the intent at `path`. It may miss things (another machine's writes on
 * a shared disk; a directory that is replaced): whoever uses it also looks now and then.
 */
export function watchIntent(path: string, heard: () => void): { readonly close: () => void } {
  const watchers: FSWatcher[] = [];
  // A file that is replaced is another one: its directory tells of both.
  for (const [place, name] of [
    [path, null],
    [dirname(path), basename(path)],
  ] as const)
    try {
      const watcher = watch(place, { persistent: false }, (_, file) => {
        if (file === null || (name === null ? isIntentFile(file) : file === name)) heard();
      });
      watcher.on("error", () => watcher.close());
      watchers.push(watcher);
    } catch {
      // Not there, or no watches left: looking now and then has to do.
    }
  return {
    close: (): void => {
      for (const watcher of watchers) watcher.close();
    },
  };
}
