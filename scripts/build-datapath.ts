/**
 * Compiles datapath/*.bpf.c to build/datapath/*.o with the system's clang, when a source is newer than what
 * was built. Silent when there is nothing to do.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const out = join(root, "build/datapath");
const sources = globSync("datapath/**/*.{c,h}", { cwd: root }).sort();
const stamp = createHash("sha256");
for (const source of [...sources, "scripts/build-datapath.ts"])
  stamp.update(source).update(readFileSync(join(root, source)));
const want = stamp.digest("hex");

const readStamp = (): string => {
  try {
    return readFileSync(join(out, "stamp"), "utf8");
  } catch {
    return ""; // never built
  }
};

if (readStamp() !== want) {
  mkdirSync(out, { recursive: true });
  const arch = execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim();
  for (const source of sources.filter((s) => s.endsWith(".bpf.c"))) {
    const object = join(out, basename(source).replace(/\.c$/, ".o"));
    const flags = ["-O2", "-g", "-target", "bpf", "-mcpu=v3", "-Wall", "-Wextra", "-Werror"];
    const include = [`-I/usr/include/${arch}`, `-I${join(root, "datapath")}`];
    // Written beside and renamed, so that an agent that starts meanwhile never reads half an object.
    const fresh = `${object}.${process.pid}`;
    execFileSync("clang", [...flags, ...include, "-c", join(root, source), "-o", fresh], {
      stdio: "inherit",
    });
    renameSync(fresh, object);
  }
  writeFileSync(join(out, "stamp"), want);
}
