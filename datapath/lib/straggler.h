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
