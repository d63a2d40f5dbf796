/**
 * The largest segment that TCP says it can receive (RFC 9293 section 3.7.1), lowered to what the way holds: the twin of
 * datapath/lib/mss.h.
 */
import { replaceWord } from "../wire/checksum.ts";
import { ETHER_TYPE, ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { IP_PROTOCOL, IPV4_OCTETS } from "../wire/ipv4.ts";
import { IPV6_OCTETS } from "../wire/ipv6.ts";
import { Frame } from "./frame.ts";

const TCP_OCTETS = 20;
const SYN = 0x02;
const OPTION = { end: 0, nop: 1, mss: 2 } as const;
const MSS_OCTETS = 4;
const OPTIONS_OCTETS_MAX = 40;

/** The frame with a smaller maximum segment; null: it is no SYN, or asks for no more than an IP packet of `mtu` takes. */
export function clampMss(frame: Frame, mtu: number): Frame | null {
  const tcp = tcpAt(frame);
  if (tcp === null || !frame.reaches(tcp + TCP_OCTETS)) return null;
  if ((frame.u8(tcp + 13) & SYN) === 0) return null;
  const octets = 4 * (frame.u8(tcp + 12) >> 4) - TCP_OCTETS;
  if (octets < MSS_OCTETS || !frame.reaches(tcp + TCP_OCTETS + octets)) return null;
  const option = mssAt(frame, tcp + TCP_OCTETS, octets);
  const ipOctets = frame.u16(ETHERNET_OCTETS - 2) === ETHER_TYPE.ipv4 ? IPV4_OCTETS : IPV6_OCTETS;
  const most = mtu - ipOctets - TCP_OCTETS;
  if (option === null || most <= 0 || frame.u16(option + 2) <= most) return null;
  return withMss(frame, tcp, option + 2, most);
}

/** Where TCP begins; null: there is none to be seen. */
function tcpAt(frame: Frame): number | null {
  const ip = ETHERNET_OCTETS;
  const etherType = frame.u16(ip - 2);
  if (etherType === ETHER_TYPE.ipv4 && frame.reaches(ip + IPV4_OCTETS)) {
    const isFragment = (frame.u16(ip + 6) & 0x3fff) !== 0;
    if (isFragment || frame.u8(ip + 9) !== IP_PROTOCOL.tcp) return null;
    return ip + 4 * (frame.u8(ip) & 0x0f);
  }
  if (etherType !== ETHER_TYPE.ipv6 || !frame.reaches(ip + IPV6_OCTETS)) return null;
  return frame.u8(ip + 6) === IP_PROTOCOL.tcp ? ip + IPV6_OCTETS : null;
}

/** Options that contradict themselves are left alone, and what stands behind them too. */
function mssAt(frame: Frame, options: number, octets: number): number | null {
  let at = 0;
  while (at < octets && at <= OPTIONS_OCTETS_MAX - 2) {
    const kind = frame.u8(options + at);
    if (kind === OPTION.end) return null;
    if (kind === OPTION.nop) {
      at++;
      continue;
    }
    const length = at + 1 < octets ? frame.u8(options + at + 1) : 0;
    if (length < 2 || length > octets - at) return null;
    if (kind === OPTION.mss) return length === MSS_OCTETS ? options + at : null;
    at += length;
  }
  return null;
}

function withMss(frame: Frame, tcp: number, at: number, mss: number): Frame {
  const { wireOctets, segmentOctets } = frame;
  const octets = frame.payloadAt(0, wireOctets).slice();
  const view = new DataView(octets.buffer);
  const was = view.getUint16(at);
  view.setUint16(at, mss);
  // At an odd offset the value lies across two words of the sum: both halves change places.
  const word = (value: number): number =>
    (at - tcp) % 2 === 0 ? value : ((value & 0xff) << 8) | (value >> 8);
  view.setUint16(tcp + 16, replaceWord(view.getUint16(tcp + 16), word(was), word(mss)));
  return new Frame(octets, { wireOctets, segmentOctets });
}
