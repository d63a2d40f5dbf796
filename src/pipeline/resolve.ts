/**
 * Who has an address: ARP requests (RFC 826) and neighbour solicitations (RFC 4861) of a port, answered in the owner's
 * place (RFC 9161 section 3.3). The twin of datapath/lib/resolve.h, check by check in its order.
 */
import { formatIp, fromMapped } from "../base/ip.ts";
import { isGroupMac, multicastMacOf } from "../base/mac.ts";
import { ARP_OPERATION } from "../wire/arp.ts";
import { checksumOf, sumOctets, sumPseudoHeader } from "../wire/checksum.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, ethernetFrame } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { ALL_NODES, ND_HOP_LIMIT, ND_SOURCE_MAC, ND_TARGET_MAC, ndPacket } from "../wire/nd.ts";
import { arpAnswer } from "./arp.ts";
import { type Departure, dropped, macOctets, type Tally } from "./departure.ts";
import type { Frame } from "./frame.ts";
import type { Place } from "./host-tables.ts";
import type { Sent } from "./sent.ts";

/** What became of it, or, `departure` null, what is counted while it goes on as any other frame. */
export interface Resolution {
  readonly departure: Departure | null;
  readonly beside: Tally;
}

const NO_REQUEST: Resolution = { departure: null, beside: {} };
const undecided = (beside: Tally): Resolution => ({ departure: null, beside });

export function resolve(sent: Sent, nowSeconds: number): Resolution {
  const { frame } = sent;
  const etherType = frame.u16(ETHERNET_OCTETS - 2);
  if (etherType === ETHER_TYPE.arp) return resolveArp(sent, nowSeconds);
  const isIcmp6 =
    etherType === ETHER_TYPE.ipv6 && frame.u8(ETHERNET_OCTETS + 6) === IP_PROTOCOL.icmpv6;
  return isIcmp6 ? resolveNd(sent, nowSeconds) : NO_REQUEST;
}

/** Who has the address on the port's network. */
function holderOf({ row, tables }: Sent, address: Uint8Array): Place | null {
  const place = tables.host(row.space, formatIp({ octets: address }));
  if (place === null || place.network !== row.network || place.kind === "drop") return null;
  return place.mac === null ? null : place;
}

/** The place whose holder is answered for, or what else becomes of the request. */
function judge(sent: Sent, place: Place | null, nowSeconds: number): Place | Resolution {
  const { frame, row } = sent;
  if (place?.kind === "gateway") return place;
  if (!isGroupMac(frame.octetsAt(0, 6))) return undecided({ "neighbour-unicast": 1 });
  if (place?.kind === "port" && place.target === row.port) return undecided({ "neighbour-own": 1 });
  const isOver = place?.freshUntilSeconds != null && place.freshUntilSeconds < nowSeconds;
  if (place !== null && !isOver) return place;
  const beside = isOver ? { "neighbour-expired": 1 } : {};
  if (row.unknownNeighbours === "flood") return undecided({ ...beside, "neighbour-miss": 1 });
  return { departure: { ...dropped("neighbour-unknown"), beside }, beside: {} };
}

function answered({ row }: Sent, octets: Uint8Array): Resolution {
  const out = [{ to: "port", port: row.port, octets } as const];
  return { departure: { verdict: "answered", beside: {}, out }, beside: {} };
}

function resolveArp(sent: Sent, nowSeconds: number): Resolution {
  const { frame, row } = sent;
  const arp = ETHERNET_OCTETS;
  const [sender, asked] = [frame.u32(arp + 14), frame.octetsAt(arp + 24, 4)];
  if (sender !== 0 && sender === frame.u32(arp + 24)) return undecided({ "neighbour-own": 1 });
  if (frame.u16(arp + 6) !== ARP_OPERATION.request) return NO_REQUEST;
  const fate = judge(sent, holderOf(sent, asked), nowSeconds);
  if ("departure" in fate) return fate;
  // The guards have seen that the sender is the port.
  const answer = arpAnswer(frame, macOctets(fate.mac ?? row.mac));
  return answered(sent, answer.payloadAt(0, answer.wireOctets));
}

