/**
 * IPv4 and IPv6 addresses and prefixes as text and as octets. Text out is canonical (RFC 5952 for IPv6).
 * An address in a table is 16 octets, IPv4 mapped (::ffff:a.b.c.d), so that one table serves both families.
 * Leaves out: zone ids, and IPv4 in anything but four decimal parts.
 */

export type IpFamily = "ipv4" | "ipv6";

export interface IpAddress {
  readonly family: IpFamily;
  /** 4 or 16 octets, network order. */
  readonly octets: Uint8Array;
}

export interface IpPrefix {
  readonly family: IpFamily;
  readonly octets: Uint8Array;
  /** 0..32 or 0..128. */
  readonly bits: number;
}

/** The address in `text`, or null if it is none. */
export function parseIp(text: string): IpAddress | null {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

function parseIpv4(text: string): IpAddress | null {
  const parts = text.split(".");
  if (parts.length !== 4) return null;
  const octets = new Uint8Array(4);
  for (const [i, part] of parts.entries()) {
    // No leading zeros: some readers take them for octal.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null;
    octets[i] = Number(part);
  }
  return { family: "ipv4", octets };
}

function parseIpv6(text: string): IpAddress | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head = "", tail] = halves;
  const left = groups(head, tail === undefined);
  const right = tail === undefined ? [] : groups(tail, true);
  if (!left || !right) return null;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const all = [...left, ...new Array<number>(missing).fill(0), ...right];
  const octets = new Uint8Array(16);
  for (const [i, group] of all.entries()) {
    octets[2 * i] = group >> 8;
    octets[2 * i + 1] = group & 0xff;
  }
  return { family: "ipv6", octets };
}

/** The 16-bit groups of one side of "::"; a dotted quad at the end of the address counts as two. */
function groups(text: string, atEnd: boolean): number[] | null {
  if (text === "") return [];
  const out: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (atEnd && i === parts.length - 1 && part.includes(".")) {
      const quad = parseIpv4(part);
      if (!quad) return null;
      const [a = 0, b = 0, c = 0, d = 0] = quad.octets;
      out.push((a << 8) | b, (c << 8) | d);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      out.push(Number.parseInt(part, 16));
    }
  }
  return out;
}

/** "address/bits"; the octets keep their host part (`isNetworkPrefix` says whether there is one). */
export function parsePrefix(text: string): IpPrefix | null {
  const [address = "", length, ...rest] = text.split("/");
  if (length === undefined || rest.length > 0 || !/^(0|[1-9]\d{0,2})$/.test(length)) return null;
  const ip = parseIp(address);
  if (!ip || Number(length) > ip.octets.length * 8) return null;
  return { family: ip.family, octets: ip.octets, bits: Number(length) };
}

export function isNetworkPrefix(prefix: IpPrefix): boolean {
  return prefix.octets.every((octet, i) => (octet & ~maskOctet(prefix.bits, i) & 0xff) === 0);
}

function maskOctet(bits: number, index: number): number {
  const left = Math.min(8, Math.max(0, bits - 8 * index));
  return (0xff << (8 - left)) & 0xff;
}

/** The prefix of `bits` that an address is under, without its host part. */
export function prefixOf({ family, octets }: IpAddress, bits: number): IpPrefix {
  return { family, octets: octets.map((octet, i) => octet & maskOctet(bits, i)), bits };
}

export function contains(prefix: IpPrefix, ip: IpAddress): boolean {
  return (
    prefix.family === ip.family &&
    prefix.octets.every((octet, i) => {
      const mask = maskOctet(prefix.bits, i);
      return (octet & mask) === ((ip.octets[i] ?? 0) & mask);
    })
  );
}

/** Two prefixes share at least one address. */
export function overlaps(a: IpPrefix, b: IpPrefix): boolean {
  const [wide, narrow] = a.bits <= b.bits ? [a, b] : [b, a];
  return contains(wide, narrow);
}

export function formatIp(ip: { readonly octets: Uint8Array }): string {
  return ip.octets.length === 4 ? ip.octets.join(".") : formatIpv6(ip.octets);
}

export function formatPrefix(prefix: IpPrefix): string {
  return `${formatIp(prefix)}/${prefix.bits}`;
}

/** RFC 5952: lower case, the longest run of two or more zero groups shortened, the first if equal. */
function formatIpv6(octets: Uint8Array): string {
  const parts: number[] = [];
  for (let i = 0; i < 16; i += 2) parts.push(((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0));
  let bestAt = -1;
  let best = 1;
  for (let at = 0; at < 8; at++) {
    let run = 0;
    while (at + run < 8 && parts[at + run] === 0) run++;
    if (run > best) [bestAt, best] = [at, run];
  }
  const text = (from: number, to: number): string =>
    parts
      .slice(from, to)
      .map((p) => p.toString(16))
      .join(":");
  return bestAt < 0 ? text(0, 8) : `${text(0, bestAt)}::${text(bestAt + best, 8)}`;
}

/** 16 octets for tables: IPv6 as it is, IPv4 mapped. */
export function mappedOctets(ip: { readonly octets: Uint8Array }): Uint8Array {
  if (ip.octets.length === 16) return ip.octets;
  const out = new Uint8Array(16);
  out.set([0xff, 0xff], 10);
  out.set(ip.octets, 12);
  return out;
}

/** The reverse of `mappedOctets`. */
export function fromMapped(octets: Uint8Array): IpAddress {
  const mapped =
    octets.subarray(0, 10).every((o) => o === 0) && octets[10] === 0xff && octets[11] === 0xff;
  return mapped
    ? { family: "ipv4", octets: octets.slice(12, 16) }
    : { family: "ipv6", octets: octets.slice(0, 16) };
}
