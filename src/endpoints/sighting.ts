/**
 * What a frame shows of its sender's addresses: the sender of an ARP message that is not a probe (RFC 5227 section 2.1),
 * the target of a neighbour advertisement with its link-layer address. Never a solicitation: it has no R flag, and its
 * source may be borrowed (RFC 9161 section 3.2). Whether the sender may use the address, the datapath's guards have seen.
 *
 * Leaves out: advertisements behind extension headers, and link-local addresses, which mean a link and no space.
 */
import { formatIp } from "../base/ip.ts";
import { formatMac, isGroupMac } from "../base/mac.ts";
import { ARP_OPERATION, parseArp } from "../wire/arp.ts";
import { ETHER_TYPE, parseEthernet } from "../wire/ethernet.ts";
import { parseIcmp } from "../wire/icmp.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { parseIpv6 } from "../wire/ipv6.ts";
import { ND_TARGET_MAC, parseNd } from "../wire/nd.ts";
import { Reader } from "../wire/reader.ts";

export interface Sighting {
  readonly address: string;
  readonly mac: string;
  readonly overrides: boolean;
}

const ADVERTISEMENT = 136;
/** RFC 4861 section 7.1.2: it has crossed no router. */
const HOP_LIMIT = 255;

/** Null: it shows none. `frame` begins with its Ethernet header; its end may be cut off behind the message. */
export function sightingIn(frame: Uint8Array): Sighting | null {
  const r = new Reader(frame);
  const { etherType } = parseEthernet(r);
  if (etherType === ETHER_TYPE.arp) return sightingInArp(r);
  return etherType === ETHER_TYPE.ipv6 ? sightingInNd(r) : null;
}

function sightingInArp(r: Reader): Sighting | null {
  const { operation, senderMac, senderAddress } = parseArp(r);
  const isKnown = operation === ARP_OPERATION.request || operation === ARP_OPERATION.reply;
  if (r.fault !== "" || !isKnown || !isUsable(senderAddress)) return null;
  return isNobody(senderMac) ? null : sighting(senderAddress, senderMac, true);
}

function sightingInNd(r: Reader): Sighting | null {
  const { nextHeader, hopLimit, payloadOctets } = parseIpv6(r);
  r.end = Math.min(r.end, r.pos + payloadOctets);
  if (nextHeader !== IP_PROTOCOL.icmpv6 || hopLimit !== HOP_LIMIT) return null;
  const { type, code, body } = parseIcmp(r);
  if (r.fault !== "" || type !== ADVERTISEMENT || code !== 0) return null;
  const inside = new Reader(body);
  const message = parseNd(inside, type);
  if (inside.fault !== "" || message.kind !== "neighbour-advertisement") return null;
  const mac = message.options.find((option) => option.type === ND_TARGET_MAC)?.body;
  if (mac?.length !== 6 || isNobody(mac) || !isUsable(message.target)) return null;
  return sighting(message.target, mac, message.override);
}

const sighting = (octets: Uint8Array, mac: Uint8Array, overrides: boolean): Sighting => ({
  address: formatIp({ octets }),
  mac: formatMac(mac),
  overrides,
});

const isNobody = (mac: Uint8Array): boolean => isGroupMac(mac) || mac.every((octet) => octet === 0);

/** An address that one endpoint of a space can have. */
function isUsable(octets: Uint8Array): boolean {
  const [first = 0, second = 0] = octets;
  if (octets.length === 4)
    return first !== 0 && first !== 127 && first < 224 && !(first === 169 && second === 254);
  const isLinkLocal = first === 0xfe && (second & 0xc0) === 0x80;
  // ::/32 has what is unspecified, loopback, or IPv4 in disguise (RFC 4291 section 2.5).
  return first !== 0xff && !isLinkLocal && octets.subarray(0, 4).some((octet) => octet !== 0);
}
