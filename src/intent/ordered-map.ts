/** A map in the order of its keys, of which few entries change at a time. */
import { compareText } from "../base/text.ts";

export class OrderedMap<Value> {
  #values: ReadonlyMap<string, Value> = new Map();
  /** Not in `#values` yet; null: to be taken out. */
  readonly #changes = new Map<string, Value | null>();

  put(key: string, value: Value | null): void {
    this.#changes.set(key, value);
  }

  /** As it is now. What was given out before stays as it was. */
  values(): ReadonlyMap<string, Value> {
    if (this.#changes.size > 0) this.#values = merged(this.#values, this.#changes);
    this.#changes.clear();
    return this.#values;
  }
}

/** One walk over both: the changes are sorted, the rest is. */
function merged<Value>(
  values: ReadonlyMap<string, Value>,
  changes: ReadonlyMap<string, Value | null>,
): ReadonlyMap<string, Value> {
  const fresh = [...changes].sort(([a], [b]) => compareText(a, b));
  const out = new Map<string, Value>();
  let next = 0;
  const putBefore = (key: string | null): void => {
    for (; next < fresh.length; next++) {
      const [name, value] = fresh[next] ?? ["", null];
      if (key !== null && name >= key) return;
      if (value !== null) out.set(name, value);
    }
  };
  for (const [key, value] of values) {
    putBefore(key);
    if (!changes.has(key)) out.set(key, value);
  }
  putBefore(null);
  return out;
}
