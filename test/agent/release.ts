/** Another release of weft: this one with other layouts, built from a copy of the sources. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { LIMIT } from "../../src/rows/abi.generated.ts";

const ROOT = resolve(import.meta.dirname, "../..");

export interface Release {
  /** Its program. */
  readonly weft: string;
  readonly abi: number;
}

/** A changed key (fdb's begins with something else) and a changed row (a bucket's is twice as large). */
const CHANGES: readonly (readonly [was: string, is: string])[] = [
  [`WEFT_ABI = ${LIMIT.WEFT_ABI},`, `WEFT_ABI = ${LIMIT.WEFT_ABI + 1},`],
  ["struct fdb_key {\n", "struct fdb_key {\n\t__u32 zero2;\n"],
  ["struct bucket_row {\n", "struct bucket_row {\n\t__u64 zero;\n"],
];

export function buildRelease(directory: string): Release {
  const tree = join(directory, "release");
  for (const part of ["bin", "datapath", "scripts", "src", "package.json"])
    cpSync(join(ROOT, part), join(tree, part), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(tree, "node_modules"));
  const header = join(tree, "datapath/maps.h");
  let text = readFileSync(header, "utf8");
  for (const [was, is] of CHANGES) {
    assert.ok(text.includes(was), was);
    text = text.replace(was, is);
  }
  writeFileSync(header, text);
  for (const script of ["gen-abi.ts", "build-datapath.ts"])
    execFileSync(process.execPath, [join(tree, "scripts", script)], { stdio: "inherit" });
  return { weft: join(tree, "bin/weft"), abi: LIMIT.WEFT_ABI + 1 };
}
