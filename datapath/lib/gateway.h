/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gateway of those who have none of their own: questions for its addresses that come out of tunnels (RFC 826, RFC
 * 4861 section 7.2). ARP is answered here, with the agent alive or dead, for an answer is as long as its question. A
 * solicitation is not, and goes to the agent.
 */
#ifndef WEFT_GATEWAY_H
#define WEFT_GATEWAY_H

#include "decap.h"
#include "punt.h"
#include "send.h"
#include "straggler.h"

/* Whose address is asked for, in @where. */
static __noinline int asks_neighbour(struct __sk_buff *skb, const struct frame *f, const struct tunnel *t,
				 struct host_key *where)
{
	const struct ethernet *eth = inner_ethernet(skb, t);
	const void *end = (void *)(long)skb->data_end;
	__u32 at = t->inner_at + sizeof(*eth) + sizeof(struct ipv6);
	struct nd nd;

	if (f->type == ETHERTYPE_ARP) {
		const struct arp *arp = (const void *)(eth + 1);

		if ((const void *)(arp + 1) > end || arp->hardware != bpf_htons(1) ||
		    arp->protocol != bpf_htons(ETHERTYPE_IPV4) || arp->hardware_octets != 6 ||
		    arp->protocol_octets != 4 || arp->operation != bpf_htons(1))
			return 0;
		mapped((__be32 *)where->address, arp->target_ip);
		return 1;
	}
	if (f->type == ETHERTYPE_IPV6) {
		const struct ipv6 *ip = (const void *)(eth + 1);

		if ((const void *)(ip + 1) > end || ip->next_header != PROTOCOL_ICMPV6 ||
		    bpf_skb_load_bytes(skb, at, &nd, sizeof(nd)) || nd.type != ND_NEIGHBOUR_SOLICITATION)
			return 0;
		__builtin_memcpy(where->address, nd.target, 16);
		return 1;
	}
	return 0;
}

/* The question in @skb becomes its answer: who asked is told that the gateway's address is @mac's. */
static __noinline int reply_arp(struct __sk_buff *skb, const __u8 *mac)
{
	struct ethernet *eth = (void *)(long)skb->data;
	struct arp *arp = (void *)(eth + 1);
	__be32 asked;

	if ((void *)(arp + 1) > (void *)(long)skb->data_end)
		return -1;
	asked = arp->target_ip;
	__builtin_memcpy(eth->destination, arp->sender_mac, 6);
	__builtin_memcpy(eth->source, mac, 6);
	arp->operation = bpf_htons(2);
	__builtin_memcpy(arp->target_mac, arp->sender_mac, 6);
	arp->target_ip = arp->sender_ip;
	__builtin_memcpy(arp->sender_mac, mac, 6);
	arp->sender_ip = asked;
	return 0;
}

enum { NOT_ASKED = 0 };

/* @group_id: the way back to who asks. NOT_ASKED: it is no question for the gateway, and goes on. */
__noinline int answer_as_gateway(struct __sk_buff *skb, struct frame *f, const struct tunnel *t, __u32 group_id)
{
	struct host_key where = {};
	struct settings_row *setting;
	const struct route_row *row;
	enum verdict why;
	__u32 zero = 0;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!f || !t || !setting)
		return NOT_ASKED;
	where.space = f->space;
	if (!asks_neighbour(skb, f, t, &where))
		return NOT_ASKED;
	row = bpf_map_lookup_elem(&host, &where);
	if (!row || row->kind != TARGET_GATEWAY || row->network != f->network)
		return NOT_ASKED;
	if (f->type != ETHERTYPE_ARP)
		return punt(skb, f, PUNT_GATEWAY, 0);
	why = decapsulate(skb, f, t);
	if (why)
		return drop(skb, f, why);
	linearize(skb, sizeof(struct ethernet) + sizeof(struct arp));
	if (reply_arp(skb, row->mac))
		return drop(skb, f, VERDICT_INNER_TRUNCATED);
	note_flow(f, (void *)(long)skb->data, (void *)(long)skb->data_end, setting->hash_seed);
	f->ttl = OUTER_TTL;
	return to_group(skb, f, group_id, bpf_htons(setting->vxlan_port));
}

#endif
