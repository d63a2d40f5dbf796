/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a workload may say about itself: its MAC and addresses in Ethernet, IPv4, IPv6, ARP and neighbour
 * discovery. Reads only. What is read on the way (class, flow) is kept in the frame for the outer header.
 */
#ifndef WEFT_GUARD_H
#define WEFT_GUARD_H

#include "flow.h"
#include "frame.h"

enum guard_limit {
	EXTENSIONS_MAX = 6,		/* IPv6 extension headers before we give up on a packet */
	ND_OPTIONS_MAX = 16,
};

always_inline int is_zero16(const __be32 *a)
{
	return !(a[0] | a[1] | a[2] | a[3]);
}

/* The source_kind under which @port may use the address, given as four words in wire order; 0: it may not. */
always_inline __u32 in_sources(__u32 port, __u32 w0, __u32 w1, __u32 w2, __u32 w3)
{
	struct source_key key = { .prefix_bits = 32 + 128, .port = port };
	__u32 *words = (__u32 *)key.address, *kind;

	words[0] = w0;
	words[1] = w1;
	words[2] = w2;
	words[3] = w3;
	kind = bpf_map_lookup_elem(&source, &key);
	return kind ? *kind : 0;
}

always_inline int may_use_ipv4(const struct attach_row *row, __be32 address)
{
	if (address == *(const __be32 *)row->ipv4 && address)
		return 1;
	if (row->flags & ATTACH_ANY_IPV4)
		return 1;
	return (row->flags & ATTACH_SOURCES) &&
	       in_sources(row->port, 0, 0, bpf_htonl(0xffff), address) == SOURCE_ANY;
}

always_inline int may_use_ipv6(const struct attach_row *row, const __be32 *address)
{
	const __be32 *mine = (const __be32 *)row->ipv6;

	if (address[3] == mine[3] && address[2] == mine[2] && address[1] == mine[1] &&
	    address[0] == mine[0] && !is_zero16(address))
		return 1;
	if (row->flags & ATTACH_ANY_IPV6)
		return 1;
	return (row->flags & ATTACH_SOURCES) && !is_mapped(address) &&
	       in_sources(row->port, address[0], address[1], address[2], address[3]);
}

/* Tunnels that a workload might build itself: what tenantTunnels: deny refuses. */
always_inline int is_tunnel(__u8 protocol, __be16 destination_port, __be16 vxlan_port)
{
	if (protocol == PROTOCOL_GRE || protocol == PROTOCOL_IPIP || protocol == PROTOCOL_IPV6)
		return 1;
	return protocol == PROTOCOL_UDP &&
	       (destination_port == vxlan_port || destination_port == bpf_htons(4789) ||
		destination_port == bpf_htons(8472) || destination_port == bpf_htons(4790) ||
		destination_port == bpf_htons(6081));
}

always_inline enum verdict guard_ipv4(struct __sk_buff *skb, struct frame *f,
				      const struct attach_row *row)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	const struct ipv4 *ip = (const void *)(eth + 1);
	__u32 header = 0, ports = 0;
	const __u8 *l4;
	int fragment;

	if ((const void *)(ip + 1) > end || (ip->version_ihl & 0xf0) != 0x40 ||
	    (ip->version_ihl & 0x0f) < 5)
		return VERDICT_TRUNCATED;
	header = (ip->version_ihl & 0x0f) * 4;
	if (skb->len < sizeof(*eth) + header)
		return VERDICT_TRUNCATED;
	f->protocol = ip->protocol;
	f->ecn = ip->tos & 3;
	f->dscp = ip->tos & 0xfc;
	l4 = (const __u8 *)ip + header;
	/* The first fragment has ports as well: they are guarded, and left out of the hash. */
	fragment = (ip->fragment & bpf_htons(0x3fff)) != 0;
	if ((ip->fragment & bpf_htons(0x1fff)) == 0 && l4 + 8 <= (const __u8 *)end && has_ports(ip->protocol))
		ports = *(const __u32 *)l4;
	if (!may_use_ipv4(row, ip->source)) {
		/* A DHCP client has no address yet (RFC 2131 section 4.1): ports 68 to 67, from zero. */
		if (ip->source || fragment || ip->protocol != PROTOCOL_UDP ||
		    ports != bpf_htonl(68 << 16 | 67))
			return VERDICT_SOURCE_IPV4;
	}
	if ((row->flags & ATTACH_TUNNELS_DENY) && is_tunnel(ip->protocol, ports >> 16, f->vxlan_port))
		return VERDICT_TUNNEL_DENIED;
	if (skb->len - sizeof(*eth) > row->mtu &&
	    is_too_big(skb, row->mtu, header + l4_octets(ip->protocol, l4, end)))
		return VERDICT_TOO_BIG;
	f->hash = hash_ipv4(f->hash, ip, ports);
	return VERDICT_NONE;
}

