/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What comes out of a tunnel and goes into another: frames for an endpoint which has moved from this host to another,
 * from hosts that have not heard of it yet (stragglers), and what a gateway host routes for others. Stragglers are sent
 * on for a while, so that a move loses nothing that was on the way (docs/decisions/0016-endpoints.md). Never back to
 * where they came from, and with a hop less to live each time: two hosts that take one another for the endpoint's pass
 * a frame between them no longer than its outer TTL.
 */
#ifndef WEFT_STRAGGLER_H
#define WEFT_STRAGGLER_H

#include "decap.h"
#include "flow.h"
#include "frame.h"
#include "send.h"

/*
 * Of a frame that came out of a tunnel and goes into another: @f as the guards leave it for a port's, so that a flow
 * keeps its hash on its way. @eth is in the packet, and @f knows its type.
 */
static __noinline void note_flow(struct frame *f, const struct ethernet *eth, const void *end, __u32 seed)
{
	const struct ipv4 *four = (const void *)(eth + 1);
	const struct ipv6 *six = (const void *)(eth + 1);
	__u32 class = 0, ports = 0;
	const __u8 *l4;

	f->hash = seed;
	if (f->type == ETHERTYPE_IPV4 && (const void *)(four + 1) <= end) {
		l4 = (const __u8 *)four + (four->version_ihl & 0x0f) * 4;
		if (has_ports(four->protocol) && (const void *)(l4 + 8) <= end)
			ports = *(const __u32 *)l4;
		class = four->tos;
		f->protocol = four->protocol;
		f->hash = hash_ipv4(seed, four, ports);
	} else if (f->type == ETHERTYPE_IPV6 && (const void *)(six + 1) <= end) {
		l4 = (const __u8 *)(six + 1);
		if (has_ports(six->next_header) && (const void *)(l4 + 8) <= end)
			ports = *(const __u32 *)l4;
		class = bpf_ntohl(six->version_class_label) >> 20;
		f->protocol = six->next_header;
		f->hash = hash_ipv6(seed, six, ports);
	} else if ((const void *)(eth + 1) <= end) {
		f->hash = hash_ethernet(seed, eth);
	}
	f->ecn = class & 3;
	f->dscp = class & 0xfc;
}

/* The peer that @group_id leads to for a flow of this hash; 0: none. */
always_inline __u32 peer_towards(__u32 group_id, __u32 hash)
{
	const struct group_row *row = bpf_map_lookup_elem(&group, &group_id);

	if (!row || !row->members)
		return 0;
	return row->member[row->members > 1 ? pick(hash, row->members, GROUP_MEMBERS_MAX) : 0].peer;
}

/*
 * Whether a frame may leave by a tunnel again. Asked while the outer headers are on, so that what is dropped is dropped
 * whole. VERDICT_NONE: it may, and @f has the outer TTL that it goes on with.
 */
always_inline enum verdict may_leave_again(struct frame *f, const struct tunnel *t)
{
	__u32 ttl = t->ttl;

	if (ttl <= 1)
		return VERDICT_TTL_EXCEEDED;
	ttl--;
	f->ttl = ttl < OUTER_TTL ? ttl : OUTER_TTL;
	return VERDICT_NONE;
}

/* The inner frame to @group_id, where its endpoint has gone. @flags are its vni_in_flags. */
__noinline int follow(struct __sk_buff *skb, struct frame *f, const struct tunnel *t, __u32 group_id,
		      __u32 flags)
{
	__u32 zero = 0;
	struct settings_row *setting = bpf_map_lookup_elem(&settings, &zero);
	enum verdict why;
	int action;

	if (!f || !t || !setting)
		return WEFT_DROP;
	note_flow(f, inner_ethernet(skb, t), (void *)(long)skb->data_end, setting->hash_seed);
	if (flags & VNI_IN_DSCP_PIPE)
		f->dscp = 0;
	if (peer_towards(group_id, f->hash) == f->peer)
		return drop(skb, f, VERDICT_SPLIT_HORIZON);
	why = may_leave_again(f, t);
	if (!why)
		why = decapsulate(skb, f, t);
	if (why)
		return drop(skb, f, why);
	action = to_group(skb, f, group_id, bpf_htons(setting->vxlan_port));
	if (action != WEFT_DROP)
		count(VERDICT_FORWARDED_STRAGGLER, 1, f->octets);
	return action;
}

#endif
