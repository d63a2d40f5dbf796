/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The least that an eBPF datapath does between a port and a wire: look the destination MAC up and redirect. No
 * encapsulation, no guard, no counter. It stands beside weft in the bench, to show how much of a figure is the
 * redirect's and how much is weft's.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct fdb_key {
	__u8 mac[6];
	__u16 zero;
};

struct fdb_row {
	__u32 ifindex;
	__u32 local;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct fdb_key);
	__type(value, struct fdb_row);
} fdb SEC(".maps");

SEC("tc")
int forward(struct __sk_buff *skb)
{
	struct ethhdr *eth = (void *)(long)skb->data;
	struct fdb_key key = {};
	struct fdb_row *row;

	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return TC_ACT_SHOT;
	__builtin_memcpy(key.mac, eth->h_dest, sizeof key.mac);
	row = bpf_map_lookup_elem(&fdb, &key);
	if (!row)
		return TC_ACT_SHOT;
	if (row->local && eth->h_proto == bpf_htons(ETH_P_IP))
		return bpf_redirect_peer(row->ifindex, 0);
	return bpf_redirect(row->ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
