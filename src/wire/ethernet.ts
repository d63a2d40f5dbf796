/** Ethernet II header, IEEE 802.3 clause 3. Leaves out: 802.1Q tags and the frame check sequence. */
import { invariant } from "../base/result.ts";
import { emitOctets } from "./octets.ts";

export interface EthernetHeader {
  /** 6 octets each. */
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  readonly etherType: number;
}

export const ETHERNET_OCTETS = 14;
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
export const BROADCAST_MAC: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

/** Where a group address of IPv6 is sent on Ethernet: 33:33 and its last 32 bits (RFC 2464 section 7). */
export function multicastMacOf(ipv6: Uint8Array): Uint8Array {
  invariant(ipv6.length === 16, "an IPv6 address has 16 octets");
  return Uint8Array.of(0x33, 0x33, ...ipv6.subarray(12, 16));
}

/** Writes exactly ETHERNET_OCTETS at `at` and returns the offset after them. */
export function emitEthernet(out: DataView, at: number, header: EthernetHeader): number {
  invariant(header.destination.length === 6 && header.source.length === 6, "a MAC has 6 octets");
  emitOctets(out, at, header.destination);
  emitOctets(out, at + 6, header.source);
  out.setUint16(at + 12, header.etherType);
  return at + ETHERNET_OCTETS;
}
