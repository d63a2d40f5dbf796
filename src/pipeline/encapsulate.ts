/**
 * Outer headers around an inner frame: the twin of datapath/lib/outer.h. VXLAN by RFC 7348 section 5, NVGRE by RFC 7637
 * section 3.2, ECN by RFC 6040 section 4.1 (normal mode). UDP has no sum (RFC 7348; over IPv6 RFC 6935 and 6936).
 */
import { parseIp } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import type { EncapsulationName } from "../rows/rows.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, emitEthernet } from "../wire/ethernet.ts";
import { emitIpv4, IP_PROTOCOL, IPV4_OCTETS, IPV4_PLAIN } from "../wire/ipv4.ts";
import { emitIpv6, IPV6_OCTETS } from "../wire/ipv6.ts";
import { emitNvgre, NVGRE_OCTETS } from "../wire/nvgre.ts";
import { emitOctets } from "../wire/octets.ts";
import { emitUdpHeader, UDP_OCTETS } from "../wire/udp.ts";
import { emitVxlan, VXLAN_OCTETS } from "../wire/vxlan.ts";
import { flowIdOfHash, flowLabelOfHash, portOfHash } from "./flow-hash.ts";
import type { Endpoint } from "./host-tables.ts";

export interface Encapsulation {
  readonly encapsulation: EncapsulationName;
  readonly vni: number;
  readonly vxlanPort: number;
  readonly peer: Endpoint;
  /** DSCP and ECN. */
  readonly trafficClass: number;
  /** Of the inner flow. */
  readonly hash: number;
  /** Of the outer header. */
  readonly ttl: number;
  /** On the underlay's link. */
  readonly destinationMac: Uint8Array;
  readonly sourceMac: Uint8Array;
}

/** Of a frame that no tunnel has carried yet. */
export const OUTER_TTL = 64;

export function encapsulate(inner: Uint8Array, how: Encapsulation): Uint8Array {
  const isIpv4 = how.peer.family === "ipv4";
  const isVxlan = how.encapsulation === "vxlan";
  const ipOctets = isIpv4 ? IPV4_OCTETS : IPV6_OCTETS;
  const payload = (isVxlan ? UDP_OCTETS + VXLAN_OCTETS : NVGRE_OCTETS) + inner.length;
  const out = new DataView(new ArrayBuffer(ETHERNET_OCTETS + ipOctets + payload));
  const at = emitIp(out, emitLink(out, how), how, payload);
  emitOctets(out, isVxlan ? emitUdpVxlan(out, at, how, payload) : emitFlow(out, at, how), inner);
  return new Uint8Array(out.buffer);
}

function emitLink(out: DataView, { peer, destinationMac, sourceMac }: Encapsulation): number {
  const etherType = peer.family === "ipv4" ? ETHER_TYPE.ipv4 : ETHER_TYPE.ipv6;
  return emitEthernet(out, 0, { destination: destinationMac, source: sourceMac, etherType });
}

function emitIp(out: DataView, at: number, how: Encapsulation, payload: number): number {
  const { peer, trafficClass } = how;
  const ends = { source: octetsOf(peer.local), destination: octetsOf(peer.remote) };
  const protocol = how.encapsulation === "vxlan" ? IP_PROTOCOL.udp : IP_PROTOCOL.gre;
  if (peer.family === "ipv4") {
    // Of an aggregate, which the kernel cuts, the length wraps.
    const totalOctets = (IPV4_OCTETS + payload) & 0xffff;
    const header = { ...IPV4_PLAIN, ...ends, protocol, ttl: how.ttl, trafficClass, totalOctets };
    return emitIpv4(out, at, header);
  }
  const flowLabel = flowLabelOfHash(how.hash);
  const payloadOctets = payload & 0xffff;
  const header = { ...ends, nextHeader: protocol, hopLimit: how.ttl, trafficClass };
  return emitIpv6(out, at, { ...header, flowLabel, payloadOctets });
}

function octetsOf(address: string): Uint8Array {
  const ip = parseIp(address);
  invariant(ip !== null, `a row has no address: ${address}`);
  return ip.octets;
}

function emitUdpVxlan(out: DataView, at: number, how: Encapsulation, payload: number): number {
  const shim = emitUdpHeader(out, at, {
    sourcePort: portOfHash(how.hash),
    destinationPort: how.vxlanPort,
    octets: payload & 0xffff,
    checksum: 0,
  });
  return emitVxlan(out, shim, { vni: how.vni });
}

const emitFlow = (out: DataView, at: number, { vni, hash }: Encapsulation): number =>
  emitNvgre(out, at, { vsid: vni, flowId: flowIdOfHash(hash) });
