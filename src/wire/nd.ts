/**
 * Neighbour discovery, RFC 4861 section 4: the bodies of five ICMPv6 messages (icmp.ts has what is around them).
 * Options are type and octets. Leaves out: what is in an option, except the link-layer addresses that section 4.6.1
 * defines; whether a message is valid where it came from (section 6.1, 7.1: hop limit, code, addresses).
 */
import { invariant } from "../base/result.ts";
import type { Endpoints } from "./checksum.ts";
import { emitIcmp6, type IcmpMessage } from "./icmp.ts";
import { IP_PROTOCOL } from "./ipv4.ts";
import { emitIpv6, IPV6_OCTETS, IPV6_PLAIN } from "./ipv6.ts";
import { emitOctets } from "./octets.ts";
import type { Reader } from "./reader.ts";

export interface NdOption {
  readonly type: number;
  /** Everything behind type and length: 6 octets and a multiple of 8. */
  readonly body: Uint8Array;
}

/** Addresses are 16 octets. */
export type NdMessage =
  | { readonly kind: "router-solicitation"; readonly options: readonly NdOption[] }
  | {
      readonly kind: "router-advertisement";
      readonly hopLimit: number;
      /** M, O and what later documents made of the reserved bits. */
      readonly flags: number;
      readonly lifetimeSeconds: number;
      readonly reachableMs: number;
      readonly retransmitMs: number;
      readonly options: readonly NdOption[];
    }
  | {
      readonly kind: "neighbour-solicitation";
      readonly target: Uint8Array;
      readonly options: readonly NdOption[];
    }
  | {
      readonly kind: "neighbour-advertisement";
      readonly router: boolean;
      readonly solicited: boolean;
      readonly override: boolean;
      readonly target: Uint8Array;
      readonly options: readonly NdOption[];
    }
  | {
      readonly kind: "redirect";
      readonly target: Uint8Array;
      readonly destination: Uint8Array;
      readonly options: readonly NdOption[];
    };

const typesByKind: Readonly<Record<NdMessage["kind"], number>> = {
  "router-solicitation": 133,
  "router-advertisement": 134,
  "neighbour-solicitation": 135,
  "neighbour-advertisement": 136,
  redirect: 137,
};

/** What nobody has sent on (section 7.1). */
export const ND_HOP_LIMIT = 255;
/** ff02::1 (RFC 4291 section 2.7.1). */
export const ALL_NODES: Uint8Array = Uint8Array.of(
  0xff,
  2,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  1,
);
export const ND_SOURCE_MAC = 1;
export const ND_TARGET_MAC = 2;
const ROUTER = 0x8000_0000;
const SOLICITED = 0x4000_0000;
const OVERRIDE = 0x2000_0000;

/** The group that an address' owner listens on: ff02::1:ff00:0/104 and its last 24 bits (RFC 4291 section 2.7.1). */
export function solicitedNodeOf(ipv6: Uint8Array): Uint8Array {
  invariant(ipv6.length === 16, "an IPv6 address has 16 octets");
  return Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...ipv6.subarray(13, 16));
}

/** Whether an ICMPv6 type is one of neighbour discovery's. */
export const isNdType = (type: number): boolean => type >= 133 && type <= 137;

/** Reads the body of an ICMPv6 message of a type for which `isNdType` holds. */
export function parseNd(r: Reader, type: number): NdMessage {
  switch (type) {
    case 133:
      r.skip(4);
      return { kind: "router-solicitation", options: parseOptions(r) };
    case 134:
      return {
        kind: "router-advertisement",
        hopLimit: r.u8(),
        flags: r.u8(),
        lifetimeSeconds: r.u16(),
        reachableMs: r.u32(),
        retransmitMs: r.u32(),
        options: parseOptions(r),
      };
    case 135:
      r.skip(4);
      return { kind: "neighbour-solicitation", target: r.octets(16), options: parseOptions(r) };
    case 136: {
      const flags = r.u32();
      return {
        kind: "neighbour-advertisement",
        router: (flags & ROUTER) !== 0,
        solicited: (flags & SOLICITED) !== 0,
        override: (flags & OVERRIDE) !== 0,
        target: r.octets(16),
        options: parseOptions(r),
      };
    }
    default:
      invariant(type === 137, `${type} is no type of neighbour discovery`);
      r.skip(4);
      return {
        kind: "redirect",
        target: r.octets(16),
        destination: r.octets(16),
        options: parseOptions(r),
      };
  }
}

/** To the end of the message. An option of length zero, which section 4.6 refuses, is one of less than its own header. */
function parseOptions(r: Reader): readonly NdOption[] {
  const options: NdOption[] = [];
  while (r.left > 0) {
    const type = r.u8();
    const units = r.u8();
    const body = r.octets(8 * units - 2);
    if (r.fault === "") options.push({ type, body });
  }
  return options;
}

/** Writes the whole ICMPv6 message, checksum included, at `at` and returns the offset after it. */
export function emitNd(
  out: DataView,
  at: number,
  endpoints: Endpoints,
  message: NdMessage,
): number {
  return emitIcmp6(out, at, endpoints, icmpOf(message));
}

/** The message as an IPv6 packet, as nobody has sent it on. */
export function ndPacket(endpoints: Endpoints, message: NdMessage): Uint8Array {
  const icmp = icmpOf(message);
  const payloadOctets = 4 + icmp.body.length;
  const out = new DataView(new ArrayBuffer(IPV6_OCTETS + payloadOctets));
  const at = emitIpv6(out, 0, {
    ...{ ...IPV6_PLAIN, ...endpoints, payloadOctets },
    ...{ nextHeader: IP_PROTOCOL.icmpv6, hopLimit: ND_HOP_LIMIT },
  });
  emitIcmp6(out, at, endpoints, icmp);
  return new Uint8Array(out.buffer);
}

function icmpOf(message: NdMessage): IcmpMessage {
  const options = message.options.reduce((octets, { body }) => octets + 2 + body.length, 0);
  const out = new DataView(new ArrayBuffer(36 + options));
  let at = emitFixed(out, message);
  for (const { type, body } of message.options) {
    invariant(body.length % 8 === 6 && body.length < 8 * 256, "6 octets and a multiple of 8");
    out.setUint8(at, type);
    out.setUint8(at + 1, (body.length + 2) / 8);
    at = emitOctets(out, at + 2, body);
  }
  return { type: typesByKind[message.kind], code: 0, body: new Uint8Array(out.buffer, 0, at) };
}

/** Everything before the options, at offset 0 of a zeroed buffer. */
function emitFixed(out: DataView, message: NdMessage): number {
  switch (message.kind) {
    case "router-solicitation":
      return 4;
    case "router-advertisement":
      out.setUint8(0, message.hopLimit);
      out.setUint8(1, message.flags);
      out.setUint16(2, message.lifetimeSeconds);
      out.setUint32(4, message.reachableMs);
      out.setUint32(8, message.retransmitMs);
      return 12;
    case "neighbour-solicitation":
      return emitOctets(out, 4, message.target);
    case "neighbour-advertisement":
      out.setUint32(
        0,
        (message.router ? ROUTER : 0) +
          (message.solicited ? SOLICITED : 0) +
          (message.override ? OVERRIDE : 0),
      );
      return emitOctets(out, 4, message.target);
    default:
      return emitOctets(out, emitOctets(out, 4, message.target), message.destination);
  }
}
