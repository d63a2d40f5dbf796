// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Stages of the datapath as programs of their own, as if from_port had led a port's frame to them: a test of a stage
 * needs no rows of what comes before it.
 */
#include "lib/echo.h"
#include "lib/mss.h"
#include "lib/punt.h"

always_inline int begin(struct __sk_buff *skb, struct frame *f, struct attach_row **row)
{
	struct attach_key at = { .ifindex = skb->ifindex, .vid = VID_UNTAGGED };

	*row = bpf_map_lookup_elem(&attach, &at);
	if (!*row)
		return -1;
	f->hook = HOOK_FROM_PORT;
	f->octets = skb->len;
	f->port = (*row)->port;
	f->network = (*row)->network;
	f->space = (*row)->space;
	f->owner = (*row)->owner;
	f->traced = (*row)->flags & ATTACH_TRACE;
	linearize(skb, sizeof(struct ethernet) + sizeof(struct ipv6) + TCP_OCTETS);
	return guard(skb, f, *row, 0);
}

always_inline int refuse(struct __sk_buff *skb, enum verdict why)
{
	struct frame f = {};
	struct attach_row *row;

	if (begin(skb, &f, &row))
		return WEFT_NEXT;
	return answer_icmp(skb, &f, why, row->mtu);
}

SEC("tc")
int refuse_ttl(struct __sk_buff *skb)
{
	return refuse(skb, VERDICT_TTL_EXCEEDED);
}

SEC("tc")
int refuse_route(struct __sk_buff *skb)
{
	return refuse(skb, VERDICT_NO_ROUTE);
}

SEC("tc")
int refuse_blackhole(struct __sk_buff *skb)
{
	return refuse(skb, VERDICT_BLACKHOLE);
}

SEC("tc")
int refuse_gateway(struct __sk_buff *skb)
{
	return refuse(skb, VERDICT_GATEWAY_CLOSED);
}

SEC("tc")
int echo(struct __sk_buff *skb)
{
	struct frame f = {};
	struct attach_row *row;

	if (begin(skb, &f, &row))
		return WEFT_NEXT;
	return answer_echo(skb, &f);
}

/* Of a way that holds 1400 octets. */
SEC("tc")
int mss(struct __sk_buff *skb)
{
	struct frame f = {};
	struct attach_row *row;

	if (begin(skb, &f, &row))
		return WEFT_NEXT;
	return clamp_mss(skb, &f, 1400);
}

SEC("tc")
int hand_over(struct __sk_buff *skb)
{
	struct frame f = {};
	struct attach_row *row;

	if (begin(skb, &f, &row))
		return WEFT_NEXT;
	return punt(skb, &f, PUNT_FRAGMENT, 1400);
}

/* A tunnel packet of peer 7, of tenant 99, whose inner frame is at 50. */
SEC("tc")
int hand_over_outer(struct __sk_buff *skb)
{
	struct frame f = { .hook = HOOK_FROM_UNDERLAY, .octets = skb->len, .owner = 99, .peer = 7, .inner_at = 50 };

	return punt(skb, &f, PUNT_TTL, 0);
}

SEC("tc")
int tell_of(struct __sk_buff *skb)
{
	struct frame f = {};
	struct attach_row *row;

	if (begin(skb, &f, &row))
		return WEFT_NEXT;
	punt_sighting(skb, &f);
	return leave(skb, &f, VERDICT_DELIVERED, WEFT_NEXT);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
