/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A frame on its way through a program, and its one exit. */
#ifndef WEFT_FRAME_H
#define WEFT_FRAME_H

#include "tables.h"
#include "wire.h"

/* Small, for it stands in the deepest chain of calls, and a chain has 512 octets of stack. */
struct frame {
	__u32 network;
	__u32 port;			/* from a port: the sender; from the underlay: the receiver, once known */
	__u32 vni;
	__u32 octets;			/* as it came in */
	__u32 hash;
	__u32 source[4];		/* outer source, mapped, in wire order */
	__u32 space;			/* what its addresses are unique in */
	__u32 owner;			/* whose budget of slow work it spends */
	__u32 peer;			/* from the underlay: the sender's host */
	__u16 outer_octets;		/* outer octets now in front of the inner frame */
	__u16 inner_at;			/* from the underlay, while the outer headers are on: offset of the inner frame */
	__u16 type;			/* inner EtherType, host order */
	__be16 vxlan_port;		/* from a port: the fabric's */
	__u8 hook;
	__u8 dscp;			/* for the outer header: inner DSCP << 2, or 0 */
	__u8 ecn;			/* inner ECN, 0 for non-IP */
	__u8 protocol;			/* inner IP protocol, 0 for non-IP */
	__u8 ttl;			/* for the outer header */
	__u8 traced;
	__u8 by_router;			/* routed to a peer's router: the inner frame is for his router MAC */
	__u8 zero;
};

always_inline int is_drop(enum verdict why)
{
	return why > VERDICT_PASSED_SHARED && why != VERDICT_ANSWERED && why != VERDICT_PUNTED;
}

always_inline int is_ip(__u16 type)
{
	return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
}

always_inline int same_mac(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

/* An IPv4 address written as IPv6: in our tables that is the IPv4 address, so no IPv6 packet may carry one. */
always_inline int is_mapped(const __be32 *words)
{
	return !(words[0] | words[1]) && words[2] == bpf_htonl(0xffff);
}

always_inline void mapped(__be32 *words, __be32 ipv4)
{
	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = ipv4;
}

/*
 * Too big for an MTU of @mtu? An aggregate counts as its segments will, each with the packet's own
 * @header_octets (from the IP header to the end of the TCP or UDP header). @skb starts with the Ethernet header.
 */
always_inline int is_too_big(const struct __sk_buff *skb, __u32 mtu, __u32 header_octets)
{
	__u32 octets = skb->len - sizeof(struct ethernet);

	if (octets <= mtu)
		return 0;
	return !skb->gso_size || skb->gso_size + header_octets > mtu;
}

/* Octets of a TCP (by its data offset) or UDP header at @l4. */
always_inline __u32 l4_octets(__u8 protocol, const __u8 *l4, const void *end)
{
	if (protocol != PROTOCOL_TCP)
		return sizeof(struct udp);
	return (const void *)(l4 + 13) <= end ? (l4[12] >> 4) * 4 : 20;
}

/* Make the first @octets of @skb (or all of it, if shorter) readable and writable in place. */
always_inline void linearize(struct __sk_buff *skb, __u32 octets)
{
	__u32 readable = (__u32)((void *)(long)skb->data_end - (void *)(long)skb->data);

	if (readable < octets && readable < skb->len)
		bpf_skb_pull_data(skb, octets < skb->len ? octets : skb->len);
}

/* Write an event; -1: there is no room for it. */
always_inline int write_event(struct __sk_buff *skb, const struct frame *f, __u32 why, __u64 now)
{
	struct event_row *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u32 octets;

	if (!event)
		return -1;
	event->at_ns = now;
	event->verdict = why;
	event->hook = f->hook;
	event->network = f->network;
	event->port = f->port;
	event->vni = f->vni;
	event->ifindex = skb->ifindex;
	__builtin_memcpy(event->source, f->source, sizeof(event->source));
	event->frame_octets = f->octets;
	octets = skb->len > f->outer_octets ? skb->len - f->outer_octets : 0;
	if (octets) {
		if (octets > EVENT_HEADER_OCTETS)
			octets = EVENT_HEADER_OCTETS;
		/* 1..128 in a form that survives the compiler: the verifier must see the bounds. */
		octets--;
		asm volatile("" : "+r"(octets));
		octets = (octets & (EVENT_HEADER_OCTETS - 1)) + 1;
		if (bpf_skb_load_bytes(skb, f->outer_octets, event->headers, octets))
			octets = 0;
	}
	event->captured_octets = octets;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/*
 * Tell user space. Drops are sampled: so many of one verdict a second and CPU, the rest only counted as lost,
 * so that a flood of garbage costs the same as a trickle. Frames of a traced port are all told.
 */
__noinline int tell(struct __sk_buff *skb, struct frame *f, __u32 why)
{
	struct event_budget_row *budget;
	__u64 now = bpf_ktime_get_boot_ns();
	__u32 key = why;

	if (!f)
		return 0;
	budget = bpf_map_lookup_elem(&event_budget, &key);
	if (!budget)
		return 0;
	if (!f->traced) {
		if (now - budget->window_ns > 1000000000ULL) {
			budget->window_ns = now;
			budget->used = 0;
		}
		if (budget->used >= EVENTS_PER_SECOND) {
			budget->lost++;
			return 0;
		}
		budget->used++;
	}
	if (write_event(skb, f, why, now))
		budget->lost++;
	return 0;
}

/* Count one outcome of @packets frames, of @octets together. */
always_inline void count(enum verdict why, __u32 packets, __u64 octets)
{
	__u32 key = why;
	struct counter_row *row = bpf_map_lookup_elem(&counter, &key);

	if (row) {
		row->packets += packets;
		row->octets += octets;
	}
}

/* Beside the frame's own verdict. */
always_inline void beside(const struct frame *f, enum verdict what)
{
	count(what, 1, f->octets);
}

/* Every exit goes through here: a frame with no counted verdict is a bug. @action is for those that go on. */
always_inline int leave(struct __sk_buff *skb, struct frame *f, enum verdict why, int action)
{
	count(why, 1, f->octets);
	if (f->hook == HOOK_FROM_PORT && f->port) {
		__u32 key = f->port;
		struct port_counter_row *row = bpf_map_lookup_elem(&port_counter, &key);

		if (row) {
			if (is_drop(why)) {
				row->dropped++;
			} else {
				row->from_packets++;
				row->from_octets += f->octets;
			}
		}
	}
	if (is_drop(why) || f->traced)
		tell(skb, f, why);
	return is_drop(why) ? WEFT_DROP : action;
}

always_inline int drop(struct __sk_buff *skb, struct frame *f, enum verdict why)
{
	return leave(skb, f, why, WEFT_DROP);
}

#endif
