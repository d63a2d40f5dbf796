/**
 * TCP segment, RFC 9293 section 3.1. Options are octets that nobody here reads.
 *
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  |          Source Port          |       Destination Port        |
 *  |                        Sequence Number                        |
 *  |                    Acknowledgment Number                      |
 *  | Offset|       |     Flags     |            Window             |
 *  |           Checksum            |         Urgent Pointer        |
 *  |                    Options (0..40 octets)                     |
 */
import { invariant } from "../base/result.ts";
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface TcpHeader {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  /** CWR, ECE, URG, ACK, PSH, RST, SYN, FIN, from the highest of 8 bits. */
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  /** 0..40 octets, in fours. */
  readonly options: Uint8Array;
}

export interface TcpSegment extends TcpHeader {
  readonly payload: Uint8Array;
}

const TCP_OCTETS = 20;
export const TCP_FLAG = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

export function parseTcpHeader(r: Reader): TcpHeader {
  const sourcePort = r.u16();
  const destinationPort = r.u16();
  const sequence = r.u32();
  const acknowledgment = r.u32();
  const words = r.u8() >> 4;
  const flags = r.u8();
  const window = r.u16();
  r.skip(2);
  const urgent = r.u16();
  const options = r.octets(4 * words - TCP_OCTETS);
  return { sourcePort, destinationPort, sequence, acknowledgment, flags, window, urgent, options };
}

/** Writes header, checksum and payload at `at` and returns the offset after them. */
export function emitTcp(
  out: DataView,
  at: number,
  endpoints: Endpoints,
  segment: TcpSegment,
): number {
  const { options } = segment;
  invariant(options.length <= 40 && options.length % 4 === 0, "options are 0..40 octets, in fours");
  out.setUint16(at, segment.sourcePort);
  out.setUint16(at + 2, segment.destinationPort);
  out.setUint32(at + 4, segment.sequence);
  out.setUint32(at + 8, segment.acknowledgment);
  out.setUint8(at + 12, ((TCP_OCTETS + options.length) / 4) << 4);
  out.setUint8(at + 13, segment.flags);
  out.setUint16(at + 14, segment.window);
  out.setUint16(at + 16, 0);
  out.setUint16(at + 18, segment.urgent);
  const end = emitOctets(out, emitOctets(out, at + TCP_OCTETS, options), segment.payload);
  const pseudo = sumPseudoHeader(endpoints, IP_PROTOCOL.tcp, end - at);
  out.setUint16(at + 16, checksumOf(sumOctets(out, at, end - at, pseudo)));
  return end;
}
