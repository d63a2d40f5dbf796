/** A TCP SYN without options, RFC 9293 section 3.1. 20 octets and, as that section allows, data. Leaves out: all other segments. */
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";

export interface TcpSyn {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

const TCP_OCTETS = 20;
const FLAG_SYN = 0x02;

/** Writes header, checksum and payload at `at` and returns the offset after them. */
export function emitTcpSyn(out: DataView, at: number, endpoints: Endpoints, syn: TcpSyn): number {
  out.setUint16(at, syn.sourcePort);
  out.setUint16(at + 2, syn.destinationPort);
  out.setUint32(at + 4, syn.sequence);
  out.setUint32(at + 8, 0);
  out.setUint8(at + 12, (TCP_OCTETS / 4) << 4);
  out.setUint8(at + 13, FLAG_SYN);
  out.setUint16(at + 14, 0xffff);
  out.setUint32(at + 16, 0);
  const end = emitOctets(out, at + TCP_OCTETS, syn.payload);
  const pseudo = sumPseudoHeader(endpoints, IP_PROTOCOL.tcp, end - at);
  out.setUint16(at + 16, checksumOf(sumOctets(out, at, end - at, pseudo)));
  return end;
}
