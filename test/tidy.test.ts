/** The layer table of STYLE.md, executed: who may import whom, and what pure layers may not touch. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

interface Layer {
  readonly imports: readonly string[];
  readonly packages?: readonly string[];
  /** No I/O, no clock, no randomness, no dynamic import. */
  readonly pure: boolean;
}

const core = [
  "base",
  "wire",
  "rows",
  "endpoints",
  "intent",
  "pipeline",
  "slow",
  "verify",
  "plan",
  "render",
];
const edges = ["io", "kernel"];

const layers: Readonly<Record<string, Layer>> = {
  base: { pure: true, imports: [] },
  wire: { pure: true, imports: ["base"] },
  rows: { pure: true, imports: ["base"] },
  endpoints: { pure: true, imports: ["base", "wire", "rows"] },
  intent: { pure: true, imports: ["base", "rows"], packages: ["zod", "yaml"] },
  pipeline: { pure: true, imports: ["base", "wire", "rows"] },
  slow: { pure: true, imports: ["base", "wire", "rows"] },
  verify: { pure: true, imports: ["base", "rows", "intent", "pipeline"] },
  plan: { pure: true, imports: ["base", "rows", "intent", "pipeline"] },
  render: { pure: true, imports: ["base", "rows", "intent", "pipeline"] },
  io: { pure: false, imports: ["base"] },
  kernel: { pure: false, imports: ["base", "wire", "rows", "io"], packages: ["koffi"] },
  agent: { pure: false, imports: [...core, ...edges] },
  lab: { pure: false, imports: [...core, ...edges], packages: ["zod", "yaml"] },
  cli: { pure: false, imports: [...core, "io"], packages: ["zod"] },
  main: {
    pure: false,
    imports: [...core, ...edges, "agent", "lab", "cli"],
    packages: ["commander"],
  },
};

const ambient =
  /\b(Date\.now|new Date\(\)|Math\.random|performance\.now|setTimeout|setInterval|setImmediate|process\.|crypto\.)/;

const files = globSync("src/**/*.ts").sort();
const layerOf = (path: string): string => relative("src", path).split("/")[0] ?? "";
const staticImports = (text: string): string[] =>
  [...text.matchAll(/^(?:import|export)\s(?:[^;"'=]*?\sfrom\s)?["']([^"']+)["']/gm)].map(
    (m) => m[1] ?? "",
  );
const dynamicImports = (text: string): string[] =>
  [...text.matchAll(/\bimport\(\s*["']([^"']+)["']\s*\)/g)].map((m) => m[1] ?? "");
const withoutComments = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
const packageOf = (specifier: string): string =>
  specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");

test("there are files to check", () => assert.ok(files.length >= 8, `only ${files.length} found`));

for (const file of files) {
  const text = readFileSync(file, "utf8");
  const name = layerOf(file);
  test(`tidy ${file}`, () => {
    const layer = layers[name];
    assert.ok(layer, `${name} is not a declared layer`);
    const dynamic = dynamicImports(text);
    if (layer.pure) assert.deepEqual(dynamic, [], `${name} is pure: no dynamic import`);
    for (const to of [...staticImports(text), ...dynamic]) {
      if (to.startsWith(".")) {
        const target = layerOf(join(dirname(file), to));
        assert.ok(
          target === name || layer.imports.includes(target),
          `${name} may not import ${target} (${to})`,
        );
        const inner = /^(.*)\/internal\//.exec(join(dirname(file), to));
        if (inner) assert.ok(file.startsWith(`${inner[1]}/`), `${to} is internal to ${inner[1]}`);
        assert.ok(to.endsWith(".ts"), `${to} carries no .ts`);
      } else if (to.startsWith("node:")) {
        assert.ok(!layer.pure, `${name} is pure: no platform import (${to})`);
      } else {
        assert.ok(
          layer.packages?.includes(packageOf(to)),
          `${name} may not import the package ${to}`,
        );
      }
    }
    const code = withoutComments(text);
    if (layer.pure) assert.doesNotMatch(code, ambient);
    if (!file.startsWith("src/io/env.")) assert.doesNotMatch(code, /\bprocess\.env\b/);
    assert.doesNotMatch(code, /\.localeCompare\(/, "text is ordered by code unit");
    for (const line of code.replaceAll(/"(?:[^"\\\n]|\\.)*"|`[^`]*`/g, '""').split("\n"))
      if (!/^\s*(?:import|export)\b|^\s*(?:type )?\w+ as \w+,?$|\/\/ brand$/.test(line))
        assert.doesNotMatch(
          line,
          /[\w)\]}>"] as (?!const\b)[\w{([]/,
          "`as` only where a brand is made",
        );
  });
}
