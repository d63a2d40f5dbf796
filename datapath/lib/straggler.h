/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stragglers: frames that come for an endpoint which has moved from this host to another, from hosts that have not
 * heard of it yet. For a while they are sent on, so that a move loses nothing that was on the way
 * (docs/decisions/0016-endpoints.md). Not back to where they came from, and with a hop less to live each time: two
 * hosts that take one another for the endpoint's pass a frame between them no longer than its outer TTL.
 */
#ifndef WEFT_STRAGGLER_H
#define WEFT_STRAGGLER_H

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
 * Whether the frame may follow its endpoint by @found, an fdb row that leads to a group. VERDICT_NONE: it may.
 * Asked while the outer headers are on, so that what is dropped is dropped whole.
 */
always_inline enum verdict may_follow(const struct frame *f, const struct fdb_row *found)
{
	if (!(found->flags & FDB_MOVED) || found->fresh_until_ns < bpf_ktime_get_coarse_ns() ||
	    peer_towards(found->target, f->hash) == f->peer)
		return VERDICT_SPLIT_HORIZON;
	return f->ttl > 1 ? VERDICT_NONE : VERDICT_TTL_EXCEEDED;
}

/* Send the frame, now without its outer headers, on to @group_id. */
__noinline int follow(struct __sk_buff *skb, struct frame *f, __u32 group_id)
{
	__u32 zero = 0;
	struct settings_row *setting = bpf_map_lookup_elem(&settings, &zero);
	int action;

	if (!f)
		return WEFT_DROP;
	if (!setting)
		return drop(skb, f, VERDICT_NO_GROUP);
	f->ttl--;
	action = to_group(skb, f, group_id, bpf_htons(setting->vxlan_port));
	if (action != WEFT_DROP)
		count(VERDICT_FORWARDED_STRAGGLER, 1, f->octets);
	return action;
}

#endif
