/** Octet strings (addresses, payloads) written into a frame. */

/** Writes `octets` at `at` and returns the offset after them. */
export function emitOctets(out: DataView, at: number, octets: Uint8Array): number {
  new Uint8Array(out.buffer, out.byteOffset + at, octets.length).set(octets);
  return at + octets.length;
}
