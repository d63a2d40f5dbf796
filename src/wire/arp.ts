/**
 * ARP for IPv4 over Ethernet, RFC 826. 28 octets. Leaves out: other hardware and protocols, which are refused.
 *
 *  | hardware 1 | protocol 0x0800 | 6 | 4 | operation |
 *  | sender MAC (6) | sender address (4) | target MAC (6) | target address (4) |
 */
import { invariant } from "../base/result.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface ArpMessage {
  readonly operation: number;
  /** 6 octets. */
  readonly senderMac: Uint8Array;
  /** 4 octets. */
  readonly senderAddress: Uint8Array;
  /** 6 octets; zero in a request. */
  readonly targetMac: Uint8Array;
  readonly targetAddress: Uint8Array;
}

export const ARP_OCTETS = 28;
export const ARP_OPERATION = { request: 1, reply: 2 } as const;
const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;

export function parseArp(r: Reader): ArpMessage {
  const hardware = r.u16();
  const protocol = r.u16();
  const hardwareOctets = r.u8();
  const protocolOctets = r.u8();
  if (hardware !== HARDWARE_ETHERNET || protocol !== PROTOCOL_IPV4) r.fail("bad-value");
  if (hardwareOctets !== 6 || protocolOctets !== 4) r.fail("bad-length");
  return {
    operation: r.u16(),
    senderMac: r.octets(6),
    senderAddress: r.octets(4),
    targetMac: r.octets(6),
    targetAddress: r.octets(4),
  };
}

/** Writes exactly ARP_OCTETS at `at` and returns the offset after them. */
export function emitArp(out: DataView, at: number, message: ArpMessage): number {
  const { senderMac, senderAddress, targetMac, targetAddress } = message;
  invariant(senderMac.length === 6 && targetMac.length === 6, "a MAC has 6 octets");
  invariant(senderAddress.length === 4 && targetAddress.length === 4, "ARP is for IPv4");
  out.setUint16(at, HARDWARE_ETHERNET);
  out.setUint16(at + 2, PROTOCOL_IPV4);
  out.setUint8(at + 4, 6);
  out.setUint8(at + 5, 4);
  out.setUint16(at + 6, message.operation);
  let next = emitOctets(out, at + 8, senderMac);
  next = emitOctets(out, next, senderAddress);
  next = emitOctets(out, next, targetMac);
  return emitOctets(out, next, targetAddress);
}

/** The message by itself: what an Ethernet frame carries. */
export function arpPacket(message: ArpMessage): Uint8Array {
  const out = new DataView(new ArrayBuffer(ARP_OCTETS));
  emitArp(out, 0, message);
  return new Uint8Array(out.buffer);
}
