/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Broadcast, unknown unicast, multicast: one copy to every other port of the network here, one to every peer.
 *
 * One skb serves all copies. Local ports come first, while it is still the inner frame; then each flood list in
 * the order of ascending header length, for room can be added to an skb of any protocol but not taken away
 * again. Every copy is a clone that leaves at once; packet pointers are read anew after each.
 */
#ifndef WEFT_FLOOD_H
#define WEFT_FLOOD_H

#include "bucket.h"
#include "frame.h"
#include "outer.h"
#include "send.h"

struct replication {
	struct __sk_buff *skb;
	const struct frame *f;
	__u32 network;
	__u32 generation;
	__u32 except;			/* port that must get no copy */
	__u32 inner_octets;
	__u16 list;
	__be16 vxlan_port;
	__u8 encapsulation;
	__u8 family;
	__u32 sent;
	__u32 failed;
};

always_inline struct flood_member_row *flood_member_at(const struct replication *r, __u32 index)
{
	struct flood_member_key key = {
		.network = r->network,
		.generation = r->generation,
		.list = r->list,
		.index = index,
	};

	return bpf_map_lookup_elem(&flood_member, &key);
}

static long copy_to_port(__u32 index, void *context)
{
	struct replication *r = context;
	struct flood_member_row *member = flood_member_at(r, index);
	struct port_counter_row *counted;
	struct port_row *row;
	__u32 id;

	if (!member)
		return 1;
	id = member->target;
	if (id == r->except)
		return 0;
	row = bpf_map_lookup_elem(&port, &id);
	if (!row || !row->ifindex || row->network != r->network)
		return 0;
	if (bpf_clone_redirect(r->skb, row->ifindex, 0)) {
		r->failed++;
		return 0;
	}
	r->sent++;
	counted = bpf_map_lookup_elem(&port_counter, &id);
	if (counted) {
		counted->to_packets++;
		counted->to_octets += r->inner_octets;
	}
	return 0;
}

static long copy_to_peer(__u32 index, void *context)
{
	struct replication *r = context;
	struct flood_member_row *member = flood_member_at(r, index);
	struct adjacency_row *adjacency;
	struct ethernet *eth;
	struct peer_row *to;
	__u32 id;

	if (!member)
		return 1;
	id = member->target;
	to = bpf_map_lookup_elem(&peer, &id);
	adjacency = to ? adjacency_of(to, r->f->hash) : NULL;
	if (!to || !adjacency || !adjacency->oif || !adjacency->fresh_until_ns ||
	    write_outer(r->skb, r->f, to, r->encapsulation, r->family, member->vni, r->inner_octets,
			r->vxlan_port, NULL)) {
		r->failed++;
		return 0;
	}
	eth = (void *)(long)r->skb->data;
	if ((void *)(eth + 1) > (void *)(long)r->skb->data_end)
		return 1;
	__builtin_memcpy(eth->destination, adjacency->dmac, 6);
	__builtin_memcpy(eth->source, adjacency->smac, 6);
	if (bpf_clone_redirect(r->skb, adjacency->oif, 0))
		r->failed++;
	else
		r->sent++;
	return 0;
}

/* Room for the next list, and the inner Ethernet header behind it. */
always_inline enum verdict grow(struct replication *r, const struct frame *f, __u32 have, __u32 want,
				const struct ethernet *inner)
{
	struct __sk_buff *skb = r->skb;
	enum verdict why = VERDICT_NONE;

	if (!is_ip(f->type)) {
		if (bpf_skb_change_head(skb, want - have, 0))
			why = VERDICT_ENCAP_FAILED;
	} else if (!have) {
		why = make_room(skb, f, want, r->encapsulation, r->family);
	} else if (skb->gso_size) {
		why = VERDICT_GSO_UNSUPPORTED;	/* its tunnel type is the first list's */
	} else if (bpf_skb_adjust_room(skb, want - have, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO)) {
		why = VERDICT_ENCAP_FAILED;
	}
	if (!why && bpf_skb_store_bytes(skb, want, inner, sizeof(*inner), 0))
		why = VERDICT_ENCAP_FAILED;
	return why;
}

