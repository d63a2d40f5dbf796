/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Routing between the networks of one address space (RFC 1812 section 5.2, RFC 8200 section 3): which way a packet
 * goes, and the Ethernet header of its next frame.
 *
 * In order: addresses that no router passes on; the way (an exact address, then the longest prefix); the gateway
 * itself; a route that says drop; TTL; an address that has to be found first; the MTU of the way.
 *
 * DEVIATION: the IPv4 header's checksum is changed with the TTL, not verified (RFC 1812 section 5.2.2): a wrong one
 * stays wrong, and the receiver refuses it. No ICMP redirects. Source routes (RFC 791 section 3.1) are payload.
 */
#ifndef WEFT_ROUTE_H
#define WEFT_ROUTE_H

#include "answer.h"
#include "echo.h"
#include "frame.h"
#include "mss.h"
#include "punt.h"
#include "send.h"
#include "straggler.h"

/* RFC 6890: what is never forwarded, as source or as destination. */
always_inline int is_routable_ipv4(__be32 address)
{
	__u32 host = bpf_ntohl(address), first = host >> 24;

	return first && first != 127 && first < 224 && host >> 16 != 0xa9fe;
}

/* Neither multicast, link-local, nor of ::/96 (unspecified, loopback), nor mapped. */
always_inline int is_routable_ipv6(const __be32 *words)
{
	__u32 first = bpf_ntohl(words[0]);

	return first >> 24 != 0xff && first >> 22 != 0xfe80 >> 6 && (words[0] | words[1] | words[2]) &&
	       !is_mapped(words);
}

/* @found, if it still holds. */
always_inline struct route_row *standing_route(struct route_row *found)
{
	if (found && (found->flags & ROUTE_DISCOVERED) &&
	    found->fresh_until_ns < bpf_ktime_get_coarse_ns())
		return NULL;
	return found;
}

/* The first @bits of @word, in wire order; 32 and more: all of it, 0 and fewer: none. */
always_inline __be32 prefix_of(__be32 word, int bits)
{
	__u32 keep = bits < 0 ? 0 : bits > 32 ? 32 : bits;

	return word & bpf_htonl((__u32)(0xffffffff00000000ULL >> keep));
}

/* The longest IPv4 prefix that covers @where. */
static __noinline struct route_row *find_ipv4_prefix(const struct host_key *where)
{
	const __be32 *address = (const __be32 *)where->address;
	struct space_key of = { .space = where->space };
	struct space_row *lengths = bpf_map_lookup_elem(&space, &of);
	struct route_key key = { .space = where->space };
	__be32 *words = (__be32 *)key.address;
	struct route_row *found;

	if (!lengths)
		return NULL;
	words[2] = bpf_htonl(0xffff);
	for (int i = 0; i < IPV4_LENGTHS_MAX && i < lengths->ipv4_lengths; i++) {
		key.bits = lengths->ipv4_bits[i];
		words[3] = prefix_of(address[3], key.bits - 96);
		found = bpf_map_lookup_elem(&route, &key);
		if (found)
			return found;
	}
	return NULL;
}

static __noinline struct route_row *find_ipv6_prefix(const struct host_key *where)
{
	const __be32 *address = (const __be32 *)where->address;
	struct space_key of = { .space = where->space };
	struct space_row *lengths = bpf_map_lookup_elem(&space, &of);
	struct route_key key = { .space = where->space };
	__be32 *words = (__be32 *)key.address;
	struct route_row *found;

	if (!lengths)
		return NULL;
	for (int i = 0; i < IPV6_LENGTHS_MAX && i < lengths->ipv6_lengths; i++) {
		key.bits = lengths->ipv6_bits[i];
#pragma unroll
		for (int w = 0; w < 4; w++)
			words[w] = prefix_of(address[w], key.bits - 32 * w);
		found = bpf_map_lookup_elem(&route, &key);
		if (found)
			return found;
	}
	return NULL;
}

/* What there is to know about an IP packet that is to be routed. */
struct routing {
	struct route_row *way;
	__u32 header_octets;		/* from the IP header to the end of the TCP or UDP header: of a segment */
	__u8 may_fragment;
};

/* The way of the IPv4 packet at @ip, and why it cannot go it: VERDICT_NONE, it can. */
always_inline enum verdict consult_ipv4(const struct frame *f, const struct ipv4 *ip, const void *end,
					struct routing *r)
{
	struct host_key where = { .space = f->space };

