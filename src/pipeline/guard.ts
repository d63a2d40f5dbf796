/**
 * What a workload may say about itself: the twin of datapath/lib/guard.h, check by check in its order.
 */
import { formatMac } from "../base/mac.ts";
import type { VerdictName } from "../rows/abi.generated.ts";
import { ETHER_TYPE, ETHERNET_OCTETS, isTagType } from "../wire/ethernet.ts";
import { holdsArp, isArpOfIpv4 } from "./arp.ts";
import { mayUseIpv4, refusalOfIpv4 } from "./guard-ipv4.ts";
import { refusalOfIpv6 } from "./guard-ipv6.ts";
import type { Sent } from "./sent.ts";

/** All guards: why the frame may not go on; null: it may. */
export function refusalOf(sent: Sent): VerdictName | null {
  const { frame, row } = sent;
  if (!frame.reaches(ETHERNET_OCTETS)) return "truncated";
  if (formatMac(frame.octetsAt(6, 6)) !== row.mac) return "source-mac";
  const etherType = frame.u16(12);
  if (etherType === ETHER_TYPE.ipv4) return refusalOfIpv4(sent);
  if (etherType === ETHER_TYPE.ipv6) return refusalOfIpv6(sent);
  if (isTagType(etherType)) return "tagged";
  if (frame.wireOctets - ETHERNET_OCTETS > row.mtu) return "too-big";
  return etherType === ETHER_TYPE.arp ? refusalOfArp(sent) : null;
}

/** RFC 826: a workload speaks for its own MAC and addresses, or for none yet (a probe, RFC 5227). */
function refusalOfArp(sent: Sent): VerdictName | null {
  const { frame, row } = sent;
  const at = ETHERNET_OCTETS;
  if (!holdsArp(frame, at)) return "truncated";
  if (!isArpOfIpv4(frame, at)) return "source-arp";
  if (formatMac(frame.octetsAt(at + 8, 6)) !== row.mac) return "source-arp";
  const isProbe = frame.u32(at + 14) === 0;
  return isProbe || mayUseIpv4(sent, frame.octetsAt(at + 14, 4)) ? null : "source-arp";
}
