/** Encapsulated frames as RFC 7348, RFC 7637 and the decisions of this datapath have them. */
import { ethernet, ip4, ip6, join, nvgre, udp, vxlan } from "./frame.ts";
import { LOCAL, NETWORK, NEXT_HOP, type PEERS, UPLINK } from "./rig.ts";

export type Peer = (typeof PEERS)[number];

const WIRE = { to: NEXT_HOP, from: UPLINK };

export interface Entropy {
  readonly port: number;
  readonly flowId: number;
  readonly label: number;
}

/** Of a frame that this host sends on: what it has left to live. */
interface Onward extends Entropy {
  readonly ttl?: number;
}

/** What of the hash is on the wire. */
export function entropyOf({ encapsulation, family }: Peer, outer: Uint8Array): Entropy {
  const view = new DataView(outer.buffer, outer.byteOffset);
  const l4 = family === "ipv4" ? 34 : 54;
  return {
    port: encapsulation === "vxlan" ? view.getUint16(l4) : 0,
    flowId: encapsulation === "nvgre" ? view.getUint8(l4 + 7) : 0,
    label: family === "ipv6" ? view.getUint32(14) & 0xfffff : 0,
  };
}

/** `frame` on its way to a workload, or a router, behind `peer`. */
export function expected(
  peer: Peer,
  frame: Uint8Array,
  tos: number,
  entropy: Onward,
  vni: number = NETWORK,
): Uint8Array {
  const { encapsulation, family, address } = peer;
  const ttl = entropy.ttl ?? 64;
  const shim =
    encapsulation === "vxlan"
      ? udp(entropy.port, 4789, join(vxlan(vni), frame))
      : join(nvgre(vni, 0x2000, 0x6558, entropy.flowId), frame);
  const protocol = encapsulation === "vxlan" ? 17 : 47;
  const ends = { from: LOCAL[family], to: address };
  return family === "ipv4"
    ? ethernet(WIRE, 0x0800, ip4({ ...ends, protocol, tos, fragment: 0x4000, ttl }, shim))
    : ethernet(
        WIRE,
        0x86dd,
        ip6({ ...ends, next: protocol, class: tos, label: entropy.label, hops: ttl }, shim),
      );
}
