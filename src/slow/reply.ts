/** The way back to who sent a punted frame. */
import { ETHER_TYPE, ethernetFrame } from "../wire/ethernet.ts";
import type { SlowAction } from "./action.ts";
import type { Punted } from "./punted.ts";
import type { SlowTables } from "./tables.ts";

/** A packet of this host's router to who sent `punted`; null: there is no way to him. */
export function replyWith(
  tables: SlowTables,
  punted: Punted,
  packet: Uint8Array,
): SlowAction | null {
  const type = (packet[0] ?? 0) >> 4 === 6 ? ETHER_TYPE.ipv6 : ETHER_TYPE.ipv4;
  return replyOnLink(tables, punted, type, packet) ?? { do: "route", space: punted.space, packet };
}

/**
 * `payload` in a frame to the address that `punted` came from, on its own link; null: it came from another router, or
 * this network has no way back.
 */
export function replyOnLink(
  tables: SlowTables,
  { port, peer, network, frame }: Punted,
  etherType: number,
  payload: Uint8Array,
): SlowAction | null {
  const destination = frame.subarray(6, 12);
  if (port !== 0) {
    if (tables.gatewayMac === null) return null;
    const header = { destination, source: tables.gatewayMac, etherType };
    return { do: "send-to-port", port, frame: ethernetFrame(header, payload) };
  }
  const group = tables.groupTo(peer, network);
  const peersRouter = tables.routerMacOf(peer);
  // Hosts of ours send from their router's MAC and learn from ours; others have to learn where the gateway's is.
  const source = peersRouter === null ? tables.gatewayMac : tables.routerMac;
  if (group === null || source === null) return null;
  if (peersRouter !== null && isSame(destination, peersRouter)) return null;
  const header = { destination, source, etherType };
  return { do: "send-to-group", group, frame: ethernetFrame(header, payload) };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => a.every((octet, i) => octet === b[i]);