always_inline int is_nd(__u8 type)
{
	return type >= ND_ROUTER_SOLICITATION && type <= ND_REDIRECT;
}

/* Duplicate address detection, its router solicitation, and MLD come from :: (RFC 4861, RFC 4862, RFC 3590). */
always_inline int may_come_from_nobody(__u8 type)
{
	return type == ND_NEIGHBOUR_SOLICITATION || type == ND_ROUTER_SOLICITATION ||
	       type == MLD_REPORT || type == MLD_DONE || type == MLD2_REPORT;
}

/*
 * Neighbour discovery at offset @at (RFC 4861 section 4): the target that a solicitation from :: or an
 * advertisement claims, and the link-layer address options, must be the port's.
 */
always_inline enum verdict guard_nd(struct __sk_buff *skb, const struct attach_row *row, __u32 at,
				    int unspecified)
{
	struct {
		__u8 align[2];		/* so that the MAC lies on a word of the stack */
		__u8 type;
		__u8 units;		/* of 8 octets */
		__u8 mac[6];
	} option;
	struct nd nd;
	__u32 next;

	if (bpf_skb_load_bytes(skb, at, &nd, 8))
		return VERDICT_TRUNCATED;
	if (unspecified && !may_come_from_nobody(nd.type))
		return VERDICT_SOURCE_IPV6;
	if (!is_nd(nd.type))
		return VERDICT_NONE;
	next = at + 8;
	if (nd.type == ND_ROUTER_ADVERTISEMENT)
		next = at + 16;
	if (nd.type == ND_NEIGHBOUR_SOLICITATION || nd.type == ND_NEIGHBOUR_ADVERTISEMENT) {
		if (bpf_skb_load_bytes(skb, at, &nd, sizeof(nd)))
			return VERDICT_SOURCE_ND;
		if ((nd.type == ND_NEIGHBOUR_ADVERTISEMENT || unspecified) &&
		    !may_use_ipv6(row, nd.target))
			return VERDICT_SOURCE_ND;
		next = at + sizeof(nd);
	}
	if (nd.type == ND_REDIRECT)
		next = at + 40;
	for (int i = 0; i <= ND_OPTIONS_MAX; i++) {
		if (bpf_skb_load_bytes(skb, next, &option.type, 8))
			return VERDICT_NONE;	/* no further option */
		if (!option.units)
			return VERDICT_SOURCE_ND;
		/* 1 source, 2 target link-layer address. In a redirect the target's is another's by design. */
		if ((option.type == 1 || (option.type == 2 && nd.type != ND_REDIRECT)) &&
		    !same_mac(option.mac, row->mac))
			return VERDICT_SOURCE_ND;
		next += option.units * 8;
	}
	return VERDICT_SOURCE_ND;		/* more options than anybody has use for: cannot be vouched for */
}

/* What stands behind the extension headers, at @at; @fragment: with a fragment header among them. */
always_inline enum verdict guard_ipv6_end(struct __sk_buff *skb, const struct frame *f,
					  const struct attach_row *row, __u8 protocol, __u32 at, int fragment, int unspecified)
{
	__u32 ports = 0;
	__u8 type;

	if (protocol != PROTOCOL_ICMPV6) {
		if (unspecified)
			return VERDICT_SOURCE_IPV6;
		if (!(row->flags & ATTACH_TUNNELS_DENY))
			return VERDICT_NONE;
		/* No ports to be seen in a first fragment: whatever it is, it hides. */
		if (protocol == PROTOCOL_UDP && bpf_skb_load_bytes(skb, at, &ports, sizeof(ports)))
			return VERDICT_TRUNCATED;
		return is_tunnel(protocol, ports >> 16, f->vxlan_port) ? VERDICT_TUNNEL_DENIED : VERDICT_NONE;
	}
	if (!fragment)
		return guard_nd(skb, row, at, unspecified);
	/* Neighbour discovery is never fragmented (RFC 6980 section 5): what is behind the cut could not be vouched for. */
	if (bpf_skb_load_bytes(skb, at, &type, 1) || is_nd(type))
		return VERDICT_SOURCE_ND;
	return unspecified ? VERDICT_SOURCE_IPV6 : VERDICT_NONE;
}

/*
 * The slow half of the IPv6 guard: find what is behind extension headers, so that they cannot hide neighbour
 * discovery (RFC 7113 section 3, RFC 6980) or a tunnel. A chain that we cannot follow is refused.
 */
__noinline int guard_ipv6_chain(struct __sk_buff *skb, const struct frame *f,
				struct attach_row *row, __u32 next_header, __u32 unspecified)
{
	__u32 at = sizeof(struct ethernet) + sizeof(struct ipv6);
	int fragment = 0;
	__u8 header[8];

