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
  readonly source: PieceSource;
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

/** A piece of a file, from the start of one document to that of the next. */
export interface YamlPiece {
  readonly text: string;
  /** Counts from 1. */
  readonly firstLine: number;
}

/** What begins a document (YAML 1.2.2 §9.1.2), wherever it is: no scalar can hold it (rule [206]). */
const MARKER = /(?<![^\n])---(?![^ \t\r\n])/g;
/** Directives belong to the document after them; an end marker to the one before. Such a file is one piece. */
const INSEPARABLE = /(?<![^\n])(?:%|\.\.\.(?![^ \t\r\n]))/;

/** `text` in pieces that say apart what they say together. */
export function splitYaml(text: string): readonly YamlPiece[] {
  if (INSEPARABLE.test(text)) return [{ text, firstLine: 1 }];
  const starts = [...text.matchAll(MARKER)].map((found) => found.index);
  const pieces: YamlPiece[] = [];
  let firstLine = 1;
  for (const [i, start] of [0, ...starts].entries()) {
    const piece = text.slice(start, starts[i] ?? text.length);
    if (piece !== "") pieces.push({ text: piece, firstLine });
    for (let at = piece.indexOf("\n"); at >= 0; at = piece.indexOf("\n", at + 1)) firstLine++;
  }
  return pieces;
}

/** The documents of a piece of `file` that are sound YAML, and a finding for each fault in the others. */
export function parseYaml(
  file: string,
  piece: YamlPiece,
): { readonly documents: readonly YamlDocument[]; readonly findings: readonly Finding[] } {
  const { lines, parsed } = parsePiece(piece);
  const documents: YamlDocument[] = [];
  const findings: Finding[] = [];
  for (const [index, document] of parsed.entries()) {
    const read = new DocumentReader(file, (offset) => placeIn(lines, piece, offset), null);
    for (const { code, message, pos } of [...document.errors, ...document.warnings])
      read.fault(pos[0], {
        code: code === "DUPLICATE_KEY" ? "duplicate-key" : "yaml-syntax",
        message,
        suggestion: FIXES.get(code) ?? QUOTE,
      });
    const value = read.document(document);
    findings.push(...read.findings);
    if (read.findings.length === 0 && value !== null)
      documents.push({ value, source: new PieceSource(file, piece, index) });
  }
  return { documents, findings };
}

function parsePiece({ text }: YamlPiece): {
  readonly lines: LineCounter;
  readonly parsed: readonly Document.Parsed[];
} {
  const lines = new LineCounter();
  const options = { lineCounter: lines, prettyErrors: false, logLevel: "silent" } as const;
  const parsed = parseAllDocuments(text, options);
  return { lines, parsed: Array.isArray(parsed) ? parsed : [] };
}

function placeIn(lines: LineCounter, { firstLine }: YamlPiece, offset: number): Place {
  const { line, col } = lines.linePos(offset);
  return { line: firstLine - 1 + Math.max(1, line), column: Math.max(1, col) };
}

/** Places are many and seldom asked for: they are read from the text when they are, and not kept. */
export class PieceSource implements Source {
  readonly file: string;
  readonly #piece: YamlPiece;
  /** Of the document in the piece. */
  readonly #index: number;

  constructor(file: string, piece: YamlPiece, index: number) {
    this.file = file;
    this.#piece = piece;
    this.#index = index;
  }

  /** The same text elsewhere in its file. */
  movedTo(firstLine: number): PieceSource {
    return new PieceSource(this.file, { ...this.#piece, firstLine }, this.#index);
  }

  readPlaces(): ReadonlyMap<string, Place> {
    const places = new Map<string, Place>();
    const { lines, parsed } = parsePiece(this.#piece);
    const document = parsed[this.#index];
    const placeAt = (offset: number): Place => placeIn(lines, this.#piece, offset);
    if (document) new DocumentReader(this.file, placeAt, places).document(document);
    return places;
  }
}

/** Walks one document. */
class DocumentReader {
  readonly findings: Finding[] = [];
  readonly #file: string;
  readonly #placeAt: (offset: number) => Place;
  /** Null: they are not asked for. */
  readonly #places: Map<string, Place> | null;

  constructor(file: string, placeAt: (offset: number) => Place, places: Map<string, Place> | null) {
    this.#file = file;
    this.#placeAt = placeAt;
    this.#places = places;
  }

  document(document: Document.Parsed): unknown {
    const { contents } = document;
    if (document.errors.length > 0 || contents === null) return null;
    this.#places?.set("$", this.#placeAt(contents.range[0]));
    return this.#value(contents, "$");
  }

  fault(offset: number, complaint: Complaint): void {
    const at = new Map([["$", this.#placeAt(offset)]]);
    const source = { file: this.#file, readPlaces: (): ReadonlyMap<string, Place> => at };
    this.findings.push(findingIn(source, null, "$", complaint));
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
    this.#places?.set(path, this.#placeAt(offsetOf(node)));
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
