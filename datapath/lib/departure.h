/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a port has sent, from the guards to its way out: the same for a frame that the agent sends in a port's name. */
#ifndef WEFT_DEPARTURE_H
#define WEFT_DEPARTURE_H

#include "discover.h"
#include "flood.h"
#include "guard.h"
#include "learn.h"
#include "resolve.h"
#include "route.h"
#include "send.h"

/*
 * Make readable what the guards read, and not an octet more: a TCP aggregate has its headers in the linear part
 * and its payload in pages, and pulling even a little of that reallocates the whole head.
 */
always_inline void expose(struct __sk_buff *skb)
{
	__u32 want = sizeof(struct ethernet) + sizeof(struct ipv4) + TCP_OCTETS;
	const struct ethernet *eth;
	const struct ipv4 *ip;
	const void *end;

	linearize(skb, sizeof(*eth) + sizeof(*ip));
	eth = (void *)(long)skb->data;
	end = (void *)(long)skb->data_end;
	ip = (const void *)(eth + 1);
	if ((const void *)(ip + 1) > end)
		return;
	if (eth->type == bpf_htons(ETHERTYPE_IPV6))
		want = sizeof(*eth) + sizeof(struct ipv6) + TCP_OCTETS;
	else if (eth->type == bpf_htons(ETHERTYPE_IPV4))
		want = sizeof(*eth) + (ip->version_ihl & 0x0f) * 4 +
		       (ip->protocol == PROTOCOL_TCP ? TCP_OCTETS : sizeof(struct udp));
	linearize(skb, want);
}

/* @f knows its hook and how it looked as it came in, @row what its port may do. */
always_inline int depart(struct __sk_buff *skb, struct frame *f, struct attach_row *row,
			 const struct settings_row *setting)
{
	struct fdb_key where = {};
	struct fdb_row *found;
	struct ethernet *eth;
	struct port_row *out;
	enum verdict why;
	__u32 target;
	int fate;

	f->vxlan_port = bpf_htons(setting->vxlan_port);
	f->port = row->port;
	f->network = row->network;
	f->space = row->space;
	f->owner = row->owner;
	f->traced = row->flags & ATTACH_TRACE;
	if (skb->vlan_present)
		return drop(skb, f, VERDICT_TAGGED);
	expose(skb);
	why = guard(skb, f, row, setting->hash_seed);
	if (why == VERDICT_TOO_BIG)
		return refuse_size(skb, f, row->mtu);
	if (why)
		return drop(skb, f, why);
	if (row->flags & ATTACH_DSCP_PIPE)
		f->dscp = 0;

	if (f->type == ETHERTYPE_ARP || (f->type == ETHERTYPE_IPV6 && f->protocol == PROTOCOL_ICMPV6)) {
		why = hear(skb, f, row, setting);
		if (why)
			return leave(skb, f, why, WEFT_DROP);
		fate = resolve(skb, f, row);
		if (fate != WEFT_UNDECIDED)
			return fate;
	}

	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return drop(skb, f, VERDICT_TRUNCATED);
	if (eth->destination[0] & 1)
		return flood_all(skb, f, row->bum_interval_ns, row->bum_burst_ns);

	if ((row->flags & ATTACH_ROUTED) && same_mac(eth->destination, setting->gateway_mac))
		return route_from_port(skb, f, row->flags);

	where.network = f->network;
	__builtin_memcpy(where.mac, eth->destination, 6);
	if ((row->flags & ATTACH_MSS_CLAMP) && f->protocol == PROTOCOL_TCP)
		clamp_mss(skb, f, row->mtu);
	found = fdb_find(&where);
	if (!found) {
		if (row->flags & ATTACH_UNKNOWN_DROP)
			return drop(skb, f, VERDICT_UNKNOWN_UNICAST);
		return flood_all(skb, f, row->bum_interval_ns, row->bum_burst_ns);
	}
	target = found->target;
	if (found->kind == TARGET_GROUP)
		return to_group(skb, f, target, f->vxlan_port);
	if (found->kind != TARGET_PORT)
		return drop(skb, f, VERDICT_FDB_DROP);
	if (target == f->port)
		return drop(skb, f, VERDICT_HAIRPIN);
	out = bpf_map_lookup_elem(&port, &target);
	/* The port's own network is asked again: no state of half-written rows delivers across networks. */
	if (!out || !out->ifindex || out->network != f->network)
		return drop(skb, f, VERDICT_NO_PORT);
	return to_port(skb, f, out, target);
}

#endif
