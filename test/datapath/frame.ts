/** Frames for the datapath's tests, built octet by octet, so that they can be as wrong as a test wants. */
import assert from "node:assert/strict";
import { parseIp } from "../../src/base/ip.ts";
import { parseMac } from "../../src/base/mac.ts";

export function ip(text: string): Uint8Array {
  const parsed = parseIp(text);
  assert.ok(parsed, text);
  return parsed.octets;
}

export function mac(text: string): Uint8Array {
  const parsed = parseMac(text);
  assert.ok(parsed, text);
  return parsed;
}

type Part = Uint8Array | readonly number[];

export const join = (...parts: readonly Part[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

export const u16 = (value: number): readonly number[] => [(value >> 8) & 255, value & 255];
export const u32 = (value: number): readonly number[] => [
  ...u16(value >>> 16),
  ...u16(value & 0xffff),
];

export const filler = (octets: number): Uint8Array =>
  Uint8Array.from({ length: octets }, (_, i) => i * 7);

export const hex = (octets: Uint8Array): string => Buffer.from(octets).toString("hex");

/** RFC 1071 over whole octets, an odd one at the end counted as if followed by zero. */
export function checksum(...parts: readonly Part[]): number {
  const all = join(...parts);
  let sum = 0;
  for (let i = 0; i < all.length; i += 2) sum += ((all[i] ?? 0) << 8) | (all[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

export interface Ends {
  readonly to: string;
  readonly from: string;
}

export const ethernet = (
  { to, from }: Ends,
  type: number,
  ...payload: readonly Part[]
): Uint8Array => join(mac(to), mac(from), u16(type), ...payload);

export interface Ip4 extends Ends {
  readonly protocol: number;
  readonly tos?: number;
  readonly ttl?: number;
  /** Flags and offset as they stand on the wire; 0x4000 is DF. */
  readonly fragment?: number;
  readonly options?: Part;
  /** Total length, where it is to be a lie. */
  readonly octets?: number;
}

export function ip4(header: Ip4, ...payload: readonly Part[]): Uint8Array {
  const options = header.options ?? [];
  const body = join(...payload);
  const ihl = 5 + options.length / 4;
  const fields = (sum: number): Uint8Array =>
    join(
      [0x40 | ihl, header.tos ?? 0],
      u16(header.octets ?? 4 * ihl + body.length),
      u16(0),
      u16(header.fragment ?? 0x4000),
      [header.ttl ?? 64, header.protocol],
      u16(sum),
      ip(header.from),
      ip(header.to),
      options,
    );
  return join(fields(checksum(fields(0))), body);
}

export interface Ip6 extends Ends {
  readonly next: number;
  readonly class?: number;
  readonly hops?: number;
  readonly label?: number;
  readonly octets?: number;
}

export function ip6(header: Ip6, ...payload: readonly Part[]): Uint8Array {
  const body = join(...payload);
  return join(
    u32((0x60000000 | ((header.class ?? 0) << 20) | (header.label ?? 0)) >>> 0),
    u16(header.octets ?? body.length),
    [header.next, header.hops ?? 64],
    ip(header.from),
    ip(header.to),
    body,
  );
}

/** Sum zero: none. */
export const udp = (from: number, to: number, payload: Part, octets?: number): Uint8Array =>
  join(u16(from), u16(to), u16(octets ?? 8 + payload.length), u16(0), payload);

export const tcp = (from: number, to: number, payload: Part): Uint8Array =>
  join(u16(from), u16(to), u32(1), u32(1), [0x50, 0x18], u16(1000), u16(0), u16(0), payload);

export interface Arp {
  readonly operation?: number;
  readonly senderMac: string;
  readonly sender: string;
  /** Of a request: not known. */
  readonly targetMac?: string;
  readonly target: string;
}

export const arp = (fields: Arp): Uint8Array =>
  join(
    [0, 1, 8, 0, 6, 4],
    u16(fields.operation ?? 1),
    mac(fields.senderMac),
    ip(fields.sender),
    mac(fields.targetMac ?? "00:00:00:00:00:00"),
    ip(fields.target),
  );

export const vxlan = (vni: number, flags = 0x08000000): Uint8Array =>
  join(u32(flags), u32((vni << 8) >>> 0));

export const nvgre = (vsid: number, flags = 0x2000, type = 0x6558, flowId = 0): Uint8Array =>
  join(u16(flags), u16(type), u32(((vsid << 8) | flowId) >>> 0));

export const icmp4 = (type: number, body: Part, code = 0): Uint8Array =>
  join([type, code], u16(checksum([type, code, 0, 0], body)), body);

/** ICMPv6 with its sum over `ends`. */
export function icmp6(ends: Ends, type: number, body: Part, code = 0): Uint8Array {
  const octets = 4 + body.length;
  const sum = checksum(ip(ends.from), ip(ends.to), u32(octets), u32(58), [type, code, 0, 0], body);
  return join([type, code], u16(sum), body);
}

/** A link-layer address option (RFC 4861 section 4.6.1): 1 source, 2 target. */
export const macOption = (type: 1 | 2, address: string): Uint8Array =>
  join([type, 1], mac(address));
