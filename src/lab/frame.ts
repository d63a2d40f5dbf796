/**
 * The frames of the matrix: one Ethernet frame from one port to another, with a nonce by which it is known
 * again wherever it turns up. Built here, not by the sender's IP stack, so that its destination MAC is the
 * target's, or the gateway's, whatever the sender's neighbours and routes say.
 */
import type { IpAddress, IpFamily } from "../base/ip.ts";
import { linkLocalOf, multicastMacOf } from "../base/mac.ts";
import { InvariantError, invariant, unreachable } from "../base/result.ts";
import type { Protocol } from "../verify/judgement.ts";
import { ARP_OPERATION, emitArp } from "../wire/arp.ts";
import type { Endpoints } from "../wire/checksum.ts";
import { BROADCAST_MAC, ETHER_TYPE, ETHERNET_OCTETS, emitEthernet } from "../wire/ethernet.ts";
import {
  emitEcho,
  emitIcmp,
  emitIcmp6,
  ICMP_ECHO_REQUEST,
  ICMPV6_ECHO_REQUEST,
} from "../wire/icmp.ts";
import { emitIpv4, IP_PROTOCOL, IPV4_OCTETS, IPV4_PLAIN } from "../wire/ipv4.ts";
import { emitIpv6, IPV6_OCTETS, IPV6_PLAIN } from "../wire/ipv6.ts";
import { ALL_NODES, emitNd, ND_HOP_LIMIT, ND_TARGET_MAC, type NdOption } from "../wire/nd.ts";
import { emitOctets } from "../wire/octets.ts";
import { emitTcp, TCP_FLAG } from "../wire/tcp.ts";
import { emitUdp } from "../wire/udp.ts";

/** A port as far as a frame needs it. */
export interface Station {
  /** 6 octets. */
  readonly mac: Uint8Array;
  readonly addresses: readonly IpAddress[];
}

/** The router that a frame asks to carry it on. */
export interface Via {
  /** 6 octets. */
  readonly mac: Uint8Array;
  /** Of the packet: sender and target have an address of it. */
  readonly family: IpFamily;
}

export interface ProbeFrame {
  readonly protocol: Protocol;
  readonly from: Station;
  readonly to: Station;
  /** Null: the frame is addressed to the target itself. */
  readonly via: Via | null;
  /** NONCE_OCTETS. */
  readonly nonce: Uint8Array;
}

export const NONCE_OCTETS = 8;
/** Destination of every probe that has ports: discard (RFC 863). */
export const PROBE_PORT = 9;
const SOURCE_PORT = 40_000;
const MINIMUM_OCTETS = 60;
const ROOM_OCTETS = 128;
const HOPS = 64;
/** A SYN may carry data (RFC 9293 section 3.4). */
const SYN = {
  sequence: 0,
  acknowledgment: 0,
  flags: TCP_FLAG.syn,
  window: 0xffff,
  urgent: 0,
  options: new Uint8Array(0),
} as const;

interface Pair extends Endpoints {
  readonly family: IpFamily;
}

/** As the router needs it; else IPv4 unless one of the two has none, then IPv6, of which everybody has a link-local address. */
function pairOf(from: Station, to: Station, via: Via | null): Pair {
  const family = via?.family ?? "ipv4";
  const [source, destination] = [addressOf(from, family), addressOf(to, family)];
  if (source !== null && destination !== null) return { family, source, destination };
  invariant(via === null, "what is routed has addresses of its family");
  return {
    family: "ipv6",
    source: addressOf(from, "ipv6") ?? linkLocalOf(from.mac),
    destination: addressOf(to, "ipv6") ?? linkLocalOf(to.mac),
  };
}

/** The first of a family. */
export function addressOf(station: Station, family: IpFamily): Uint8Array | null {
  return station.addresses.find((a: IpAddress) => a.family === family)?.octets ?? null;
}

/** An announcement goes to everybody; all others to the target's own MAC, or to the router's. */
export function destinationOf(probe: Omit<ProbeFrame, "nonce">): Uint8Array {
  const { protocol, from, to, via } = probe;
  if (protocol !== "arp") return via?.mac ?? to.mac;
  return pairOf(from, to, via).family === "ipv4"
    ? BROADCAST_MAC
    : multicastMacOf({ octets: ALL_NODES });
}

/** The whole frame, from the destination MAC to the last octet before the frame check sequence. */
export function emitProbeFrame(probe: ProbeFrame): Uint8Array {
  invariant(probe.nonce.length === NONCE_OCTETS, "a nonce has 8 octets");
  invariant(probe.via === null || probe.protocol !== "arp", "no router carries an announcement");
  const pair = pairOf(probe.from, probe.to, probe.via);
  const out = new DataView(new ArrayBuffer(ROOM_OCTETS));
  const end =
    pair.family === "ipv6"
      ? emitOverIpv6(out, probe, pair)
      : probe.protocol === "arp"
        ? emitAnnouncement(out, probe, pair)
        : emitOverIpv4(out, probe, pair);
  return new Uint8Array(out.buffer, 0, end);
}

function emitHeader(out: DataView, probe: ProbeFrame, etherType: number): number {
  return emitEthernet(out, 0, {
    destination: destinationOf(probe),
    source: probe.from.mac,
    etherType,
  });
}

