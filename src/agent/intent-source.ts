/** Where the agent's rows come from: the intent on disk, or, while that has errors, the last good rows. */
import { analysisOf, checkIntent } from "../intent/compile.ts";
import { HostRows } from "../intent/host-parts.ts";
import type { Finding, Intent } from "../intent/intent.ts";
import { soundTenants, withTenantsKept } from "../intent/partial.ts";
import type { IntentFileError } from "../io/files.ts";
import { type IdBook, type RowParts, type RowsChange, unchangedIds } from "../rows/rows.ts";
import type { IntentReader, ReadIntent } from "./intent-reader.ts";
import type { Problem } from "./problem.ts";

export interface Wanted {
  /** Null: there are none that are good, and never were. They change with the next `read`. */
  readonly parts: RowParts | null;
  readonly ids: IdBook;
  /** Since the rows of before; null: all are to be taken anew. */
  readonly change: RowsChange | null;
  /** The rows are not those of the intent as it stands. */
  readonly stale: boolean;
  readonly findings: readonly Finding[];
  /** Why no rows came of the intent, besides its findings. */
  readonly problem: Problem | null;
}

export interface IntentSourceConfig {
  readonly host: string;
  /** Tenants with errors do not keep the others back. */
  readonly partial: boolean;
}

export class IntentSource {
  readonly #config: IntentSourceConfig;
  readonly #reader: IntentReader;
  #rows: HostRows;
  #lastParts: RowParts | null;
  /** Null after a restart: rows are remembered, the intent that they came of is not. */
  #lastIntent: Intent | null = null;
  /** The rows are those of the intent that was read last, whole. */
  #follows: boolean = false;

  /** `last`: good rows of before, with their ids. */
  constructor(
    config: IntentSourceConfig,
    reader: IntentReader,
    last: { readonly parts: RowParts | null; readonly ids: IdBook },
  ) {
    this.#config = config;
    this.#reader = reader;
    this.#rows = new HostRows(config.host, last.ids);
    this.#lastParts = last.parts;
  }

  async read(): Promise<Wanted> {
    const read = await this.#reader.read();
    return read.ok ? this.#wantedOf(read.value) : this.#unreadable(read.error);
  }

  /** The same, or null if no file was written, added or removed since. */
  async readChanged(): Promise<Wanted | null> {
    const read = await this.#reader.readChanged();
    if (!read.ok) return this.#unreadable(read.error);
    return read.value && this.#wantedOf(read.value);
  }

  #unreadable({ path, detail }: IntentFileError): Wanted {
    return this.#stale([], {
      code: "intent-unreadable",
      object: path,
      message: `the intent cannot be read: ${path}: ${detail}`,
      suggestion: null,
    });
  }

  #wantedOf(read: ReadIntent): Wanted {
    const { intent, findings, errors } = read;
    const usable = errors === 0 ? intent : this.#usablePart(intent, findings);
    if (!usable) return this.#stale(findings, null);
    const refusal = hostProblem(usable, this.#config.host);
    // A host that vanished from the intent is a slip of the pen more often than a decommissioning.
    if (refusal) return this.#stale(findings, refusal);
    const change = this.#change(read) ?? this.#replace(usable, read);
    this.#follows = errors === 0;
    this.#lastParts = this.#rows.parts;
    this.#lastIntent = usable;
    const { parts, ids } = this.#rows;
    return { parts, ids, change, stale: errors > 0, findings, problem: null };
  }

  /** Null: that cannot be done part by part. */
  #change({ changed, overlay }: ReadIntent): RowsChange | null {
    return this.#follows && changed && overlay ? this.#rows.change(changed, overlay) : null;
  }

  #replace(usable: Intent, { overlay: checked }: ReadIntent): null {
    const { sound, overlay } = checked ? { sound: usable, overlay: checked } : analysisOf(usable);
    const [fabric] = sound.fabrics.values();
    const self = sound.hosts.get(this.#config.host);
    // The parts that were handed out stay as they are, in case these come to nothing.
    this.#rows = new HostRows(this.#config.host, this.#rows.ids);
    if (fabric && self) this.#rows.replace(fabric, self, overlay);
    return null;
  }

  /**
   * With `partial`: sound tenants as they are written now, and the others as they were. Null if that cannot be had,
   * for a tenant's error must not take away what is in force.
   */
  #usablePart(intent: Intent, findings: readonly Finding[]): Intent | null {
    if (!this.#config.partial) return null;
    const sound = soundTenants(intent, findings);
    if (!sound || !this.#lastParts) return sound;
    if (!this.#lastIntent) return null;
    const kept = withTenantsKept(sound, this.#lastIntent, findings);
    return checkIntent(kept).some((finding) => finding.severity === "error") ? null : kept;
  }

  #stale(findings: readonly Finding[], problem: Problem | null): Wanted {
    this.#follows = false;
    const { ids } = this.#rows;
    const change = { parts: new Set<string>(), ids: unchangedIds(ids) };
    return { parts: this.#lastParts, ids, change, stale: true, findings, problem };
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
