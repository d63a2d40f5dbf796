/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables between agent and datapath: keys, values, limits. This file and verdict.h are the ABI;
 * scripts/gen-abi.ts writes the TypeScript side from them. A changed layout raises WEFT_ABI, and with it
 * the directory in which the maps are pinned (docs/decisions/0003-upgrade.md).
 *
 * Integers are in host order, addresses and MACs in wire order. An IPv4 address in an address[16] is
 * IPv4-mapped (::ffff:a.b.c.d), so that one table serves both families. Padding is named `zero` and is zero,
 * for hash keys compare every octet.
 */
#ifndef WEFT_MAPS_H
#define WEFT_MAPS_H

#include <linux/types.h>

enum limit {
	WEFT_ABI = 3,
	PORTS_MAX = 16384,
	PEERS_MAX = 8192,
	ADJACENCIES_MAX = 16384,
	GROUPS_MAX = 65536,
	GROUP_MEMBERS_MAX = 8,
	PEER_ADJACENCIES_MAX = 16,
	NETWORKS_MAX = 16384,
	FDB_MAX = 262144,
	SOURCES_MAX = 65536,
	VNI_IN_MAX = 65536,
	VTEPS_MAX = 64,
	UNDERLAY_GROUPS_MAX = 4096,
	ADMIT_MAX = 262144,
	FLOOD_MEMBERS_MAX = 262144,
	SPACES_MAX = 16384,
	HOSTS_MAX = 262144,
	ROUTES_MAX = 262144,
	IPV4_LENGTHS_MAX = 33,		/* different prefix lengths of one address space: all that there are */
	IPV6_LENGTHS_MAX = 24,
	BUCKETS_MAX = 131072,
	REPLICAS_MAX = 512,		/* of one list of one network */
	EVENT_HEADER_OCTETS = 128,
	EVENTS_OCTETS = 1048576,
	ANSWERS_PER_SECOND = 100,	/* ICMP errors to one port, in the long run */
	ANSWERS_BURST = 20,
	EVENTS_PER_SECOND = 64,		/* of one verdict on one CPU; the rest is counted as lost */
	PUNTS_PER_SECOND = 1000,	/* of one owner */
	PUNT_BURST_NS = 100000000,	/* time in which a budget that was left alone may be spent at once */
	VERDICTS_MAX = 256,		/* room for verdicts to come, so that a new one changes no map */
	VID_UNTAGGED = 0xffff,
	VNI_NONE = 0x7fffffff,		/* of an event: no tunnel header was read; 0 is a VNI */
};

enum encapsulation {
	ENCAPSULATION_VXLAN = 1,
	ENCAPSULATION_NVGRE = 2,
};

enum family {
	FAMILY_IPV4 = 4,
	FAMILY_IPV6 = 6,
};

/* attach: the port behind an interface (and VLAN), and what it may send */

enum attach_flag {
	ATTACH_TRACE = 1,		/* an event for every frame, whatever its verdict */
	ATTACH_UNKNOWN_DROP = 2,	/* unknown unicast is dropped, not flooded */
	ATTACH_DSCP_PIPE = 4,		/* outer DSCP 0; else the inner one is copied */
	ATTACH_TUNNELS_DENY = 8,
	ATTACH_ANY_IPV4 = 16,		/* any source address: a forwarding workload */
	ATTACH_ANY_IPV6 = 32,
	ATTACH_SOURCES = 64,		/* the source table has more than the two addresses below */
	ATTACH_ROUTED = 128,		/* frames to the gateway's MAC are routed here */
	ATTACH_NEIGHBOURS_DROP = 256,	/* who asks for a neighbour that nobody knows is not heard by others */
	ATTACH_DISCOVER = 512,		/* addresses that it uses and nobody declared are learned */
	ATTACH_MSS_CLAMP = 1024,	/* TCP is told the MTU of its way */
};

struct attach_key {
	__u32 ifindex;
	__u16 vid;
	__u16 zero;
};

struct attach_row {
	__u32 port;
	__u32 network;
	__u8 mac[6];
	__u16 flags;
	__u32 mtu;			/* octets of the largest inner IP packet */
	__u8 ipv4[4];			/* the port's first address of each family, or zero */
	__u8 ipv6[16];
	__u32 bum_interval_ns;		/* time that one replica costs; 0: no limit */
	__u32 bum_burst_ns;
	__u32 space;			/* what its addresses are unique in: a router, or the network itself */
	__u32 owner;			/* the tenant, as a number: whose budget of slow work is spent */
};

