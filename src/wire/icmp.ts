/**
 * ICMP, RFC 792, and ICMPv6, RFC 4443: type, code, and a body that goes to the end of the packet; and the body of
 * an echo. Leaves out: the bodies of errors. Those of neighbour discovery are nd.ts'.
 */
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  /** Everything behind the checksum. */
  readonly body: Uint8Array;
}

export const ICMP_ECHO_REQUEST = 8;
export const ICMP_ECHO_REPLY = 0;
export const ICMPV6_ECHO_REQUEST = 128;
export const ICMPV6_ECHO_REPLY = 129;
const BODY_AT = 4;

/** Reads to the end of what is left, of either family. */
export function parseIcmp(r: Reader): IcmpMessage {
  const type = r.u8();
  const code = r.u8();
  r.skip(2);
  return { type, code, body: r.octets(r.left) };
}

/** Writes an ICMP message with its checksum at `at` and returns the offset after it. */
export function emitIcmp(out: DataView, at: number, message: IcmpMessage): number {
  const end = emitFields(out, at, message);
  out.setUint16(at + 2, checksumOf(sumOctets(out, at, end - at)));
  return end;
}

/** The same for ICMPv6, whose checksum covers the addresses. */
export function emitIcmp6(
  out: DataView,
  at: number,
  endpoints: Endpoints,
  message: IcmpMessage,
): number {
  const end = emitFields(out, at, message);
  const pseudo = sumPseudoHeader(endpoints, IP_PROTOCOL.icmpv6, end - at);
  out.setUint16(at + 2, checksumOf(sumOctets(out, at, end - at, pseudo)));
  return end;
}

function emitFields(out: DataView, at: number, message: IcmpMessage): number {
  out.setUint8(at, message.type);
  out.setUint8(at + 1, message.code);
  out.setUint16(at + 2, 0);
  return emitOctets(out, at + BODY_AT, message.body);
}

/** The body of an echo request or reply, of either family. */
export interface Echo {
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

export function parseEcho(r: Reader): Echo {
  return { identifier: r.u16(), sequence: r.u16(), data: r.octets(r.left) };
}

/** Writes the body at `at` and returns the offset after it. */
export function emitEcho(out: DataView, at: number, echo: Echo): number {
  out.setUint16(at, echo.identifier);
  out.setUint16(at + 2, echo.sequence);
  return emitOctets(out, at + 4, echo.data);
}