	if ((const void *)(ip + 1) > end || (ip->version_ihl & 0xf0) != 0x40 || (ip->version_ihl & 0x0f) < 5)
		return VERDICT_NOT_ROUTABLE;
	if (!is_routable_ipv4(ip->source) || !is_routable_ipv4(ip->destination))
		return VERDICT_NOT_ROUTABLE;
	mapped((__be32 *)where.address, ip->destination);
	r->header_octets = (ip->version_ihl & 0x0f) * 4;
	r->header_octets += l4_octets(ip->protocol, (const __u8 *)ip + r->header_octets, end);
	r->may_fragment = !(ip->fragment & bpf_htons(IPV4_DF));
	r->way = standing_route(bpf_map_lookup_elem(&host, &where));
	if (!r->way)
		r->way = find_ipv4_prefix(&where);
	if (!r->way)
		return VERDICT_NO_ROUTE;
	if (r->way->kind == TARGET_GATEWAY)
		return VERDICT_NONE;
	if (r->way->kind == TARGET_DROP)
		return VERDICT_BLACKHOLE;
	return ip->ttl > 1 ? VERDICT_NONE : VERDICT_TTL_EXCEEDED;
}

always_inline enum verdict consult_ipv6(const struct frame *f, const struct ipv6 *ip, const void *end,
					struct routing *r)
{
	struct host_key where = { .space = f->space };

	if ((const void *)(ip + 1) > end)
		return VERDICT_NOT_ROUTABLE;
	if (!is_routable_ipv6(ip->source) || !is_routable_ipv6(ip->destination))
		return VERDICT_NOT_ROUTABLE;
	__builtin_memcpy(where.address, ip->destination, 16);
	r->header_octets = sizeof(*ip) + l4_octets(ip->next_header, (const __u8 *)(ip + 1), end);
	r->may_fragment = 0;
	r->way = standing_route(bpf_map_lookup_elem(&host, &where));
	if (!r->way)
		r->way = find_ipv6_prefix(&where);
	if (!r->way)
		return VERDICT_NO_ROUTE;
	if (r->way->kind == TARGET_GATEWAY)
		return VERDICT_NONE;
	if (r->way->kind == TARGET_DROP)
		return VERDICT_BLACKHOLE;
	return ip->hop_limit > 1 ? VERDICT_NONE : VERDICT_TTL_EXCEEDED;
}

/* @eth is the frame's Ethernet header, in the packet. */
static __noinline enum verdict consult(const struct frame *f, const struct ethernet *eth, const void *end,
				   struct routing *r)
{
	if (f->type == ETHERTYPE_IPV4)
		return consult_ipv4(f, (const void *)(eth + 1), end, r);
	if (f->type == ETHERTYPE_IPV6)
		return consult_ipv6(f, (const void *)(eth + 1), end, r);
	return VERDICT_NOT_ROUTABLE;
}

/* One hop less to live. RFC 1141 for the checksum: the TTL is the high octet of its word. */
always_inline int age(const struct frame *f, struct ethernet *eth, const void *end)
{
	if (f->type == ETHERTYPE_IPV4) {
		struct ipv4 *ip = (void *)(eth + 1);
		__u32 sum;

		if ((const void *)(ip + 1) > end)
			return -1;
		sum = ip->checksum + bpf_htons(0x0100);
		ip->checksum = sum + (sum >= 0xffff);
		ip->ttl--;
	} else {
		struct ipv6 *ip = (void *)(eth + 1);

		if ((const void *)(ip + 1) > end)
			return -1;
		ip->hop_limit--;
	}
	return 0;
}

/* The next frame of a packet that goes by @way; @skb starts with the inner Ethernet header. */
always_inline int forward(struct __sk_buff *skb, struct frame *f, const struct route_row *way)
{
	struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	__u32 zero = 0, target = way->target;
	struct settings_row *setting = bpf_map_lookup_elem(&settings, &zero);
	struct port_row *out;

	if (!setting || (const void *)(eth + 1) > end || age(f, eth, end))
		return drop(skb, f, VERDICT_TRUNCATED);
	__builtin_memcpy(eth->destination, way->mac, 6);
	if (way->kind == TARGET_GROUP) {
		f->by_router = way->flags & ROUTE_BY_ROUTER;
		__builtin_memcpy(eth->source, setting->router_mac, 6);
		return to_group(skb, f, target, bpf_htons(setting->vxlan_port));
	}
	__builtin_memcpy(eth->source, setting->gateway_mac, 6);
	out = bpf_map_lookup_elem(&port, &target);
	/* As on a bridged way: half-written rows deliver to no other network. */
	if (!out || !out->ifindex || out->network != way->network)
		return drop(skb, f, VERDICT_NO_PORT);
	if (f->hook == HOOK_FROM_UNDERLAY)
		f->port = target;
	return to_port(skb, f, out, target);
}