/* source: further source prefixes of a port (longest prefix match over port, then address). The row is a source_kind */

enum source_kind {
	SOURCE_ANY = 1,
	SOURCE_IPV6_ONLY = 2,		/* so short a prefix that it covers the mapped IPv4 addresses, which it does not mean */
};

struct source_key {
	__u32 prefix_bits;		/* 32 for the port, and the prefix' own */
	__u32 port;
	__u8 address[16];
};

/* settings: one row for the host */

struct settings_row {
	__u32 hash_seed;
	__u16 vxlan_port;
	__u8 gateway_mac[6];		/* of the fabric's distributed gateways: never learned. Zero: none */
	__u8 router_mac[6];		/* of this host's routers: what others send routed frames to */
	__u16 zero;
};

/* vtep: our own tunnel addresses, and the underlay groups that this host is in */

enum vtep_flag {
	VTEP_SHARED = 1,		/* another overlay uses the address too: unknown numbers go on to the kernel */
	VTEP_GROUP = 2,			/* a group: numbers of other groups' networks arrive too, when groups are shared */
};

struct vtep_key {
	__u8 address[16];
};

struct vtep_row {
	__u32 flags;
};

/* vni_in: the network or router that a number means, on one of our addresses, under one encapsulation */

enum vni_in_flag {
	VNI_IN_DSCP_PIPE = 1,		/* inner DSCP stays; else it takes the outer one */
	VNI_IN_UNKNOWN_DROP = 2,	/* unknown unicast is dropped, not flooded to local ports */
	VNI_IN_LEARN = 4,		/* where senders are is learned from what they send */
	VNI_IN_ROUTER = 8,		/* a router's number (L3VNI): frames are for our router MAC, and are routed */
	VNI_IN_GATEWAY = 16,		/* this host is the gateway for those who have none of their own */
	VNI_IN_MSS_CLAMP = 32,
};

struct vni_in_key {
	__u8 vtep[16];
	__u32 vni;
	__u8 encapsulation;
	__u8 zero[3];
};

struct vni_in_row {
	__u32 network;			/* or router: both are numbers of the fabric */
	__u32 mtu;
	__u32 flags;
	__u32 age_seconds;		/* life of what is learned, from the last frame seen */
	__u32 macs_max;			/* the most that is learned on the network */
	__u32 space;
	__u32 owner;
};

/* peer_in: who an outer source address is; admit: on which networks he may send */

struct peer_in_key {
	__u8 address[16];
};

struct peer_in_row {
	__u32 peer;
};

enum admit_flag {
	ADMIT_DSCP_KEEP = 1,		/* his outer DSCP says nothing about the inner one: not a weft host */
	ADMIT_LEARN = 2,		/* MACs behind him are learned */
};

struct admit_key {
	__u32 peer;
	__u32 network;
};

struct admit_row {
	__u32 flags;
	__u32 group;			/* next-hop group back to him there; 0: he only sends */
};

/* fdb: where a MAC is */

enum target_kind {
	TARGET_PORT = 1,
	TARGET_GROUP = 2,
	TARGET_DROP = 3,
	TARGET_GATEWAY = 4,		/* of routes: an address of the gateway itself */
	TARGET_GLEAN = 5,		/* of routes: on a network of ours; whoever has the address is to be found */
};

struct fdb_key {
	__u32 network;
	__u8 mac[6];
	__u16 zero;
};

enum fdb_flag {
	FDB_LEARNED = 1,		/* from the wire, by the datapath: not the agent's to write or to remove */
	FDB_MOVED = 2,			/* was behind a port of ours: what still comes for it through tunnels is sent on, for a while */
};

struct fdb_row {
	__u32 target;			/* port or group; which one `kind` says */
	__u8 kind;
	__u8 flags;
	__u16 zero;
	__u32 sequence;
	__u32 zero2;
	__u64 fresh_until_ns;		/* coarse monotonic time. Learned: after it, as good as not there. Moved: after it, sent on no more */
};

/* learned: how many of a network's fdb rows are learned. The datapath's own */

struct learned_key {
	__u32 network;
};

