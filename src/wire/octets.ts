/** Octet strings (addresses, payloads): written into a frame, and as text. */

/** Writes `octets` at `at` and returns the offset after them. */
export function emitOctets(out: DataView, at: number, octets: Uint8Array): number {
  new Uint8Array(out.buffer, out.byteOffset + at, octets.length).set(octets);
  return at + octets.length;
}

/** Two lower-case digits an octet, nothing between them. */
export const hexOf = (octets: Uint8Array): string =>
  Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");

/** Octets of hex digits, with white space or colons between octets if any; null: something else is there. */
export function parseHex(text: string): Uint8Array | null {
  const digits = text.replaceAll(/[\s:]+/g, "");
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return null;
  const out = new Uint8Array(digits.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16);
  return out;
}
