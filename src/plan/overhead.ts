/**
 * What a tunnel costs: octets around an inner IP packet, what MTU is left, and which part of a line carries
 * payload. RFC 7348 §5, RFC 7637 §3.2, RFC 4303 §2 and RFC 3948 §2 for ESP, IEEE 802.3 for the line.
 * Leaves out: IP options and extension headers, Geneve, tags inside (weft lets none through), MACsec.
 */
import { invariant } from "../base/result.ts";
import type { EncapsulationName, FamilyName } from "../rows/rows.ts";

/** What one ESP suite puts around what it encrypts: octets, and what the encrypted part is a multiple of. */
interface EspOctets {
  readonly iv: number;
  readonly icv: number;
  readonly alignment: number;
}

export type EspSuite = "aes-gcm" | "chacha20-poly1305" | "aes-cbc-sha256";

/** The key's length changes none of them. */
export const ESP_SUITES: Readonly<Record<EspSuite, EspOctets>> = {
  /** AES-GCM with an ICV of 16 octets (RFC 4106 §3 and §6). */
  "aes-gcm": { iv: 8, icv: 16, alignment: 4 },
  /** RFC 7634 §2. */
  "chacha20-poly1305": { iv: 8, icv: 16, alignment: 4 },
  /** RFC 3602 §2 and §3, RFC 4868 §2.6: a block cipher pads to its block. */
  "aes-cbc-sha256": { iv: 16, icv: 16, alignment: 16 },
};

export interface Esp {
  readonly mode: "transport" | "tunnel";
  readonly suite: EspSuite;
  /** ESP in UDP (RFC 3948). */
  readonly natTraversal: boolean;
}

/** Everything between an inner IP packet and the line. */
export interface Stack {
  readonly encapsulation: EncapsulationName;
  /** Of the tunnel addresses; in ESP's tunnel mode of the gateways, too. */
  readonly underlay: FamilyName;
  /** 802.1Q is one, QinQ two. */
  readonly outerTags: 0 | 1 | 2;
  /** The group that sent it, in VXLAN's reserved bits (draft-smith-vxlan-group-policy); NVGRE has no place for it. */
  readonly groupPolicy: boolean;
  readonly esp: Esp | null;
}

/** A header or trailer. `line` is no part of the frame, `frame` none of the underlay's IP packet. */
export interface Layer {
  readonly name: string;
  readonly octets: number;
  readonly part: "line" | "frame" | "packet";
}

/** In the order of sending, with the payload between them. */
export interface Layers {
  readonly before: readonly Layer[];
  readonly after: readonly Layer[];
}

/** Three ways to count one packet, each with what the one before leaves out. */
export interface Octets {
  /** The underlay's IP packet: what an MTU is about. */
  readonly packet: number;
  /** With Ethernet, tags and FCS. */
  readonly frame: number;
  /** With the preamble before and the gap after it: the time that it takes. */
  readonly line: number;
}

const layer = (part: Layer["part"], name: string, octets: number): Layer => ({
  name,
  octets,
  part,
});
const OCTETS_BY_FAMILY = { ipv4: 20, ipv6: 40 } as const;
const NAMES_BY_FAMILY = { ipv4: "IPv4", ipv6: "IPv6" } as const;
const ipLayer = (family: FamilyName): Layer =>
  layer("packet", NAMES_BY_FAMILY[family], OCTETS_BY_FAMILY[family]);
const PREAMBLE = layer("line", "preamble and start delimiter", 8);
const GAP = layer("line", "interpacket gap", 12);
const ETHERNET = layer("frame", "Ethernet", 14);
const FCS = layer("frame", "FCS", 4);
const UDP = layer("packet", "UDP", 8);
const INNER_ETHERNET = layer("packet", "inner Ethernet", 14);
const TUNNEL_HEADERS: Readonly<Record<EncapsulationName, readonly Layer[]>> = {
  vxlan: [UDP, layer("packet", "VXLAN", 8)],
  nvgre: [layer("packet", "GRE with key", 8)],
};
const GROUP_POLICY = layer("packet", "group policy, in VXLAN's reserved bits", 0);
/** The first is the outer one, where there are two. */
const TAGS = [layer("frame", "802.1ad", 4), layer("frame", "802.1Q", 4)];

/** Without a tunnel: the workload's own frame, untagged. */
const NATIVE: Layers = { before: [PREAMBLE, ETHERNET], after: [FCS, GAP] };

