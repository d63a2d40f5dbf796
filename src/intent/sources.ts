/** What a port may send from. */

import {
  formatIp,
  formatPrefix,
  type IpPrefix,
  mappedOctets,
  parseIp,
  parsePrefix,
} from "../base/ip.ts";
import { linkLocalOf, parseMac } from "../base/mac.ts";
import { compareOctets, compareText } from "../base/text.ts";
import type { Network, Port } from "./intent.ts";

export interface Sources {
  /** The first address of each family: the fast check. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly anyIpv4: boolean;
  readonly anyIpv6: boolean;
  /** The rest, as prefixes, in the order of their octets. */
  readonly prefixes: readonly string[];
}

/**
 * `addresses` and `allowedAddresses`; where neither is given, the network's subnets; where it has none, anything.
 * The link-local address of its own MAC always: IPv6 does not start without it (RFC 4861 §7.2.2).
 */
export function sourcesOf(port: Port, network: Network): Sources {
  const { addresses, allowedAddresses, mac } = port.spec;
  const declared = [...addresses, ...allowedAddresses];
  const texts = declared.length > 0 ? declared : network.spec.subnets;
  const ipv4 = addresses.find((text) => !text.includes(":")) ?? null;
  const ipv6 = addresses.find((text) => text.includes(":")) ?? null;
  const all = (family: string): boolean => texts.length === 0 || texts.includes(family);
  const octets = parseMac(mac);
  const linkLocal = octets ? [formatIp({ octets: linkLocalOf(octets) })] : [];
  const prefixes = new Map<string, IpPrefix>();
  for (const text of [...linkLocal, ...texts]) {
    const prefix = prefixOf(text);
    if (prefix && prefix.bits > 0) prefixes.set(formatPrefix(prefix), prefix);
  }
  for (const text of [ipv4, ipv6]) {
    const first = text === null ? null : prefixOf(text);
    if (first) prefixes.delete(formatPrefix(first));
  }
  const sorted = [...prefixes].sort(([, a], [, b]) => comparePrefixes(a, b));
  return {
    ipv4,
    ipv6,
    anyIpv4: all("0.0.0.0/0"),
    anyIpv6: all("::/0"),
    prefixes: sorted.map(([text]) => text),
  };
}

/** An address as the prefix that holds only itself. */
function prefixOf(text: string): IpPrefix | null {
  if (text.includes("/")) return parsePrefix(text);
  const ip = parseIp(text);
  return ip && { ...ip, bits: ip.octets.length * 8 };
}

function comparePrefixes(a: IpPrefix, b: IpPrefix): number {
  return (
    compareOctets(mappedOctets(a), mappedOctets(b)) ||
    a.bits - b.bits ||
    compareText(a.family, b.family)
  );
}
