/**
 * The frame that comes out of a tunnel packet: without outer headers and the link's padding, and of the class that it
 * leaves with. The twin of the last part of datapath/from-underlay.bpf.c.
 */
import { ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IPV4_OCTETS } from "../wire/ipv4.ts";
import type { Frame } from "./frame.ts";
import { settleClass } from "./inner-class.ts";
import type { SoundTunnel } from "./tunnel.ts";

/** The kernel leaves no less behind than an IPv4 header, whatever is inside: a runt is padded, as a wire would. */
const LEAST_OCTETS: number = ETHERNET_OCTETS + IPV4_OCTETS;

/** `isUniform`: its DSCP becomes the outer one. */
export function decapsulate(frame: Frame, tunnel: SoundTunnel, isUniform: boolean): Uint8Array {
  const { innerAt, outerEnd, trafficClass } = tunnel;
  const end = frame.segmentOctets > 0 ? frame.wireOctets : outerEnd;
  // The class is read and written wherever there are octets, though they be the link's padding.
  const inner = frame.payloadAt(innerAt, frame.wireOctets - innerAt).slice();
  settleClass(new DataView(inner.buffer), trafficClass, isUniform);
  const out = new Uint8Array(Math.max(end - innerAt, LEAST_OCTETS));
  out.set(inner.subarray(0, out.length));
  return out;
}
