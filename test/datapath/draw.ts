/** Draws from a seed: equal seeds, equal draws, on every machine. Mulberry32. */
export class Draw {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let word = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return (word ^ (word >>> 14)) >>> 0;
  }

  /** 0..limit-1. */
  below(limit: number): number {
    return Math.floor((this.#next() / 0x1_0000_0000) * limit);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  of<T>(...values: readonly [T, ...T[]]): T {
    const [first] = values;
    return values[this.below(values.length)] ?? first;
  }

  /** What is sound, in all but one of `times`; else one of the others. */
  mostly<T>(times: number, sound: T, ...others: readonly [T, ...T[]]): T {
    return this.once(times) ? this.of(...others) : sound;
  }

  /** `count` of them. */
  many<T>(count: number, make: () => T): readonly T[] {
    return Array.from({ length: count }, make);
  }
}
