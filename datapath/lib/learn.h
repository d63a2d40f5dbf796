/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Learning where a MAC is from the frames that it sends through a tunnel (RFC 7348 section 4.1), for networks that
 * ask for it. What the intent declares is never overwritten. What is learned ends at its time whether or not an agent
 * lives: a row that is over counts as none, and is removed by the next sweep.
 */
#ifndef WEFT_LEARN_H
#define WEFT_LEARN_H

#include "frame.h"

/* A source address seen behind a peer. */
struct sighting {
	__u32 network;
	__u32 group;			/* the way back to him */
	__u32 age_seconds;
	__u32 macs_max;
	__u32 octets;			/* of the frame, for the counters */
	__u8 mac[6];
	__u16 zero;
};

/* The row of @where, if it still holds. */
always_inline struct fdb_row *fdb_find(const struct fdb_key *where)
{
	struct fdb_row *found = bpf_map_lookup_elem(&fdb, where);

	if (found && (found->flags & FDB_LEARNED) && found->fresh_until_ns < bpf_ktime_get_coarse_ns())
		return NULL;
	return found;
}

always_inline struct learned_row *learned_of(__u32 network)
{
	struct learned_key key = { .network = network };
	struct learned_row *row = bpf_map_lookup_elem(&learned, &key), fresh = {};

	if (row)
		return row;
	bpf_map_update_elem(&learned, &key, &fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(&learned, &key);
}

always_inline enum verdict learn_new(const struct sighting *seen, const struct fdb_key *key,
				     const struct fdb_row *fresh)
{
	struct learned_row *row = learned_of(seen->network);

	if (!row)
		return VERDICT_LEARN_FULL;
	/* Counted first: CPUs that race for the last place cannot both have it. */
	if (__sync_fetch_and_add(&row->count, 1) >= seen->macs_max) {
		__sync_fetch_and_sub(&row->count, 1);
		return VERDICT_LEARN_FULL;
	}
	if (!bpf_map_update_elem(&fdb, key, fresh, BPF_NOEXIST))
		return VERDICT_LEARNED;
	__sync_fetch_and_sub(&row->count, 1);
	/* Another CPU was first, or the table is full. */
	return bpf_map_lookup_elem(&fdb, key) ? VERDICT_NONE : VERDICT_LEARN_FULL;
}

/* What @seen changes in the fdb; the verdict is counted beside the frame's own. */
__noinline int learn(const struct sighting *seen)
{
	__u64 now = bpf_ktime_get_coarse_ns(), life;
	struct fdb_row fresh = { .kind = TARGET_GROUP, .flags = FDB_LEARNED }, *known;
	struct settings_row *setting;
	struct fdb_key key = {};
	enum verdict why;
	__u32 zero = 0;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!seen || !setting)
		return 0;
	key.network = seen->network;
	__builtin_memcpy(key.mac, seen->mac, 6);
	life = seen->age_seconds * SECOND_NS;
	known = bpf_map_lookup_elem(&fdb, &key);
	if (known && (known->flags & FDB_LEARNED) && known->target == seen->group) {
		/* Written again only when a sixteenth of its life is over: the row is read by all CPUs. */
		if (known->fresh_until_ns < now + life - life / 16)
			known->fresh_until_ns = now + life;
		return 0;
	}
	fresh.target = seen->group;
	fresh.fresh_until_ns = now + life;
	if (known && !(known->flags & FDB_LEARNED)) {
		if (known->kind == TARGET_GROUP && known->target == seen->group)
			return 0;	/* declared just there */
		why = VERDICT_LEARN_REFUSED;
	} else if (same_mac(seen->mac, setting->gateway_mac)) {
		why = VERDICT_LEARN_REFUSED;
	} else if (known) {
		why = bpf_map_update_elem(&fdb, &key, &fresh, BPF_EXIST) ? VERDICT_LEARN_FULL : VERDICT_MOVED;
	} else {
		why = learn_new(seen, &key, &fresh);
	}
	if (why)
		count(why, 1, seen->octets);
	return 0;
}

#endif
