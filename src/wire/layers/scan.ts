/**
 * The walk through one frame, layer by layer: a reader, how far the packet reaches that is being read, and the layers
 * found so far. Layers lie end to end from octet 0 to the last one at hand.
 */
import { checksumOf, type Endpoints, sumOctets } from "../checksum.ts";
import { Reader } from "../reader.ts";

/** What is odd about a header. Append-only; docs/protocols/decode.md says what each means. */
export const NOTES = [
  "truncated",
  "malformed",
  "bad-checksum",
  "no-checksum",
  "length-too-small",
  "length-beyond-packet",
  "hop-limit-zero",
  "hop-limit-not-255",
  "reserved-bits",
  "options",
  "source-is-group",
  "source-is-zero",
  "ipv4-mapped",
  "source-port-range",
  "vni-flag-clear",
  "reserved-vsid",
] as const;

export type Note = (typeof NOTES)[number];

type Field = string | number | boolean | null | readonly string[];
/** What a header says, beside what every layer has, which stands in the same object when it is printed. */
export type Fields = Readonly<Record<string, Field>> & {
  readonly [taken in "protocol" | "offset" | "octets" | "notes"]?: never;
};

export interface Layer {
  readonly protocol: string;
  /** Octets from the start of the frame. */
  readonly offset: number;
  readonly octets: number;
  readonly fields: Fields;
  readonly notes: readonly Note[];
}

/** The notes that apply, in the order of NOTES. */
export const noted = (applies: Partial<Readonly<Record<Note, boolean>>>): readonly Note[] =>
  NOTES.filter((note) => applies[note] === true);

/** The IP packet around a transport header. */
export interface Carrier {
  readonly endpoints: Endpoints;
  readonly hopLimit: number;
  readonly isFragment: boolean;
}

/** What the header just read says follows it; null: nothing that is read further. */
export type Next =
  | { readonly kind: "ethernet" }
  | { readonly kind: "ether-type"; readonly etherType: number }
  | { readonly kind: "ip-protocol"; readonly protocol: number; readonly carrier: Carrier }
  | null;

export type Checksum = "good" | "bad" | "none" | "unknown";

export class Scan {
  readonly reader: Reader;
  readonly view: DataView;
  readonly vxlanPort: number;
  readonly layers: Layer[] = [];
  /** Behind a tunnel header. */
  isInner: boolean = false;
  /** Where the packet being read ends on the wire, which may be behind what is at hand. */
  #end: number;

  constructor(bytes: Uint8Array, wireOctets: number, vxlanPort: number) {
    this.reader = new Reader(bytes);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.vxlanPort = vxlanPort;
    this.#end = Math.max(wireOctets, bytes.byteLength);
  }

  /** Reads a header with its codec and tells of it; null after a fault, whose layer is the last. */
  read<T>(
    protocol: string,
    parse: (r: Reader) => T,
    describe: (
      value: T,
      at: number,
    ) => { readonly fields: Fields; readonly notes: readonly Note[] },
  ): T | null {
    const { pos: offset, end } = this.reader;
    const value = parse(this.reader);
    const { fault } = this.reader;
    const octets = (fault === "" ? this.reader.pos : end) - offset;
    const told =
      fault === ""
        ? describe(value, offset)
        : { fields: {}, notes: noted({ [fault === "truncated" ? fault : "malformed"]: true }) };
    this.layers.push({ protocol, offset, octets, ...told });
    return fault === "" ? value : null;
  }

  /** A length field says that the packet ends `octets` behind `at`. The notes that it deserves. */
  narrow(at: number, octets: number): Partial<Record<Note, boolean>> {
    const end = at + octets;
    if (end < this.reader.pos) return { "length-too-small": true };
    if (end > this.#end) return { "length-beyond-packet": true };
    this.#end = end;
    this.reader.end = Math.min(this.reader.end, end);
    return {};
  }

  /** Of the packet being read, as it was on the wire. */
  get leftOctets(): number {
    return this.#end - this.reader.pos;
  }

  /** Of `octets` from `at` and a pseudo-header; unknown if they are not all at hand. */
  checksum(at: number, octets: number, pseudo: number = 0): Checksum {
    if (octets < 0 || at + octets > this.view.byteLength) return "unknown";
    return checksumOf(sumOctets(this.view, at, octets, pseudo)) === 0 ? "good" : "bad";
  }

  /** What no header accounts for: the payload, and what stands behind the packet (padding, a check sequence). */
  finish(): readonly Layer[] {
    const last = this.layers.at(-1);
    const at = last === undefined ? 0 : last.offset + last.octets;
    const end = this.reader.fault === "" ? this.reader.end : at;
    this.#rest("data", at, end);
    this.#rest("trailer", end, this.view.byteLength);
    return this.layers;
  }

  #rest(protocol: string, offset: number, end: number): void {
    if (end > offset)
      this.layers.push({ protocol, offset, octets: end - offset, fields: {}, notes: [] });
  }
}

export const hex = (value: number, digits: number): string =>
  `0x${value.toString(16).padStart(digits, "0")}`;
