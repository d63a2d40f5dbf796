/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Budgets, as the time until which what was spent is not yet earned back: leaky buckets without a timer. */
#ifndef WEFT_BUCKET_H
#define WEFT_BUCKET_H

#include "tables.h"

/*
 * Takes @units of a budget. The frame that crosses the line still goes, so that a budget below what one frame takes
 * is not a wall. @interval_ns is the time in which one unit is earned back, 0: there is no limit.
 */
always_inline int spend(__u32 scope, __u32 id, __u32 units, __u32 interval_ns, __u32 burst_ns)
{
	struct bucket_key key = { .scope = scope, .id = id };
	__u64 now = bpf_ktime_get_ns(), until, was;
	struct bucket_row *row;

	if (!interval_ns)
		return 1;
	row = bpf_map_lookup_elem(&bucket, &key);
	if (!row) {
		struct bucket_row fresh = {};

		bpf_map_update_elem(&bucket, &key, &fresh, BPF_NOEXIST);
		row = bpf_map_lookup_elem(&bucket, &key);
		if (!row)
			return 0;
	}
	for (int i = 0; i < 4; i++) {
		was = row->spent_until_ns;
		if (was > now && was - now >= burst_ns)
			return 0;
		until = (was > now ? was : now) + (__u64)units * interval_ns;
		if (__sync_val_compare_and_swap(&row->spent_until_ns, was, until) == was)
			return 1;
	}
	return 0;
}

#endif
