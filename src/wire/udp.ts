/** UDP header, RFC 768. 8 octets. */
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

export const UDP_OCTETS = 8;

/** Writes a header without checksum, as tunnels have it (RFC 7348 section 5, RFC 6936); `octets` is header and payload. */
export function emitUdpHeader(
  out: DataView,
  at: number,
  header: {
    readonly sourcePort: number;
    readonly destinationPort: number;
    readonly octets: number;
  },
): number {
  out.setUint16(at, header.sourcePort);
  out.setUint16(at + 2, header.destinationPort);
  out.setUint16(at + 4, header.octets);
  out.setUint16(at + 6, 0);
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
  const header = emitUdpHeader(out, at, { sourcePort, destinationPort, octets });
  const end = emitOctets(out, header, datagram.payload);
  const pseudo = sumPseudoHeader(endpoints, IP_PROTOCOL.udp, octets);
  // A sum of zero is sent as all ones: zero means that there is none.
  out.setUint16(at + 6, checksumOf(sumOctets(out, at, octets, pseudo)) || 0xffff);
  return end;
}