struct learned_row {
	__u32 count;
	__u32 tally;			/* of a sweep under way */
};

/* port: how to hand a frame to a local port */

enum port_flag {
	PORT_REDIRECT_PEER = 1,		/* a veth whose other end is in another namespace */
	PORT_TRACE = 2,			/* an event for every frame that comes for it out of a tunnel */
};

struct port_row {
	__u32 ifindex;			/* 0: not there */
	__u32 network;
	__u32 mtu;
	__u32 flags;
};

/* group → peers → adjacencies */

struct group_member {
	__u32 peer;
	__u32 vni;
	__u8 encapsulation;
	__u8 weight;
	__u16 zero;
};

struct group_row {
	__u32 members;
	struct group_member member[GROUP_MEMBERS_MAX];
};

struct peer_row {
	__u8 remote[16];
	__u8 local[16];
	__u32 family;			/* 0: not there */
	__u32 mtu;
	__u32 adjacencies;		/* slots in use; a next hop has as many as its weight says */
	__u32 adjacency[PEER_ADJACENCIES_MAX];
	__u8 router_mac[6];		/* of his routers; zero: he has none */
	__u16 zero;
};

struct adjacency_row {
	__u32 oif;			/* 0: not there */
	__u8 family;			/* of next_hop */
	__u8 l2_octets;			/* 14, or 0 for a link without Ethernet */
	__u16 zero;
	__u8 dmac[6];
	__u8 smac[6];
	__u8 next_hop[16];
	__u32 zero2;
	__u64 fresh_until_ns;		/* coarse monotonic time; later the kernel's neighbour table decides. 0: never resolved */
};

/*
 * host: where an address is, and who answers for it; route: where a prefix is. The longest match is found by asking for
 * each prefix length that the space has, longest first (docs/decisions/0014-routing.md). Addresses mapped, bits too.
 */

enum route_flag {
	ROUTE_DISCOVERED = 1,		/* learned, not declared: over when fresh_until_ns has passed */
	ROUTE_MOVED = 2,		/* was behind a port of ours: stragglers are sent on until fresh_until_ns */
	ROUTE_BY_ROUTER = 4,		/* the next frame is addressed to the peer's router MAC; else to `mac` */
	ROUTE_SHARED_ADDRESS = 8,	/* several may have the address: neighbour advertisements override nothing */
};

struct host_key {
	__u32 space;
	__u8 address[16];
};

struct route_key {
	__u32 space;
	__u8 address[16];
	__u8 bits;			/* 0..128; of IPv4 96..128 */
	__u8 zero[3];
};

struct route_row {
	__u32 network;			/* where the address is; 0: nowhere */
	__u32 target;			/* port or group; which one `kind` says */
	__u8 kind;
	__u8 flags;
	__u8 mac[6];			/* of who has the address; zero: nobody, as of a prefix' next router */
	__u32 mtu;			/* octets of the largest IP packet on the way there */
	__u32 age_seconds;		/* discovered: its life, from the last sign of it */
	__u64 fresh_until_ns;		/* coarse monotonic time */
};

struct space_key {
	__u32 space;
};

/* Prefix lengths (mapped) of the space's routes, descending. */
struct space_row {
	__u8 ipv4_lengths;
	__u8 ipv6_lengths;
	__u8 zero[2];
	__u8 ipv4_bits[36];
	__u8 ipv6_bits[24];
};

/* gateway: the router's addresses on a network, which its ICMP messages come from */

struct gateway_key {
	__u32 network;
};

struct gateway_row {
	__u8 ipv4[4];			/* zero: none */
	__u8 ipv6[16];
};

/* slow: the way to the agent, a tap, and how long he is known to listen */

struct slow_row {
	__u32 ifindex;			/* 0: none */
	__u32 zero;
	__u64 heard_until_ns;		/* coarse monotonic time */
};

enum punt_reason {
	PUNT_GLEAN = 1,			/* to an address of a network of ours that nobody has shown */
	PUNT_FRAGMENT = 2,		/* too big, and may be fragmented */
	PUNT_TTL = 3,			/* the rest: from a tunnel, and to be answered by ICMP */
	PUNT_TOO_BIG = 4,
	PUNT_NO_ROUTE = 5,
	PUNT_GATEWAY = 6,		/* to the gateway, or to this host's router MAC */
	PUNT_REASONS = 7,
};

