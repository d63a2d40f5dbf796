/** Addresses of a lab's underlay: prefixes around tunnel addresses, and addresses counted within one. */
import {
  contains,
  formatIp,
  formatPrefix,
  type IpAddress,
  type IpFamily,
  parseIp,
} from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import type { UnderlaySettings } from "./lab-file.ts";

export function ip(text: string): IpAddress {
  const parsed = parseIp(text.split("/")[0] ?? "");
  invariant(parsed !== null, `${text} is no address`);
  return parsed;
}

/** Of an address or a prefix. */
export const familyOf = (text: string): IpFamily => ip(text).family;

export const bitsOf = (family: IpFamily, settings: UnderlaySettings): number =>
  family === "ipv4" ? settings.ipv4Prefix : settings.ipv6Prefix;

/** "address/bits": on a segment, with the length of its prefix. */
export const withPrefix = (vtep: string, settings: UnderlaySettings): string =>
  `${vtep}/${bitsOf(familyOf(vtep), settings)}`;

/** The prefix itself. */
export function prefixAround(vtep: string, settings: UnderlaySettings): string {
  const { family, octets } = ip(vtep);
  const bits = bitsOf(family, settings);
  const base = parseIp(addressAt({ octets }, octets.length * 8 - bits, 0));
  invariant(base !== null, `${vtep} has a prefix`);
  return formatPrefix({ ...base, bits });
}

/** Alone, as on the loopback. */
export const alone = (vtep: string): string => `${vtep}/${ip(vtep).octets.length * 8}`;

export function share(a: string, b: string, settings: UnderlaySettings): boolean {
  const { family, octets } = ip(a);
  return contains({ family, octets, bits: bitsOf(family, settings) }, ip(b));
}

/** The address `offset` after the beginning of the prefix that `within` lies in. */
export function addressAt(
  within: { readonly octets: Uint8Array },
  hostBits: number,
  offset: number,
): string {
  const octets = Uint8Array.from(within.octets);
  let rest = offset;
  for (let i = octets.length - 1, bits = hostBits; bits > 0; i--, bits -= 8) {
    const mask = bits >= 8 ? 0xff : (1 << bits) - 1;
    octets[i] = ((octets[i] ?? 0) & ~mask) | (rest & mask);
    rest >>>= 8;
  }
  return formatIp({ octets });
}