/* Copies to the ports of this host alone: what came from the underlay goes back to no tunnel (split horizon). */
__noinline int flood_local(struct __sk_buff *skb, struct frame *f, __u32 except)
{
	struct replication r = { .skb = skb, .f = f, .except = except };
	struct flood_key key = {};
	struct flood_row *row;
	__u32 n;

	if (!f)
		return WEFT_DROP;
	key.network = f->network;
	row = bpf_map_lookup_elem(&flood, &key);
	if (row) {
		r.network = f->network;
		r.generation = row->generation;
		r.inner_octets = skb->len;
		r.list = FLOOD_LOCAL;
		n = row->members[FLOOD_LOCAL];
		bpf_loop(n < REPLICAS_MAX ? n : REPLICAS_MAX, copy_to_port, &r, 0);
	}
	if (r.failed)
		count(VERDICT_REPLICA_FAILED, r.failed, (__u64)r.failed * r.inner_octets);
	return leave(skb, f, r.sent ? VERDICT_FLOODED : VERDICT_NO_RECEIVER, WEFT_DROP);
}

/* Copies to everybody. @skb starts with the inner Ethernet header; it is consumed. */
__noinline int flood_all(struct __sk_buff *skb, struct frame *f, __u32 port_interval_ns,
			 __u32 port_burst_ns)
{
	struct replication r = { .skb = skb, .f = f };
	struct settings_row *setting;
	struct flood_key key = {};
	__u32 have = 0, zero = 0, replicas = 0, n, failed = 0;
	enum verdict why = VERDICT_NONE;
	struct flood_row *row;
	struct ethernet inner;

	if (!f)
		return WEFT_DROP;
	key.network = f->network;
	row = bpf_map_lookup_elem(&flood, &key);
	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!row || !setting)
		return drop(skb, f, VERDICT_NO_RECEIVER);
	for (int i = 0; i < FLOOD_LISTS; i++)
		replicas += row->members[i];
	if (f->port && replicas)	/* the sender's own port is a member */
		replicas--;
	if (!replicas)
		return drop(skb, f, VERDICT_NO_RECEIVER);
	if (!spend(BUCKET_PORT, f->port, replicas, port_interval_ns, port_burst_ns) ||
	    !spend(BUCKET_NETWORK, f->network, replicas, row->bum_interval_ns, row->bum_burst_ns))
		return drop(skb, f, VERDICT_BUM_LIMITED);
	if (bpf_skb_load_bytes(skb, 0, &inner, sizeof(inner)))
		return drop(skb, f, VERDICT_TRUNCATED);

	r.network = f->network;
	r.generation = row->generation;
	r.except = f->port;
	r.inner_octets = skb->len;
	r.vxlan_port = bpf_htons(setting->vxlan_port);
	r.list = FLOOD_LOCAL;
	n = row->members[FLOOD_LOCAL];
	bpf_loop(n < REPLICAS_MAX ? n : REPLICAS_MAX, copy_to_port, &r, 0);

	for (int list = FLOOD_NVGRE_IPV4; list < FLOOD_LISTS; list++) {
		__u32 want;

		n = row->members[list];
		if (!n)
			continue;
		r.list = list;
		r.encapsulation = list & 1 ? ENCAPSULATION_NVGRE : ENCAPSULATION_VXLAN;
		r.family = list < FLOOD_NVGRE_IPV6 ? FAMILY_IPV4 : FAMILY_IPV6;
		want = outer_octets(r.encapsulation, r.family);
		if (!why) {
			why = grow(&r, f, have, want, &inner);
			if (why)
				count(why, 1, r.inner_octets);
		}
		/* Without room for one list there is none for those behind it. */
		if (why) {
			failed += n;
			continue;
		}
		have = want;
		f->outer_octets = have;
		bpf_loop(n < REPLICAS_MAX ? n : REPLICAS_MAX, copy_to_peer, &r, 0);
	}
	failed += r.failed;
	if (failed)
		count(VERDICT_REPLICA_FAILED, failed, (__u64)failed * r.inner_octets);
	return leave(skb, f, r.sent ? VERDICT_FLOODED : VERDICT_NO_RECEIVER, WEFT_DROP);
}

#endif
