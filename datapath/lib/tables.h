/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps themselves. Every object declares all of them; the loader makes them one by their pins. */
#ifndef WEFT_TABLES_H
#define WEFT_TABLES_H

#include "bpf.h"
#include "../maps.h"
#include "../verdict.h"

#define TABLE(name, map_type, key_type, row_type, limit, flags)	\
	struct {							\
		__uint(type, map_type);					\
		__uint(max_entries, limit);				\
		__type(key, key_type);					\
		__type(value, row_type);				\
		__uint(map_flags, flags);				\
	} name SEC(".maps")

/* Tables that grow with the tenants take memory as they fill; the hot small ones are there at once. */
TABLE(attach, BPF_MAP_TYPE_HASH, struct attach_key, struct attach_row, PORTS_MAX, 0);
TABLE(source, BPF_MAP_TYPE_LPM_TRIE, struct source_key, __u32, SOURCES_MAX, BPF_F_NO_PREALLOC);
TABLE(settings, BPF_MAP_TYPE_ARRAY, __u32, struct settings_row, 1, 0);
TABLE(vtep, BPF_MAP_TYPE_HASH, struct vtep_key, struct vtep_row, VTEPS_MAX + UNDERLAY_GROUPS_MAX, BPF_F_NO_PREALLOC);
TABLE(vni_in, BPF_MAP_TYPE_HASH, struct vni_in_key, struct vni_in_row, VNI_IN_MAX, BPF_F_NO_PREALLOC);
TABLE(peer_in, BPF_MAP_TYPE_HASH, struct peer_in_key, struct peer_in_row, PEERS_MAX, 0);
TABLE(admit, BPF_MAP_TYPE_HASH, struct admit_key, struct admit_row, ADMIT_MAX, BPF_F_NO_PREALLOC);
TABLE(fdb, BPF_MAP_TYPE_HASH, struct fdb_key, struct fdb_row, FDB_MAX, BPF_F_NO_PREALLOC);
TABLE(learned, BPF_MAP_TYPE_HASH, struct learned_key, struct learned_row, NETWORKS_MAX, BPF_F_NO_PREALLOC);
TABLE(port, BPF_MAP_TYPE_ARRAY, __u32, struct port_row, PORTS_MAX, 0);
TABLE(group, BPF_MAP_TYPE_ARRAY, __u32, struct group_row, GROUPS_MAX, 0);
TABLE(peer, BPF_MAP_TYPE_ARRAY, __u32, struct peer_row, PEERS_MAX, 0);
TABLE(adjacency, BPF_MAP_TYPE_ARRAY, __u32, struct adjacency_row, ADJACENCIES_MAX, 0);
TABLE(flood, BPF_MAP_TYPE_HASH, struct flood_key, struct flood_row, NETWORKS_MAX, BPF_F_NO_PREALLOC);
TABLE(flood_member, BPF_MAP_TYPE_HASH, struct flood_member_key, struct flood_member_row,
      FLOOD_MEMBERS_MAX, BPF_F_NO_PREALLOC);
TABLE(host, BPF_MAP_TYPE_HASH, struct host_key, struct route_row, HOSTS_MAX, BPF_F_NO_PREALLOC);
TABLE(route, BPF_MAP_TYPE_HASH, struct route_key, struct route_row, ROUTES_MAX, BPF_F_NO_PREALLOC);
TABLE(space, BPF_MAP_TYPE_HASH, struct space_key, struct space_row, SPACES_MAX, BPF_F_NO_PREALLOC);
TABLE(gateway, BPF_MAP_TYPE_HASH, struct gateway_key, struct gateway_row, NETWORKS_MAX, BPF_F_NO_PREALLOC);
TABLE(slow, BPF_MAP_TYPE_ARRAY, __u32, struct slow_row, 1, 0);
TABLE(bucket, BPF_MAP_TYPE_HASH, struct bucket_key, struct bucket_row, BUCKETS_MAX, BPF_F_NO_PREALLOC);
TABLE(counter, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct counter_row, VERDICTS_MAX, 0);
TABLE(port_counter, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct port_counter_row, PORTS_MAX, 0);
TABLE(event_budget, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, struct event_budget_row, VERDICTS_MAX, 0);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, EVENTS_OCTETS);
} events SEC(".maps");

#endif
