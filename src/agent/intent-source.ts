/** Where the agent's rows come from: the intent on disk, or, while that has errors, the last good rows. */
import { compileHost, compileIntent } from "../intent/compile.ts";
import type { Finding } from "../intent/intent.ts";
import { soundTenants } from "../intent/partial.ts";
import { fingerprintIntent, type IntentFileError, readIntentFiles } from "../io/files.ts";
import type { IdBook, Row } from "../rows/rows.ts";

export interface Wanted {
  /** Null: there are none that are good, and never were. */
  readonly rows: readonly Row[] | null;
  readonly ids: IdBook;
  /** The rows are not those of the intent as it stands. */
  readonly stale: boolean;
  readonly findings: readonly Finding[];
  /** The intent could not even be read. */
  readonly unreadable: IntentFileError | null;
}

export class IntentSource {
  readonly #path: string;
  readonly #host: string;
  readonly #partial: boolean;
  #lastGood: readonly Row[] | null;
  #fingerprint: string = "";

  constructor(path: string, host: string, partial: boolean, lastGood: readonly Row[] | null) {
    this.#path = path;
    this.#host = host;
    this.#partial = partial;
    this.#lastGood = lastGood;
  }

  /** Whether a file was written, added or removed since `read`. */
  async changed(): Promise<boolean> {
    return (await fingerprintIntent(this.#path)) !== this.#fingerprint;
  }

  async read(ids: IdBook): Promise<Wanted> {
    this.#fingerprint = await fingerprintIntent(this.#path);
    const files = await readIntentFiles(this.#path);
    if (!files.ok) return this.#stale(ids, [], files.error);
    const { intent, findings, errors } = compileIntent(files.value);
    const usable = errors === 0 ? intent : this.#partial ? soundTenants(intent, findings) : null;
    if (!usable) return this.#stale(ids, findings, null);
    const compiled = compileHost(usable, this.#host, ids);
    if (errors > 0 && compiled.rows.length === 0) return this.#stale(ids, findings, null);
    this.#lastGood = compiled.rows;
    return { ...compiled, stale: errors > 0, findings, unreadable: null };
  }

  #stale(ids: IdBook, findings: readonly Finding[], unreadable: IntentFileError | null): Wanted {
    return { rows: this.#lastGood, ids, stale: true, findings, unreadable };
  }
}
