/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Taking the outer headers off. */
#ifndef WEFT_DECAP_H
#define WEFT_DECAP_H

#include "frame.h"
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

#endif
