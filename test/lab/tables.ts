/** For mutation tests: the datapath's pinned tables, read and written behind the agent's back. */
import assert from "node:assert/strict";
import { LIMIT } from "../../src/rows/abi.generated.ts";
import { run } from "./weft.ts";

export interface Entry {
  /** Octets as bpftool writes them: "0x0a". */
  readonly key: readonly string[];
  readonly value: readonly string[];
}

export class Table {
  readonly #path: string;

  constructor(lab: string, host: string, name: string) {
    this.#path = `/run/weft/lab/${lab}/bpf/${host}/v${LIMIT.WEFT_ABI}/${name}`;
  }

  entries(): readonly Entry[] {
    const dump = run("bpftool", "-j", "map", "dump", "pinned", this.#path);
    assert.equal(dump.exit, 0, dump.err + dump.out);
    return JSON.parse(dump.out);
  }

  /** The one entry whose key has all these 32-bit numbers, wherever in it. */
  find(...numbers: readonly number[]): Entry {
    const found = this.entries().filter(({ key }) =>
      numbers.every((n) => key.join(" ").includes(u32(n).join(" "))),
    );
    const [only] = found;
    assert.ok(only && found.length === 1, `${found.length} entries of ${numbers.join(", ")}`);
    return only;
  }

  set(key: readonly string[], value: readonly string[]): void {
    const args = ["map", "update", "pinned", this.#path, "key", ...key, "value", ...value];
    const done = run("bpftool", ...args);
    assert.equal(done.exit, 0, done.err + done.out);
  }

  remove(key: readonly string[]): void {
    const done = run("bpftool", "map", "delete", "pinned", this.#path, "key", ...key);
    assert.equal(done.exit, 0, done.err + done.out);
  }
}

/** Little-endian, as the datapath keeps integers. */
export const u32 = (n: number): readonly string[] =>
  [0, 8, 16, 24].map((shift) => hex((n >>> shift) & 0xff));

export const hex = (octet: number): string => `0x${octet.toString(16).padStart(2, "0")}`;
