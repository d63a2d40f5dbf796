/**
 * GRE header, RFC 2784 section 2 with the key and sequence number of RFC 2890. 4 to 16 octets. Leaves out: whether
 * the checksum is right, and version 1 (PPTP), which is refused.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |C|0|K|S|0|0|    Reserved0      | Ver |      Protocol Type      |
 *  |      Checksum (if C)          |       Reserved1 (if C)        |
 *  |                         Key (if K)                            |
 *  |                    Sequence Number (if S)                     |
 */
import { invariant } from "../base/result.ts";
import type { Reader } from "./reader.ts";

export interface GreHeader {
  /** An EtherType. */
  readonly protocolType: number;
  /** 16 bits; null: not there. */
  readonly checksum: number | null;
  /** 32 bits; null: not there. */
  readonly key: number | null;
  readonly sequence: number | null;
}

export const GRE_FLAG = { checksum: 0x8000, key: 0x2000, sequence: 0x1000 } as const;
export const GRE_VERSION = 0x0007;
/** Bits 1, 4 and 5: a receiver that knows no RFC 1701 must discard what has them (RFC 2784 section 2.3). */
export const GRE_REFUSED = 0x4c00;

export function parseGre(r: Reader): GreHeader {
  const flags = r.u16();
  const protocolType = r.u16();
  if ((flags & (GRE_VERSION | GRE_REFUSED)) !== 0) r.fail("bad-value");
  const checksum = (flags & GRE_FLAG.checksum) === 0 ? null : r.u16();
  if (checksum !== null) r.skip(2);
  const key = (flags & GRE_FLAG.key) === 0 ? null : r.u32();
  const sequence = (flags & GRE_FLAG.sequence) === 0 ? null : r.u32();
  return { protocolType, checksum, key, sequence };
}

/** Writes the header at `at`, reserved bits zero, and returns the offset after it. */
export function emitGre(out: DataView, at: number, header: GreHeader): number {
  const { checksum, key, sequence } = header;
  invariant(header.protocolType >= 0 && header.protocolType <= 0xffff, "a type has 16 bits");
  out.setUint16(
    at,
    (checksum === null ? 0 : GRE_FLAG.checksum) |
      (key === null ? 0 : GRE_FLAG.key) |
      (sequence === null ? 0 : GRE_FLAG.sequence),
  );
  out.setUint16(at + 2, header.protocolType);
  let next = at + 4;
  if (checksum !== null) {
    out.setUint16(next, checksum);
    out.setUint16(next + 2, 0);
    next += 4;
  }
  for (const field of [key, sequence]) {
    if (field === null) continue;
    out.setUint32(next, field);
    next += 4;
  }
  return next;
}
