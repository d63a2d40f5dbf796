/**
 * YAML 1.2 documents as plain values, with the place of every key and list item.
 *
 * DEVIATION: aliases (*name) are refused (YAML 1.2.2 §7.1). A value then stands where it is used, so that a
 * finding can point at it, and no document grows beyond what was written.
 */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
} from "yaml";
import type { Finding, Place, Source } from "./intent.ts";
import { findingIn } from "./report.ts";

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export interface YamlDocument {
  readonly value: unknown;
  readonly source: Source;
}

/** The documents of `file` that are sound YAML, and a finding for each fault in the others. */
export function parseYaml(file: TextFile): {
  readonly documents: readonly YamlDocument[];
  readonly findings: readonly Finding[];
} {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, logLevel: "silent" } as const;
  const parsed = parseAllDocuments(file.text, options);
  const documents: YamlDocument[] = [];
  const findings: Finding[] = [];
  for (const document of Array.isArray(parsed) ? parsed : []) {
    const read = new DocumentReader(file.path, lines);
    for (const { code, message, pos } of [...document.errors, ...document.warnings])
      read.fault(pos[0], code === "DUPLICATE_KEY" ? "duplicate-key" : "yaml-syntax", message);
    const value = read.document(document);
    findings.push(...read.findings);
    if (read.findings.length === 0 && value !== null)
      documents.push({ value, source: read.source });
  }
  return { documents, findings };
}

/** Walks one document. */
class DocumentReader {
  readonly source: Source;
  readonly findings: Finding[] = [];
  readonly #lines: LineCounter;
  readonly #places = new Map<string, Place>();

  constructor(file: string, lines: LineCounter) {
    this.#lines = lines;
    this.source = { file, placesByPath: this.#places };
  }

  document(document: Document.Parsed): unknown {
    const { contents } = document;
    if (document.errors.length > 0 || contents === null) return null;
    this.#places.set("$", this.#place(contents.range[0]));
    return this.#value(contents, "$");
  }

  fault(offset: number, code: "yaml-syntax" | "duplicate-key", message: string): void {
    const at = new Map([["$", this.#place(offset)]]);
    const source = { file: this.source.file, placesByPath: at };
    this.findings.push(findingIn(source, null, "$", { code, message }));
  }

  #place(offset: number): Place {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  #value(node: unknown, path: string): unknown {
    if (isScalar(node)) return node.value;
    if (isSeq(node))
      return node.items.map((item: unknown, i: number) => {
        const inner = `${path}[${i}]`;
        this.#mark(item, inner);
        return this.#value(item, inner);
      });
    if (isMap(node)) {
      const entries: [string, unknown][] = [];
      for (const { key, value } of node.items) {
        if (!isScalar(key)) {
          this.fault(offsetOf(key), "yaml-syntax", "a key is plain text");
          continue;
        }
        const name = String(key.value);
        const inner = pathOf(path, name);
        this.#mark(key, inner);
        entries.push([name, this.#value(value, inner)]);
      }
      return Object.fromEntries(entries);
    }
    if (isAlias(node))
      this.fault(offsetOf(node), "yaml-syntax", "aliases are not read: write the value out");
    return null;
  }

  #mark(node: unknown, path: string): void {
    this.#places.set(path, this.#place(offsetOf(node)));
  }
}

function offsetOf(node: unknown): number {
  if (isScalar(node) || isSeq(node) || isMap(node) || isAlias(node)) return node.range?.[0] ?? 0;
  return 0;
}

/** The path of `key` within the object at `path`. */
export function pathOf(path: string, key: string | number): string {
  if (typeof key === "number") return `${path}[${key}]`;
  return /^[\w-]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}
