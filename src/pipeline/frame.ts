/**
 * A received frame as the datapath's programs see it: octets by offset, up to its length on the wire. A capture may
 * have fewer octets than that; what it lacks reads as zero, and the frame remembers that it was asked for. Reads
 * neither throw nor allocate (`octetsAt` excepted). Codecs read with wire/reader.ts instead, straight down.
 */
export interface FrameLengths {
  /** On the wire; at least what is at hand. */
  readonly wireOctets: number;
  /** Payload octets of each segment of an aggregate (GSO, GRO); 0: one packet. */
  readonly segmentOctets: number;
}

export class Frame {
  readonly wireOctets: number;
  readonly segmentOctets: number;
  /** A read went past what the capture has. */
  lacked: boolean = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, lengths?: FrameLengths) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.wireOctets = lengths?.wireOctets ?? bytes.byteLength;
    this.segmentOctets = lengths?.segmentOctets ?? 0;
  }

  /** Whether the frame goes on to offset `end` on the wire. */
  reaches(end: number): boolean {
    return end <= this.wireOctets;
  }

  #has(end: number): boolean {
    if (end <= this.#bytes.byteLength) return true;
    this.lacked = true;
    return false;
  }

  u8(at: number): number {
    return this.#has(at + 1) ? this.#view.getUint8(at) : 0;
  }

  u16(at: number): number {
    return this.#has(at + 2) ? this.#view.getUint16(at) : 0;
  }

  u32(at: number): number {
    return this.#has(at + 4) ? this.#view.getUint32(at) : 0;
  }

  /** As the flow hash takes its words. */
  u32le(at: number): number {
    return this.#has(at + 4) ? this.#view.getUint32(at, true) : 0;
  }

  /** `count` octets that decide nothing: what a capture lacks of them is zero, and is not held against it. */
  payloadAt(at: number, count: number): Uint8Array {
    const end = at + count;
    if (end <= this.#bytes.byteLength) return this.#bytes.subarray(at, end);
    const out = new Uint8Array(count);
    out.set(this.#bytes.subarray(at));
    return out;
  }

  /** A view, not a copy, of `count` octets. */
  octetsAt(at: number, count: number): Uint8Array {
    return this.#has(at + count) ? this.#bytes.subarray(at, at + count) : new Uint8Array(count);
  }
}
