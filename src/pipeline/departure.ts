/**
 * A frame that passed the guards on its way out, and the outer headers that it gets: the twin of datapath/lib/send.h.
 */
import { parseMac } from "../base/mac.ts";
import { invariant } from "../base/result.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import type { GroupMember } from "../rows/rows.ts";
import { encapsulate } from "./encapsulate.ts";
import { pickWay } from "./flow-hash.ts";
import type { Endpoint, PortTables, Way } from "./port-tables.ts";
import type { Flow, Sent } from "./sent.ts";

/** Counted verdicts, and how often. */
export type Tally = Readonly<Partial<Record<VerdictName, number>>>;

export interface Departure {
  readonly verdict: VerdictName;
  /** Counted beside it. */
  readonly beside: Tally;
  readonly out: readonly Outgoing[];
}

export type Outgoing =
  | { readonly to: "port"; readonly port: number; readonly octets: Uint8Array }
  | {
      readonly to: "peer";
      readonly octets: Uint8Array;
      /** The link's addresses are the kernel's to fill in. */
      readonly isByNeighbour: boolean;
    };

/** A frame that passed the guards; its class is what the network lets out. */
export interface Sound extends Sent {
  readonly flow: Flow;
}

/** How a peer is reached on a network. */
export type Via = Pick<GroupMember, "encapsulation" | "vni"> & { readonly peer: Endpoint };

export const dropped = (verdict: VerdictName): Departure => ({ verdict, beside: {}, out: [] });

export function wayOf(tables: PortTables, peer: Endpoint, hash: number): Way | null {
  const ways = tables.waysTo(peer.remote);
  return ways[pickWay(hash, ways.length)] ?? null;
}

const NO_MAC = new Uint8Array(6);

/** The frame with its outer headers; `way` null: without the link's addresses. */
export function wrap({ frame, tables, flow }: Sound, via: Via, way: Way | null): Uint8Array {
  return encapsulate(frame.octetsAt(0, frame.wireOctets), {
    ...via,
    vxlanPort: tables.vxlanPort,
    trafficClass: flow.trafficClass,
    hash: flow.hash,
    destinationMac: way?.mac ? macOctets(way.mac) : NO_MAC,
    sourceMac: way ? macOctets(way.sourceMac) : NO_MAC,
  });
}

function macOctets(text: string): Uint8Array {
  const octets = parseMac(text);
  invariant(octets !== null, `a way has no MAC: ${text}`);
  return octets;
}
