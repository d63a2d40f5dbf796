/**
 * Questions for who has an address, and announcements of one, as frames. A question says nothing of its sender: an ARP
 * probe (RFC 5227 section 2.1.1), or a solicitation from the link-local address of its MAC (RFC 4861 section 7.2.2).
 */
import type { IpAddress } from "../base/ip.ts";
import { linkLocalOf } from "../base/mac.ts";
import { ARP_OPERATION, emitArp } from "../wire/arp.ts";
import { BROADCAST_MAC, ETHER_TYPE, ETHERNET_OCTETS, emitEthernet } from "../wire/ethernet.ts";
import { IP_PROTOCOL } from "../wire/ipv4.ts";
import { emitIpv6, IPV6_OCTETS, IPV6_PLAIN } from "../wire/ipv6.ts";
import {
  emitNd,
  ND_SOURCE_MAC,
  ND_TARGET_MAC,
  type NdMessage,
  solicitedNodeOf,
} from "../wire/nd.ts";

const ARP_OCTETS = 28;
const ND_OCTETS = 32;
const NOBODY = { mac: new Uint8Array(6), ipv4: new Uint8Array(4) } as const;
/** ff02::1 */
const ALL_NODES = Uint8Array.of(0xff, 2, ...new Array<number>(13).fill(0), 1);

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
    { destination: to ?? macOfIpv6Group(group), source: asker },
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
    { destination: macOfIpv6Group(ALL_NODES), source: mac },
    { source: address.octets, destination: ALL_NODES },
    {
      kind: "neighbour-advertisement",
      ...{ router: isRouter, solicited: false, override: true },
      target: address.octets,
      options: [{ type: ND_TARGET_MAC, body: mac }],
    },
  );
}

/** RFC 2464 section 7. */
const macOfIpv6Group = (group: Uint8Array): Uint8Array =>
  Uint8Array.of(0x33, 0x33, ...group.subarray(12, 16));

function arpFrame(
  destination: Uint8Array,
  source: Uint8Array,
  message: Parameters<typeof emitArp>[2],
): Uint8Array {
  const out = new DataView(new ArrayBuffer(ETHERNET_OCTETS + ARP_OCTETS));
  emitArp(out, emitEthernet(out, 0, { destination, source, etherType: ETHER_TYPE.arp }), message);
  return new Uint8Array(out.buffer);
}

interface Pair {
  readonly destination: Uint8Array;
  readonly source: Uint8Array;
}

function ndFrame(macs: Pair, addresses: Pair, message: NdMessage): Uint8Array {
  const out = new DataView(new ArrayBuffer(ETHERNET_OCTETS + IPV6_OCTETS + ND_OCTETS));
  const at = emitEthernet(out, 0, { ...macs, etherType: ETHER_TYPE.ipv6 });
  const header = {
    ...{ ...addresses, ...IPV6_PLAIN, hopLimit: 255 },
    ...{ nextHeader: IP_PROTOCOL.icmpv6, payloadOctets: ND_OCTETS },
  };
  emitNd(out, emitIpv6(out, at, header), addresses, message);
  return new Uint8Array(out.buffer);
}
