/**
 * Addresses that a port shows to be its own, in ARP and in neighbour advertisements: the twin of
 * datapath/lib/discover.h. Leaves out: the event that tells the agent.
 */
import { formatIp, fromMapped } from "../base/ip.ts";
import { formatMac } from "../base/mac.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import type { Tally } from "./departure.ts";
import type { Frame } from "./frame.ts";
import { isPuntSpent } from "./punt.ts";
import type { Sent } from "./sent.ts";

export interface Heard {
  /** To this host's router MAC: an answer to a question of the agent's, which has had its use. */
  readonly isAnswer: boolean;
  readonly beside: Tally;
}

const ZERO_MAC = "00:00:00:00:00:00";

/** Of an ARP or ICMPv6 message. */
export function hear(sent: Sent, nowSeconds: number): Heard {
  const { frame, row, tables } = sent;
  const isAnswer = formatMac(frame.octetsAt(0, 6)) === (tables.routerMac ?? ZERO_MAC);
  if (!isAnswer && !row.discovers) return { isAnswer, beside: {} };
  const shown = shownAddress(frame);
  if (shown === null || isKnown(sent, shown, nowSeconds)) return { isAnswer, beside: {} };
  if (tables.agentHeardUntilSeconds < nowSeconds) return { isAnswer, beside: {} };
  const beside = isPuntSpent(tables, row.owner, nowSeconds)
    ? { "punt-limited": 1 }
    : { discovered: 1 };
  return { isAnswer, beside };
}

const ND_OCTETS = 24;
const ND_ADVERTISEMENT = 136;

/** As text; null: none, or one that means no more than a link. */
function shownAddress(frame: Frame): string | null {
  const etherType = frame.u16(ETHERNET_OCTETS - 2);
  const at = ETHERNET_OCTETS;
  if (etherType === ETHER_TYPE.arp) {
    const isShown = frame.u32(at + 14) !== 0 && frame.u16(at + 14) !== 0xa9fe;
    return isShown ? formatIp({ octets: frame.octetsAt(at + 14, 4) }) : null;
  }
  const nd = at + IPV6_OCTETS;
  if (etherType !== ETHER_TYPE.ipv6 || frame.u8(at + 6) !== IP_PROTOCOL.icmpv6) return null;
  if (!frame.reaches(nd + ND_OCTETS) || frame.u8(nd) !== ND_ADVERTISEMENT) return null;
  const isLinkLocal = (frame.u16(nd + 8) & 0xffc0) === 0xfe80;
  return isLinkLocal ? null : formatIp(fromMapped(frame.octetsAt(nd + 8, 16)));
}

/** A row is written anew when this part of its life is gone. */
const RENEWAL = 1 / 16;

/** Whether that is no news from the sender's port. What is declared never is, wherever it is. */
function isKnown({ row, tables }: Sent, address: string, nowSeconds: number): boolean {
  const place = tables.host(row.space, address);
  if (place === null) return false;
  if (place.freshUntilSeconds === null) return true;
  const isHere = place.kind === "port" && place.target === row.port;
  return isHere && place.freshUntilSeconds >= nowSeconds + place.ageSeconds * (1 - RENEWAL);
}
