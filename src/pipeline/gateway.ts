/**
 * The gateway of those who have none of their own: questions for its addresses that come out of tunnels. The twin of
 * datapath/lib/gateway.h.
 */
import { formatIp, fromMapped } from "../base/ip.ts";
import { ARP_OPERATION } from "../wire/arp.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { arpAnswer, holdsArp, isArpOfIpv4 } from "./arp.ts";
import { type Departure, dropped, macOctets, toGroup } from "./departure.ts";
import { type Admitted, innerOf, puntWhole } from "./emergence.ts";
import { OUTER_TTL } from "./encapsulate.ts";
import { flowOf } from "./inner-flow.ts";

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
  if (!holdsArp(inner, ETHERNET_OCTETS)) return dropped("inner-truncated");
  const frame = arpAnswer(inner, macOctets(place.mac ?? "00:00:00:00:00:00"));
  const flow = flowOf(frame, 0, tables.hashSeed);
  return toGroup({ frame, tables, flow, ttl: OUTER_TTL }, admission.group ?? 0, false);
}

const etherTypeOf = ({ frame, tunnel }: Admitted): number =>
  frame.u16(tunnel.innerAt + ETHERNET_OCTETS - 2);

/** Whose address is asked for; null: none. */
function askedAddress(admitted: Admitted): string | null {
  const { frame, tunnel } = admitted;
  const at = tunnel.innerAt + ETHERNET_OCTETS;
  const etherType = etherTypeOf(admitted);
  if (etherType === ETHER_TYPE.arp) {
    const isRequest = isArpOfIpv4(frame, at) && frame.u16(at + 6) === ARP_OPERATION.request;
    return holdsArp(frame, at) && isRequest
      ? formatIp({ octets: frame.octetsAt(at + 24, 4) })
      : null;
  }
  const nd = at + IPV6_OCTETS;
  if (etherType !== ETHER_TYPE.ipv6 || !frame.reaches(nd + ND_OCTETS)) return null;
  if (frame.u8(at + 6) !== IP_PROTOCOL.icmpv6 || frame.u8(nd) !== ND_SOLICITATION) return null;
  return formatIp(fromMapped(frame.octetsAt(nd + 8, 16)));
}
