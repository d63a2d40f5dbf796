/** The intent on disk as it stands, checked: all of it the first time, then what was changed. */
import { ok, type Result } from "../base/result.ts";
import { allFindings } from "../intent/compile.ts";
import type { Finding, Intent } from "../intent/intent.ts";
import { IntentLoader, type LoadedIntent } from "../intent/load.ts";
import type { Overlay } from "../intent/passes/locals.ts";
import { countErrors } from "../intent/report.ts";
import { SoundIntent } from "../intent/sound-intent.ts";
import type { IntentFileError, IntentText } from "../io/files.ts";
import { IntentFiles } from "../io/intent-files.ts";

export interface ReadIntent {
  readonly intent: Intent;
  readonly findings: readonly Finding[];
  readonly errors: number;
  /** Of an intent without errors. It changes with the next `read`. */
  readonly overlay: Overlay | null;
  /** Networks whose segments are not those of the intent read before, which had no errors; null: any. */
  readonly changed: ReadonlySet<string> | null;
}

export class IntentReader {
  readonly #files: IntentFiles;
  readonly #loader = new IntentLoader();
  /** Null while there are errors. */
  #sound: SoundIntent | null = null;

  constructor(path: string) {
    this.#files = new IntentFiles(path);
  }

  async read(): Promise<Result<ReadIntent, IntentFileError>> {
    const files = await this.#files.read();
    return files.ok ? ok(this.#check(files.value)) : files;
  }

  /** The same, or null if no file was written, added or removed since. */
  async readChanged(): Promise<Result<ReadIntent | null, IntentFileError>> {
    const files = await this.#files.readChanged();
    return files.ok ? ok(files.value && this.#check(files.value)) : files;
  }

  #check(files: readonly IntentText[]): ReadIntent {
    const loaded = this.#loader.load(files);
    return this.#checkChange(loaded) ?? this.#checkAll(loaded);
  }

  #checkChange({ intent, findings, change }: LoadedIntent): ReadIntent | null {
    const sound = this.#sound;
    if (!sound || !change || findings.length > 0) return null;
    const changed = sound.change(intent, change);
    if (!changed) return null;
    return { intent, findings: sound.findings, errors: 0, overlay: sound.overlay, changed };
  }

  #checkAll({ intent, findings: shape }: LoadedIntent): ReadIntent {
    const findings = allFindings(intent, shape);
    const errors = countErrors(findings);
    this.#sound = errors === 0 ? new SoundIntent(intent) : null;
    return { intent, findings, errors, overlay: this.#sound?.overlay ?? null, changed: null };
  }
}
