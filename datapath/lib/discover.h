/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Addresses that a port shows to be its own: the sender of an ARP message that is no probe, the target of a neighbour
 * advertisement (RFC 9161 section 3.2; docs/decisions/0016-endpoints.md). The guards have seen that the port may use
 * it. The agent is told when it is news, or when a sixteenth of the life of what is known has passed.
 *
 * Leaves out: link-local addresses, which mean a link and no space; advertisements behind extension headers.
 */
#ifndef WEFT_DISCOVER_H
#define WEFT_DISCOVER_H

#include "frame.h"
#include "learn.h"
#include "punt.h"

/* Whether the frame shows an address; if so, in @where. */
always_inline int shows_address(struct __sk_buff *skb, const struct frame *f, struct host_key *where)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	__be32 *words = (__be32 *)where->address;

	if (f->type == ETHERTYPE_ARP) {
		const struct arp *arp = (const void *)(eth + 1);

		if ((const void *)(arp + 1) > end || !arp->sender_ip ||
		    (arp->sender_ip & bpf_htonl(0xffff0000)) == bpf_htonl(0xa9fe0000))
			return 0;
		mapped(words, arp->sender_ip);
		return 1;
	}
	if (f->type == ETHERTYPE_IPV6 && f->protocol == PROTOCOL_ICMPV6) {
		struct nd nd;

		if (bpf_skb_load_bytes(skb, sizeof(*eth) + sizeof(struct ipv6), &nd, sizeof(nd)) ||
		    nd.type != ND_NEIGHBOUR_ADVERTISEMENT ||
		    (nd.target[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000))
			return 0;
		__builtin_memcpy(where->address, nd.target, 16);
		return 1;
	}
	return 0;
}

/* Whether that is no news from the sender's port. What is declared never is, wherever it is. */
always_inline int is_known_of(const struct frame *f, const struct host_key *where)
{
	const struct route_row *row = bpf_map_lookup_elem(&host, where);
	__u64 now = bpf_ktime_get_coarse_ns(), life;

	if (!row)
		return 0;
	if (!(row->flags & ROUTE_DISCOVERED))
		return 1;
	life = row->age_seconds * SECOND_NS;
	return row->kind == TARGET_PORT && row->target == f->port &&
	       row->fresh_until_ns >= now + life - life / 16;
}

/*
 * What a port's ARP or ICMPv6 message shows of it. VERDICT_NONE: the frame goes on. One to this host's router MAC does
 * not: it answers a question of the agent's, and has had its use.
 */
always_inline enum verdict hear(struct __sk_buff *skb, struct frame *f, const struct attach_row *row,
				const struct settings_row *setting)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	struct host_key where = { .space = f->space };
	int is_answer;

	if ((const void *)(eth + 1) > (const void *)(long)skb->data_end)
		return VERDICT_TRUNCATED;
	is_answer = same_mac(eth->destination, setting->router_mac);
	if (!is_answer && !(row->flags & ATTACH_DISCOVER))
		return VERDICT_NONE;
	if (shows_address(skb, f, &where) && !is_known_of(f, &where))
		punt_sighting(skb, f);
	return is_answer ? VERDICT_PUNTED : VERDICT_NONE;
}

#endif
