/** The datapath with other instructions, and a look at which programs run. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Fabric, HostName } from "./fabric.ts";

const SOURCES = resolve(import.meta.dirname, "../../datapath");

/** Compiles a copy of the datapath in which every program begins with one more instruction; its objects. */
export function buildVariant(directory: string): string {
  const sources = join(directory, "variant-source");
  const objects = join(directory, "variant");
  cpSync(SOURCES, sources, { recursive: true });
  mkdirSync(objects);
  const arch = execFileSync("gcc", ["-print-multiarch"], { encoding: "utf8" }).trim();
  for (const file of readdirSync(sources).filter((f) => f.endsWith(".bpf.c"))) {
    const text = readFileSync(join(sources, file), "utf8");
    const entry = /(SEC\("tc"\)\nint \w+\(struct __sk_buff \*skb\)\n\{)/;
    assert.match(text, entry);
    writeFileSync(
      join(sources, file),
      text.replace(entry, '$1\n\tasm volatile("r0 = 7" ::: "r0");'),
    );
    execFileSync("clang", [
      ...["-O2", "-g", "-target", "bpf", "-mcpu=v3", `-I/usr/include/${arch}`, `-I${sources}`],
      ...["-c", join(sources, file), "-o", join(objects, file.replace(/\.c$/, ".o"))],
    ]);
  }
  return objects;
}

/**
 * Hash of the instructions behind each pinned link of a host, by the link's name; but for that of the slow path, whose
 * tap goes with its agent.
 */
export function programTags(fabric: Fabric, host: HostName): ReadonlyMap<string, string> {
  const links = fabric.pinnedLinks(host).filter((name) => !name.startsWith("slow-"));
  return new Map(
    links.map((name) => {
      const path = join(fabric.pins(host), "links", name);
      const link: { prog_id: number } = bpftool("link", "show", "pinned", path);
      const program: { tag: string } = bpftool("prog", "show", "id", String(link.prog_id));
      return [name, program.tag];
    }),
  );
}

/** What `bpftool -j` answers. */
export function bpftool<T>(...words: readonly string[]): T {
  const text = execFileSync("bpftool", ["-j", ...words], {
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  return JSON.parse(text === "" ? "null" : text);
}
