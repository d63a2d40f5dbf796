/**
 * Ethernet II header, IEEE 802.3 clause 3, and tags, IEEE 802.1Q clause 9. Leaves out: the frame check sequence,
 * and what an 802.3 length instead of a type says about the payload (LLC).
 */
import { invariant } from "../base/result.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface EthernetHeader {
  /** 6 octets each. */
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
  /** Below 1536: the length of an 802.3 frame. */
  readonly etherType: number;
}

export const ETHERNET_OCTETS = 14;
export const ETHER_TYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  teb: 0x6558,
  vlan: 0x8100,
  ipv6: 0x86dd,
  qinq: 0x88a8,
  /** 802.1ad before it was a standard. */
  qinqOld: 0x9100,
} as const;
export const BROADCAST_MAC: Uint8Array = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);

/** Whether a tag follows the EtherType. */
export const isTagType = (etherType: number): boolean =>
  etherType === ETHER_TYPE.vlan ||
  etherType === ETHER_TYPE.qinq ||
  etherType === ETHER_TYPE.qinqOld;

export function parseEthernet(r: Reader): EthernetHeader {
  return { destination: r.octets(6), source: r.octets(6), etherType: r.u16() };
}

/** Writes exactly ETHERNET_OCTETS at `at` and returns the offset after them. */
export function emitEthernet(out: DataView, at: number, header: EthernetHeader): number {
  invariant(header.destination.length === 6 && header.source.length === 6, "a MAC has 6 octets");
  emitOctets(out, at, header.destination);
  emitOctets(out, at + 6, header.source);
  out.setUint16(at + 12, header.etherType);
  return at + ETHERNET_OCTETS;
}

/** A whole frame, but for its check sequence. */
export function ethernetFrame(header: EthernetHeader, payload: Uint8Array): Uint8Array {
  const out = new DataView(new ArrayBuffer(ETHERNET_OCTETS + payload.length));
  emitOctets(out, emitEthernet(out, 0, header), payload);
  return new Uint8Array(out.buffer);
}

/**
 * What follows an EtherType of 802.1Q or 802.1ad. Four octets: the tag's rest and the next EtherType.
 *
 *  | priority (3) | D | VLAN id (12) |  EtherType (16) |
 */
export interface VlanTag {
  /** 0..7. */
  readonly priority: number;
  readonly dropEligible: boolean;
  /** 0..4095; 0: a priority tag, no VLAN. */
  readonly vid: number;
  readonly etherType: number;
}

export const VLAN_TAG_OCTETS = 4;

export function parseVlanTag(r: Reader): VlanTag {
  const control = r.u16();
  return {
    priority: control >> 13,
    dropEligible: (control & 0x1000) !== 0,
    vid: control & 0xfff,
    etherType: r.u16(),
  };
}

/** Writes exactly VLAN_TAG_OCTETS at `at` and returns the offset after them. */
export function emitVlanTag(out: DataView, at: number, tag: VlanTag): number {
  invariant(tag.priority >= 0 && tag.priority < 8, "a priority has 3 bits");
  invariant(tag.vid >= 0 && tag.vid < 4096, "a VLAN id has 12 bits");
  out.setUint16(at, (tag.priority << 13) | (tag.dropEligible ? 0x1000 : 0) | tag.vid);
  out.setUint16(at + 2, tag.etherType);
  return at + VLAN_TAG_OCTETS;
}
