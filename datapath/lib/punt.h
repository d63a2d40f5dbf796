/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Handing frames to the agent by way of weft0, for what cannot be done here. Each tenant has a budget of its own, and
 * nothing is handed to an agent who does not listen.
 */
#ifndef WEFT_PUNT_H
#define WEFT_PUNT_H

#include "bucket.h"
#include "frame.h"

/* The way to the agent, if he listens. */
always_inline struct slow_row *listener(void)
{
	__u32 zero = 0;
	struct slow_row *way = bpf_map_lookup_elem(&slow, &zero);

	if (!way || !way->ifindex || way->heard_until_ns < bpf_ktime_get_coarse_ns())
		return NULL;
	return way;
}

always_inline int may_punt(const struct frame *f, __u32 frames)
{
	return spend(BUCKET_PUNT, f->owner, frames, 1000000000 / PUNTS_PER_SECOND, PUNT_BURST_NS);
}

/*
 * The whole frame goes to the agent: from a port as it came, from the underlay with its outer headers still on
 * (f->inner_at). An aggregate arrives there as the packets that it was made of, each with a header of its own.
 */
__noinline int punt(struct __sk_buff *skb, struct frame *f, __u32 reason, __u32 mtu)
{
	struct punt_header header = {
		.magic = PUNT_MAGIC,
		.reason = reason,
		.mtu = mtu,
	};
	struct slow_row *way = listener();
	__u32 ifindex;

	if (!f)
		return WEFT_DROP;
	if (!way)
		return drop(skb, f, VERDICT_PUNT_UNHEARD);
	ifindex = way->ifindex;
	if (!may_punt(f, skb->gso_segs ? skb->gso_segs : 1))
		return drop(skb, f, VERDICT_PUNT_LIMITED);
	header.port = f->port;
	header.peer = f->peer;
	header.network = f->network;
	header.space = f->space;
	header.owner = f->owner;
	header.inner_at = f->inner_at;
	if (bpf_skb_change_head(skb, sizeof(header), 0) ||
	    bpf_skb_store_bytes(skb, 0, &header, sizeof(header), 0))
		return drop(skb, f, VERDICT_ENCAP_FAILED);
	f->outer_octets += sizeof(header);
	return leave(skb, f, VERDICT_PUNTED, bpf_redirect(ifindex, 0));
}

/*
 * The agent is told what the frame, which goes on, shows of its sender: its first octets, which hold all of an ARP or
 * neighbour discovery message, as an event. No copy of the frame is made.
 */
__noinline int punt_sighting(struct __sk_buff *skb, struct frame *f)
{
	if (!f || !listener())
		return 0;
	if (!may_punt(f, 1)) {
		count(VERDICT_PUNT_LIMITED, 1, f->octets);
		return 0;
	}
	if (!write_event(skb, f, VERDICT_DISCOVERED, bpf_ktime_get_boot_ns()))
		count(VERDICT_DISCOVERED, 1, f->octets);
	return 0;
}

#endif
