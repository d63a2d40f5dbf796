/** What of an inner frame goes into its outer header: the twin of datapath/lib/flow.h. */
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL, IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { endHash, mixHash } from "./flow-hash.ts";
import type { Frame } from "./frame.ts";

export interface Flow {
  readonly etherType: number;
  /** DSCP and ECN; 0 for what is not IP. */
  readonly trafficClass: number;
  readonly hash: number;
}

const SCTP = 132;

export const isPorted = (protocol: number): boolean =>
  protocol === IP_PROTOCOL.tcp || protocol === IP_PROTOCOL.udp || protocol === SCTP;

export const isIp = (etherType: number): boolean =>
  etherType === ETHER_TYPE.ipv4 || etherType === ETHER_TYPE.ipv6;

/** Of the Ethernet frame at `at`; an IP packet that is shorter than its header counts as none. */
export function flowOf(frame: Frame, at: number, seed: number): Flow {
  const etherType = frame.u16(at + ETHERNET_OCTETS - 2);
  const ip = at + ETHERNET_OCTETS;
  if (etherType === ETHER_TYPE.ipv4 && frame.reaches(ip + IPV4_OCTETS))
    return { etherType, trafficClass: frame.u8(ip + 1), hash: hashIpv4(frame, ip, seed) };
  if (etherType === ETHER_TYPE.ipv6 && frame.reaches(ip + IPV6_OCTETS)) {
    const trafficClass = (frame.u16(ip) >> 4) & 0xff;
    return { etherType, trafficClass, hash: hashIpv6(frame, ip, seed) };
  }
  return { etherType, trafficClass: 0, hash: hashEthernet(frame, at, seed) };
}

/** Fragments hash without ports, whichever of the datagram they are (RFC 6438 section 3). */
function hashIpv4(frame: Frame, ip: number, seed: number): number {
  const l4 = ip + 4 * (frame.u8(ip) & 0x0f);
  const protocol = frame.u8(ip + 9);
  const isFragment = (frame.u16(ip + 6) & 0x3fff) !== 0;
  const ports = !isFragment && isPorted(protocol) && frame.reaches(l4 + 8) ? frame.u32le(l4) : 0;
  let hash = mixHash(mixHash(seed, frame.u32le(ip + 12)), frame.u32le(ip + 16));
  hash = mixHash(mixHash(hash, protocol), ports);
  return endHash(hash);
}

function hashIpv6(frame: Frame, ip: number, seed: number): number {
  const [source, destination, l4] = [ip + 8, ip + 24, ip + IPV6_OCTETS];
  const protocol = frame.u8(ip + 6);
  const ports = isPorted(protocol) && frame.reaches(l4 + 8) ? frame.u32le(l4) : 0;
  let hash = seed;
  for (let word = 0; word < 16; word += 4)
    hash = mixHash(mixHash(hash, frame.u32le(source + word)), frame.u32le(destination + word));
  return endHash(mixHash(mixHash(hash, protocol), ports));
}

function hashEthernet(frame: Frame, at: number, seed: number): number {
  return endHash(mixHash(mixHash(seed, frame.u32le(at)), frame.u32le(at + 6)));
}
