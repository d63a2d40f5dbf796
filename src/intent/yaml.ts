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
import { type Complaint, findingIn } from "./report.ts";

export interface TextFile {
  readonly path: string;
  readonly text: string;
}

export interface YamlDocument {
  readonly value: unknown;
  readonly source: Source;
}

/** What to do about a fault, by the parser's name of it; the others are told where they are, and QUOTE. */
const FIXES: ReadonlyMap<string, string> = new Map([
  ["BAD_INDENT", "indent what belongs together alike, and further than what it belongs to"],
  ["BLOCK_AS_IMPLICIT_KEY", "begin the inner object on a line of its own, or write it in {}"],
  ["BLOCK_IN_FLOW", "close the {} or [] before, or write this in {} too"],
  ["DUPLICATE_KEY", "keep one of the two"],
  ["MISSING_CHAR", "add what is missing"],
  ["MULTILINE_IMPLICIT_KEY", "write the key and its colon on one line"],
  ["TAB_AS_INDENT", "indent with spaces"],
  ["TAG_RESOLVE_FAILED", "remove the tag"],
]);
const QUOTE = "take it out, or put text that YAML takes for its own signs in quotes";

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
      read.fault(pos[0], {
        code: code === "DUPLICATE_KEY" ? "duplicate-key" : "yaml-syntax",
        message,
        suggestion: FIXES.get(code) ?? QUOTE,
      });
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

  fault(offset: number, complaint: Complaint): void {
    const at = new Map([["$", this.#place(offset)]]);
    const source = { file: this.source.file, placesByPath: at };
    this.findings.push(findingIn(source, null, "$", complaint));
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
          const message = "a key is plain text";
          this.fault(offsetOf(key), { code: "yaml-syntax", message, suggestion: QUOTE });
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
      this.fault(offsetOf(node), {
        code: "yaml-syntax",
        message: "aliases are not read",
        suggestion: "write the value out",
      });
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
