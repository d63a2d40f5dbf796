/** What one host is in one network: where it has ports, the gateway host of its router, or somebody who routes into it. */
import type { Learning } from "../../rows/rows.ts";
import type { Fabric, Host } from "../intent.ts";
import { wireLearningOf } from "../learning.ts";
import type { Member, Segment } from "./segments.ts";
import { routesAt, type Vrf } from "./vrfs.ts";
import { isSymmetricAt, type Tunnel, tunnelBetween } from "./ways.ts";

/** All networks and routers as they are. */
export interface Overlay {
  readonly segments: ReadonlyMap<string, Segment>;
  readonly vrfs: ReadonlyMap<string, Vrf>;
}

/** One host's part of one segment. */
export interface Local {
  readonly segment: Segment;
  /** Of its router; null: it has none. */
  readonly vrf: Vrf | null;
  /** Null: its endpoints are declared. */
  readonly learning: Learning | null;
  /** Without ports: the gateway host's; null: this host only sends into it. */
  readonly own: Member | null;
  readonly remotes: readonly Remote[];
}

/** Another host that has to do with the segment. */
export interface Remote {
  readonly member: Member;
  readonly tunnel: Tunnel;
  /** Frames go to him. */
  readonly reached: boolean;
  /** Frames come from him. */
  readonly admitted: boolean;
}

/** Null: the host has nothing to do with it. */
export function localOf(
  fabric: Fabric,
  self: Host,
  segment: Segment,
  { vrf, vrfs }: { readonly vrf: Vrf | null; readonly vrfs: Overlay["vrfs"] },
): Local | null {
  const { network, membersByHost } = segment;
  const gateway = vrf?.gatewayHost?.key;
  const isGateway = gateway === self.key;
  const own = membersByHost.get(self.key) ?? (isGateway ? { host: self, ports: [] } : null);
  const remote = (member: Member, use: Pick<Remote, "reached" | "admitted">): readonly Remote[] => {
    if (member.host.key === self.key) return [];
    const tunnel = tunnelBetween(self, member.host, network, network.spec.underlay);
    return tunnel ? [{ member, tunnel, ...use }] : [];
  };
  const members = [...membersByHost.values()];
  const learning = wireLearningOf(fabric, network);
  if (!own) {
    const reached = members.filter(({ host }) => vrf && reachesDirectly(self, vrf, host, vrfs));
    const remotes = reached.flatMap((one) => remote(one, { reached: true, admitted: false }));
    return remotes.length > 0 ? { segment, vrf, learning, own, remotes } : null;
  }
  const others = vrf ? [...visitorsOf(vrf, vrfs)].filter(({ key }) => !membersByHost.has(key)) : [];
  const remotes = [
    ...members.flatMap((one) => remote(one, { reached: true, admitted: true })),
    ...others.flatMap((host) =>
      remote({ host, ports: [] }, { reached: host.key === gateway, admitted: true }),
    ),
  ];
  return { segment, vrf, learning, own, remotes };
}

/** Hosts that may send what they routed: whatever the mode is, so that it can be changed while packets are under way. */
export function visitorsOf(vrf: Vrf, vrfs: Overlay["vrfs"]): Iterable<Host> {
  const importers = vrf.importers.flatMap((key) => vrfs.get(key) ?? []);
  const hosts = [vrf, ...importers].flatMap((one) => [...one.hosts]);
  return new Map(hosts).values();
}

/** Whether `self` routes packets that go to networks of `vrf`, its own or those of routers that it exports to. */
export function routesTo(self: Host, vrf: Vrf, vrfs: Overlay["vrfs"]): boolean {
  const importers = vrf.importers.flatMap((key) => vrfs.get(key) ?? []);
  return [vrf, ...importers].some((one) => routesAt(one, self));
}

/** Under the number of the network that they are for. */
function reachesDirectly(self: Host, vrf: Vrf, host: Host, vrfs: Overlay["vrfs"]): boolean {
  if (vrf.router.spec.gateway === "centralized" || !routesTo(self, vrf, vrfs)) return false;
  return !(host.spec.managed && isSymmetricAt(vrf, self));
}
