/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Taking the outer headers off, and sending what was inside on through another tunnel. */
#ifndef WEFT_DECAP_H
#define WEFT_DECAP_H

#include "flow.h"
#include "send.h"
#include "tunnel.h"

/*
 * The inner frame's IP packet against an MTU; an aggregate counts as its segments will, each with @header_octets of
 * IP and of TCP or UDP.
 */
always_inline int exceeds(const struct __sk_buff *skb, const struct tunnel *t, __u32 mtu,
			  __u32 header_octets)
{
	__u32 whole = skb->len, end = t->outer_end, inner;

	asm volatile("" : "+r"(whole));	/* a value: never a choice between two addresses, which the verifier refuses */
	if (skb->gso_size)
		end = whole;
	inner = end - t->inner_at - sizeof(struct ethernet);
	if (inner <= mtu)
		return 0;
	return !skb->gso_size || skb->gso_size + header_octets > mtu;
}

/* The frame is to end at @octets. The kernel does not say what is in octets that it adds: they are made zero. */
always_inline int set_end(struct __sk_buff *skb, __u32 octets)
{
	const __u64 zeros[4] = {};
	__u32 had = skb->len, more = octets - had;

	if (bpf_skb_change_tail(skb, octets, 0))
		return -1;
	if (octets <= had)
		return 0;
	asm volatile("" : "+r"(more));
	more &= sizeof(zeros) - 1;	/* at most an IPv4 header */
	return more && bpf_skb_store_bytes(skb, had, zeros, more, 0);
}

/* The inner Ethernet header, while the outer ones are on; it is in the packet when it ends before data_end. */
always_inline struct ethernet *inner_ethernet(const struct __sk_buff *skb, const struct tunnel *t)
{
	__u64 inner_at = t->inner_at;	/* at most 14 + 60 + 16; the mask says so to the verifier */

	asm volatile("" : "+r"(inner_at));
	inner_at &= 0xff;
	return (void *)(long)skb->data + inner_at;
}

/* VERDICT_NONE: @skb starts with it. */
__noinline int decapsulate(struct __sk_buff *skb, struct frame *f, const struct tunnel *t)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	__u32 whole = skb->len, octets;
	struct ethernet inner, *eth;

	if (!f || !t)
		return VERDICT_DECAP_FAILED;
	asm volatile("" : "+r"(whole));	/* a value, as above */
	octets = t->outer_end;
	eth = inner_ethernet(skb, t);
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return VERDICT_INNER_TRUNCATED;
	inner = *eth;
	flags |= f->type == ETHERTYPE_IPV6 ? DECAP_L3_IPV6 : DECAP_L3_IPV4;
	if (skb->gso_size)
		octets = whole;
	/* The kernel leaves no less behind than an IPv4 header, whatever is inside: a runt is padded, as a wire would. */
	if (octets < t->inner_at + sizeof(inner) + sizeof(struct ipv4))
		octets = t->inner_at + sizeof(inner) + sizeof(struct ipv4);
	/* Octets behind the outer packet are the link's padding: off, or they would grow the inner frame. */
	if (octets != whole && set_end(skb, octets))
		return VERDICT_DECAP_FAILED;
	if (bpf_skb_adjust_room(skb, -(__s32)t->inner_at, BPF_ADJ_ROOM_MAC, flags))
		return VERDICT_DECAP_FAILED;
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return VERDICT_DECAP_FAILED;
	*eth = inner;
	f->inner_at = 0;
	return VERDICT_NONE;
}

/*
 * @f, as it will be when @skb has lost its outer headers, is to leave by a tunnel again: what its new outer header
 * says. The outer TTL goes on where it was, so that hosts that disagree cannot send a frame around for ever.
 */
__noinline int prepare_tunnel(struct __sk_buff *skb, struct frame *f, const struct tunnel *t, __u32 pipe)
{
	struct settings_row *setting;
	__u32 zero = 0, ttl;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!f || !t || !setting || note_flow(skb, f, setting->hash_seed))
		return VERDICT_INNER_TRUNCATED;
	if (pipe)
		f->dscp = 0;
	ttl = t->ttl - 1;
	f->ttl = ttl < OUTER_TTL ? ttl : OUTER_TTL;
	f->vxlan_port = bpf_htons(setting->vxlan_port);
	return VERDICT_NONE;
}

/* The inner frame of @t, a straggler, as it is, to next-hop group @group_id. */
__noinline int tunnel_on(struct __sk_buff *skb, struct frame *f, const struct tunnel *t, __u32 group_id,
			 __u32 pipe)
{
	enum verdict why;
	int action;

	if (!f || !t)
		return WEFT_DROP;
	if (t->ttl <= 1)
		return drop(skb, f, VERDICT_TTL_EXCEEDED);
	why = decapsulate(skb, f, t);
	if (!why)
		why = prepare_tunnel(skb, f, t, pipe);
	if (why)
		return drop(skb, f, why);
	action = to_group(skb, f, group_id, f->vxlan_port);
	if (action != WEFT_DROP)
		count(VERDICT_FORWARDED_STRAGGLER, 1, f->octets);
	return action;
}

#endif
