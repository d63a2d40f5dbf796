/**
 * The next frame of a routed packet: the twin of the second half of datapath/lib/route.h. A packet that came from a port
 * or out of a tunnel; its frame is whole, without outer headers.
 */
import { replaceWord } from "../wire/checksum.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { type Departure, macOctets, type Outbound, toGroup, toPort } from "./departure.ts";
import { Frame } from "./frame.ts";
import type { HostTables, Place } from "./host-tables.ts";

/** Towards a port it comes from the gateway; towards another host from this host's own router. */
export function forward(outbound: Outbound, place: Place): Departure {
  const frame = nextFrame(outbound.frame, place, outbound.tables);
  const next = { ...outbound, frame };
  if (place.kind === "group") return toGroup(next, place.target, place.byRouter);
  return toPort(next, place.target, place.network);
}

const NOBODY = "00:00:00:00:00:00";

function nextFrame(frame: Frame, place: Place, tables: HostTables): Frame {
  const { wireOctets, segmentOctets } = frame;
  const octets = frame.payloadAt(0, wireOctets).slice();
  const source = place.kind === "group" ? tables.routerMac : tables.gatewayMac;
  octets.set(macOctets(place.mac ?? NOBODY));
  octets.set(macOctets(source ?? NOBODY), 6);
  age(new DataView(octets.buffer));
  return new Frame(octets, { wireOctets, segmentOctets });
}

/** One hop less to live. */
function age(frame: DataView): void {
  const ip = ETHERNET_OCTETS;
  if (frame.getUint16(ip - 2) !== ETHER_TYPE.ipv4) {
    frame.setUint8(ip + 7, frame.getUint8(ip + 7) - 1);
    return;
  }
  const word = frame.getUint16(ip + 8);
  frame.setUint16(ip + 8, word - 0x0100);
  frame.setUint16(ip + 10, replaceWord(frame.getUint16(ip + 10), word, word - 0x0100));
}
