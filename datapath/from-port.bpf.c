// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcx ingress of the host side of every port: everything that a workload sends. Nothing goes on to the
 * host's own stack: each frame is delivered, encapsulated, flooded or dropped, and counted.
 */
#include "lib/departure.h"

SEC("tc")
int from_port(struct __sk_buff *skb)
{
	struct attach_key at = { .ifindex = skb->ifindex, .vid = VID_UNTAGGED };
	struct frame f = { .hook = HOOK_FROM_PORT, .vni = VNI_NONE, .octets = skb->len, .ttl = OUTER_TTL };
	struct attach_row *row = bpf_map_lookup_elem(&attach, &at);
	struct settings_row *setting;
	__u32 zero = 0;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!row || !setting)
		return drop(skb, &f, VERDICT_PORT_UNKNOWN);
	return depart(skb, &f, row, setting);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
