/**
 * Echo requests of ICMP (RFC 792, type 8) and ICMPv6 (RFC 4443 section 4.1, type 128). 8 octets and the data.
 * Leaves out: every other type; neighbour discovery is nd.ts.
 */
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";

export interface EchoRequest {
  readonly identifier: number;
  readonly sequence: number;
  readonly data: Uint8Array;
}

const ECHO_OCTETS = 8;

/** Writes an ICMP echo request and its data at `at` and returns the offset after them. */
export function emitEcho(out: DataView, at: number, echo: EchoRequest): number {
  const end = emitEchoFields(out, at, 8, echo);
  out.setUint16(at + 2, checksumOf(sumOctets(out, at, end - at)));
  return end;
}

/** The same for ICMPv6, whose checksum covers the addresses. */
export function emitEcho6(
  out: DataView,
  at: number,
  endpoints: Endpoints,
  echo: EchoRequest,
): number {
  const end = emitEchoFields(out, at, 128, echo);
  const pseudo = sumPseudoHeader(endpoints, IP_PROTOCOL.icmpv6, end - at);
  out.setUint16(at + 2, checksumOf(sumOctets(out, at, end - at, pseudo)));
  return end;
}

function emitEchoFields(out: DataView, at: number, type: number, echo: EchoRequest): number {
  out.setUint8(at, type);
  out.setUint8(at + 1, 0);
  out.setUint16(at + 2, 0);
  out.setUint16(at + 4, echo.identifier);
  out.setUint16(at + 6, echo.sequence);
  return emitOctets(out, at + ECHO_OCTETS, echo.data);
}
