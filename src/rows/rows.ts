/**
 * Rows: what the compiler tells one host, a line a table entry. They name interfaces, never ifindexes, and
 * know nothing of the host's routes: the agent binds them to its kernel (src/agent/bind.ts). Field order
 * here is the order in `weft show rows`.
 *
 * Network ids are the network's number (VNI or VSID), unique per fabric. Port, peer and group ids belong to
 * one host and never move while their object lives (`IdBook`); 0 names nothing.
 */

export type EncapsulationName = "vxlan" | "nvgre";
export type FamilyName = "ipv4" | "ipv6";

/** Host-wide settings. */
export interface SettingsRow {
  readonly table: "settings";
  readonly hashSeed: number;
  readonly vxlanPort: number;
  /** Of the fabric's distributed gateways; null: none. */
  readonly gatewayMac: string | null;
  /** Of this host's routers: what other hosts send routed frames to; null: it has none. */
  readonly routerMac: string | null;
}

/** An underlay interface of this host. */
export interface UplinkRow {
  readonly table: "uplink";
  readonly interface: string;
  /** Octets of the largest underlay IP packet that the intent counts on. */
  readonly mtu: number;
}

/** One of this host's own tunnel addresses. */
export interface VtepRow {
  readonly table: "vtep";
  readonly address: string;
  readonly shared: boolean;
}

/** One tunnel address of another host, as a destination. */
export interface PeerRow {
  readonly table: "peer";
  readonly peer: number;
  readonly host: string;
  readonly family: FamilyName;
  readonly local: string;
  readonly remote: string;
  /** Octets of the largest underlay IP packet on the way to him. */
  readonly mtu: number;
  /** Of his routers; null: he has none, or is not ours. */
  readonly routerMac: string | null;
}

/** An outer source address, and the first peer of the host that has it: by him it is admitted. */
export interface PeerInRow {
  readonly table: "peer_in";
  readonly address: string;
  readonly peer: number;
}

/** An underlay group to which this host sends, and in which it is: a peer that is everybody. */
export interface MulticastRow {
  readonly table: "multicast";
  readonly peer: number;
  readonly group: string;
  readonly family: FamilyName;
  readonly local: string;
  /** The uplink on which it is sent and joined. */
  readonly interface: string;
  readonly mtu: number;
  /** Another overlay uses our addresses, and may be in the group too. */
  readonly shared: boolean;
}

export interface AdmitRow {
  readonly table: "admit";
  readonly peer: number;
  /** Or router. */
  readonly network: number;
  /** His outer DSCP says nothing about the inner one: not a weft host. */
  readonly dscpKeep: boolean;
  /** Next-hop group back to him there; null: he only sends. */
  readonly group: number | null;
  /** MACs behind him are learned. */
  readonly learns: boolean;
}

/** How a network learns where MACs are from the frames that come in. */
export interface Learning {
  /** Life of a MAC from its last frame. */
  readonly ageSeconds: number;
  /** The most MACs that it learns on one host. */
  readonly macsMax: number;
}

export interface VniInRow {
  readonly table: "vni_in";
  /** A tunnel address of ours, or a group that we are in. */
  readonly vtep: string;
  readonly encapsulation: EncapsulationName;
  readonly vni: number;
  /** Or router: both are numbers of the fabric. */
  readonly network: number;
  readonly mtu: number;
  readonly dscp: "uniform" | "pipe";
  readonly unknownUnicast: "flood" | "drop";
  /** Null: endpoints are declared. */
  readonly learning: Learning | null;
  /** A router's number (L3VNI): what arrives under it is routed. */
  readonly isRouter: boolean;
  /** Frames to the gateway's MAC are routed here, for those hosts that have no gateway of their own. */
  readonly isGateway: boolean;
  readonly mssClamp: boolean;
  readonly space: number;
  readonly owner: number;
}

/** A local port as a destination. `tenant` and `name` are for people, counters and events. */
export interface PortRow {
  readonly table: "port";
  readonly port: number;
  readonly tenant: string;
  readonly name: string;
  readonly networkName: string;
  readonly network: number;
  readonly interface: string;
  readonly attachment: "veth" | "tap" | "vlan" | "physical";
  readonly mtu: number;
}

/** A local port as a source, and what it may send. */
export interface AttachRow {
  readonly table: "attach";
  readonly interface: string;
  /** 802.1Q VLAN, or null for untagged. */
  readonly vid: number | null;
  readonly port: number;
  readonly network: number;
  readonly mac: string;
  /** Octets of the largest inner IP packet. */
  readonly mtu: number;
  /** The port's first address of each family, for the fast check; null: none. */
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly anyIpv4: boolean;
  readonly anyIpv6: boolean;
  /** There are `source` rows beside. */
  readonly sources: boolean;
  readonly unknownUnicast: "flood" | "drop";
  readonly dscp: "uniform" | "pipe";
  readonly tenantTunnels: "allow" | "deny";
  /** Replicas a second; null: no limit. */
  readonly bumPps: number | null;
  /** Frames to the gateway's MAC are routed here. */
  readonly routed: boolean;
  /** What becomes of a question for a neighbour that nobody knows. */
  readonly unknownNeighbours: "flood" | "drop";
  /** Addresses that it uses and nobody declared are learned. */
  readonly discovers: boolean;
  readonly mssClamp: boolean;
  /** What its addresses are unique in: the number of a router, or of its network if that has none. */
  readonly space: number;
  /** The tenant, as a number: whose budget of slow work is spent. */
  readonly owner: number;
}

