/**
 * Rows as the octets of a map: packing and unpacking by the generated layouts. Integers are little-endian,
 * the order of every machine that weft runs on; fields left out are zero, as is all padding.
 */
import { invariant } from "../base/result.ts";
import { LAYOUTS } from "./abi.generated.ts";

export type LayoutName = keyof typeof LAYOUTS;

interface Field {
  readonly at: number;
  readonly octets: number;
  readonly form: "integer" | "octets" | "integers" | "structs";
  readonly each?: number;
  readonly of?: string;
}

/** What a field may be given: integers as numbers (8-octet ones as bigint or number), octets, or lists of either. */
export type FieldValue =
  | number
  | bigint
  | Uint8Array
  | readonly number[]
  | readonly Readonly<Record<string, FieldValue>>[];

export type Values<L extends LayoutName> = {
  readonly [F in keyof (typeof LAYOUTS)[L]["fields"]]?: FieldValue;
};

/** A key or row of `layout` with these fields. */
export function pack<L extends LayoutName>(layout: L, values: Values<L>): Uint8Array {
  const out = new Uint8Array(LAYOUTS[layout].octets);
  write(layout, out, 0, values);
  return out;
}

function fieldsOf(layout: LayoutName): Readonly<Record<string, Field>> {
  return LAYOUTS[layout].fields;
}

function isLayout(name: string | undefined): name is LayoutName {
  return name !== undefined && name in LAYOUTS;
}

function write(
  layout: LayoutName,
  out: Uint8Array,
  base: number,
  values: Readonly<Record<string, FieldValue | undefined>>,
): void {
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  const fields = fieldsOf(layout);
  for (const name in values) {
    const value = values[name];
    const field = fields[name];
    invariant(field !== undefined, `${layout} has no field ${name}`);
    if (value === undefined) continue;
    const at = base + field.at;
    if (typeof value === "number" || typeof value === "bigint") {
      invariant(field.form === "integer", `${layout}.${name} is not an integer`);
      writeInteger(view, at, field.octets, value, `${layout}.${name}`);
    } else if (value instanceof Uint8Array) {
      invariant(
        field.form === "octets" && value.length === field.octets,
        `${layout}.${name} takes ${field.octets} octets, not ${value.length}`,
      );
      out.set(value, at);
    } else writeList(view, out, at, field, value, `${layout}.${name}`);
  }
}

function writeList(
  view: DataView,
  out: Uint8Array,
  at: number,
  field: Field,
  list: readonly (number | Readonly<Record<string, FieldValue>>)[],
  what: string,
): void {
  const each = isLayout(field.of) ? LAYOUTS[field.of].octets : (field.each ?? 0);
  invariant(each > 0 && list.length * each <= field.octets, `${what} has too many elements`);
  for (const [i, item] of list.entries()) {
    if (typeof item === "number") {
      invariant(!isLayout(field.of), `${what} holds structs`);
      writeInteger(view, at + i * each, each, item, what);
    } else if (isLayout(field.of)) write(field.of, out, at + i * each, item);
    else invariant(false, `${what} holds no structs`);
  }
}

function writeInteger(
  view: DataView,
  at: number,
  octets: number,
  value: number | bigint,
  what: string,
): void {
  if (octets === 8) {
    view.setBigUint64(at, BigInt(value), true);
    return;
  }
  const n = Number(value);
  invariant(Number.isInteger(n) && n >= 0 && n < 2 ** (8 * octets), `${what} cannot hold ${value}`);
  if (octets === 4) view.setUint32(at, n, true);
  else if (octets === 2) view.setUint16(at, n, true);
  else view.setUint8(at, n);
}

/** One integer field of a packed key or row; 8-octet ones as a number, exact below 2^53. */
export function integerOf<L extends LayoutName>(
  layout: L,
  octets: Uint8Array,
  name: keyof (typeof LAYOUTS)[L]["fields"] & string,
  base: number = 0,
): number {
  const field = fieldsOf(layout)[name];
  invariant(field?.form === "integer", `${layout}.${name} is not an integer`);
  const view = new DataView(octets.buffer, octets.byteOffset + base, octets.byteLength - base);
  if (field.octets === 8) return Number(view.getBigUint64(field.at, true));
  if (field.octets === 4) return view.getUint32(field.at, true);
  if (field.octets === 2) return view.getUint16(field.at, true);
  return view.getUint8(field.at);
}

/** One list of 4-octet integers of a packed key or row, all of it. */
export function integersOf<L extends LayoutName>(
  layout: L,
  octets: Uint8Array,
  name: keyof (typeof LAYOUTS)[L]["fields"] & string,
): readonly number[] {
  const field = fieldsOf(layout)[name];
  invariant(field?.form === "integers" && field.each === 4, `${layout}.${name} is no such list`);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return Array.from({ length: field.octets / 4 }, (_, i) => view.getUint32(field.at + 4 * i, true));
}

/** One octets field of a packed key or row: a view, not a copy. */
export function octetsOf<L extends LayoutName>(
  layout: L,
  octets: Uint8Array,
  name: keyof (typeof LAYOUTS)[L]["fields"] & string,
): Uint8Array {
  const field = fieldsOf(layout)[name];
  invariant(field?.form === "octets", `${layout}.${name} is not octets`);
  return octets.subarray(field.at, field.at + field.octets);
}
