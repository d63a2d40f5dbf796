/**
 * What weft would do with a captured frame, and why: the layers of the frame beside the verdict that the receiving
 * program would give it. A frame with outer tags is taken as the VLAN's own interface would hand it on.
 */
import type { VerdictName } from "../rows/abi.generated.ts";
import type { EncapsulationName } from "../rows/rows.ts";
import type { CapturedFrame } from "../wire/capture.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, VLAN_TAG_OCTETS } from "../wire/ethernet.ts";
import { dissect } from "../wire/layers/dissect.ts";
import type { Layer } from "../wire/layers/scan.ts";
import { Frame } from "./frame.ts";
import { type Arrival, arrive } from "./from-underlay.ts";
import type { UnderlayTables } from "./underlay-tables.ts";

export interface DecodedFrame {
  readonly action: "decap" | "drop" | "pass";
  /** Null on decap. */
  readonly reason: Reason | null;
  readonly encapsulation: EncapsulationName | null;
  /** VNI or VSID; null where none could be read. */
  readonly vni: number | null;
  readonly flowId: number | null;
  readonly layers: readonly Layer[];
}

export type Reason = VerdictName | "not-tunnel" | "udp6-zero";

export interface DecodeOptions {
  readonly tables: UnderlayTables;
  /** VXLAN over IPv6 without a checksum: the datapath accepts it; a receiver that insists on one does not (RFC 6936). */
  readonly udp6Zero: "accept" | "drop";
}

/** A frame as a capture has it: all of it, or its first octets. */
type Captured = Pick<CapturedFrame, "bytes" | "wireOctets">;

/** Null: the capture was cut before what decides. */
export function decodeFrame(captured: Captured, options: DecodeOptions): DecodedFrame | null {
  const frame = untagged(captured);
  const arrival = arrive(frame, options.tables, 0);
  if (frame.lacked) return null;
  const { vxlanPort } = options.tables;
  return {
    ...outcomeOf(arrival, options.udp6Zero),
    encapsulation: arrival.tunnel?.encapsulation ?? null,
    vni: arrival.tunnel?.kind === "sound" ? arrival.tunnel.vni : null,
    flowId: arrival.tunnel?.kind === "sound" ? arrival.tunnel.flowId : null,
    layers: dissect(captured.bytes, captured.wireOctets, vxlanPort),
  };
}

/** What VLAN devices take off on the way to the uplink's program: 802.1Q and 802.1ad, no older types. */
function untagged({ bytes, wireOctets }: Captured): Frame {
  const frame = new Frame(bytes, { wireOctets, segmentOctets: 0 });
  let at = ETHERNET_OCTETS - 2;
  while (isOuterTag(frame, at)) at += VLAN_TAG_OCTETS;
  const tagOctets = at + 2 - ETHERNET_OCTETS;
  if (tagOctets === 0 || frame.lacked) return frame;
  const rest = new Uint8Array(bytes.length - tagOctets);
  rest.set(bytes.subarray(0, ETHERNET_OCTETS - 2));
  rest.set(bytes.subarray(at), ETHERNET_OCTETS - 2);
  return new Frame(rest, { wireOctets: wireOctets - tagOctets, segmentOctets: 0 });
}

function isOuterTag(frame: Frame, at: number): boolean {
  if (!frame.reaches(at + 2 + VLAN_TAG_OCTETS)) return false;
  const etherType = frame.u16(at);
  return etherType === ETHER_TYPE.vlan || etherType === ETHER_TYPE.qinq;
}

function outcomeOf(
  { verdict, tunnel }: Arrival,
  udp6Zero: DecodeOptions["udp6Zero"],
): Pick<DecodedFrame, "action" | "reason"> {
  if (verdict === "passed") return { action: "pass", reason: "not-tunnel" };
  if (verdict === "passed-shared") return { action: "pass", reason: verdict };
  const hasNoSum = tunnel?.kind === "sound" && tunnel.udpChecksum === 0;
  if (udp6Zero === "drop" && hasNoSum && tunnel.source.length === 16)
    return { action: "drop", reason: "udp6-zero" };
  return WENT_ON.includes(verdict)
    ? { action: "decap", reason: null }
    : { action: "drop", reason: verdict };
}

/** To ports, through another tunnel, or to the agent. */
const WENT_ON: readonly VerdictName[] = ["delivered", "flooded", "encapsulated", "punted"];
