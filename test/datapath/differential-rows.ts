/**
 * A host as no compiler would make it, in rows: networks of every option, and beside what is sound an entry of every
 * contradiction that the programs have a verdict for.
 */
import type { Way } from "../../src/pipeline/host-tables.ts";
import type {
  AttachRow,
  Destination,
  FdbRow,
  PeerRow,
  Row,
  VniInRow,
} from "../../src/rows/rows.ts";
import { LOCAL, NETWORK, NEXT_HOP, OTHER_NETWORK, PEERS, PORTS, SEED, UPLINK } from "./rig.ts";

export const LEARNING = 13_000;
/** Without ports. */
export const EMPTY = 14_000;
export const MTU = 1400;
/** The router of the first two networks, and its number. */
export const ROUTER = 20_000;
export const ROUTER_MAC = "02:00:00:00:0f:01";
/** What some ways take. */
export const NARROW = 600;
export const SHARED = "192.0.2.7";
export const GROUP = "239.1.50.200";
export const GATEWAY = "02:00:00:00:0f:0f";
export const FOURTH = "02:00:00:00:00:04";
const DROPPED = "02:00:00:00:0d:0d";
const PORTLESS = "02:00:00:00:0e:01";
const GROUPLESS = "02:00:00:00:0e:02";
const PEERLESS = "02:00:00:00:0e:03";
const ROUTELESS = "02:00:00:00:0e:04";
const UNRESOLVED = "02:00:00:00:0e:05";
const STALE = "02:00:00:00:0e:06";
const SPREAD = "02:00:00:00:0e:07";

/** Destinations that lead nowhere, or by a way of their own. */
export const ODD_MACS = [
  ...[DROPPED, PORTLESS, GROUPLESS, PEERLESS, ROUTELESS, UNRESOLVED, STALE, SPREAD],
] as const;

/** Whose budget of slow work is used up for as long as a machine runs. */
export const SPENT_OWNER = 2;

/** Whose replica budget is used up for as long as a machine runs. */
export const SPENT_PORT = 2;

/** MACs that come and go behind the peers. */
export const stationMac = (index: number): string =>
  `02:0a:00:00:00:${index.toString(16).padStart(2, "0")}`;
export const STATIONS = 120;
export const MACS_MAX = 60;
/** Those that were learned, of peer 1, and are over. */
export const OVER = 10;

/** A port as the frames' generator knows it. */
export interface Sender {
  readonly interface: "port1" | "port2" | "port3" | "spare";
  readonly port: number;
  readonly mac: string;
  readonly network: number;
}

export const SENDERS: readonly [Sender, Sender, Sender, Sender] = [
  { interface: "port1", port: 1, mac: PORTS[1], network: NETWORK },
  { interface: "port2", port: 2, mac: PORTS[2], network: NETWORK },
  { interface: "port3", port: 3, mac: PORTS[3], network: OTHER_NETWORK },
  { interface: "spare", port: 4, mac: FOURTH, network: LEARNING },
];

/** Networks of the router: addresses of the others are unique in themselves. */
const spaceOf = (network: number): number =>
  network === NETWORK || network === OTHER_NETWORK || network === ROUTER ? ROUTER : network;

const attach = ({ interface: name, ...sender }: Sender, row: Partial<AttachRow>): AttachRow => ({
  table: "attach",
  interface: name,
  vid: null,
  ...sender,
  mtu: MTU,
  ipv4: `10.1.0.${sender.port}`,
  ipv6: `fd00::${sender.port}`,
  anyIpv4: false,
  anyIpv6: false,
  sources: false,
  unknownUnicast: "flood",
  dscp: "uniform",
  tenantTunnels: "allow",
  bumPps: null,
  routed: false,
  unknownNeighbours: "flood",
  discovers: false,
  mssClamp: false,
  space: spaceOf(sender.network),
  owner: 1,
  ...row,
});

const port = ({ port: id, network, interface: name }: Sender): Row => ({
  table: "port",
  port: id,
  tenant: "t",
  name,
  networkName: "n",
  network,
  interface: name,
  attachment: "veth",
  mtu: MTU,
});

const ENCAPSULATIONS = ["vxlan", "nvgre"] as const;

