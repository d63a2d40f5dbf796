/** How one host reaches another, and what is behind it: which tunnel, addressed to whom, how large a packet. */
import { LIMIT } from "../../rows/abi.generated.ts";
import type { EncapsulationName, FamilyName, GroupMember, IdBook } from "../../rows/rows.ts";
import { idOf } from "../id-book.ts";
import type { Host } from "../intent.ts";
import { type Numbered, numberNameOf } from "../numbers.ts";
import {
  encapsulationBetween,
  OVERHEAD_OCTETS,
  type Segment,
  uplinkMtuOf,
  vtepsOf,
} from "./segments.ts";
import { isCentralized, type Vrf } from "./vrfs.ts";

/** A tunnel address of another host, and the one of our own that it is sent to from. */
export interface RemotePeer {
  readonly host: Host;
  readonly family: FamilyName;
  /** In the id book. */
  readonly name: string;
  /** Of the peer that a packet from the address is counted to: the host's first. */
  readonly knownAs: string;
  readonly local: string;
  readonly remote: string;
}

/** LIMIT: as many as a next-hop group has members; what is beyond is an error of the host's (hosts.ts). */
function remotePeers(host: Host, remote: Host, family: FamilyName): Tunnel["peers"] {
  const knownAs = `${remote.key}/${family}`;
  const locals = vtepsOf(host, family);
  const [first = "", ...more] = vtepsOf(remote, family).slice(0, LIMIT.GROUP_MEMBERS_MAX);
  const peerAt = (address: string, i: number): RemotePeer => ({
    ...{ host: remote, family, knownAs, remote: address },
    name: i === 0 ? knownAs : `${knownAs}/${i + 1}`,
    local: locals[i % locals.length] ?? "",
  });
  return [peerAt(first, 0), ...more.map((address, i) => peerAt(address, i + 1))];
}

/** The members of a next-hop group through `tunnel`, each with the same share. */
export const membersThrough = (
  { peers, encapsulation }: Tunnel,
  vni: number,
  ids: IdBook,
): readonly GroupMember[] =>
  peers.map(({ name }) => ({ peer: idOf(ids.peers, name), vni, encapsulation, weight: 1 }));

/** To another host, under the number of a network or a router. */
export interface Tunnel {
  readonly host: Host;
  readonly encapsulation: EncapsulationName;
  /** One for each tunnel address that he has in the family; by the first he is known. */
  readonly peers: readonly [RemotePeer, ...RemotePeer[]];
  /** Name in the id book. */
  readonly group: string;
  /** Octets of the largest inner IP packet. */
  readonly mtu: number;
}

/** Null: the two have no encapsulation or no family in common. */
export function tunnelBetween(
  self: Host,
  host: Host,
  under: Numbered,
  family: FamilyName,
): Tunnel | null {
  const encapsulation = encapsulationBetween(under, self, host);
  const both = [self, host].every((one) => vtepsOf(one, family).length > 0);
  if (encapsulation === null || !both) return null;
  const peers = remotePeers(self, host, family);
  const narrower = Math.min(uplinkMtuOf(self), uplinkMtuOf(host));
  return {
    ...{ host, encapsulation, peers },
    group: `${peers[0].name}/${numberNameOf(under)}/${encapsulation}`,
    mtu: narrower - OVERHEAD_OCTETS[family][encapsulation],
  };
}

/** Null: it is here. */
export interface Way {
  readonly tunnel: Tunnel | null;
  /** Addressed to the other host's router. */
  readonly byRouter: boolean;
}

/** From whom, and in which space it is looked up. */
export interface Viewpoint {
  readonly self: Host;
  /** Null: the network has no router. */
  readonly space: Vrf | null;
}

/** Which host gets packets for a port of `segment` at `host`, and under whose number; null: they stay here. */
export function hopTo(
  { self, space }: Viewpoint,
  home: Vrf | null,
  segment: Segment,
  host: Host,
): { readonly host: Host; readonly under: Numbered } | null {
  const gateway = home?.gatewayHost ?? null;
  // What others reach of a centralized router goes through its host, wherever it is.
  if (home && isCentralized(home) && space !== home && gateway && gateway.key !== self.key)
    return { host: gateway, under: home.router };
  if (host.key === self.key) return null;
  return home && host.spec.managed && isSymmetricAt(home, self)
    ? { host, under: home.router }
    : { host, under: segment.network };
}

/** The way to a port of `segment` at `host`, of a network that `home` routes for. Null: there is none. */
export function wayTo(
  viewpoint: Viewpoint,
  home: Vrf | null,
  segment: Segment,
  host: Host,
): Way | null {
  const hop = hopTo(viewpoint, home, segment, host);
  if (!hop) return { tunnel: null, byRouter: false };
  const family = segment.network.spec.underlay;
  const tunnel = tunnelBetween(viewpoint.self, hop.host, hop.under, family);
  return tunnel && { tunnel, byRouter: hop.under.kind === "Router" };
}

/** Whether `self` leaves it to the other host to route for `vrf`: the gateway host's packets are routed already. */
export const isSymmetricAt = (vrf: Vrf, self: Host): boolean =>
  vrf.router.spec.irb === "symmetric" && !isCentralized(vrf) && vrf.gatewayHost?.key !== self.key;
