/** A frame that the datapath has handed to the agent, and the header in front of it (datapath/maps.h). */
import { LAYOUTS, TRAILER_MAGIC } from "../rows/abi.generated.ts";
import { integerOf } from "../rows/pack.ts";
import { PUNT_REASONS, type PuntReason, REASON_NUMBERS } from "../rows/punt-reasons.ts";
import { ETHERNET_OCTETS } from "../wire/ethernet.ts";

export interface Punted {
  readonly reason: PuntReason;
  /** It came from this port; 0: from the underlay. */
  readonly port: number;
  /** It came from this peer; 0: from a port. */
  readonly peer: number;
  /** Of the port, or that its number means: a router's, if that is what the number is. */
  readonly network: number;
  readonly space: number;
  readonly owner: number;
  /** Octets of the largest IP packet on its way, if it is larger; else 0. */
  readonly mtu: number;
  /** The inner frame, from its Ethernet header on. There may be padding behind its packet. */
  readonly frame: Uint8Array;
}

/** Null: the datapath has not written this. */
export function parsePunted(octets: Uint8Array): Punted | null {
  const { octets: headerOctets } = LAYOUTS.puntHeader;
  if (octets.length < headerOctets) return null;
  const field = (name: keyof typeof LAYOUTS.puntHeader.fields): number =>
    integerOf("puntHeader", octets, name);
  const reason = PUNT_REASONS.find((name) => REASON_NUMBERS[name] === field("reason"));
  if (field("magic") !== TRAILER_MAGIC.PUNT_MAGIC || reason === undefined) return null;
  const frame = octets.slice(headerOctets + field("innerAt"));
  if (frame.length < ETHERNET_OCTETS) return null; // not whole: nobody's
  return {
    reason,
    ...{ port: field("port"), peer: field("peer"), network: field("network") },
    ...{ space: field("space"), owner: field("owner"), mtu: field("mtu") },
    frame,
  };
}