const vniIn = (vtep: string, network: number): readonly VniInRow[] =>
  ENCAPSULATIONS.map((encapsulation) => ({
    ...{ table: "vni_in", vtep, encapsulation, vni: network, network, mtu: MTU },
    dscp: network === OTHER_NETWORK ? "pipe" : "uniform",
    unknownUnicast: network === EMPTY ? "drop" : "flood",
    learning: network === LEARNING ? { ageSeconds: 100_000, macsMax: MACS_MAX } : null,
    isRouter: network === ROUTER,
    isGateway: network === OTHER_NETWORK,
    mssClamp: network === ROUTER,
    space: spaceOf(network),
    owner: network === OTHER_NETWORK ? SPENT_OWNER : 1,
  }));

const fdb = (mac: string, kind: FdbRow["kind"], target: number, network = NETWORK): FdbRow => ({
  ...{ table: "fdb", network, mac, kind, target },
});

const group = (id: number, ...members: readonly (readonly [number, "vxlan" | "nvgre"])[]): Row => ({
  table: "group",
  group: id,
  members: members.map(([peer, encapsulation]) => ({
    ...{ peer, encapsulation, weight: 1, vni: encapsulation === "vxlan" ? 0xfffffe : NETWORK },
  })),
});

/** Peers 5..8: a stale next hop, one never resolved, none at all, three. */
const FURTHER = [
  { family: "ipv4", address: "192.0.2.15" },
  { family: "ipv6", address: "2001:db8::16" },
  { family: "ipv4", address: "192.0.2.17" },
  { family: "ipv6", address: "2001:db8::18" },
] as const;

const peer = (id: number, family: PeerRow["family"], remote: string): PeerRow => ({
  ...{ table: "peer", peer: id, host: `h${id}`, family, remote, local: LOCAL[family] },
  ...{ mtu: 9000, routerMac: id === 2 ? null : `02:00:00:00:1f:0${id}` },
});

const WAY: Way = { sourceMac: UPLINK, mac: NEXT_HOP, isFresh: true };

export const WAYS: ReadonlyMap<string, readonly Way[]> = new Map<string, readonly Way[]>([
  ...PEERS.map(({ address }) => [address, [WAY]] as const),
  [FURTHER[0].address, [{ ...WAY, isFresh: false }]],
  [FURTHER[1].address, [{ ...WAY, mac: null, isFresh: false }]],
  [FURTHER[2].address, []],
  [
    FURTHER[3].address,
    ["02:57:00:00:00:03", "02:57:00:00:00:04", "02:57:00:00:00:05"].map((mac) => ({ ...WAY, mac })),
  ],
]);

/** Not one of weft's hosts: the second peer, and the third on the network that this host is the gateway of. */
const isForeign = (i: number, network: number): boolean =>
  i === 1 || (i === 2 && network === OTHER_NETWORK);

const NETWORKS = [NETWORK, OTHER_NETWORK, LEARNING, EMPTY, ROUTER] as const;
const [FIRST, SECOND, THIRD, LAST] = SENDERS;

const somewhere = (there: Partial<Destination>): Destination => ({
  ...{ kind: "drop", target: 0, network: NETWORK, mac: null, byRouter: false, mtu: MTU },
  ...there,
});

/** Where the addresses 10.1.1.N and fd00:1::N are. */
const PLACES: readonly Destination[] = [
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 98].flatMap((target) => [
    somewhere({ kind: "group", target, mac: stationMac(target) }),
    somewhere({ kind: "group", target, byRouter: true, mtu: target % 2 === 0 ? NARROW : MTU }),
  ]),
  somewhere({ kind: "port", target: 99, mac: PORTLESS }),
  somewhere({ kind: "port", target: 3, mac: PORTS[3] }),
  somewhere({ kind: "port", target: 2, mac: PORTS[2], mtu: NARROW }),
  somewhere({ kind: "port", target: 3, mac: PORTS[3], network: OTHER_NETWORK, mtu: NARROW }),
  somewhere({ kind: "port", target: 1, mac: PORTS[1] }),
  somewhere({ kind: "port", target: 1, mac: PORTS[1], mtu: NARROW }),
  somewhere({ kind: "glean" }),
  somewhere({ kind: "drop", network: 0 }),
];
export const ROUTED_PLACES = PLACES.length;

const networkOf = (gateway: string): number =>
  gateway.startsWith("10.1.1.") || gateway.startsWith("fd00:1:") ? OTHER_NETWORK : NETWORK;