	if (!f || !row)
		return VERDICT_SOURCE_ND;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next_header != PROTOCOL_HOP_BY_HOP && next_header != PROTOCOL_ROUTING &&
		    next_header != PROTOCOL_DESTINATION && next_header != PROTOCOL_FRAGMENT)
			return guard_ipv6_end(skb, f, row, next_header, at, fragment, unspecified);
		if (bpf_skb_load_bytes(skb, at, header, sizeof(header)))
			return VERDICT_TRUNCATED;
		if (next_header == PROTOCOL_FRAGMENT) {
			/* A later fragment shows nothing, and is nothing without the first. */
			if (header[2] | (header[3] & 0xf8))
				return unspecified ? VERDICT_SOURCE_IPV6 : VERDICT_NONE;
			fragment = 1;
			at += 8;
		} else {
			at += 8 + header[1] * 8;
		}
		next_header = header[0];
	}
	return VERDICT_SOURCE_ND;
}

always_inline enum verdict guard_ipv6(struct __sk_buff *skb, struct frame *f,
				      struct attach_row *row)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	const struct ipv6 *ip = (const void *)(eth + 1);
	__u32 ports = 0, first, unspecified = 0;
	const __u8 *l4;

	if ((const void *)(ip + 1) > end)
		return VERDICT_TRUNCATED;
	first = bpf_ntohl(ip->version_class_label);
	if (first >> 28 != 6)
		return VERDICT_TRUNCATED;
	f->protocol = ip->next_header;
	f->ecn = (first >> 20) & 3;
	f->dscp = (first >> 20) & 0xfc;
	if (!may_use_ipv6(row, ip->source)) {
		/* Duplicate address detection and MLD come from ::, and nothing else does (RFC 4862, RFC 3810). */
		if (!is_zero16(ip->source))
			return VERDICT_SOURCE_IPV6;
		unspecified = 1;
	}
	l4 = (const __u8 *)(ip + 1);
	if (has_ports(ip->next_header) && l4 + 8 <= (const __u8 *)end)
		ports = *(const __u32 *)l4;
	if ((row->flags & ATTACH_TUNNELS_DENY) && is_tunnel(ip->next_header, ports >> 16, f->vxlan_port))
		return VERDICT_TUNNEL_DENIED;
	if (skb->len - sizeof(*eth) > row->mtu &&
	    is_too_big(skb, row->mtu, sizeof(*ip) + l4_octets(ip->next_header, l4, end)))
		return VERDICT_TOO_BIG;
	f->hash = hash_ipv6(f->hash, ip, ports);
	if (unspecified || (ip->next_header != PROTOCOL_TCP && ip->next_header != PROTOCOL_UDP))
		return guard_ipv6_chain(skb, f, row, ip->next_header, unspecified);
	return VERDICT_NONE;
}

/* RFC 826: a workload speaks for its own MAC and addresses, or for none yet (a probe, RFC 5227). */
always_inline enum verdict guard_arp(struct __sk_buff *skb, const struct attach_row *row)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	const struct arp *arp = (const void *)(eth + 1);

	if ((const void *)(arp + 1) > end)
		return VERDICT_TRUNCATED;
	if (arp->hardware != bpf_htons(1) || arp->protocol != bpf_htons(ETHERTYPE_IPV4) ||
	    arp->hardware_octets != 6 || arp->protocol_octets != 4)
		return VERDICT_SOURCE_ARP;
	if (!same_mac(arp->sender_mac, row->mac))
		return VERDICT_SOURCE_ARP;
	if (arp->sender_ip && !may_use_ipv4(row, arp->sender_ip))
		return VERDICT_SOURCE_ARP;
	return VERDICT_NONE;
}

/* All guards. VERDICT_NONE: the frame may go on, and @f knows its type, class and hash. */
__noinline int guard(struct __sk_buff *skb, struct frame *f, struct attach_row *row, __u32 seed)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;

	if (!f || !row)
		return VERDICT_TRUNCATED;
	if ((const void *)(eth + 1) > end)
		return VERDICT_TRUNCATED;
	if (!same_mac(eth->source, row->mac))
		return VERDICT_SOURCE_MAC;
	f->type = bpf_ntohs(eth->type);
	f->hash = seed;
	if (f->type == ETHERTYPE_IPV4)
		return guard_ipv4(skb, f, row);
	if (f->type == ETHERTYPE_IPV6)
		return guard_ipv6(skb, f, row);
	if (f->type == ETHERTYPE_VLAN || f->type == ETHERTYPE_QINQ || f->type == ETHERTYPE_QINQ_OLD)
		return VERDICT_TAGGED;
	f->hash = hash_ethernet(f->hash, eth);
	if (skb->len - sizeof(*eth) > row->mtu)
		return VERDICT_TOO_BIG;
	if (f->type == ETHERTYPE_ARP)
		return guard_arp(skb, row);
	return VERDICT_NONE;
}

#endif
