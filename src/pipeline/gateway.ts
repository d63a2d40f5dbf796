/**
 * The gateway of those who have none of their own: questions for its addresses that come out of tunnels. The twin of
 * datapath/lib/gateway.h.
 */
import { formatIp, fromMapped } from "../base/ip.ts";
import { ARP_OPERATION } from "../wire/arp.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { type Departure, dropped, macOctets, toGroup } from "./departure.ts";
import { type Admitted, innerOf, puntWhole } from "./emergence.ts";
import { OUTER_TTL } from "./encapsulate.ts";
import { Frame } from "./frame.ts";
import { flowOf } from "./inner-flow.ts";

const ARP_OCTETS = 28;
const ND_OCTETS = 24;
const ND_SOLICITATION = 135;

/** Null: it is no question for the gateway, and goes on. */
export function answerAsGateway(admitted: Admitted): Departure | null {
  const { tables, network, admission } = admitted;
  const asked = askedAddress(admitted);
  const place = asked === null ? null : tables.host(network.space, asked);
  if (place?.kind !== "gateway" || place.network !== network.network) return null;
  if (etherTypeOf(admitted) !== ETHER_TYPE.arp) return puntWhole(admitted, "gateway", 0);
  const inner = innerOf(admitted);
  if (inner === null) return dropped("decap-failed");
  if (!inner.reaches(ETHERNET_OCTETS + ARP_OCTETS)) return dropped("inner-truncated");
  const frame = replyOf(inner, macOctets(place.mac ?? "00:00:00:00:00:00"));
  const flow = flowOf(frame, 0, tables.hashSeed);
  return toGroup({ frame, tables, flow, ttl: OUTER_TTL }, admission.group ?? 0, false);
}

const etherTypeOf = ({ frame, tunnel }: Admitted): number =>
  frame.u16(tunnel.innerAt + ETHERNET_OCTETS - 2);

/** Ethernet, IPv4, addresses of six and four octets; a request. */
const ARP_REQUEST = [0x0001, 0x0800, 0x0604, ARP_OPERATION.request] as const;

/** Whose address is asked for; null: none. */
function askedAddress(admitted: Admitted): string | null {
  const { frame, tunnel } = admitted;
  const at = tunnel.innerAt + ETHERNET_OCTETS;
  const etherType = etherTypeOf(admitted);
  if (etherType === ETHER_TYPE.arp) {
    const isRequest = ARP_REQUEST.every((word, i) => frame.u16(at + 2 * i) === word);
    return frame.reaches(at + ARP_OCTETS) && isRequest
      ? formatIp({ octets: frame.octetsAt(at + 24, 4) })
      : null;
  }
  const nd = at + IPV6_OCTETS;
  if (etherType !== ETHER_TYPE.ipv6 || !frame.reaches(nd + ND_OCTETS)) return null;
  if (frame.u8(at + 6) !== IP_PROTOCOL.icmpv6 || frame.u8(nd) !== ND_SOLICITATION) return null;
  return formatIp(fromMapped(frame.octetsAt(nd + 8, 16)));
}

/** The question turned into its answer: who asked is told that the address is `mac`'s. */
function replyOf(question: Frame, mac: Uint8Array): Frame {
  const octets = question.payloadAt(0, question.wireOctets).slice();
  const arp = ETHERNET_OCTETS;
  const [askerMac, asker] = [octets.slice(arp + 8, arp + 14), octets.slice(arp + 14, arp + 18)];
  const asked = octets.slice(arp + 24, arp + 28);
  octets.set(askerMac);
  octets.set(mac, 6);
  octets[arp + 7] = ARP_OPERATION.reply;
  octets.set(mac, arp + 8);
  octets.set(asked, arp + 14);
  octets.set(askerMac, arp + 18);
  octets.set(asker, arp + 24);
  return new Frame(octets);
}