const ROUTING: readonly Row[] = [
  ...PLACES.flatMap((place, i): readonly Row[] => [
    { table: "host", space: ROUTER, address: `10.1.1.${i + 1}`, ...place },
    { table: "host", space: ROUTER, address: `fd00:1::${(i + 1).toString(16)}`, ...place },
  ]),
  ...SENDERS.flatMap(({ port: target, mac, network }): readonly Row[] => {
    const place = { ...somewhere({ kind: "port", target, mac, network }) };
    return [
      { table: "host", space: spaceOf(network), address: `10.1.0.${target}`, ...place },
      { table: "host", space: spaceOf(network), address: `fd00::${target}`, ...place },
    ];
  }),
  ...["10.1.0.254", "10.1.1.254", "fd00::fe", "fd00:1::fe"].map(
    (address): Row => ({
      ...{ table: "host", space: ROUTER, address },
      ...somewhere({ kind: "gateway", mac: GATEWAY, network: networkOf(address) }),
    }),
  ),
  ...(
    [
      ["10.1.0.0/24", { kind: "glean" }],
      ["10.1.2.0/24", { kind: "group", target: 1, byRouter: true }],
      ["10.1.2.128/25", { kind: "group", target: 3, byRouter: true }],
      ["10.1.2.255/32", { kind: "drop" }],
      ["10.0.0.0/8", { kind: "drop", network: 0 }],
      ["fd00::/16", { kind: "glean" }],
      ["fd00:2::/32", { kind: "group", target: 2, byRouter: true }],
      ["fd00:2::8000/113", { kind: "group", target: 4, byRouter: true }],
      ["fd00:2::ffff/128", { kind: "drop" }],
    ] as const
  ).map(
    ([prefix, there]): Row => ({
      ...{ table: "route", space: ROUTER, prefix },
      ...somewhere(there),
    }),
  ),
  {
    ...{ table: "space", space: ROUTER, ipv4Lengths: [32, 25, 24, 8] },
    ipv6Lengths: [128, 113, 32, 16],
  },
  { table: "gateway", network: NETWORK, ipv4: "10.1.0.254", ipv6: "fd00::fe" },
  { table: "gateway", network: OTHER_NETWORK, ipv4: "10.1.1.254", ipv6: null },
];

export const ROWS: readonly Row[] = [
  ...ROUTING,
  {
    table: "settings",
    hashSeed: SEED,
    vxlanPort: 4789,
    gatewayMac: GATEWAY,
    routerMac: ROUTER_MAC,
  },
  { table: "vtep", address: LOCAL.ipv4, shared: false },
  { table: "vtep", address: LOCAL.ipv6, shared: false },
  { table: "vtep", address: SHARED, shared: true },
  {
    ...{ table: "multicast", peer: 9, group: GROUP, family: "ipv4", local: LOCAL.ipv4 },
    ...{ interface: "uplink", mtu: 9000, shared: false },
  },
  ...[LOCAL.ipv4, LOCAL.ipv6, SHARED].flatMap((vtep) =>
    NETWORKS.flatMap((network) => vniIn(vtep, network)),
  ),
  ...vniIn(GROUP, NETWORK),
  ...PEERS.flatMap(({ family, address }, i): readonly Row[] => [
    peer(i + 1, family, address),
    { table: "peer_in", address, peer: i + 1 },
    // The first two are strangers to one network.
    ...NETWORKS.filter((network) => network !== OTHER_NETWORK || i > 1).map(
      (network): Row => ({
        ...{ table: "admit", peer: i + 1, network, dscpKeep: isForeign(i, network) },
        ...{ group: i + 1, learns: true },
      }),
    ),
    group(i + 1, [i + 1, PEERS[i]?.encapsulation ?? "vxlan"]),
    fdb(PEERS[i]?.mac ?? "", "group", i + 1),
    fdb(PEERS[i]?.mac ?? "", "group", i + 1, OTHER_NETWORK),
  ]),
  ...FURTHER.map(({ family, address }, i) => peer(i + 5, family, address)),
  group(5, [5, "vxlan"]),
  group(6, [6, "nvgre"]),
  group(7, [7, "vxlan"]),
  group(8, [1, "vxlan"], [2, "nvgre"], [3, "nvgre"], [8, "vxlan"], [8, "nvgre"]),
  group(9, [99, "vxlan"]),
  ...SENDERS.map(port),
  ...SENDERS.map((sender) => fdb(sender.mac, "port", sender.port, sender.network)),
  fdb(PORTS[3], "port", 3),
  fdb(DROPPED, "drop", 0),
  fdb(PORTLESS, "port", 99),
  fdb(GROUPLESS, "group", 98),
  fdb(PEERLESS, "group", 9),
  fdb(ROUTELESS, "group", 7),
  fdb(UNRESOLVED, "group", 6),
  fdb(STALE, "group", 5),
  fdb(SPREAD, "group", 8),
  fdb(PEERS[0].mac, "group", 1, LEARNING),
  attach(FIRST, { sources: true, routed: true, mssClamp: true }),
  { table: "source", port: 1, prefix: "10.9.0.0/16" },
  { table: "source", port: 1, prefix: "fd09::/32" },
  { table: "source", port: 1, prefix: "fe80::1/128" },
  attach(SECOND, {
    anyIpv4: true,
    anyIpv6: true,
    dscp: "pipe",
    bumPps: 1,
    routed: true,
    owner: SPENT_OWNER,
  }),
  { table: "source", port: 3, prefix: "::/16" },
  attach(THIRD, {
    ...{
      sources: true,
      discovers: true,
      tenantTunnels: "deny",
      unknownUnicast: "drop",
      dscp: "pipe",
    },
    ...{ routed: true, unknownNeighbours: "drop", mssClamp: true },
  }),
  attach(LAST, { bumPps: 1_000_000_000, discovers: true, anyIpv4: true, anyIpv6: true }),
  {
    ...{ table: "flood", network: NETWORK, local: [1, 2, 3], bumPps: null },
    lists: [
      { encapsulation: "vxlan", family: "ipv6", members: [{ peer: 3, vni: NETWORK }] },
      {
        ...{ encapsulation: "vxlan", family: "ipv4" },
        members: [1, 7].map((id) => ({ peer: id, vni: NETWORK })),
      },
      {
        ...{ encapsulation: "nvgre", family: "ipv6" },
        members: [4, 6].map((id) => ({ peer: id, vni: NETWORK })),
      },
      { encapsulation: "nvgre", family: "ipv4", members: [{ peer: 2, vni: NETWORK }] },
    ],
  },
  {
    ...{ table: "flood", network: LEARNING, local: [4], bumPps: null },
    lists: [
      { encapsulation: "nvgre", family: "ipv6", members: [{ peer: 4, vni: LEARNING }] },
      { encapsulation: "vxlan", family: "ipv6", members: [{ peer: 8, vni: LEARNING }] },
    ],
  },
];

