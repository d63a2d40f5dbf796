/** A short name for rows, the same for the same rows on every host and in every life of an agent. */
import { createHash } from "node:crypto";
import type { RowParts } from "../rows/rows.ts";

/** The sum of its parts' digests, so that a change costs what it changes. */
export class Revision {
  readonly #digests = new Map<string, bigint>();
  #sum: bigint = 0n;

  get text(): string {
    return this.#sum.toString(16).padStart(16, "0");
  }

  /** `changed`: parts that are not as they were; null: any. */
  change(parts: RowParts, changed: ReadonlySet<string> | null): void {
    for (const key of changed ?? new Set([...this.#digests.keys(), ...parts.keys()])) {
      const rows = parts.get(key);
      const digest = rows ? digestOf(key, JSON.stringify(rows)) : 0n;
      this.#sum = BigInt.asUintN(64, this.#sum - (this.#digests.get(key) ?? 0n) + digest);
      if (rows) this.#digests.set(key, digest);
      else this.#digests.delete(key);
    }
  }
}

const digestOf = (key: string, text: string): bigint =>
  createHash("sha256").update(key).update("\n").update(text).digest().readBigUInt64BE(0);
