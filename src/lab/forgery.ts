/**
 * The frame that a host would send to a network or router that it has no part in, if its datapath let it: the probe in
 * a tunnel header of the target's own network, or of its router, put on the underlay past the source's guards. Only the
 * receiver's `admit` stands between it and the target, so it is what shows an `admit` row too many.
 */
import { parseIp } from "../base/ip.ts";
import { invariant } from "../base/result.ts";
import type { VniInRow } from "../rows/rows.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, emitEthernet } from "../wire/ethernet.ts";
import { emitIpv4, IP_PROTOCOL, IPV4_OCTETS, IPV4_PLAIN } from "../wire/ipv4.ts";
import { emitIpv6, IPV6_OCTETS, IPV6_PLAIN } from "../wire/ipv6.ts";
import { emitNvgre, NVGRE_OCTETS } from "../wire/nvgre.ts";
import { emitOctets } from "../wire/octets.ts";
import { emitUdpHeader, UDP_OCTETS } from "../wire/udp.ts";
import { emitVxlan, VXLAN_OCTETS } from "../wire/vxlan.ts";
import type { Via } from "./frame.ts";

/** A host as the underlay sees it. */
export interface UnderlayHost {
  readonly host: string;
  /** Of its first uplink. */
  readonly mac: Uint8Array;
  readonly vteps: readonly string[];
  readonly namespace: string;
  readonly interface: string;
}

export interface Forgery {
  readonly from: UnderlayHost;
  readonly to: UnderlayHost;
  /** How the target's host receives the target's network, or its router. */
  readonly tunnel: VniInRow;
  /** Under a router's number: that host's router MAC. */
  readonly via: Via | null;
  readonly vxlanPort: number;
}

const SOURCE_PORT = 50_000;
const HOPS = 64;

/** The tunnel packet around `inner`; null if the source has no tunnel address of the tunnel's family. */
export function emitForgery(forgery: Forgery, inner: Uint8Array): Uint8Array | null {
  const { from, to, tunnel } = forgery;
  const destination = parseIp(tunnel.vtep);
  invariant(destination !== null, `${tunnel.vtep} is no address`);
  const sources = from.vteps.map(parseIp);
  const source = sources.find((ip) => ip?.family === destination.family);
  if (!source) return null;
  const isIpv6 = destination.family === "ipv6";
  const isVxlan = tunnel.encapsulation === "vxlan";
  const payloadOctets = (isVxlan ? UDP_OCTETS + VXLAN_OCTETS : NVGRE_OCTETS) + inner.length;
  const protocol = isVxlan ? IP_PROTOCOL.udp : IP_PROTOCOL.gre;
  const ends = { source: source.octets, destination: destination.octets };
  const ipOctets = isIpv6 ? IPV6_OCTETS : IPV4_OCTETS;
  const out = new DataView(new ArrayBuffer(ETHERNET_OCTETS + ipOctets + payloadOctets));
  const at = emitEthernet(out, 0, {
    destination: to.mac,
    source: from.mac,
    etherType: isIpv6 ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4,
  });
  const header = isIpv6
    ? emitIpv6(out, at, {
        ...IPV6_PLAIN,
        ...ends,
        nextHeader: protocol,
        hopLimit: HOPS,
        payloadOctets,
      })
    : emitIpv4(out, at, {
        ...IPV4_PLAIN,
        ...ends,
        protocol,
        ttl: HOPS,
        totalOctets: IPV4_OCTETS + payloadOctets,
      });
  emitOctets(out, emitTunnel(out, header, forgery, payloadOctets), inner);
  return new Uint8Array(out.buffer);
}

function emitTunnel(out: DataView, at: number, forgery: Forgery, octets: number): number {
  const { tunnel, vxlanPort: destinationPort } = forgery;
  if (tunnel.encapsulation === "nvgre") return emitNvgre(out, at, { vsid: tunnel.vni, flowId: 0 });
  const udp = { sourcePort: SOURCE_PORT, destinationPort, octets, checksum: 0 };
  return emitVxlan(out, emitUdpHeader(out, at, udp), { vni: tunnel.vni });
}