/** What stands around an inner IP packet of `payloadOctets`; its length decides ESP's padding alone. */
export function layersOf(stack: Stack | null, payloadOctets: number): Layers {
  if (!stack) return NATIVE;
  const { encapsulation, underlay, outerTags, groupPolicy, esp } = stack;
  invariant(!groupPolicy || encapsulation === "vxlan", "NVGRE has no place for a group");
  const tunnel = [
    ...TUNNEL_HEADERS[encapsulation],
    ...(groupPolicy ? [GROUP_POLICY] : []),
    INNER_ETHERNET,
  ];
  const vtep = ipLayer(underlay);
  const inPacket = esp
    ? espLayers(esp, vtep, tunnel, payloadOctets)
    : { before: [vtep, ...tunnel], after: [] };
  return {
    before: [PREAMBLE, ETHERNET, ...TAGS.slice(TAGS.length - outerTags), ...inPacket.before],
    after: [...inPacket.after, FCS, GAP],
  };
}

/** Transport mode protects what follows the tunnel's IP header; tunnel mode that header, too, behind one of its own. */
function espLayers(esp: Esp, vtep: Layer, tunnel: readonly Layer[], payloadOctets: number): Layers {
  const { iv, icv, alignment } = ESP_SUITES[esp.suite];
  const inside = esp.mode === "tunnel" ? [vtep, ...tunnel] : tunnel;
  const trailer = layer("packet", "pad length and next header", 2);
  const encrypted = sumOf(inside) + payloadOctets + trailer.octets;
  const padding = layer("packet", "ESP padding", (alignment - (encrypted % alignment)) % alignment);
  return {
    before: [
      vtep,
      ...(esp.natTraversal ? [UDP] : []),
      layer("packet", "ESP", 8),
      layer("packet", "ESP IV", iv),
      ...inside,
    ],
    after: [padding, trailer, layer("packet", "ESP ICV", icv)],
  };
}

function sumOf(layers: readonly Layer[], ...parts: readonly Layer["part"][]): number {
  const counted = layers.filter(({ part }) => parts.length === 0 || parts.includes(part));
  return counted.reduce((sum: number, { octets }) => sum + octets, 0);
}

/** An inner IP packet of `payloadOctets` in `stack`, counted the three ways. */
export function octetsOf(stack: Stack | null, payloadOctets: number): Octets {
  const { before, after } = layersOf(stack, payloadOctets);
  const layers = [...before, ...after];
  return {
    packet: payloadOctets + sumOf(layers, "packet"),
    frame: payloadOctets + sumOf(layers, "packet", "frame"),
    line: payloadOctets + sumOf(layers),
  };
}

/** Octets that `stack` adds to the frame that the workload sent. */
export function addedOctetsOf(stack: Stack | null, payloadOctets: number): number {
  return octetsOf(stack, payloadOctets).frame - octetsOf(null, payloadOctets).frame;
}

/** The largest inner IP packet that fits an underlay packet of `underlayMtu`; tags are no part of that. */
export function innerMtuOf(stack: Stack | null, underlayMtu: number): number {
  let inner = underlayMtu - (octetsOf(stack, 0).packet - paddingOf(stack, 0));
  // Padding costs less than one alignment, so this ends soon.
  while (inner > 0 && octetsOf(stack, inner).packet > underlayMtu) inner--;
  return Math.max(0, inner);
}

function paddingOf(stack: Stack | null, payloadOctets: number): number {
  const { after } = layersOf(stack, payloadOctets);
  return after.find(({ name }) => name === "ESP padding")?.octets ?? 0;
}

/** Inner headers of a stream over IPv4: IP and TCP, without options; with RFC 7323 timestamps, as Linux sends them. */
const TCP_OCTETS = { plain: 20 + 20, timestamps: 20 + 20 + 12 } as const;

/** Which part of the line's time carries a TCP stream's own octets, in full packets at `underlayMtu`: 0..1. */
export function goodputOf(
  stack: Stack | null,
  underlayMtu: number,
  options: keyof typeof TCP_OCTETS = "plain",
): number {
  const inner = innerMtuOf(stack, underlayMtu);
  return Math.max(0, inner - TCP_OCTETS[options]) / octetsOf(stack, inner).line;
}

/** The smallest underlay MTU at which a TCP stream gets `share` (0..1) of the line; null: none that IP allows. */
export function mtuForGoodput(stack: Stack | null, share: number): number | null {
  for (let mtu = 576; mtu <= 0xffff; mtu++) if (goodputOf(stack, mtu) >= share) return mtu;
  return null;
}

