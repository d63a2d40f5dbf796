/** A kind's fields as a list, and its JSON Schema, both from the schemas: for `weft explain` and "did you mean". */
import { z } from "zod";
import { type Kind, schemasByKind } from "./kinds.ts";

export interface Field {
  /** "spec.uplinks[].mtu". */
  readonly path: string;
  /** "string", "integer", "vxlan|nvgre", "list of string", "object". */
  readonly type: string;
  readonly required: boolean;
  /** As JSON; null: none. */
  readonly default: string | null;
  readonly meaning: string;
}

/** JSON Schema 2020-12 of what a person may write. */
export function jsonSchemaOf(kind: Kind): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(schemasByKind[kind], { io: "input", unrepresentable: "any" });
}

/** Every field of `kind`, in the order of its schema. */
export function fieldsOf(kind: Kind): readonly Field[] {
  const out: Field[] = [];
  collect(jsonSchemaOf(kind), "", out);
  return out;
}

/** Names that an object at `path` may have ("spec.uplinks[]"; "" is the document). */
export function fieldNamesAt(kind: Kind, path: string): readonly string[] {
  const within = path === "" ? "" : `${path}.`;
  return fieldsOf(kind)
    .filter((field) => field.path.startsWith(within))
    .map((field) => field.path.slice(within.length))
    .filter((rest) => /^\w+$/.test(rest));
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function collect(schema: Readonly<Record<string, unknown>>, at: string, out: Field[]): void {
  const properties = isRecord(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  for (const [name, property] of Object.entries(properties)) {
    if (!isRecord(property)) continue;
    const path = at === "" ? name : `${at}.${name}`;
    const { default: preset, description } = property;
    out.push({
      path,
      type: typeOf(property),
      required: required.includes(name),
      default: preset === undefined ? null : JSON.stringify(preset),
      meaning: typeof description === "string" ? description : "",
    });
    if (property.type === "object") collect(property, path, out);
    const items = property.items;
    if (isRecord(items) && items.type === "object") collect(items, `${path}[]`, out);
  }
}

function typeOf(schema: Readonly<Record<string, unknown>>): string {
  const { const: only, enum: choice, items, type } = schema;
  if (typeof only === "string") return only;
  if (Array.isArray(choice)) return choice.join("|");
  if (type === "array") return `list of ${isRecord(items) ? typeOf(items) : "any"}`;
  return typeof type === "string" ? type : "any";
}
