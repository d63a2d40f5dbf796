/** Answers for the gateway's addresses to those who ask: ARP (RFC 826), neighbour discovery (RFC 4861 section 7.2). */
import { ARP_OPERATION, type ArpMessage, arpPacket, parseArp } from "../wire/arp.ts";
import { ETHER_TYPE } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { parseIpv6 } from "../wire/ipv6.ts";
import { ALL_NODES, isNdType, ND_HOP_LIMIT, ND_TARGET_MAC, ndPacket, parseNd } from "../wire/nd.ts";
import { Reader } from "../wire/reader.ts";
import type { SlowAction } from "./action.ts";
import type { Punted } from "./punted.ts";
import { replyOnLink } from "./reply.ts";
import type { SlowTables } from "./tables.ts";

/** The answer to a question for one of the gateway's addresses; null: it is none. */
export function answerNeighbour(tables: SlowTables, punted: Punted): SlowAction | null {
  const { gatewayMac } = tables;
  const gateways = tables.gatewaysOfNetwork(punted.network);
  const r = new Reader(punted.frame.subarray(12));
  const etherType = r.u16();
  if (gatewayMac === null) return null;
  if (etherType === ETHER_TYPE.arp) {
    const asked = parseArp(r);
    if (r.fault !== "" || asked.operation !== ARP_OPERATION.request) return null;
    if (!isAmong(gateways, asked.targetAddress)) return null;
    return replyOnLink(tables, punted, etherType, arpReply(asked, gatewayMac));
  }
  if (etherType !== ETHER_TYPE.ipv6) return null;
  const asked = parseSolicitation(r);
  if (asked === null || !isAmong(gateways, asked.target)) return null;
  return replyOnLink(tables, punted, etherType, advertisement(asked, gatewayMac));
}

const isAmong = (addresses: readonly Uint8Array[], address: Uint8Array): boolean =>
  addresses.some((one) => one.length === address.length && one.every((o, i) => o === address[i]));

function arpReply(asked: ArpMessage, mac: Uint8Array): Uint8Array {
  return arpPacket({
    operation: ARP_OPERATION.reply,
    ...{ senderMac: mac, senderAddress: asked.targetAddress },
    ...{ targetMac: asked.senderMac, targetAddress: asked.senderAddress },
  });
}

interface Solicitation {
  readonly source: Uint8Array;
  readonly target: Uint8Array;
}

/** An IPv6 packet that is a sound neighbour solicitation (RFC 4861 section 7.1.1); null: it is none. */
function parseSolicitation(r: Reader): Solicitation | null {
  const ip = parseIpv6(r);
  if (ip.nextHeader !== IP_PROTOCOL.icmpv6 || ip.hopLimit !== ND_HOP_LIMIT) return null;
  r.enter(ip.payloadOctets);
  const type = r.u8();
  const code = r.u8();
  r.skip(2);
  if (r.fault !== "" || !isNdType(type) || code !== 0) return null;
  const message = parseNd(r, type);
  if (r.fault !== "" || message.kind !== "neighbour-solicitation") return null;
  return { source: ip.source, target: message.target };
}

/** RFC 4861 section 7.2.4; to who asks from nowhere (his duplicate address detection) by way of all nodes. */
function advertisement({ source, target }: Solicitation, mac: Uint8Array): Uint8Array {
  const isFromNobody = source.every((octet) => octet === 0);
  return ndPacket(
    { source: target, destination: isFromNobody ? ALL_NODES : source },
    {
      kind: "neighbour-advertisement",
      ...{ router: true, solicited: !isFromNobody, override: true, target },
      options: [{ type: ND_TARGET_MAC, body: mac }],
    },
  );
}
