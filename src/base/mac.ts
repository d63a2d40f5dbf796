/** 48-bit MAC addresses as text (lower case, colons) and as six octets. */
import type { IpAddress } from "./ip.ts";

export function parseMac(text: string): Uint8Array | null {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) return null;
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

export function formatMac(octets: Uint8Array): string {
  return Array.from(octets.subarray(0, 6), (o) => o.toString(16).padStart(2, "0")).join(":");
}

/** Broadcast and multicast: the I/G bit. */
export const isGroupMac = (octets: Uint8Array): boolean => ((octets[0] ?? 0) & 1) === 1;

/** Where Ethernet sends a group's packets: the last 23 bits of an IPv4 group (RFC 1112 §6.4), the last 32 of IPv6 (RFC 2464 §7). */
export function multicastMacOf({ octets }: Pick<IpAddress, "octets">): Uint8Array {
  if (octets.length === 16) return Uint8Array.of(0x33, 0x33, ...octets.subarray(12));
  const [, b = 0, c = 0, d = 0] = octets;
  return Uint8Array.of(0x01, 0x00, 0x5e, b & 0x7f, c, d);
}

/** The IPv6 link-local address that a MAC gives itself (RFC 4291 appendix A): 16 octets. */
export function linkLocalOf(mac: Uint8Array): Uint8Array {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  return Uint8Array.of(0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f);
}