/** Fields that a router can spread flows by without looking into the tunnel, and what is random in them. */
export interface Entropy {
  readonly field: string;
  readonly bits: number;
}

/**
 * The source port is one of 49152 to 65535 (RFC 7348 §5). A FlowID counts only where routers hash the GRE key.
 * ESP hides both; the label of ESP's tunnel mode is its gateway's to choose, so none is counted.
 */
export function entropyOf(stack: Stack): readonly Entropy[] {
  const label = { field: "IPv6 flow label", bits: 20 };
  const own =
    stack.encapsulation === "vxlan"
      ? { field: "UDP source port", bits: 14 }
      : { field: "FlowID in the GRE key", bits: 8 };
  return [
    ...(stack.esp ? [] : [own]),
    ...(stack.underlay === "ipv6" && stack.esp?.mode !== "tunnel" ? [label] : []),
  ];
}

/** The outermost transport has ports, so a NAT that tells its clients apart by them can carry more than one. */
export function hasPorts(stack: Stack): boolean {
  return stack.esp ? stack.esp.natTraversal : stack.encapsulation === "vxlan";
}

export interface SweepRow {
  readonly payloadOctets: number;
  readonly addedOctets: number;
  readonly octets: Octets;
  /** Everything in the frame that is not payload, in per cent of the payload. */
  readonly ofPayloadPercent: number;
  /** The same in per cent of the frame. */
  readonly ofFramePercent: number;
  /** With preamble and gap, in per cent of the line's time. */
  readonly ofLinePercent: number;
}

export interface StackPlan {
  /** Null: no tunnel. */
  readonly stack: Stack | null;
  /** Around the largest inner packet, as `addedOctets` and `framingOctets`. */
  readonly layers: Layers;
  readonly addedOctets: number;
  /** From the outer Ethernet header to the FCS, without the payload. */
  readonly framingOctets: number;
  readonly innerMtu: number;
  /** What the underlay's MTU must be for an inner MTU of 1500, and of 9000. */
  readonly underlayMtuFor: { readonly inner1500: number; readonly inner9000: number };
  /** The largest frame, tags and FCS included: what switches must pass. */
  readonly frameOctets: number;
  readonly entropy: readonly Entropy[];
  readonly ports: boolean;
  readonly tcpPercent: number;
  readonly tcpTimestampsPercent: number;
  /** A stream's share of what it gets at this MTU without a tunnel. */
  readonly tcpOfNativePercent: number;
  readonly sweep: readonly SweepRow[];
}

/** One stack at `underlayMtu`, and each of `payloads` in it whether it fits there or not. */
export function planStack(
  stack: Stack | null,
  underlayMtu: number,
  payloads: readonly number[],
): StackPlan {
  const innerMtu = innerMtuOf(stack, underlayMtu);
  const largest = octetsOf(stack, innerMtu);
  const goodput = goodputOf(stack, underlayMtu);
  return {
    stack,
    layers: layersOf(stack, innerMtu),
    addedOctets: addedOctetsOf(stack, innerMtu),
    framingOctets: largest.frame - innerMtu,
    innerMtu,
    underlayMtuFor: {
      inner1500: octetsOf(stack, 1500).packet,
      inner9000: octetsOf(stack, 9000).packet,
    },
    frameOctets: largest.frame,
    entropy: stack ? entropyOf(stack) : [],
    ports: stack !== null && hasPorts(stack),
    tcpPercent: percent(goodput),
    tcpTimestampsPercent: percent(goodputOf(stack, underlayMtu, "timestamps")),
    tcpOfNativePercent: percent(goodput / goodputOf(null, underlayMtu)),
    sweep: payloads.map((payloadOctets) => sweepRow(stack, payloadOctets)),
  };
}

function sweepRow(stack: Stack | null, payloadOctets: number): SweepRow {
  invariant(payloadOctets >= PAYLOAD_MIN, "Ethernet would pad a shorter payload");
  const octets = octetsOf(stack, payloadOctets);
  const overhead = octets.frame - payloadOctets;
  return {
    payloadOctets,
    addedOctets: addedOctetsOf(stack, payloadOctets),
    octets,
    ofPayloadPercent: percent(overhead / payloadOctets),
    ofFramePercent: percent(overhead / octets.frame),
    ofLinePercent: percent(1 - payloadOctets / octets.line),
  };
}

/** Octets of the smallest payload that Ethernet does not pad. */
export const PAYLOAD_MIN = 46;

/** In hundredths of a per cent, as they are quoted. */
export const percent = (share: number): number => Math.round(share * 10_000) / 100;
