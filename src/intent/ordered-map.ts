/**
 * Maps in the order of their keys, of which few entries change at a time. What was given out stays as it was: a
 * change copies the run of entries that it falls in, and shares the rest.
 */
import { compareText } from "../base/text.ts";

/** Entries a run: it is split at twice as many. */
const RUN = 64;

export class OrderedMap<Value> {
  #values: Runs<Value> = new Runs<Value>([]);
  /** Not in `#values` yet; null: to be taken out. */
  readonly #changes = new Map<string, Value | null>();

  put(key: string, value: Value | null): void {
    this.#changes.set(key, value);
  }

  values(): ReadonlyMap<string, Value> {
    if (this.#changes.size > 0) this.#values = this.#values.with(this.#changes);
    this.#changes.clear();
    return this.#values;
  }
}

/** A piece of the whole, in order. Never empty. */
interface Run<Value> {
  /** Of the first entry. */
  readonly first: string;
  readonly entries: ReadonlyMap<string, Value>;
}

class Runs<Value> implements ReadonlyMap<string, Value> {
  readonly size: number;
  readonly #runs: readonly Run<Value>[];

  constructor(runs: readonly Run<Value>[]) {
    this.#runs = runs;
    this.size = runs.reduce((sum, { entries }) => sum + entries.size, 0);
  }

  get(key: string): Value | undefined {
    return this.#runs[this.#at(key)]?.entries.get(key);
  }

  has(key: string): boolean {
    return this.#runs[this.#at(key)]?.entries.has(key) ?? false;
  }

  forEach(see: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void): void {
    for (const [key, value] of this) see(value, key, this);
  }

  *entries(): MapIterator<[string, Value]> {
    for (const { entries } of this.#runs) yield* entries;
  }

  *keys(): MapIterator<string> {
    for (const { entries } of this.#runs) yield* entries.keys();
  }

  *values(): MapIterator<Value> {
    for (const { entries } of this.#runs) yield* entries.values();
  }

  [Symbol.iterator](): MapIterator<[string, Value]> {
    return this.entries();
  }

  with(changes: ReadonlyMap<string, Value | null>): Runs<Value> {
    const changesByRun = Map.groupBy(changes, ([key]) => Math.max(0, this.#at(key)));
    // Without any run there is one to put the first entries in.
    const runs: readonly (Run<Value> | null)[] = this.#runs.length > 0 ? this.#runs : [null];
    return new Runs(
      runs.flatMap((run, at) => {
        const some = changesByRun.get(at);
        if (!some) return run ?? [];
        return runsOf(merged(run?.entries ?? new Map<string, Value>(), some));
      }),
    );
  }

  /** Index of the run that `key` would be in; -1: it is before all. */
  #at(key: string): number {
    let [low, high] = [0, this.#runs.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle]?.first ?? "") <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function merged<Value>(
  entries: ReadonlyMap<string, Value>,
  changes: readonly (readonly [string, Value | null])[],
): readonly (readonly [string, Value])[] {
  const out = new Map(entries);
  for (const [key, value] of changes)
    if (value === null) out.delete(key);
    else out.set(key, value);
  return [...out].sort(([a], [b]) => compareText(a, b));
}

function runsOf<Value>(entries: readonly (readonly [string, Value])[]): readonly Run<Value>[] {
  const each = entries.length > 2 * RUN ? RUN : 2 * RUN;
  const runs: Run<Value>[] = [];
  for (let at = 0; at < entries.length; at += each) {
    const some = entries.slice(at, at + each);
    runs.push({ first: some[0]?.[0] ?? "", entries: new Map(some) });
  }
  return runs;
}
