/**
 * The cursor through which every codec reads untrusted octets. Network order by default; the `le` readers
 * are for what the kernel writes in host order. LIMIT: little-endian machines only (x64, arm64).
 * Leaves out: 64-bit integers, which no protocol here needs as a number.
 */
import { err, ok, type Result } from "../base/result.ts";

export type WireFault = "truncated" | "bad-length" | "bad-value";

/** Where and why untrusted octets were refused. Plain data: it crosses logs and the API. */
export interface DecodeError {
  readonly kind: "decode";
  readonly fault: WireFault;
  /** What was being read, outermost first: "netlink.link". */
  readonly what: string;
  /** Octets from the start of the message. */
  readonly offset: number;
}

/**
 * Cursor over one received buffer.
 *
 * The first fault sticks: it empties the cursor, so later reads yield 0 and loops on `left` end. Codecs
 * therefore read straight down and check once. Reads neither throw nor allocate (`octets` excepted): a
 * throw costs microseconds, and the sender chooses which.
 */
export class Reader {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  pos: number = 0;
  end: number;
  fault: WireFault | "" = "";
  faultAt: number = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  /** Octets not yet read. */
  get left(): number {
    return this.end - this.pos;
  }

  fail(fault: WireFault): void {
    if (this.fault !== "") return;
    this.fault = fault;
    this.faultAt = this.pos;
    this.end = this.pos;
  }

  #take(count: number): number {
    const at = this.pos;
    if (count < 0 || count > this.end - at) {
      // A length field below what it must cover, less the header, is negative: never step back.
      this.fail(count < 0 ? "bad-length" : "truncated");
      return -1;
    }
    this.pos = at + count;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at);
  }

  /** A MAC address as a number, exact below 2^53. */
  u48(): number {
    const at = this.#take(6);
    return at < 0 ? 0 : this.#view.getUint16(at) * 0x1_0000_0000 + this.#view.getUint32(at + 2);
  }

  u16le(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  u32le(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  s32le(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getInt32(at, true);
  }

  /** A copy of the next `count` octets; none after a fault. */
  octets(count: number): Uint8Array {
    const at = this.#take(count);
    return at < 0 ? new Uint8Array(0) : this.bytes.slice(at, at + count);
  }

  skip(count: number): void {
    this.#take(count);
  }

  /** Narrows to a sub-message of the next `count` octets. Give the answer to `leave`. */
  enter(count: number): number {
    const outer = this.end;
    if (count < 0 || count > this.end - this.pos) this.fail(count < 0 ? "bad-length" : "truncated");
    else this.end = this.pos + count;
    return outer;
  }

  /** Skips what the sub-message has left and widens to `outer` again; a fault stays. */
  leave(outer: number): void {
    if (this.fault !== "") return;
    this.pos = this.end;
    this.end = outer;
  }
}

/** Runs `parse` over all of `bytes`; octets left over are a fault. The one place a Result is made. */
export function decode<T>(
  what: string,
  bytes: Uint8Array,
  parse: (r: Reader) => T,
): Result<T, DecodeError> {
  const r = new Reader(bytes);
  const value = parse(r);
  if (r.fault === "" && r.left !== 0) r.fail("bad-length");
  return r.fault === ""
    ? ok(value)
    : err({ kind: "decode", fault: r.fault, what, offset: r.faultAt });
}
