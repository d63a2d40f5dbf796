/** Layers that IP carries: UDP, TCP, ICMP and ICMPv6 with neighbour discovery. */
import { formatIp } from "../../base/ip.ts";
import { formatMac } from "../../base/mac.ts";
import { sumPseudoHeader } from "../checksum.ts";
import {
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMPV6_ECHO_REPLY,
  ICMPV6_ECHO_REQUEST,
  type IcmpMessage,
  parseEcho,
  parseIcmp,
} from "../icmp.ts";
import { IP_PROTOCOL } from "../ipv4.ts";
import { isNdType, ND_SOURCE_MAC, ND_TARGET_MAC, type NdMessage, parseNd } from "../nd.ts";
import { decode } from "../reader.ts";
import { parseTcpHeader, TCP_FLAG } from "../tcp.ts";
import { parseUdpHeader, UDP_OCTETS, type UdpHeader } from "../udp.ts";
import { type Carrier, type Checksum, type Fields, noted, type Scan } from "./scan.ts";

/** RFC 7348 section 5: what a tunnel's source port should lie in. */
const TUNNEL_SOURCE_PORT_MIN = 49_152;

/** Reads the header alone: what follows may be a tunnel. */
export function udp(scan: Scan, carrier: Carrier): UdpHeader | null {
  return scan.read("udp", parseUdpHeader, (header, at) => {
    const { sourcePort, destinationPort, octets } = header;
    const lengths = scan.narrow(at, octets);
    const isOdd = lengths["length-beyond-packet"] === true || octets < UDP_OCTETS;
    const checksum =
      header.checksum === 0
        ? "none"
        : isOdd
          ? "unknown"
          : transportSum(scan, carrier, { at, octets, protocol: IP_PROTOCOL.udp });
    const isTunnel = !scan.isInner && destinationPort === scan.vxlanPort;
    return {
      fields: { sourcePort, destinationPort, datagramOctets: octets, checksum },
      notes: noted({
        ...lengths,
        "bad-checksum": checksum === "bad",
        "no-checksum": checksum === "none" && carrier.endpoints.source.length === 16 && !isTunnel,
        "source-port-range": isTunnel && sourcePort < TUNNEL_SOURCE_PORT_MIN,
      }),
    };
  });
}

export function tcp(scan: Scan, carrier: Carrier): void {
  scan.read("tcp", parseTcpHeader, (header, at) => {
    const checksum = sumToEnd(scan, carrier, at, IP_PROTOCOL.tcp);
    return {
      fields: {
        sourcePort: header.sourcePort,
        destinationPort: header.destinationPort,
        sequence: header.sequence,
        acknowledgment: header.acknowledgment,
        flags: Object.entries(TCP_FLAG).flatMap(([name, bit]) =>
          header.flags & bit ? [name] : [],
        ),
        window: header.window,
        checksum,
      },
      notes: noted({ "bad-checksum": checksum === "bad" }),
    };
  });
}

export function icmp(scan: Scan, carrier: Carrier): void {
  const total = scan.leftOctets;
  scan.read("icmp", parseIcmp, (message, at) => {
    const checksum = carrier.isFragment ? "unknown" : scan.checksum(at, total);
    const isEcho = message.type === ICMP_ECHO_REQUEST || message.type === ICMP_ECHO_REPLY;
    return {
      fields: { ...typeOf(message, checksum), ...(isEcho ? echoFields(message) : {}) },
      notes: noted({ "bad-checksum": checksum === "bad" }),
    };
  });
}

export function icmp6(scan: Scan, carrier: Carrier): void {
  const total = scan.leftOctets;
  scan.read("icmpv6", parseIcmp, (message, at) => {
    const checksum = transportSum(scan, carrier, {
      at,
      octets: total,
      protocol: IP_PROTOCOL.icmpv6,
    });
    const { type } = message;
    const isEcho = type === ICMPV6_ECHO_REQUEST || type === ICMPV6_ECHO_REPLY;
    const nd = isNdType(type) ? decode("nd", message.body, (r) => parseNd(r, type)) : null;
    return {
      fields: {
        ...typeOf(message, checksum),
        ...(isEcho ? echoFields(message) : {}),
        ...(nd?.ok ? ndFields(nd.value) : {}),
      },
      notes: noted({
        malformed: nd?.ok === false,
        "bad-checksum": checksum === "bad",
        "hop-limit-not-255": nd !== null && carrier.hopLimit !== 255,
      }),
    };
  });
}

const typeOf = (message: IcmpMessage, checksum: Checksum): Fields => ({
  type: message.type,
  code: message.code,
  checksum,
});

function echoFields(message: IcmpMessage): Fields {
  const echo = decode("echo", message.body, parseEcho);
  return echo.ok ? { identifier: echo.value.identifier, sequence: echo.value.sequence } : {};
}

function ndFields(message: NdMessage): Fields {
  const macs: Record<string, string> = {};
  for (const { type, body } of message.options) {
    if (type === ND_SOURCE_MAC) macs.sourceMac = formatMac(body);
    if (type === ND_TARGET_MAC) macs.targetMac = formatMac(body);
  }
  const target = "target" in message ? { target: formatIp({ octets: message.target }) } : {};
  return { message: message.kind, ...target, ...macs };
}

/** A sum that goes to the end of the packet. */
const sumToEnd = (scan: Scan, carrier: Carrier, at: number, protocol: number): Checksum =>
  transportSum(scan, carrier, { at, octets: scan.leftOctets + scan.reader.pos - at, protocol });

/** A sum with the pseudo-header; of a fragment only the whole would have one. */
function transportSum(
  scan: Scan,
  carrier: Carrier,
  of: { readonly at: number; readonly octets: number; readonly protocol: number },
): Checksum {
  if (carrier.isFragment) return "unknown";
  const pseudo = sumPseudoHeader(carrier.endpoints, of.protocol, of.octets);
  return scan.checksum(of.at, of.octets, pseudo);
}
