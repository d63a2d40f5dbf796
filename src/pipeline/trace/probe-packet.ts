/** The frames of a trace, as a workload's stack would send them: a question for a neighbour, and one packet. */
import type { IpAddress } from "../../base/ip.ts";
import { multicastMacOf } from "../../base/mac.ts";
import { ARP_OPERATION, arpPacket } from "../../wire/arp.ts";
import {
  BROADCAST_MAC,
  ETHER_TYPE,
  ETHERNET_OCTETS,
  emitEthernet,
  ethernetFrame,
} from "../../wire/ethernet.ts";
import {
  emitEcho,
  emitIcmp,
  emitIcmp6,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
} from "../../wire/icmp.ts";
import { emitIpv4, IP_PROTOCOL, IPV4_OCTETS, IPV4_PLAIN } from "../../wire/ipv4.ts";
import { emitIpv6, IPV6_OCTETS, IPV6_PLAIN } from "../../wire/ipv6.ts";
import { ND_SOURCE_MAC, ndPacket, solicitedNodeOf } from "../../wire/nd.ts";
import { emitTcp, TCP_FLAG } from "../../wire/tcp.ts";
import { emitUdp } from "../../wire/udp.ts";

export type TraceProtocol = "icmp" | "tcp" | "udp";

/** What is sent one way; a reply is what answers it. */
export interface Packet {
  readonly protocol: TraceProtocol;
  /** Of TCP and UDP: the one that is asked, which a reply comes from. */
  readonly port: number;
  readonly isReply: boolean;
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

const MINIMUM_OCTETS = 60;
const ROOM_OCTETS = 256;
const TTL = 64;
/** The asker's. */
const EPHEMERAL_PORT = 40_000;
const NOTHING = new Uint8Array(0);
const NO_MAC = new Uint8Array(6);

export interface Macs {
  /** 6 octets each. */
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

/** What asks who has `target`: ARP (RFC 826), or a neighbour solicitation (RFC 4861 section 4.3). */
export function questionFor(target: IpAddress, from: IpAddress, mac: Uint8Array): Uint8Array {
  if (target.family === "ipv4")
    return padded(
      ethernetFrame(
        { destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE.arp },
        arpPacket({
          ...{ operation: ARP_OPERATION.request, senderMac: mac, senderAddress: from.octets },
          ...{ targetMac: NO_MAC, targetAddress: target.octets },
        }),
      ),
    );
  const group = solicitedNodeOf(target.octets);
  const link = { source: mac, destination: multicastMacOf({ octets: group }) };
  const question = ndPacket(
    { source: from.octets, destination: group },
    {
      ...{ kind: "neighbour-solicitation", target: target.octets },
      options: [{ type: ND_SOURCE_MAC, body: mac }],
    },
  );
  return ethernetFrame({ ...link, etherType: ETHER_TYPE.ipv6 }, question);
}

export function frameOf(packet: Packet, macs: Macs): Uint8Array {
  const isIpv4 = packet.destination.family === "ipv4";
  const endpoints = { source: packet.source.octets, destination: packet.destination.octets };
  const out = new DataView(new ArrayBuffer(ROOM_OCTETS));
  const etherType = isIpv4 ? ETHER_TYPE.ipv4 : ETHER_TYPE.ipv6;
  const ip = emitEthernet(out, 0, { ...macs, etherType });
  const l4 = ip + (isIpv4 ? IPV4_OCTETS : IPV6_OCTETS);
  const end = emitPayload(out, l4, packet);
  const protocol = protocolOf(packet.protocol, isIpv4);
  if (isIpv4)
    emitIpv4(out, ip, {
      ...{ ...IPV4_PLAIN, ...endpoints, protocol, ttl: TTL, totalOctets: end - ip },
    });
  else
    emitIpv6(out, ip, {
      ...{ ...IPV6_PLAIN, ...endpoints, nextHeader: protocol, hopLimit: TTL },
      payloadOctets: end - l4,
    });
  return padded(new Uint8Array(out.buffer, 0, end));
}

function protocolOf(protocol: TraceProtocol, isIpv4: boolean): number {
  if (protocol !== "icmp") return IP_PROTOCOL[protocol];
  return isIpv4 ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmpv6;
}

function emitPayload(out: DataView, at: number, packet: Packet): number {
  const { protocol, port, isReply } = packet;
  const endpoints = { source: packet.source.octets, destination: packet.destination.octets };
  const [sourcePort, destinationPort] = isReply ? [port, EPHEMERAL_PORT] : [EPHEMERAL_PORT, port];
  if (protocol === "udp") {
    return emitUdp(out, at, endpoints, { sourcePort, destinationPort, payload: NOTHING });
  }
  if (protocol === "tcp") {
    const flags = isReply ? TCP_FLAG.syn | TCP_FLAG.ack : TCP_FLAG.syn;
    return emitTcp(out, at, endpoints, {
      ...{ sourcePort, destinationPort, sequence: 1, acknowledgment: 0, flags, window: 0xffff },
      ...{ urgent: 0, options: NOTHING, payload: NOTHING },
    });
  }
  const body = new Uint8Array(4);
  emitEcho(new DataView(body.buffer), 0, { identifier: 1, sequence: 1, data: NOTHING });
  if (packet.destination.family === "ipv4") {
    const type = isReply ? ICMP_ECHO_REPLY : ICMP_ECHO_REQUEST;
    return emitIcmp(out, at, { type, code: 0, body });
  }
  const type = isReply ? ICMPV6_ECHO_REPLY : ICMPV6_ECHO_REQUEST;
  return emitIcmp6(out, at, endpoints, { type, code: 0, body });
}

/** As it stands on a wire: no shorter than Ethernet's least. */
function padded(frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.max(frame.length, MINIMUM_OCTETS));
  out.set(frame);
  return out;
}

export const ttlOf = (frame: Uint8Array): number | null => {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const etherType = view.getUint16(ETHERNET_OCTETS - 2);
  if (etherType === ETHER_TYPE.ipv4) return view.getUint8(ETHERNET_OCTETS + 8);
  return etherType === ETHER_TYPE.ipv6 ? view.getUint8(ETHERNET_OCTETS + 7) : null;
};
