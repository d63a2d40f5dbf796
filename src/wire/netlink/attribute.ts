/**
 * Netlink attributes (linux/netlink.h `struct nlattr`): type, octets and value, each padded to four octets.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |        octets, with this      |N|O|          type             |     host order
 *  |  value, then padding to four octets …                         |
 *
 * N marks a nest, O a value in network order; neither changes how we read.
 * LIMIT: text is ASCII, as interface names in practice are; an octet above 127 reads as one character.
 */
import { invariant } from "../../base/result.ts";
import type { Reader } from "../reader.ts";

const HEADER_OCTETS = 4;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

/** The next multiple of four. */
export const aligned = (octets: number): number => (octets + 3) & ~3;

/**
 * Walks the attributes up to the reader's end. `each` sees a reader narrowed to one value; what it leaves
 * unread is skipped, and what it reads too much is a fault.
 */
export function parseAttributes(r: Reader, each: (type: number, r: Reader) => void): void {
  while (r.left > 0) {
    const before = r.pos;
    const octets = r.u16le();
    const type = r.u16le() & TYPE_MASK;
    if (octets < HEADER_OCTETS) r.fail("bad-length");
    if (r.fault !== "") return;
    const outer = r.enter(octets - HEADER_OCTETS);
    each(type, r);
    r.leave(outer);
    // The last attribute of a message may come without its padding.
    r.skip(Math.min(aligned(octets) - octets, r.left));
    invariant(r.fault !== "" || r.pos > before, "an attribute consumes octets");
  }
}

/** Text up to the first zero octet or the end of the value. */
export function parseText(r: Reader): string {
  const octets = r.octets(r.left);
  const end = octets.indexOf(0);
  const text = octets.subarray(0, end < 0 ? octets.length : end);
  return Array.from(text, (octet: number) => String.fromCharCode(octet)).join("");
}

/** An attribute around whatever `value` writes; returns the offset after it and its padding. */
function emitAttribute(
  out: DataView,
  at: number,
  type: number,
  value: (at: number) => number,
): number {
  const end = value(at + HEADER_OCTETS);
  out.setUint16(at, end - at, true);
  out.setUint16(at + 2, type, true);
  const next = at + aligned(end - at);
  for (let i = end; i < next; i++) out.setUint8(i, 0);
  return next;
}

/** A nest: `value` writes attributes. */
export function emitNest(
  out: DataView,
  at: number,
  type: number,
  value: (at: number) => number,
): number {
  return emitAttribute(out, at, type | NESTED, value);
}

export function emitU8(out: DataView, at: number, type: number, value: number): number {
  return emitAttribute(out, at, type, (v: number): number => {
    out.setUint8(v, value);
    return v + 1;
  });
}

/** In network order, as ports are. */
export function emitU16be(out: DataView, at: number, type: number, value: number): number {
  return emitAttribute(out, at, type, (v: number): number => {
    out.setUint16(v, value);
    return v + 2;
  });
}

export function emitU32(out: DataView, at: number, type: number, value: number): number {
  return emitAttribute(out, at, type, (v: number): number => {
    out.setUint32(v, value, true);
    return v + 4;
  });
}

export function emitOctets(out: DataView, at: number, type: number, value: Uint8Array): number {
  return emitAttribute(out, at, type, (v: number): number => {
    for (const [i, octet] of value.entries()) out.setUint8(v + i, octet);
    return v + value.length;
  });
}

/** With the terminating zero that the kernel's string policies allow and some demand. */
export function emitText(out: DataView, at: number, type: number, text: string): number {
  return emitOctets(out, at, type, asciiz(text));
}

function asciiz(text: string): Uint8Array {
  const octets = Uint8Array.from(`${text}\0`, (c) => c.charCodeAt(0));
  invariant(
    octets.every((o) => o < 0x80),
    `not ASCII: ${text}`,
  );
  return octets;
}
