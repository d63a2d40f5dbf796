/**
 * ARP for IPv4 over Ethernet, RFC 826. 28 octets.
 *
 *  | hardware 1 | protocol 0x0800 | 6 | 4 | operation |
 *  | sender MAC (6) | sender address (4) | target MAC (6) | target address (4) |
 */
import { invariant } from "../base/result.ts";
import { emitOctets } from "./octets.ts";

export interface ArpMessage {
  readonly operation: "request" | "reply";
  /** 6 octets. */
  readonly senderMac: Uint8Array;
  /** 4 octets. */
  readonly senderAddress: Uint8Array;
  /** 6 octets; zero in a request. */
  readonly targetMac: Uint8Array;
  readonly targetAddress: Uint8Array;
}

/** Writes exactly 28 octets at `at` and returns the offset after them. */
export function emitArp(out: DataView, at: number, message: ArpMessage): number {
  const { senderMac, senderAddress, targetMac, targetAddress } = message;
  invariant(senderMac.length === 6 && targetMac.length === 6, "a MAC has 6 octets");
  invariant(senderAddress.length === 4 && targetAddress.length === 4, "ARP is for IPv4");
  out.setUint16(at, 1);
  out.setUint16(at + 2, 0x0800);
  out.setUint8(at + 4, 6);
  out.setUint8(at + 5, 4);
  out.setUint16(at + 6, message.operation === "request" ? 1 : 2);
  let next = emitOctets(out, at + 8, senderMac);
  next = emitOctets(out, next, senderAddress);
  next = emitOctets(out, next, targetMac);
  return emitOctets(out, next, targetAddress);
}
