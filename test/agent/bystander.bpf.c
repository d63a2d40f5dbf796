// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Somebody else's program on an uplink: counts what it is shown, by tunnel and number, and lets everything go on.
 * At tcx and as a clsact filter alike, for TCX_NEXT and TC_ACT_UNSPEC are one.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum { NVGRE = 1 << 24, OTHER = 1 << 25 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} seen SEC(".maps");

static __always_inline __u32 kind_of(struct __sk_buff *skb)
{
	__u32 at, number;
	__u16 word;
	__u8 protocol;

	if (bpf_skb_load_bytes(skb, 12, &word, 2))
		return OTHER;
	at = word == bpf_htons(0x86dd) ? 54 : 34;
	if ((word != bpf_htons(0x0800) && at == 34) ||
	    bpf_skb_load_bytes(skb, at == 54 ? 20 : 23, &protocol, 1) ||
	    bpf_skb_load_bytes(skb, at + 2, &word, 2))
		return OTHER;
	if (protocol == 17 && word == bpf_htons(4789) && !bpf_skb_load_bytes(skb, at + 12, &number, 4))
		return bpf_ntohl(number) >> 8;
	if (protocol == 47 && word == bpf_htons(0x6558) && !bpf_skb_load_bytes(skb, at + 4, &number, 4))
		return NVGRE | bpf_ntohl(number) >> 8;
	return OTHER;
}

SEC("tc")
int bystander(struct __sk_buff *skb)
{
	__u32 kind = kind_of(skb);
	__u64 one = 1, *count = bpf_map_lookup_elem(&seen, &kind);

	if (count)
		__sync_fetch_and_add(count, 1);
	else if (bpf_map_update_elem(&seen, &kind, &one, BPF_NOEXIST)) {
		/* Another CPU was first. */
		count = bpf_map_lookup_elem(&seen, &kind);
		if (count)
			__sync_fetch_and_add(count, 1);
	}
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
