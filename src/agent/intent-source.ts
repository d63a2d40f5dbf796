/** Where the agent's rows come from: the intent on disk, or, while that has errors, the last good rows. */
import { checkIntent, compileHost, compileIntent } from "../intent/compile.ts";
import type { Finding, Intent } from "../intent/intent.ts";
import { soundTenants, withTenantsKept } from "../intent/partial.ts";
import { fingerprintIntent, readIntentFiles } from "../io/files.ts";
import type { IdBook, Row } from "../rows/rows.ts";
import type { Problem } from "./problem.ts";

export interface Wanted {
  /** Null: there are none that are good, and never were. */
  readonly rows: readonly Row[] | null;
  readonly ids: IdBook;
  /** The rows are not those of the intent as it stands. */
  readonly stale: boolean;
  readonly findings: readonly Finding[];
  /** Why no rows came of the intent, besides its findings. */
  readonly problem: Problem | null;
}

export interface IntentSourceConfig {
  readonly intentPath: string;
  readonly host: string;
  /** Tenants with errors do not keep the others back. */
  readonly partial: boolean;
}

export class IntentSource {
  readonly #config: IntentSourceConfig;
  #lastRows: readonly Row[] | null;
  /** Null after a restart: rows are remembered, the intent that they came of is not. */
  #lastIntent: Intent | null = null;
  #fingerprint: string = "";

  /** `lastRows`: good ones of before. */
  constructor(config: IntentSourceConfig, lastRows: readonly Row[] | null) {
    this.#config = config;
    this.#lastRows = lastRows;
  }

  /** Whether a file was written, added or removed since `read`. */
  async changed(): Promise<boolean> {
    return (await fingerprintIntent(this.#config.intentPath)) !== this.#fingerprint;
  }

  async read(ids: IdBook): Promise<Wanted> {
    const { intentPath, host } = this.#config;
    this.#fingerprint = await fingerprintIntent(intentPath);
    const files = await readIntentFiles(intentPath);
    if (!files.ok) {
      const { path, detail } = files.error;
      return this.#stale(ids, [], {
        code: "intent-unreadable",
        object: path,
        message: `the intent cannot be read: ${path}: ${detail}`,
        suggestion: null,
      });
    }
    const { intent, findings, errors } = compileIntent(files.value);
    const usable = errors === 0 ? intent : this.#usablePart(intent, findings);
    if (!usable) return this.#stale(ids, findings, null);
    const refusal = hostProblem(usable, host);
    // A host that vanished from the intent is a slip of the pen more often than a decommissioning.
    if (refusal) return this.#stale(ids, findings, refusal);
    const compiled = compileHost(usable, host, ids);
    this.#lastRows = compiled.rows;
    this.#lastIntent = usable;
    return { ...compiled, stale: errors > 0, findings, problem: null };
  }

  /**
   * With `partial`: sound tenants as they are written now, and the others as they were. Null if that cannot be had,
   * for a tenant's error must not take away what is in force.
   */
  #usablePart(intent: Intent, findings: readonly Finding[]): Intent | null {
    if (!this.#config.partial) return null;
    const sound = soundTenants(intent, findings);
    if (!sound || !this.#lastRows) return sound;
    if (!this.#lastIntent) return null;
    const kept = withTenantsKept(sound, this.#lastIntent, findings);
    return checkIntent(kept).some((finding) => finding.severity === "error") ? null : kept;
  }

  #stale(ids: IdBook, findings: readonly Finding[], problem: Problem | null): Wanted {
    return { rows: this.#lastRows, ids, stale: true, findings, problem };
  }
}

/** Why `host` has no rows in an intent without errors. */
export function hostProblem(intent: Intent, host: string): Problem | null {
  const self = intent.hosts.get(host);
  if (self?.spec.managed) return null;
  const managed = [...intent.hosts.values()].filter((h) => h.spec.managed);
  const known = managed.map((h) => h.metadata.name).join(", ");
  const what = self ? "is not managed by weft" : "is not in the intent";
  return {
    code: self ? "unmanaged-host" : "unknown-host",
    object: `Host ${host}`,
    message: `--host ${host}: it ${what} (managed hosts: ${known})`,
    suggestion: null,
  };
}