/** Until when something holds, of what an agent or the datapath writes and no intent says. */
export interface Passing {
  readonly isMoved: boolean;
  readonly isOver: boolean;
}

export const MOVED_MACS: readonly [string, ...string[]] = [
  ...(["02:00:00:00:0c:00", "02:00:00:00:0c:01", "02:00:00:00:0c:02"] as const),
  ...(["02:00:00:00:0c:03", "02:00:00:00:0c:04"] as const),
];

/** Who has moved behind a group; the last of them so long ago that nothing is sent on. */
export const MOVED: readonly (FdbRow & Passing)[] = MOVED_MACS.map((mac, i) => ({
  ...fdb(mac, "group", [1, 2, 3, 8, 4][i] ?? 1),
  ...{ isMoved: true, isOver: i === 4 },
}));

/** Places 10.1.3.N and fd00:3::N. */
export const PASSING_PLACES: readonly (Destination & Passing)[] = [
  ...[1, 2, 3, 4].map((target) => ({
    ...somewhere({ kind: "group", target, mac: stationMac(target) }),
    ...{ isMoved: true, isOver: false },
  })),
  ...[1, 2, 3, 4, 8].map((target) => ({
    ...somewhere({ kind: "group", target, mac: stationMac(target) }),
    ...{ isMoved: false, isOver: true },
  })),
  ...[false, true].flatMap((isOver) => [
    { ...somewhere({ kind: "group", target: 1, byRouter: true }), isMoved: true, isOver },
    { ...somewhere({ kind: "group", target: 8, byRouter: true }), isMoved: true, isOver },
    { ...somewhere({ kind: "group", target: 2, byRouter: true }), isMoved: false, isOver },
    { ...somewhere({ kind: "port", target: 1, mac: PORTS[1] }), isMoved: false, isOver },
    { ...somewhere({ kind: "port", target: 2, mac: PORTS[2] }), isMoved: false, isOver },
  ]),
];

export const passingAddresses = (i: number): readonly string[] => [
  `10.1.3.${i + 1}`,
  `fd00:3::${(i + 1).toString(16)}`,
];
