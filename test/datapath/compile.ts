/** Programs of the tests' own, compiled as the datapath is. */
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync } from "node:fs";
import { basename, join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../..");
const OUT = join(ROOT, "build/test");

/** The object of `NAME.bpf.c` in this directory. */
export function compileProgram(name: string): string {
  mkdirSync(OUT, { recursive: true });
  const source = join(import.meta.dirname, `${name}.bpf.c`);
  const object = join(OUT, basename(source).replace(/\.c$/, ".o"));
  const arch = execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim();
  const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"];
  const include = [`-I/usr/include/${arch}`, `-I${join(ROOT, "datapath")}`];
  const fresh = `${object}.${process.pid}`;
  execFileSync("clang", [...flags, ...include, "-c", source, "-o", fresh], { stdio: "inherit" });
  renameSync(fresh, object);
  return object;
}