const SOLICITATION_OCTETS_MAX = 64;
const ND_OCTETS = 24;
const ND_SOLICITATION = 135;
const ND_ADVERTISEMENT = 136;
/** RFC 7527. */
const ND_NONCE = 14;

function resolveNd(sent: Sent, nowSeconds: number): Resolution {
  const { frame } = sent;
  const nd = ETHERNET_OCTETS + IPV6_OCTETS;
  if (!frame.reaches(nd + ND_OCTETS)) return NO_REQUEST;
  const octets = frame.u16(ETHERNET_OCTETS + 4);
  const type = frame.u8(nd);
  const isUnsolicited = type === ND_ADVERTISEMENT && (frame.u8(nd + 4) & 0x40) === 0;
  const beside = isUnsolicited ? { "neighbour-own": 1 } : {};
  const isWhole = frame.reaches(nd + octets) && octets >= ND_OCTETS;
  if (type !== ND_SOLICITATION || !isWhole || octets > SOLICITATION_OCTETS_MAX)
    return undecided(beside);
  if (!isSound(frame, octets)) return NO_REQUEST;
  const target = frame.octetsAt(nd + 8, 16);
  const place = fromMapped(target).family === "ipv6" ? holderOf(sent, target) : null;
  const fate = judge(sent, place, nowSeconds);
  return "departure" in fate ? fate : answered(sent, advertise(sent, fate));
}

const isZero = (octets: Uint8Array): boolean => octets.every((octet) => octet === 0);

/** By RFC 4861 section 7.1.1, with no option that nobody here knows. */
function isSound(frame: Frame, octets: number): boolean {
  const [ip, nd] = [ETHERNET_OCTETS, ETHERNET_OCTETS + IPV6_OCTETS];
  const [source, destination] = [frame.octetsAt(ip + 8, 16), frame.octetsAt(ip + 24, 16)];
  const message = frame.octetsAt(nd, octets).slice();
  const sum = sumPseudoHeader({ source, destination }, IP_PROTOCOL.icmpv6, octets);
  if (checksumOf(sumOctets(new DataView(message.buffer), 0, octets, sum)) !== 0) return false;
  const isFromNobody = isZero(source);
  if (frame.u8(ip + 7) !== ND_HOP_LIMIT || message[1] !== 0 || message[8] === 0xff) return false;
  if (isFromNobody && !isSolicitedNode(destination)) return false;
  let at = ND_OCTETS;
  while (at < octets) {
    const [type, units] = [message[at], message[at + 1] ?? 0];
    const isKnown = type === ND_NONCE || (type === ND_SOURCE_MAC && !isFromNobody);
    if (units === 0 || !isKnown) return false;
    at += 8 * units;
  }
  return at === octets;
}

/** Of ff02::1:ff00:0/104 (RFC 4291 section 2.7.1). */
const isSolicitedNode = (ipv6: Uint8Array): boolean =>
  ipv6[0] === 0xff &&
  ipv6[1] === 0x02 &&
  isZero(ipv6.subarray(2, 11)) &&
  ipv6[11] === 1 &&
  ipv6[12] === 0xff;

/** The answer to a sound solicitation: from the holder of `place`, who is the address asked for. */
function advertise({ frame, row }: Sent, place: Place): Uint8Array {
  const ip = ETHERNET_OCTETS;
  const asker = frame.octetsAt(ip + 8, 16);
  const target = frame.octetsAt(ip + IPV6_OCTETS + 8, 16);
  // Detection of duplicates: to all nodes, unsolicited (RFC 4861 section 7.2.4).
  const isFromNobody = isZero(asker);
  const mac = macOctets(place.mac ?? row.mac);
  const destination = isFromNobody ? multicastMacOf({ octets: ALL_NODES }) : macOctets(row.mac);
  const ends = { source: target, destination: isFromNobody ? ALL_NODES : asker };
  const answer = ndPacket(ends, {
    kind: "neighbour-advertisement",
    router: place.kind === "gateway",
    solicited: !isFromNobody,
    override: !place.isShared,
    target,
    options: [{ type: ND_TARGET_MAC, body: mac }],
  });
  return ethernetFrame({ destination, source: mac, etherType: ETHER_TYPE.ipv6 }, answer);
}
