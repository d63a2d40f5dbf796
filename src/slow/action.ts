/** What the agent sends through weft0, and what stands behind it (datapath/maps.h). */
import { unreachable } from "../base/result.ts";
import { INJECT_KIND, LAYOUTS, TRAILER_MAGIC } from "../rows/abi.generated.ts";
import { pack } from "../rows/pack.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";

export type SlowAction =
  /** As if the port had sent it. */
  | { readonly do: "send-from-port"; readonly port: number; readonly frame: Uint8Array }
  /** To a port, as it is. */
  | { readonly do: "send-to-port"; readonly port: number; readonly frame: Uint8Array }
  /** To everybody on a network. */
  | { readonly do: "send-to-network"; readonly network: number; readonly frame: Uint8Array }
  /** Through a tunnel, as it is. */
  | { readonly do: "send-to-group"; readonly group: number; readonly frame: Uint8Array }
  /** An IP packet that is routed as from this host's router in an address space. */
  | { readonly do: "route"; readonly space: number; readonly packet: Uint8Array };

/** The frame with its trailer, as weft0 takes it. */
export function emitAction(action: SlowAction): Uint8Array {
  switch (action.do) {
    case "send-from-port":
      return withTrailer(INJECT_KIND.INJECT_FROM_PORT, action.port, action.frame);
    case "send-to-port":
      return withTrailer(INJECT_KIND.INJECT_TO_PORT, action.port, action.frame);
    case "send-to-network":
      return withTrailer(INJECT_KIND.INJECT_TO_NETWORK, action.network, action.frame);
    case "send-to-group":
      return withTrailer(INJECT_KIND.INJECT_TO_GROUP, action.group, action.frame);
    case "route":
      return withTrailer(INJECT_KIND.INJECT_ROUTED, action.space, unaddressed(action.packet));
    default:
      return unreachable(action);
  }
}

/** Under an Ethernet header whose addresses are still to be filled in. */
function unaddressed(packet: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETHERNET_OCTETS + packet.length);
  const isIpv6 = (packet[0] ?? 0) >> 4 === 6;
  new DataView(frame.buffer).setUint16(12, isIpv6 ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4);
  frame.set(packet, ETHERNET_OCTETS);
  return frame;
}

function withTrailer(kind: number, id: number, frame: Uint8Array): Uint8Array {
  const out = new Uint8Array(frame.length + LAYOUTS.injectTrailer.octets);
  out.set(frame);
  out.set(pack("injectTrailer", { magic: TRAILER_MAGIC.INJECT_MAGIC, kind, id }), frame.length);
  return out;
}
