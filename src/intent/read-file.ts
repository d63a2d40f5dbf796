/** One file of an intent: which of our objects its documents are, or what is wrong with them. */
import type { Finding, IntentObject, ObjectName } from "./intent.ts";
import { nearest } from "./nearest.ts";
import { findingIn } from "./report.ts";
import { API_VERSION } from "./schema/common.ts";
import {
  fabricSchema,
  hostSchema,
  KINDS,
  type Kind,
  LATER_KINDS,
  networkSchema,
  poolSchema,
  portSchema,
  tenantSchema,
} from "./schema/kinds.ts";
import { routerSchema } from "./schema/router.ts";
import { findingsOf, type Parsed } from "./shape.ts";
import {
  type PieceSource,
  parseYaml,
  splitYaml,
  type TextFile,
  type YamlDocument,
  type YamlPiece,
} from "./yaml.ts";

/** A document that says which of our kinds it is. */
export interface Stated {
  readonly kind: Kind;
  /** Null if it has no usable name. */
  readonly name: ObjectName | null;
  readonly source: PieceSource;
  /** Null if its shape is wrong. */
  readonly object: IntentObject | null;
}

/** What a piece of a file says, at its place. */
export interface ReadPiece {
  readonly text: string;
  readonly firstLine: number;
  readonly stated: readonly Stated[];
  readonly findings: readonly Finding[];
}

export interface ReadFile {
  readonly text: string;
  readonly pieces: readonly ReadPiece[];
}

/** `before`: the same file as it was; pieces that stand as they stood are those of before. */
export function readFile(file: TextFile, before: ReadFile | null): ReadFile {
  if (before?.text === file.text) return before;
  const known = new Map(before?.pieces.map((piece) => [piece.text, piece]));
  const pieces = splitYaml(file.text).map((piece) => {
    const same = known.get(piece.text);
    if (same?.firstLine === piece.firstLine) return same;
    return (same && moved(same, piece)) ?? readPiece(file.path, own(piece));
  });
  return { text: file.text, pieces };
}

/** With memory of its own: a part of a text holds on to the whole of it. */
const own = ({ text, firstLine }: YamlPiece): YamlPiece => ({
  text: `${text} `.slice(0, -1),
  firstLine,
});

/** Null if something is wrong with it: findings tell places, and are made anew. */
function moved(same: ReadPiece, { text, firstLine }: YamlPiece): ReadPiece | null {
  if (same.findings.length > 0) return null;
  const stated = same.stated.map(({ kind, name, source: before, object }): Stated => {
    const source = before.movedTo(firstLine);
    return { kind, name, source, object: object && { ...object, source } };
  });
  return { text, firstLine, stated, findings: [] };
}

function readPiece(path: string, piece: YamlPiece): ReadPiece {
  const { documents, findings: faults } = parseYaml(path, piece);
  const findings: Finding[] = [...faults];
  const stated = documents.flatMap((document) => stateOf(document, findings) ?? []);
  return { text: piece.text, firstLine: piece.firstLine, stated, findings };
}

/** What a document says that it is; null, with a finding, if that is nothing of ours. */
function stateOf(document: YamlDocument, findings: Finding[]): Stated | null {
  const { value, source } = document;
  if (!isRecord(value)) {
    const message = "a document is an object with apiVersion, kind, metadata and spec";
    findings.push(findingIn(source, null, "$", { code: "not-a-document", message }));
    return null;
  }
  const { apiVersion, kind } = value;
  const name = objectNameIn(value);
  const complain = (
    path: string,
    code: Finding["code"],
    message: string,
    suggestion: string | null,
  ): void => {
    findings.push(findingIn(source, name, path, { code, message, suggestion }));
  };
  const known = KINDS.find((one) => one === kind);
  if (apiVersion !== API_VERSION)
    complain(
      "$.apiVersion",
      "wrong-api-version",
      `apiVersion is ${JSON.stringify(apiVersion ?? null)}`,
      `apiVersion: ${API_VERSION}`,
    );
  if (known) return { kind: known, name, source, object: shapeOf(known, name, document, findings) };
  const text = typeof kind === "string" ? kind : JSON.stringify(kind ?? null);
  if (LATER_KINDS.includes(text))
    complain(
      "$.kind",
      "kind-not-supported",
      `this version does not act on kind ${text}`,
      "take the document out of the directory until it does",
    );
  else
    complain(
      "$.kind",
      "unknown-kind",
      `there is no kind ${text}`,
      nearest(text, [...KINDS, ...LATER_KINDS]),
    );
  return null;
}

/** The object itself; null, with findings, if its shape is wrong. */
function shapeOf(
  kind: Kind,
  name: ObjectName | null,
  document: YamlDocument,
  findings: Finding[],
): IntentObject | null {
  const { value, source } = document;
  const sound = <Shape>(parsed: Parsed<Shape>): Shape | null => {
    if (parsed.success) return parsed.data;
    findings.push(...findingsOf(kind, document, name, parsed.error.issues));
    return null;
  };
  const key = name === null ? "" : keyOf(name);
  switch (kind) {
    case "Fabric":
      return declared(sound(fabricSchema.safeParse(value)), key, source);
    case "Pool":
      return declared(sound(poolSchema.safeParse(value)), key, source);
    case "Tenant":
      return declared(sound(tenantSchema.safeParse(value)), key, source);
    case "Host":
      return declared(sound(hostSchema.safeParse(value)), key, source);
    case "Network":
      return declared(sound(networkSchema.safeParse(value)), key, source);
    case "Port":
      return declared(sound(portSchema.safeParse(value)), key, source);
    case "Router":
      return declared(sound(routerSchema.safeParse(value)), key, source);
  }
}

const declared = <Shape>(
  shape: Shape | null,
  key: string,
  source: PieceSource,
): (Shape & { readonly key: string; readonly source: PieceSource }) | null =>
  shape && { ...shape, key, source };

function objectNameIn(value: Readonly<Record<string, unknown>>): ObjectName | null {
  const { kind, metadata } = value;
  if (typeof kind !== "string" || !isRecord(metadata)) return null;
  const { name, tenant } = metadata;
  if (typeof name !== "string") return null;
  return { kind, tenant: typeof tenant === "string" ? tenant : null, name };
}

/** "tenant/name"; the bare name of what has no tenant. */
export const keyOf = ({ tenant, name }: ObjectName): string =>
  tenant === null ? name : `${tenant}/${name}`;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