/**
 * Of the sender's own address (RFC 5227 section 2.3): a question for the target's would be answered by a host in
 * its place, and never reach it. ARP has no payload: the nonce lies in the padding to the smallest frame.
 */
function emitAnnouncement(out: DataView, probe: ProbeFrame, pair: Pair): number {
  const end = emitArp(out, emitHeader(out, probe, ETHER_TYPE.arp), {
    operation: ARP_OPERATION.request,
    senderMac: probe.from.mac,
    senderAddress: pair.source,
    targetMac: new Uint8Array(6),
    targetAddress: pair.source,
  });
  emitOctets(out, end, probe.nonce);
  return MINIMUM_OCTETS;
}

function emitOverIpv4(out: DataView, probe: ProbeFrame, pair: Pair): number {
  const at = emitHeader(out, probe, ETHER_TYPE.ipv4);
  const end = emitTransport(out, at + IPV4_OCTETS, probe, pair);
  emitIpv4(out, at, {
    ...IPV4_PLAIN,
    ...pair,
    protocol: protocolOf(probe.protocol, "ipv4"),
    ttl: HOPS,
    totalOctets: end - at,
  });
  return end;
}

function emitOverIpv6(out: DataView, probe: ProbeFrame, pair: Pair): number {
  const at = emitHeader(out, probe, ETHER_TYPE.ipv6);
  const announces = probe.protocol === "arp";
  const packet = announces ? { ...pair, destination: ALL_NODES } : pair;
  const end = announces
    ? emitNd(out, at + IPV6_OCTETS, packet, {
        kind: "neighbour-advertisement",
        router: false,
        solicited: false,
        override: true,
        target: pair.source,
        options: [{ type: ND_TARGET_MAC, body: probe.from.mac }, nonceOption(probe.nonce)],
      })
    : emitTransport(out, at + IPV6_OCTETS, probe, pair);
  emitIpv6(out, at, {
    ...IPV6_PLAIN,
    ...packet,
    nextHeader: protocolOf(probe.protocol, "ipv6"),
    hopLimit: announces ? ND_HOP_LIMIT : HOPS,
    payloadOctets: end - at - IPV6_OCTETS,
  });
  return end;
}

/** An option for experiments (RFC 4727 section 5.1.3), which every receiver skips. */
function nonceOption(nonce: Uint8Array): NdOption {
  return { type: 253, body: Uint8Array.of(0, 0, 0, 0, 0, 0, ...nonce) };
}

function emitTransport(out: DataView, at: number, probe: ProbeFrame, pair: Pair): number {
  const { protocol, nonce: payload } = probe;
  const ports = { sourcePort: SOURCE_PORT, destinationPort: PROBE_PORT };
  switch (protocol) {
    case "icmp":
      return emitEchoRequest(out, at, pair, payload);
    case "udp":
      return emitUdp(out, at, pair, { ...ports, payload });
    case "tcp":
      return emitTcp(out, at, pair, { ...SYN, ...ports, payload });
    case "arp":
      throw new InvariantError("ARP is not carried in IP");
    default:
      return unreachable(protocol);
  }
}

function emitEchoRequest(out: DataView, at: number, pair: Pair, data: Uint8Array): number {
  const body = new DataView(new ArrayBuffer(4 + data.length));
  emitEcho(body, 0, { identifier: SOURCE_PORT, sequence: 1, data });
  const message = { code: 0, body: new Uint8Array(body.buffer) };
  return pair.family === "ipv4"
    ? emitIcmp(out, at, { ...message, type: ICMP_ECHO_REQUEST })
    : emitIcmp6(out, at, pair, { ...message, type: ICMPV6_ECHO_REQUEST });
}

function protocolOf(protocol: Protocol, family: IpFamily): number {
  if (protocol === "tcp" || protocol === "udp") return IP_PROTOCOL[protocol];
  return family === "ipv4" ? IP_PROTOCOL.icmp : IP_PROTOCOL.icmpv6;
}

/** The nonce of a frame or of its first octets, if it carries one that begins with `mark`. */
export function findNonce(octets: Uint8Array, mark: Uint8Array): Uint8Array | null {
  const at = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength).indexOf(
    mark,
    ETHERNET_OCTETS,
  );
  const end = at + NONCE_OCTETS;
  return at < 0 || end > octets.length ? null : octets.subarray(at, end);
}

/**
 * Whether a frame that carries a probe's nonce is the probe, and no answer that quotes it: from the sender's MAC or, behind
 * a router, which puts its own in place of it, from the sender's address.
 */
export function isSentBy(frame: Uint8Array, from: Station): boolean {
  if (Buffer.compare(frame.subarray(6, 12), from.mac) === 0) return true;
  const etherType = ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
  if (etherType !== ETHER_TYPE.ipv4 && etherType !== ETHER_TYPE.ipv6) return false;
  const [family, at] =
    etherType === ETHER_TYPE.ipv4 ? (["ipv4", 12] as const) : (["ipv6", 8] as const);
  const source = addressOf(from, family);
  const seen = frame.subarray(ETHERNET_OCTETS + at, ETHERNET_OCTETS + at + (source?.length ?? 0));
  return source !== null && Buffer.compare(seen, source) === 0;
}
