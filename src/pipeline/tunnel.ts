/**
 * Is a frame on an uplink a tunnel packet, and a sound one? The twin of datapath/lib/tunnel.h, check by check in its
 * order: RFC 7348 section 5, RFC 7637 section 3.2, RFC 2784 section 2.3. Whether it is for us is not asked here.
 *
 * DEVIATION: an IPv6 packet with extension headers before UDP or GRE is not taken for a tunnel packet, as there.
 */
import type { VerdictName } from "../rows/abi.generated.ts";
import type { EncapsulationName } from "../rows/rows.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { GRE_FLAG, GRE_REFUSED, GRE_VERSION } from "../wire/gre.ts";
import { IP_PROTOCOL, IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { NVGRE_OCTETS } from "../wire/nvgre.ts";
import { UDP_OCTETS } from "../wire/udp.ts";
import { VXLAN_FLAG_VNI, VXLAN_OCTETS } from "../wire/vxlan.ts";
import type { Frame } from "./frame.ts";

interface Outer {
  readonly encapsulation: EncapsulationName;
  /** 4 or 16 octets each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** DSCP and ECN. */
  readonly trafficClass: number;
  readonly ttl: number;
}

/** Refused only if the destination is ours: whoever acts on it looks that up first. */
export interface RefusedTunnel extends Outer {
  readonly kind: "refused";
  readonly why: VerdictName;
}

export interface SoundTunnel extends Outer {
  readonly kind: "sound";
  /** VNI or VSID. */
  readonly vni: number;
  /** Of NVGRE; null in VXLAN. */
  readonly flowId: number | null;
  /** As it is on the wire; null in NVGRE. */
  readonly udpChecksum: number | null;
  /** Offset of the inner Ethernet header. */
  readonly innerAt: number;
  /** Offset at which the outer IP packet's payload ends. */
  readonly outerEnd: number;
}

export type Tunnel = RefusedTunnel | SoundTunnel;

/** The tunnel packet in `frame`, or null: none of ours whatever the address. */
export function readTunnel(frame: Frame, vxlanPort: number): Tunnel | null {
  if (!frame.reaches(ETHERNET_OCTETS)) return null;
  const packet = readPacket(frame);
  if (packet === null) return null;
  if (packet.protocol === IP_PROTOCOL.udp) return readVxlan(frame, packet, vxlanPort);
  return packet.protocol === IP_PROTOCOL.gre ? readNvgre(frame, packet) : null;
}

interface Packet {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly trafficClass: number;
  readonly ttl: number;
  readonly protocol: number;
  /** Offset of what the protocol says. */
  readonly at: number;
  /** Offset at which the packet says it ends. */
  readonly end: number;
  readonly isFragment: boolean;
  readonly isFirst: boolean;
}

function readPacket(frame: Frame): Packet | null {
  const etherType = frame.u16(12);
  if (etherType === ETHER_TYPE.ipv4) return readIpv4(frame);
  return etherType === ETHER_TYPE.ipv6 ? readIpv6(frame) : null;
}

/** Options are skipped unread; header checksums are the receiving hardware's business. */
function readIpv4(frame: Frame): Packet | null {
  const ip = ETHERNET_OCTETS;
  if (!frame.reaches(ip + IPV4_OCTETS)) return null;
  const first = frame.u8(ip);
  if (first >> 4 !== 4 || (first & 0x0f) < 5) return null;
  const fragment = frame.u16(ip + 6) & 0x3fff;
  return {
    source: frame.octetsAt(ip + 12, 4),
    destination: frame.octetsAt(ip + 16, 4),
    trafficClass: frame.u8(ip + 1),
    ttl: frame.u8(ip + 8),
    protocol: frame.u8(ip + 9),
    at: ip + 4 * (first & 0x0f),
    end: ip + frame.u16(ip + 2),
    isFragment: fragment !== 0,
    isFirst: (fragment & 0x1fff) === 0,
  };
}

const EXTENSION_FRAGMENT = 44;

function readIpv6(frame: Frame): Packet | null {
  const ip = ETHERNET_OCTETS;
  const at = ip + IPV6_OCTETS;
  if (!frame.reaches(at) || frame.u8(ip) >> 4 !== 6) return null;
  const source = frame.octetsAt(ip + 8, 16);
  const destination = frame.octetsAt(ip + 24, 16);
  // Such addresses are never on a wire (RFC 4291 section 2.5.5.2), and in the tables they mean IPv4.
  if (isMapped(source) || isMapped(destination)) return null;
  const trafficClass = (frame.u16(ip) >> 4) & 0xff;
  const protocol = frame.u8(ip + 6);
  const end = at + frame.u16(ip + 4);
  const ttl = frame.u8(ip + 7);
  const packet = { source, destination, trafficClass, ttl, protocol, at, end };
  if (protocol !== EXTENSION_FRAGMENT) return { ...packet, isFragment: false, isFirst: true };
  if (!frame.reaches(at + 12)) return null;
  const fragment = frame.u16(at + 2);
  // An atomic fragment is an extension header like others.
  if ((fragment & 0xfff9) === 0) return null;
  const isFirst = fragment >> 3 === 0;
  return { ...packet, protocol: frame.u8(at), at: at + 8, isFragment: true, isFirst };
}

const isMapped = (ipv6: Uint8Array): boolean =>
  ipv6.subarray(0, 10).every((octet) => octet === 0) && ipv6[10] === 0xff && ipv6[11] === 0xff;

function readVxlan(frame: Frame, packet: Packet, vxlanPort: number): Tunnel | null {
  const { at, end } = packet;
  const shim = at + UDP_OCTETS;
  // A later fragment has no port: nobody can say whose it is.
  if (!packet.isFirst || !frame.reaches(shim) || frame.u16(at + 2) !== vxlanPort) return null;
  const outer = outerOf(packet, "vxlan");
  if (packet.isFragment) return refused(outer, "outer-fragment");
  if (!frame.reaches(shim + VXLAN_OCTETS)) return refused(outer, "outer-truncated");
  const octets = frame.u16(at + 4);
  const isCovered = octets >= UDP_OCTETS + VXLAN_OCTETS && at + octets <= end;
  // An aggregate's lengths may exceed 16 bits; the packets it was made of have been checked.
  if (frame.segmentOctets === 0 && (!isCovered || !frame.reaches(end)))
    return refused(outer, "outer-length");
  if ((frame.u8(shim) & VXLAN_FLAG_VNI) === 0) return refused(outer, "vxlan-flags");
  return {
    ...outer,
    kind: "sound",
    vni: frame.u32(shim + 4) >>> 8,
    flowId: null,
    udpChecksum: frame.u16(at + 6),
    innerAt: shim + VXLAN_OCTETS,
    outerEnd: at + octets,
  };
}

function readNvgre(frame: Frame, packet: Packet): Tunnel | null {
  const { at, end } = packet;
  const outer = outerOf(packet, "nvgre");
  if (packet.isFragment) return refused(outer, "outer-fragment");
  if (!frame.reaches(at + 4)) return null;
  const flags = frame.u16(at);
  if ((flags & GRE_VERSION) !== 0 || frame.u16(at + 2) !== ETHER_TYPE.teb) return null;
  if (!frame.reaches(at + NVGRE_OCTETS)) return refused(outer, "outer-truncated");
  const optional = GRE_FLAG.checksum | GRE_FLAG.key | GRE_FLAG.sequence;
  if ((flags & (optional | GRE_REFUSED)) !== GRE_FLAG.key) return refused(outer, "nvgre-header");
  if (frame.segmentOctets === 0 && (at + NVGRE_OCTETS > end || !frame.reaches(end)))
    return refused(outer, "outer-length");
  return {
    ...outer,
    kind: "sound",
    vni: frame.u32(at + 4) >>> 8,
    flowId: frame.u8(at + 7),
    udpChecksum: null,
    innerAt: at + NVGRE_OCTETS,
    outerEnd: end,
  };
}

const outerOf = (packet: Packet, encapsulation: EncapsulationName): Outer => ({
  encapsulation,
  source: packet.source,
  destination: packet.destination,
  trafficClass: packet.trafficClass,
  ttl: packet.ttl,
});

const refused = (outer: Outer, why: VerdictName): RefusedTunnel => ({
  ...outer,
  kind: "refused",
  why,
});
