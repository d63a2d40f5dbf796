/** What an address may be used for. */
import { contains, type IpAddress, type IpPrefix, parsePrefix } from "../base/ip.ts";

const prefixes = (list: readonly string[]): readonly IpPrefix[] =>
  list.map(parsePrefix).filter((prefix) => prefix !== null);

const notStations: readonly (readonly [what: string, within: readonly IpPrefix[]])[] = [
  ["the unspecified address", prefixes(["0.0.0.0/8", "::/128"])],
  ["a loopback address", prefixes(["127.0.0.0/8", "::1/128"])],
  ["a multicast address", prefixes(["224.0.0.0/4", "ff00::/8"])],
  ["a reserved address", prefixes(["240.0.0.0/4"])],
];

/** Why no station can have `ip`, for a sentence ("a multicast address"); null if one can. */
export function refuseUnicast(ip: IpAddress): string | null {
  const found = notStations.find(([, within]) => within.some((prefix) => contains(prefix, ip)));
  return found?.[0] ?? null;
}

const linkLocal = prefixes(["169.254.0.0/16", "fe80::/10"]);

/** Good on one link only (RFC 3927, RFC 4291 §2.5.6). */
export const isLinkLocal = (ip: IpAddress): boolean =>
  linkLocal.some((prefix) => contains(prefix, ip));

/**
 * Why no station in `subnet` can have `ip`: an IPv4 subnet's first address names the subnet and its last is the
 * broadcast (RFC 1122 §3.2.1.3), except on point-to-point links (RFC 3021). Null if one can.
 */
export function refuseInSubnet(ip: IpAddress, subnet: IpPrefix): string | null {
  if (ip.family !== "ipv4" || subnet.bits > 30 || !contains(subnet, ip)) return null;
  const hostBits = 32 - subnet.bits;
  const value = ip.octets.reduce((sum: number, octet: number) => sum * 256 + octet, 0);
  const host = value % 2 ** hostBits;
  if (host === 0) return "the subnet's own address";
  return host === 2 ** hostBits - 1 ? "the subnet's broadcast address" : null;
}
