/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Headers as they stand on the wire. Fields are in network order. */
#ifndef WEFT_WIRE_H
#define WEFT_WIRE_H

#include <linux/types.h>

enum ethertype {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_TEB = 0x6558,		/* Transparent Ethernet Bridging, in GRE */
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_QINQ = 0x88a8,
	ETHERTYPE_QINQ_OLD = 0x9100,
};

enum ip_protocol {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_IPIP = 4,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_GRE = 47,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_SCTP = 132,
};

struct ethernet {
	__u8 destination[6];
	__u8 source[6];
	__be16 type;
} __attribute__((packed));

struct ipv4 {
	__u8 version_ihl;
	__u8 tos;
	__be16 total_octets;
	__be16 id;
	__be16 fragment;		/* DF 0x4000, MF 0x2000, offset 0x1fff */
	__u8 ttl;
	__u8 protocol;
	__be16 checksum;
	__be32 source;
	__be32 destination;
} __attribute__((packed));

struct ipv6 {
	__be32 version_class_label;
	__be16 payload_octets;
	__u8 next_header;
	__u8 hop_limit;
	__be32 source[4];
	__be32 destination[4];
} __attribute__((packed));

enum { TCP_OCTETS = 20 };	/* without options */

struct udp {
	__be16 source;
	__be16 destination;
	__be16 octets;
	__be16 checksum;
} __attribute__((packed));

/* RFC 7348 section 5 */
struct vxlan {
	__be32 flags;
	__be32 vni;			/* 24 bits, then 8 reserved */
} __attribute__((packed));

#define VXLAN_FLAG_VNI 0x08000000U

/* RFC 7637 section 3.2: GRE (RFC 2784) with a key (RFC 2890) of VSID and FlowID */
struct nvgre {
	__be16 flags;
	__be16 type;
	__be32 key;
} __attribute__((packed));

enum {
	GRE_VERSION = 0x0007,
	GRE_KEY = 0x2000,
	NVGRE_CKS = 0xb000,		/* checksum, key, sequence: only the key may be there */
	NVGRE_ZERO = 0x4c07,		/* routing, strict source route, top of Recur, version (RFC 2784 section 2.3) */
};

struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_octets;
	__u8 protocol_octets;
	__be16 operation;
	__u8 sender_mac[6];
	__be32 sender_ip;
	__u8 target_mac[6];
	__be32 target_ip;
} __attribute__((packed));

enum arp_operation {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

/* Both families: RFC 792, RFC 4443. The value is the next hop's MTU where the message has one (RFC 1191, RFC 4443 section 3.2) */
struct icmp {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 value;
} __attribute__((packed));

enum icmp_type {
	ICMP_ECHO_REPLY = 0,
	ICMP_UNREACHABLE = 3,
	ICMP_SOURCE_QUENCH = 4,
	ICMP_REDIRECT = 5,
	ICMP_ECHO = 8,
	ICMP_TIME_EXCEEDED = 11,
	ICMP_PARAMETER_PROBLEM = 12,
};

enum icmp_code {
	ICMP_NETWORK = 0,
	ICMP_PORT = 3,
	ICMP_FRAGMENTATION_NEEDED = 4,
};

/* Neighbour solicitation and advertisement (RFC 4861 section 4.3, 4.4) */
struct nd {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be32 reserved;
	__be32 target[4];
} __attribute__((packed));

enum nd_flag {
	ND_ROUTER = 0x80000000,
	ND_SOLICITED = 0x40000000,
	ND_OVERRIDE = 0x20000000,
};

enum nd_option_type {
	ND_SOURCE_MAC = 1,
	ND_TARGET_MAC = 2,
	ND_NONCE = 14,			/* RFC 7527 */
};

/* A link-layer address option (RFC 4861 section 4.6.1) */
struct nd_mac {
	__u8 type;
	__u8 units;			/* of 8 octets */
	__u8 mac[6];
} __attribute__((packed));

/* ICMPv6 types: errors and echo (RFC 4443), MLD (RFC 2710, RFC 3810), neighbour discovery (RFC 4861) */
enum icmpv6_type {
	ICMPV6_UNREACHABLE = 1,
	ICMPV6_TOO_BIG = 2,
	ICMPV6_TIME_EXCEEDED = 3,
	ICMPV6_INFORMATIONAL = 128,	/* below are errors */
	ICMPV6_ECHO = 128,
	ICMPV6_ECHO_REPLY = 129,
	MLD_REPORT = 131,
	MLD_DONE = 132,
	MLD2_REPORT = 143,
	ND_ROUTER_SOLICITATION = 133,
	ND_ROUTER_ADVERTISEMENT = 134,
	ND_NEIGHBOUR_SOLICITATION = 135,
	ND_NEIGHBOUR_ADVERTISEMENT = 136,
	ND_REDIRECT = 137,
};

enum icmpv6_code {
	ICMPV6_NO_ROUTE = 0,
	ICMPV6_PORT = 4,
};

/* Outer headers with the inner Ethernet header behind them, as bpf_skb_adjust_room counts its room. */
struct outer_vxlan_ipv4 {
	struct ethernet ethernet;
	struct ipv4 ip;
	struct udp udp;
	struct vxlan vxlan;
	struct ethernet inner;
} __attribute__((packed));

struct outer_vxlan_ipv6 {
	struct ethernet ethernet;
	struct ipv6 ip;
	struct udp udp;
	struct vxlan vxlan;
	struct ethernet inner;
} __attribute__((packed));

struct outer_nvgre_ipv4 {
	struct ethernet ethernet;
	struct ipv4 ip;
	struct nvgre nvgre;
	struct ethernet inner;
} __attribute__((packed));

struct outer_nvgre_ipv6 {
	struct ethernet ethernet;
	struct ipv6 ip;
	struct nvgre nvgre;
	struct ethernet inner;
} __attribute__((packed));

#endif