/*
 * In front of a frame on its way to the agent. Behind it the kernel gives no room to a frame with tunnel state, and one
 * that is an aggregate would lose what it is to be segmented by; in front each segment gets a copy.
 */
struct punt_header {
	__u32 magic;
	__u32 reason;
	__u32 port;			/* where it came in: a port, or a peer */
	__u32 peer;
	__u32 network;			/* of the port, or that its number means (a router's if it is an L3VNI) */
	__u32 space;
	__u32 owner;
	__u32 mtu;			/* that it exceeds, or 0 */
	__u32 inner_at;			/* offset of the inner Ethernet header from here: 0 from a port */
	__u32 zero;
};

enum inject_kind {
	INJECT_FROM_PORT = 1,		/* as if `id`, a port, had sent it */
	INJECT_TO_PORT = 2,		/* to `id`, a port, as it is */
	INJECT_TO_NETWORK = 3,		/* to everybody on `id`, a network: from its gateway */
	INJECT_ROUTED = 4,		/* an IP packet of the router's own in space `id`; Ethernet addresses are filled in */
	INJECT_TO_GROUP = 5,		/* encapsulated to `id`, a next-hop group, as it is */
};

/* Behind a frame on its way from the agent: in front the kernel would take it for the frame's own headers. */
struct inject_trailer {
	__u32 magic;
	__u32 kind;
	__u32 id;
	__u32 zero;
};

enum trailer_magic {
	PUNT_MAGIC = 0x70756e74,
	INJECT_MAGIC = 0x696e6a65,
};

/* flood: who receives broadcast, multicast and unknown unicast. Lists in the order in which one frame is encapsulated: ascending header length. */

enum flood_list {
	FLOOD_LOCAL = 0,		/* members are ports; all others: peers */
	FLOOD_NVGRE_IPV4 = 1,
	FLOOD_VXLAN_IPV4 = 2,
	FLOOD_NVGRE_IPV6 = 3,
	FLOOD_VXLAN_IPV6 = 4,
	FLOOD_LISTS = 5,
};

struct flood_key {
	__u32 network;
};

/* A changed list is written beside the old one under the next generation, then this row flips: no frame sees half of either. */
struct flood_row {
	__u32 generation;
	__u32 members[FLOOD_LISTS];
	__u32 bum_interval_ns;
	__u32 bum_burst_ns;
};

struct flood_member_key {
	__u32 network;
	__u32 generation;
	__u16 list;
	__u16 index;
};

struct flood_member_row {
	__u32 target;			/* port, or peer */
	__u32 vni;
};

/* bucket: budgets already spent, as the time until which the budget is used up */

enum bucket_scope {
	BUCKET_PORT = 1,
	BUCKET_NETWORK = 2,
	BUCKET_PUNT = 3,		/* of an owner: frames to the agent */
	BUCKET_ANSWER = 4,		/* of a port: ICMP errors to it */
};

struct bucket_key {
	__u32 scope;
	__u32 id;
};

struct bucket_row {
	__u64 spent_until_ns;		/* monotonic time */
};

/* counters, all per CPU */

struct counter_row {
	__u64 packets;
	__u64 octets;
};

struct port_counter_row {
	__u64 from_packets;		/* sent by the workload and sent on */
	__u64 from_octets;
	__u64 to_packets;		/* delivered to the workload */
	__u64 to_octets;
	__u64 dropped;			/* sent by the workload and dropped */
};

/* events: drops (sampled) and frames of traced ports (all) */

enum hook {
	HOOK_FROM_PORT = 1,
	HOOK_FROM_UNDERLAY = 2,
	HOOK_IDLE_DEVICE = 3,
	HOOK_FROM_SLOW_PATH = 4,
};

struct event_row {
	__u64 at_ns;			/* boot time */
	__u32 verdict;
	__u32 hook;
	__u32 network;
	__u32 port;			/* from a port: the sender; from the underlay: the receiver, if known */
	__u32 vni;
	__u32 ifindex;			/* where the frame came in */
	__u8 source[16];		/* outer source address, from the underlay */
	__u32 frame_octets;
	__u32 captured_octets;
	__u8 headers[EVENT_HEADER_OCTETS];
};

struct event_budget_row {
	__u64 window_ns;
	__u64 used;
	__u64 lost;
};

#endif
