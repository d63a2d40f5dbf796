/** The Internet checksum, RFC 1071: ones' complement of the ones' complement sum of 16-bit words. */

/** Adds `octets` of `view` from `at` to a running sum; an odd last octet counts as the high half of a word. */
export function sumOctets(view: DataView, at: number, octets: number, sum: number = 0): number {
  let total = sum;
  const end = at + octets;
  let pos = at;
  for (; pos + 1 < end; pos += 2) total += view.getUint16(pos);
  if (pos < end) total += view.getUint8(pos) << 8;
  return total;
}

/** The 16 bits that go on the wire for a running sum. */
export function checksumOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

/** The sum on the wire after one of its 16-bit words has changed (RFC 1624 equation 3): a wrong one stays as wrong as it was. */
export const replaceWord = (onWire: number, was: number, now: number): number =>
  checksumOf((~onWire & 0xffff) + (~was & 0xffff) + now);

/** Addresses that a pseudo-header covers, both of one family. */
export interface Endpoints {
  /** 4 or 16 octets. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/**
 * Running sum of the pseudo-header: RFC 768 and RFC 9293 section 3.1 over IPv4, RFC 8200 section 8.1 over IPv6.
 * `octets` is the length of the transport header and its payload.
 */
export function sumPseudoHeader(endpoints: Endpoints, protocol: number, octets: number): number {
  let sum = protocol + octets;
  for (const address of [endpoints.source, endpoints.destination])
    sum = sumOctets(
      new DataView(address.buffer, address.byteOffset, address.byteLength),
      0,
      address.length,
      sum,
    );
  return sum;
}
