/** IPv4 fragmentation by a router: RFC 791 section 3.2, RFC 1812 section 4.2.2.7. Whole packets in and out. */
import { emitIpv4, IPV4_OCTETS, parseIpv4 } from "./ipv4.ts";
import { emitOctets } from "./octets.ts";
import { Reader } from "./reader.ts";

/** RFC 791 section 3.1: an option with this bit is in every fragment, one without only in the first. */
const COPIED = 0x80;
const END_OF_OPTIONS = 0;
const NO_OPERATION = 1;
/** In units of 8 octets. */
const OFFSET_MAX = 0x1fff;

/**
 * `packet` in pieces of at most `mtu` octets, one if it fits as it is; null: it may not be fragmented, is not whole, or
 * no piece of it would fit.
 */
export function fragmentIpv4(packet: Uint8Array, mtu: number): readonly Uint8Array[] | null {
  const r = new Reader(packet);
  const ip = parseIpv4(r);
  const headerOctets = IPV4_OCTETS + ip.options.length;
  if (r.fault !== "" || ip.totalOctets > packet.length || ip.totalOctets < headerOctets)
    return null;
  if (ip.totalOctets <= mtu) return [packet.subarray(0, ip.totalOctets)];
  if (ip.dontFragment) return null;
  const payload = packet.subarray(headerOctets, ip.totalOctets);
  const copied = copiedOptions(ip.options);
  const out: Uint8Array[] = [];
  for (let at = 0; at < payload.length; ) {
    const options = at === 0 ? ip.options : copied;
    const room = mtu - IPV4_OCTETS - options.length;
    const isLast = payload.length - at <= room;
    const octets = isLast ? payload.length - at : room - (room % 8);
    const fragmentOffset = ip.fragmentOffset + at / 8;
    if (octets <= 0 || fragmentOffset > OFFSET_MAX) return null;
    const totalOctets = IPV4_OCTETS + options.length + octets;
    const moreFragments = !isLast || ip.moreFragments;
    const fragment = new Uint8Array(totalOctets);
    const view = new DataView(fragment.buffer);
    const next = emitIpv4(view, 0, { ...ip, options, totalOctets, fragmentOffset, moreFragments });
    emitOctets(view, next, payload.subarray(at, at + octets));
    out.push(fragment);
    at += octets;
  }
  return out;
}

/** Those of the options that are in every fragment, filled up to fours. What cannot be read is in the first alone. */
function copiedOptions(options: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let at = 0; at < options.length; ) {
    const type = options[at] ?? END_OF_OPTIONS;
    if (type === END_OF_OPTIONS) break;
    const octets = type === NO_OPERATION ? 1 : (options[at + 1] ?? 0);
    if (octets < 1 || (type !== NO_OPERATION && octets < 2) || at + octets > options.length) break;
    if ((type & COPIED) !== 0) kept.push(...options.subarray(at, at + octets));
    at += octets;
  }
  while (kept.length % 4 !== 0) kept.push(END_OF_OPTIONS);
  return Uint8Array.from(kept);
}
