// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Removes what was learned and is over, or leads nowhere any more, and counts what is left. Attached to nothing: the
 * agent runs it now and then (BPF_PROG_TEST_RUN), in the kernel because only here a count can be kept while other
 * CPUs learn.
 *
 * LIMIT: a MAC learned while its network is being counted is missing from the count until the next sweep.
 */
#include "lib/learn.h"

#define unused __attribute__((unused))

struct bpf_map;

static long sweep_row(struct bpf_map *map, const struct fdb_key *key, struct fdb_row *row,
		      const __u64 *now)
{
	struct learned_row *left;
	struct group_row *way;
	__u32 target = row->target;

	if (!(row->flags & FDB_LEARNED))
		return 0;
	way = bpf_map_lookup_elem(&group, &target);
	if (row->fresh_until_ns < *now || !way || !way->members) {
		bpf_map_delete_elem(map, key);
		return 0;
	}
	left = learned_of(key->network);
	if (left)
		left->tally++;
	return 0;
}

static long settle_count(unused struct bpf_map *map, unused const struct learned_key *key,
			 struct learned_row *row, unused void *context)
{
	row->count = row->tally;
	row->tally = 0;
	return 0;
}

SEC("tc")
int sweep(struct __sk_buff *skb)
{
	__u64 now = bpf_ktime_get_coarse_ns();

	(void)skb;
	bpf_for_each_map_elem(&fdb, sweep_row, &now, 0);
	bpf_for_each_map_elem(&learned, settle_count, NULL, 0);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
