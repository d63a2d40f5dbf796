/**
 * Questions for who has an address, and announcements of one, as frames. A question says nothing of its sender: an ARP
 * probe (RFC 5227 section 2.1.1), or a solicitation from the link-local address of its MAC (RFC 4861 section 7.2.2).
 */
import type { IpAddress } from "../base/ip.ts";
import { linkLocalOf, multicastMacOf } from "../base/mac.ts";
import { ARP_OPERATION, type ArpMessage, arpPacket } from "../wire/arp.ts";
import { BROADCAST_MAC, ETHER_TYPE, ethernetFrame } from "../wire/ethernet.ts";
import {
  ALL_NODES,
  ND_SOURCE_MAC,
  ND_TARGET_MAC,
  type NdMessage,
  ndPacket,
  solicitedNodeOf,
} from "../wire/nd.ts";

const NOBODY = { mac: new Uint8Array(6), ipv4: new Uint8Array(4) } as const;

/** From `asker`, a MAC, to the one that has the address, or to everybody (null). */
export function questionFor(
  address: IpAddress,
  asker: Uint8Array,
  to: Uint8Array | null,
): Uint8Array {
  if (address.family === "ipv4")
    return arpFrame(to ?? BROADCAST_MAC, asker, {
      operation: ARP_OPERATION.request,
      senderMac: asker,
      senderAddress: NOBODY.ipv4,
      targetMac: NOBODY.mac,
      targetAddress: address.octets,
    });
  const group = solicitedNodeOf(address.octets);
  const destination = to === null ? group : address.octets;
  return ndFrame(
    { destination: to ?? multicastMacOf({ octets: group }), source: asker },
    { source: linkLocalOf(asker), destination },
    {
      kind: "neighbour-solicitation",
      target: address.octets,
      options: [{ type: ND_SOURCE_MAC, body: asker }],
    },
  );
}

/** To everybody: `mac` has the address. `isRouter`: it is a gateway's. RFC 5227 section 3, RFC 4861 section 7.2.6. */
export function announcementOf(
  address: IpAddress,
  mac: Uint8Array,
  { isRouter }: { readonly isRouter: boolean },
): Uint8Array {
  if (address.family === "ipv4")
    return arpFrame(BROADCAST_MAC, mac, {
      operation: ARP_OPERATION.request,
      senderMac: mac,
      senderAddress: address.octets,
      targetMac: NOBODY.mac,
      targetAddress: address.octets,
    });
  return ndFrame(
    { destination: multicastMacOf({ octets: ALL_NODES }), source: mac },
    { source: address.octets, destination: ALL_NODES },
    {
      kind: "neighbour-advertisement",
      ...{ router: isRouter, solicited: false, override: true },
      target: address.octets,
      options: [{ type: ND_TARGET_MAC, body: mac }],
    },
  );
}

function arpFrame(destination: Uint8Array, source: Uint8Array, message: ArpMessage): Uint8Array {
  return ethernetFrame({ destination, source, etherType: ETHER_TYPE.arp }, arpPacket(message));
}

interface Pair {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
}

const ndFrame = (macs: Pair, addresses: Pair, message: NdMessage): Uint8Array =>
  ethernetFrame({ ...macs, etherType: ETHER_TYPE.ipv6 }, ndPacket(addresses, message));
