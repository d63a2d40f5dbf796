/**
 * A frame that a workload sends, and what the guards of both families ask of it: the twin of the first part of
 * datapath/lib/guard.h.
 */
import type { AttachRow } from "../rows/rows.ts";
import { ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { UDP_OCTETS } from "../wire/udp.ts";
import type { Frame } from "./frame.ts";
import type { PortTables } from "./port-tables.ts";

/** A frame on the port that `row` is of. */
export interface Sent {
  readonly frame: Frame;
  readonly row: AttachRow;
  readonly tables: PortTables;
}

/** IPv4 and IPv6 inside IP. */
const IPIP = 4;
const IPV6_IN_IP = 41;
/** VXLAN by RFC 7348 and as Linux first had it, VXLAN-GPE, Geneve. */
const TUNNEL_PORTS: readonly number[] = [4789, 8472, 4790, 6081];

/** Tunnels that a workload might build itself. */
export function isTunnel(protocol: number, port: number, vxlanPort: number): boolean {
  if (protocol === IP_PROTOCOL.gre || protocol === IPIP || protocol === IPV6_IN_IP) return true;
  return protocol === IP_PROTOCOL.udp && (port === vxlanPort || TUNNEL_PORTS.includes(port));
}

/** An aggregate counts as its segments will, each with the packet's own headers. */
export function isTooBig(frame: Frame, mtu: number, headerOctets: number): boolean {
  if (frame.wireOctets - ETHERNET_OCTETS <= mtu) return false;
  return frame.segmentOctets === 0 || frame.segmentOctets + headerOctets > mtu;
}

/** Of a TCP (by its data offset) or UDP header. */
export function l4Octets(frame: Frame, protocol: number, l4: number): number {
  if (protocol !== IP_PROTOCOL.tcp) return UDP_OCTETS;
  return frame.reaches(l4 + 13) ? 4 * (frame.u8(l4 + 12) >> 4) : 20;
}
