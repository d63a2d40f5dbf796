/**
 * UDP header, RFC 768. 8 octets. Leaves out: whether the length fits the packet, and whether the checksum is right,
 * which are the reader's to judge.
 */
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface UdpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Of header and payload. */
  readonly octets: number;
  /** As it is on the wire; 0: none, as tunnels have it (RFC 7348 section 5, RFC 6936). */
  readonly checksum: number;
}

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export const UDP_OCTETS = 8;

export function parseUdpHeader(r: Reader): UdpHeader {
  return { sourcePort: r.u16(), destinationPort: r.u16(), octets: r.u16(), checksum: r.u16() };
}

/** Writes exactly UDP_OCTETS at `at` and returns the offset after them. */
export function emitUdpHeader(out: DataView, at: number, header: UdpHeader): number {
  out.setUint16(at, header.sourcePort);
  out.setUint16(at + 2, header.destinationPort);
  out.setUint16(at + 4, header.octets);
  out.setUint16(at + 6, header.checksum);
  return at + UDP_OCTETS;
}

/** Writes header, checksum and payload at `at` and returns the offset after them. */
export function emitUdp(
  out: DataView,
  at: number,
  endpoints: Endpoints,
  datagram: UdpDatagram,
): number {
  const octets = UDP_OCTETS + datagram.payload.length;
  const { sourcePort, destinationPort } = datagram;
  const header = { sourcePort, destinationPort, octets, checksum: 0 };
  const end = emitOctets(out, emitUdpHeader(out, at, header), datagram.payload);
  const pseudo = sumPseudoHeader(endpoints, IP_PROTOCOL.udp, octets);
  // A sum of zero is sent as all ones: zero means that there is none.
  out.setUint16(at + 6, checksumOf(sumOctets(out, at, octets, pseudo)) || 0xffff);
  return end;
}