/** A further prefix that a port may send from. */
export interface SourceRow {
  readonly table: "source";
  readonly port: number;
  readonly prefix: string;
}

export interface GroupMember {
  readonly peer: number;
  readonly vni: number;
  readonly encapsulation: EncapsulationName;
  readonly weight: number;
}

export interface GroupRow {
  readonly table: "group";
  readonly group: number;
  readonly members: readonly GroupMember[];
}

export interface FdbRow {
  readonly table: "fdb";
  readonly network: number;
  readonly mac: string;
  readonly kind: "port" | "group" | "drop";
  /** Port or group id; 0 for drop. */
  readonly target: number;
}

export interface FloodPeers {
  readonly encapsulation: EncapsulationName;
  readonly family: FamilyName;
  /** Ascending by peer. */
  readonly members: readonly { readonly peer: number; readonly vni: number }[];
}

export interface FloodRow {
  readonly table: "flood";
  readonly network: number;
  /** Local ports, ascending. */
  readonly local: readonly number[];
  readonly lists: readonly FloodPeers[];
  readonly bumPps: number | null;
}

/** Where routed packets go. */
export interface Destination {
  readonly kind: "port" | "group" | "drop" | "gateway" | "glean";
  /** Port or group id; 0 otherwise. */
  readonly target: number;
  /** In which the address is; 0: in none (drop). */
  readonly network: number;
  /** Of who has the address; null: nobody has, or the next router's is used. */
  readonly mac: string | null;
  /** The frame is addressed to the peer's router MAC, under a router's number; else to `mac`. */
  readonly byRouter: boolean;
  /** Octets of the largest IP packet on the way there. */
  readonly mtu: number;
}

/** Where one address of a space is, and who answers for it. */
export interface HostRow extends Destination {
  readonly table: "host";
  readonly space: number;
  readonly address: string;
}

/** Where the addresses under a prefix are. */
export interface RouteRow extends Destination {
  readonly table: "route";
  readonly space: number;
  readonly prefix: string;
}

/** The different prefix lengths among the routes of a space, descending. */
export interface SpaceRow {
  readonly table: "space";
  readonly space: number;
  readonly ipv4Lengths: readonly number[];
  readonly ipv6Lengths: readonly number[];
}

/** The router's addresses on a network: its ICMP messages come from them. */
export interface GatewayRow {
  readonly table: "gateway";
  readonly network: number;
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

/**
 * Who is the gateway for those hosts of a network that have none of their own: the first of them that is there. Beside
 * `vni_in`, whose `isGateway` says it as it is while all are there; none where there is no other to take over.
 */
export interface StandbyRow {
  readonly table: "standby";
  readonly network: number;
  /** In order of precedence, each with the tunnel address that it has on the network. */
  readonly candidates: readonly { readonly host: string; readonly address: string }[];
  /** This host's index among them. */
  readonly self: number;
}

/** What is found out about addresses of a network, by the ports of it that have none declared. */
export interface DiscoveryRow {
  readonly table: "discovery";
  readonly network: number;
  /** Life of an address, from the last sign of it. */
  readonly ageSeconds: number;
}

export type Row =
  | SettingsRow
  | UplinkRow
  | VtepRow
  | PeerRow
  | PeerInRow
  | MulticastRow
  | AdmitRow
  | VniInRow
  | PortRow
  | AttachRow
  | SourceRow
  | GroupRow
  | FdbRow
  | FloodRow
  | HostRow
  | RouteRow
  | SpaceRow
  | GatewayRow
  | StandbyRow
  | DiscoveryRow;

/** A host's rows in parts that change as one, in no order: its own, and each network's by the network's key. */
export type RowParts = ReadonlyMap<string, readonly Row[]>;

/**
 * Ids already given on this host, by stable name: ports `tenant/name`, peers `host/family` (of the host's further
 * addresses `host/family/2` and so on) and `group ADDRESS`, groups `host/family/tenant/network/encapsulation`. A freed id
 * is not given again before the space is used up.
 */
export interface IdBook {
  readonly ports: IdSpace;
  readonly peers: IdSpace;
  readonly groups: IdSpace;
}

export interface IdSpace {
  /** The next id that was never given. */
  readonly next: number;
  readonly idsByName: Readonly<Record<string, number>>;
}

/** What a change of an intent does to a host's rows and ids. */
export interface RowsChange {
  /** Keys of the parts that are there anew, or not any more. */
  readonly parts: ReadonlySet<string>;
  readonly ids: Readonly<Record<keyof IdBook, IdChange>>;
}

export interface IdChange {
  readonly next: number;
  /** Null: it has none any more. */
  readonly idsByName: Readonly<Record<string, number | null>>;
}

/** Nothing given, nothing taken. */
export const unchangedIds = ({ ports, peers, groups }: IdBook): RowsChange["ids"] => ({
  ports: { next: ports.next, idsByName: {} },
  peers: { next: peers.next, idsByName: {} },
  groups: { next: groups.next, idsByName: {} },
});

export const emptyIdBook: IdBook = {
  ports: { next: 1, idsByName: {} },
  peers: { next: 1, idsByName: {} },
  groups: { next: 1, idsByName: {} },
};
