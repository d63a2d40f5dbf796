/** ARP messages in frames, as the datapath looks at them: the twin of datapath/lib/arp.h. */
import { ARP_OCTETS, ARP_OPERATION } from "../wire/arp.ts";
import { ETHERNET_OCTETS } from "../wire/ethernet.ts";
import { Frame } from "./frame.ts";

/** Ethernet, IPv4, addresses of six and four octets. */
const KIND = [0x0001, 0x0800, 0x0604] as const;

export const holdsArp = (frame: Frame, at: number): boolean => frame.reaches(at + ARP_OCTETS);

/** Of a message that is there: whether it is IPv4's over Ethernet. */
export const isArpOfIpv4 = (frame: Frame, at: number): boolean =>
  KIND.every((word, i) => frame.u16(at + 2 * i) === word);

/** A sound question turned into its answer: whoever asked is told that the address is `mac`'s. */
export function arpAnswer(question: Frame, mac: Uint8Array): Frame {
  const octets = question.payloadAt(0, question.wireOctets).slice();
  const arp = ETHERNET_OCTETS;
  const [askerMac, asker] = [octets.slice(arp + 8, arp + 14), octets.slice(arp + 14, arp + 18)];
  const asked = octets.slice(arp + 24, arp + 28);
  octets.set(askerMac);
  octets.set(mac, 6);
  octets[arp + 7] = ARP_OPERATION.reply;
  octets.set(mac, arp + 8);
  octets.set(asked, arp + 14);
  octets.set(askerMac, arp + 18);
  // Of a probe: zero, as it was.
  octets.set(asker, arp + 24);
  return new Frame(octets);
}
