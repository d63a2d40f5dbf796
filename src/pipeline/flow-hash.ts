/**
 * The hash of an inner flow and what of it is on the wire: the twin of datapath/lib/hash.h. MurmurHash3's 32-bit mixing
 * over little-endian words (docs/decisions/0004-hash-and-time.md).
 */

export function mixHash(hash: number, word: number): number {
  const mixed = hash ^ Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(mixed, 13), 5) + 0xe6546b64) | 0;
}

/** As an unsigned number. */
export function endHash(hash: number): number {
  let out = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  out = Math.imul(out ^ (out >>> 13), 0xc2b2ae35);
  return (out ^ (out >>> 16)) >>> 0;
}

const rotate = (word: number, bits: number): number => (word << bits) | (word >>> (32 - bits));

/** UDP source port: 49152..65535 (RFC 7348 section 5). */
export const portOfHash = (hash: number): number => 0xc000 | (hash & 0x3fff);
/** FlowID (RFC 7637 section 3.2), from other bits than the port. */
export const flowIdOfHash = (hash: number): number => hash >>> 24;
/** IPv6 flow label (RFC 6438 section 3). */
export const flowLabelOfHash = (hash: number): number => hash & 0xfffff;

/** One of `count` by hash: the index of a group's member. */
export const pickMember = (hash: number, count: number): number =>
  Math.floor((hash * count) / 0x1_0000_0000);

/** One of `count` ways to a peer, by other bits than the group's choice, the port and the FlowID. */
export const pickWay = (hash: number, count: number): number =>
  pickMember(rotate(hash, 14) >>> 0, count);