/* The address was behind a port of ours a moment ago, and the packet's sender does not know yet. */
always_inline int is_straggler(const struct route_row *way)
{
	return (way->flags & ROUTE_MOVED) && way->fresh_until_ns >= bpf_ktime_get_coarse_ns();
}

/* From a port, larger than @mtu: its sender is told, but what may be cut is cut by the agent. */
always_inline int refuse_size(struct __sk_buff *skb, struct frame *f, __u32 mtu)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const struct ipv4 *ip = (const void *)(eth + 1);

	if (f->type == ETHERTYPE_IPV4 && (const void *)(ip + 1) <= (void *)(long)skb->data_end &&
	    !(ip->fragment & bpf_htons(IPV4_DF)))
		return punt(skb, f, PUNT_FRAGMENT, mtu);
	return answer_icmp(skb, f, VERDICT_TOO_BIG, mtu);
}

/* A frame to the gateway's MAC, from a port that is routed here. @flags are its attach_flags. */
__noinline int route_from_port(struct __sk_buff *skb, struct frame *f, __u32 flags)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	struct routing r = {};
	enum verdict why;
	int fate;

	if (!f)
		return WEFT_DROP;
	if ((const void *)(eth + 1) > end)
		return drop(skb, f, VERDICT_TRUNCATED);
	why = consult(f, eth, end, &r);
	if (why == VERDICT_NO_ROUTE || why == VERDICT_TTL_EXCEEDED)
		return answer_icmp(skb, f, why, 0);
	if (why || !r.way)
		return drop(skb, f, why);
	if (r.way->kind == TARGET_GATEWAY) {
		fate = answer_echo(skb, f);
		return fate == WEFT_UNDECIDED ? answer_icmp(skb, f, VERDICT_GATEWAY_CLOSED, 0) : fate;
	}
	if (r.way->kind == TARGET_GLEAN)
		return punt(skb, f, PUNT_GLEAN, 0);
	if (is_too_big(skb, r.way->mtu, r.header_octets))
		return refuse_size(skb, f, r.way->mtu);
	if ((flags & ATTACH_MSS_CLAMP) && f->protocol == PROTOCOL_TCP)
		clamp_mss(skb, f, r.way->mtu);
	return forward(skb, f, r.way);
}

/* A frame under a router's number, or to the gateway that this host is. @flags are its vni_in_flags. */
__noinline int route_from_underlay(struct __sk_buff *skb, struct frame *f, const struct tunnel *t,
				   __u32 flags)
{
	const struct ethernet *eth;
	struct settings_row *setting;
	struct routing r = {};
	enum verdict why;
	int action;
	__u32 zero = 0;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!f || !t || !setting)
		return WEFT_DROP;
	eth = inner_ethernet(skb, t);
	if ((const void *)(eth + 1) > (void *)(long)skb->data_end)
		return drop(skb, f, VERDICT_INNER_TRUNCATED);
	why = consult(f, eth, (void *)(long)skb->data_end, &r);
	if (why == VERDICT_NO_ROUTE)
		return punt(skb, f, PUNT_NO_ROUTE, 0);
	if (why == VERDICT_TTL_EXCEEDED)
		return punt(skb, f, PUNT_TTL, 0);
	if (why || !r.way)
		return drop(skb, f, why);
	if (r.way->kind == TARGET_GATEWAY)
		return punt(skb, f, PUNT_GATEWAY, 0);
	if (r.way->kind == TARGET_GLEAN)
		return punt(skb, f, PUNT_GLEAN, 0);
	if (exceeds(skb, t, r.way->mtu, r.header_octets))
		return punt(skb, f, r.may_fragment ? PUNT_FRAGMENT : PUNT_TOO_BIG, r.way->mtu);
	if (r.way->kind == TARGET_GROUP) {
		note_flow(f, eth, (void *)(long)skb->data_end, setting->hash_seed);
		if (flags & VNI_IN_DSCP_PIPE)
			f->dscp = 0;
		/* A gateway sends back to where it came from as well: both ends may be there. */
		if (!(flags & VNI_IN_GATEWAY) &&
		    (!is_straggler(r.way) || peer_towards(r.way->target, f->hash) == f->peer))
			return drop(skb, f, VERDICT_SPLIT_HORIZON);
		why = may_leave_again(f, t);
		if (why)
			return drop(skb, f, why);
	}
	why = decapsulate(skb, f, t);
	if (why)
		return drop(skb, f, why);
	if (flags & VNI_IN_MSS_CLAMP)
		clamp_mss(skb, f, r.way->mtu);
	action = forward(skb, f, r.way);
	if (action != WEFT_DROP && r.way->kind == TARGET_GROUP && !(flags & VNI_IN_GATEWAY))
		count(VERDICT_FORWARDED_STRAGGLER, 1, f->octets);
	return action;
}

#endif
