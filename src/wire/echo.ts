/** Answers to echo requests: RFC 792, RFC 1122 section 3.2.2.6, RFC 4443 section 4.2. Whole packets in and out. */
import { checksumOf, type Endpoints, sumOctets, sumPseudoHeader } from "./checksum.ts";
import {
  emitIcmp,
  emitIcmp6,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
} from "./icmp.ts";
import { emitIpv4, IP_PROTOCOL, IPV4_OCTETS, IPV4_PLAIN, parseIpv4 } from "./ipv4.ts";
import { emitIpv6, IPV6_OCTETS, IPV6_PLAIN, parseIpv6 } from "./ipv6.ts";
import { Reader } from "./reader.ts";

const TTL = 64;

/**
 * The answer to `packet` from the address that it was sent to, of either family; null: it is no echo request, not whole,
 * or its checksum is wrong.
 *
 * DEVIATION: RFC 1122 section 3.2.2.6 has IPv4 options come back; no echo here is asked with any that matter.
 */
export function echoReplyTo(packet: Uint8Array): Uint8Array | null {
  return (packet[0] ?? 0) >> 4 === 6 ? replyToIpv6(packet) : replyToIpv4(packet);
}

function replyToIpv4(packet: Uint8Array): Uint8Array | null {
  const r = new Reader(packet);
  const ip = parseIpv4(r);
  const headerOctets = IPV4_OCTETS + ip.options.length;
  if (r.fault !== "" || ip.protocol !== IP_PROTOCOL.icmp) return null;
  if (ip.moreFragments || ip.fragmentOffset > 0) return null;
  const body = echoBody(packet, headerOctets, ip.totalOctets, ICMP_ECHO_REQUEST, 0);
  if (body === null) return null;
  const totalOctets = IPV4_OCTETS + 4 + body.length;
  const out = new Uint8Array(totalOctets);
  const view = new DataView(out.buffer);
  const at = emitIpv4(view, 0, {
    ...{ ...IPV4_PLAIN, trafficClass: ip.trafficClass & 0xfc, totalOctets },
    ...{ source: ip.destination, destination: ip.source, protocol: ip.protocol, ttl: TTL },
    // As the request: what may be fragmented on one way may be on the other.
    ...{ dontFragment: ip.dontFragment, identification: ip.identification },
  });
  emitIcmp(view, at, { type: ICMP_ECHO_REPLY, code: 0, body });
  return out;
}

function replyToIpv6(packet: Uint8Array): Uint8Array | null {
  const r = new Reader(packet);
  const ip = parseIpv6(r);
  if (r.fault !== "" || ip.nextHeader !== IP_PROTOCOL.icmpv6) return null;
  const asked = { source: ip.source, destination: ip.destination };
  const pseudo = sumPseudoHeader(asked, ip.nextHeader, ip.payloadOctets);
  const end = IPV6_OCTETS + ip.payloadOctets;
  const body = echoBody(packet, IPV6_OCTETS, end, ICMPV6_ECHO_REQUEST, pseudo);
  if (body === null) return null;
  const ends: Endpoints = { source: ip.destination, destination: ip.source };
  const out = new Uint8Array(end);
  const view = new DataView(out.buffer);
  const at = emitIpv6(view, 0, {
    ...{ ...IPV6_PLAIN, ...ends, trafficClass: ip.trafficClass & 0xfc },
    ...{ payloadOctets: ip.payloadOctets, nextHeader: ip.nextHeader, hopLimit: TTL },
  });
  emitIcmp6(view, at, ends, { type: ICMPV6_ECHO_REPLY, code: 0, body });
  return out;
}

/** What is behind the checksum of the message between `at` and `end`, if it is a sound one of `type`. */
function echoBody(
  packet: Uint8Array,
  at: number,
  end: number,
  ...[type, sum]: readonly [number, number]
): Uint8Array | null {
  if (end > packet.length || end - at < 8 || packet[at] !== type || packet[at + 1] !== 0)
    return null;
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  if (checksumOf(sumOctets(view, at, end - at, sum)) !== 0) return null;
  return packet.subarray(at + 4, end);
}
