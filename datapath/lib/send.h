/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Handing a frame on: to a local port, or encapsulated to one peer. */
#ifndef WEFT_SEND_H
#define WEFT_SEND_H

#include "frame.h"
#include "outer.h"

/* The last step to a port of this host. @skb starts with the inner Ethernet header. */
always_inline int to_port(struct __sk_buff *skb, struct frame *f, const struct port_row *row,
			  __u32 port)
{
	struct port_counter_row *counted = bpf_map_lookup_elem(&port_counter, &port);
	__u32 ifindex = row->ifindex;
	int action;

	/* Told by its flags, which are read anyway: to ask the receiver's attach row would be another lookup. */
	if (f->hook == HOOK_FROM_UNDERLAY && (row->flags & PORT_TRACE))
		f->traced = 1;
	if (counted) {
		counted->to_packets++;
		counted->to_octets += skb->len;
	}
	if (is_ip(f->type) && (row->flags & PORT_REDIRECT_PEER)) {
		/* The workload's stack sees the frame as it is now: not somebody else's, not a multicast. */
		if (skb->pkt_type != PACKET_HOST)
			bpf_skb_change_type(skb, PACKET_HOST);
		action = bpf_redirect_peer(ifindex, 0);
	} else {
		action = bpf_redirect(ifindex, 0);
	}
	return leave(skb, f, VERDICT_DELIVERED, action);
}

/*
 * Out of the adjacency's interface. While user space vouches for the neighbour, its octets are written here;
 * later, with the agent dead or gone, the kernel's neighbour table decides. It can do that for IP frames only
 * (bpf_redirect_neigh goes by the protocol that the skb had when the kernel received it): others keep the last octets known.
 */
always_inline int by_adjacency(struct __sk_buff *skb, struct frame *f,
			       const struct adjacency_row *adjacency)
{
	struct ethernet *eth = (void *)(long)skb->data;

	if (adjacency->fresh_until_ns < bpf_ktime_get_coarse_ns() && is_ip(f->type)) {
		struct bpf_redir_neigh next_hop = {};

		if (adjacency->family == FAMILY_IPV4) {
			next_hop.nh_family = AF_INET;
			next_hop.ipv4_nh = *(const __be32 *)(adjacency->next_hop + 12);
		} else {
			next_hop.nh_family = AF_INET6;
			__builtin_memcpy(next_hop.ipv6_nh, adjacency->next_hop, 16);
		}
		return leave(skb, f, VERDICT_ENCAPSULATED,
			     bpf_redirect_neigh(adjacency->oif, &next_hop, sizeof(next_hop), 0));
	}
	if (!adjacency->fresh_until_ns)	/* never resolved: there are no last octets */
		return drop(skb, f, VERDICT_NO_ADJACENCY);
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return drop(skb, f, VERDICT_ENCAP_FAILED);
	if (adjacency->l2_octets) {
		__builtin_memcpy(eth->destination, adjacency->dmac, 6);
		__builtin_memcpy(eth->source, adjacency->smac, 6);
	}
	return leave(skb, f, VERDICT_ENCAPSULATED, bpf_redirect(adjacency->oif, 0));
}

_Static_assert(!(GROUP_MEMBERS_MAX & (GROUP_MEMBERS_MAX - 1)) &&
	       !(PEER_ADJACENCIES_MAX & (PEER_ADJACENCIES_MAX - 1)), "pick() masks");

/* One of @n (1..@max, a power of two) by hash, without a division. The barrier keeps the mask that the verifier looks for. */
always_inline __u32 pick(__u32 hash, __u32 n, __u32 max)
{
	__u32 index = ((__u64)hash * n) >> 32;

	asm volatile("" : "+r"(index));
	return index & (max - 1);
}

always_inline struct adjacency_row *adjacency_of(const struct peer_row *row, __u32 hash)
{
	__u32 index, n = row->adjacencies;

	if (!n)
		return NULL;
	/* By other bits than the group's choice, the UDP port and the FlowID: behind each next hop they are as many as ever. */
	index = row->adjacency[n > 1 ? pick(hash << 14 | hash >> 18, n, PEER_ADJACENCIES_MAX) : 0];
	return bpf_map_lookup_elem(&adjacency, &index);
}

/* Encapsulate a frame to one member of a next-hop group. */
__noinline int to_group(struct __sk_buff *skb, struct frame *f, __u32 group_id, __u32 vxlan_port)
{
	struct group_row *members = bpf_map_lookup_elem(&group, &group_id);
	struct adjacency_row *adjacency;
	struct group_member *member;
	struct peer_row *to;
	__u32 peer_id, encapsulation, family, octets, inner_octets = skb->len;
	struct ethernet inner, *eth;
	enum verdict why;

	if (!f)
		return WEFT_DROP;
	if (!members || !members->members)
		return drop(skb, f, VERDICT_NO_GROUP);
	member = &members->member[members->members > 1 ? pick(f->hash, members->members, GROUP_MEMBERS_MAX) : 0];
	peer_id = member->peer;
	to = bpf_map_lookup_elem(&peer, &peer_id);
	if (!to || !to->family)
		return drop(skb, f, VERDICT_NO_PEER);
	adjacency = adjacency_of(to, f->hash);
	if (!adjacency || !adjacency->oif)
		return drop(skb, f, VERDICT_NO_ADJACENCY);
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return drop(skb, f, VERDICT_TRUNCATED);
	if (f->by_router)
		__builtin_memcpy(eth->destination, to->router_mac, 6);
	inner = *eth;
	encapsulation = member->encapsulation;
	family = to->family;
	f->vni = member->vni;
	octets = outer_octets(encapsulation, family);
	if (is_ip(f->type))
		why = make_room(skb, f, octets, encapsulation, family);
	else
		why = bpf_skb_change_head(skb, octets, 0) ? VERDICT_ENCAP_FAILED : VERDICT_NONE;
	if (why)
		return drop(skb, f, why);
	f->outer_octets = octets;
	why = write_outer(skb, f, to, encapsulation, family, f->vni, inner_octets, vxlan_port, &inner);
	if (why)
		return drop(skb, f, why);
	return by_adjacency(skb, f, adjacency);
}

#endif
