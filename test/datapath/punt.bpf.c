// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Hands over every frame that it is given, as a program does that knows it: one of its interface's port, or, where there
 * is none, a tunnel packet of peer 7 whose inner frame is at 50. Of a port that discovers, it tells of the frame.
 */
#include "lib/punt.h"

enum { INNER_AT = 50, PEER = 7, MTU = 1400 };

SEC("tc")
int punt_all(struct __sk_buff *skb)
{
	struct attach_key at = { .ifindex = skb->ifindex, .vid = VID_UNTAGGED };
	struct frame f = { .hook = HOOK_FROM_UNDERLAY, .vni = VNI_NONE, .octets = skb->len, .owner = 99 };
	struct attach_row *row = bpf_map_lookup_elem(&attach, &at);

	if (!row) {
		f.peer = PEER;
		f.inner_at = INNER_AT;
		return punt(skb, &f, PUNT_TTL, 0);
	}
	f.hook = HOOK_FROM_PORT;
	f.port = row->port;
	f.network = row->network;
	f.space = row->space;
	f.owner = row->owner;
	if (row->flags & ATTACH_DISCOVER) {
		punt_sighting(skb, &f);
		return leave(skb, &f, VERDICT_DELIVERED, WEFT_NEXT);
	}
	return punt(skb, &f, PUNT_FRAGMENT, MTU);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
