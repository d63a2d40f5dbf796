/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who has an address: ARP requests (RFC 826) and neighbour solicitations (RFC 4861) of a port, answered in the owner's
 * place from the table `host`, as RFC 9161 section 3.3 says. What is not answered goes on as any other frame.
 *
 * In this order, after the guards:
 *   1. Not a request, or not a sound one (below): goes on. An announcement of the sender's own address (ARP with the
 *      same address twice, an advertisement that nobody solicited) is counted as NEIGHBOUR_OWN on its way.
 *   2. The row of (space, address), if it has a MAC, is no drop, and is of the port's network; else none.
 *   3. The gateway: answered.
 *   4. To one MAC alone: left to him, NEIGHBOUR_UNICAST.
 *   5. The row is of this very port: it probes for its own address, NEIGHBOUR_OWN.
 *   6. Discovered, and over: NEIGHBOUR_EXPIRED, and then as if there were none.
 *   7. No row: NEIGHBOUR_MISS, or dropped as NEIGHBOUR_UNKNOWN where neighbours are not flooded.
 *   8. Answered, and sent back to the port: VERDICT_ANSWERED.
 *
 * A sound solicitation (RFC 4861 section 7.1.1) has hop limit 255, code 0, a valid checksum, no multicast target, whole
 * options, and from :: goes to a solicited-node address and names no MAC. One that is not is not discarded here, but
 * left to those who are asked.
 *
 * LIMIT: solicitations behind extension headers, of more than 64 octets, or with other options than the sender's MAC and
 * a nonce (RFC 7527) are not answered: RFC 9161 recommends that the latter be forwarded.
 */
#ifndef WEFT_RESOLVE_H
#define WEFT_RESOLVE_H

#include "answer.h"
#include "guard.h"

enum resolve_limit {
	SOLICITATION_OCTETS_MAX = 64,
	ADVERTISEMENT_OCTETS = sizeof(struct ethernet) + sizeof(struct ipv6) + sizeof(struct nd) + sizeof(struct nd_mac),
};

/* Beside the values of tcx_action. */
enum { RESOLVE_ANSWER = 1 };

/* The row of whoever has the address on the port's network, given as four words in wire order. */
always_inline const struct route_row *holder_of(const struct frame *f, __u32 w0, __u32 w1, __u32 w2, __u32 w3)
{
	struct host_key key = { .space = f->space };
	__u32 *words = (__u32 *)key.address;
	const struct route_row *row;

	words[0] = w0;
	words[1] = w1;
	words[2] = w2;
	words[3] = w3;
	row = bpf_map_lookup_elem(&host, &key);
	if (!row || row->network != f->network || row->kind == TARGET_DROP)
		return NULL;
	return *(const __u32 *)row->mac | *(const __u16 *)(row->mac + 4) ? row : NULL;
}

/* RESOLVE_ANSWER, or what else becomes of the request. @unicast: it was sent to one MAC. */
always_inline int judge(struct __sk_buff *skb, struct frame *f, const struct attach_row *port,
			const struct route_row *row, int unicast)
{
	if (row && row->kind == TARGET_GATEWAY)
		return RESOLVE_ANSWER;
	if (unicast) {
		beside(f, VERDICT_NEIGHBOUR_UNICAST);
		return WEFT_UNDECIDED;
	}
	if (row && row->kind == TARGET_PORT && row->target == f->port) {
		beside(f, VERDICT_NEIGHBOUR_OWN);
		return WEFT_UNDECIDED;
	}
	if (row && (row->flags & ROUTE_DISCOVERED) && row->fresh_until_ns < bpf_ktime_get_coarse_ns()) {
		beside(f, VERDICT_NEIGHBOUR_EXPIRED);
		row = NULL;
	}
	if (row)
		return RESOLVE_ANSWER;
	if (port->flags & ATTACH_NEIGHBOURS_DROP)
		return drop(skb, f, VERDICT_NEIGHBOUR_UNKNOWN);
	beside(f, VERDICT_NEIGHBOUR_MISS);
	return WEFT_UNDECIDED;
}

__noinline int resolve_arp(struct __sk_buff *skb, struct frame *f, struct attach_row *port)
{
	const struct route_row *row;
	struct ethernet *eth;
	struct arp *arp;
	__be32 asked;
	int fate;

	if (!f || !port)
		return WEFT_DROP;
	eth = (void *)(long)skb->data;
	arp = (void *)(eth + 1);
	if ((void *)(arp + 1) > (void *)(long)skb->data_end)
		return WEFT_UNDECIDED;
	asked = arp->target_ip;
	if (arp->sender_ip && arp->sender_ip == asked) {
		beside(f, VERDICT_NEIGHBOUR_OWN);
		return WEFT_UNDECIDED;
	}
	if (arp->operation != bpf_htons(ARP_REQUEST))
		return WEFT_UNDECIDED;
	row = holder_of(f, 0, 0, bpf_htonl(0xffff), asked);
	fate = judge(skb, f, port, row, !(eth->destination[0] & 1));
	if (fate != RESOLVE_ANSWER || !row)
		return fate;

	eth = (void *)(long)skb->data;
	arp = (void *)(eth + 1);
	if ((void *)(arp + 1) > (void *)(long)skb->data_end)
		return WEFT_UNDECIDED;
	__builtin_memcpy(eth->destination, port->mac, 6);
	__builtin_memcpy(eth->source, row->mac, 6);
	arp->operation = bpf_htons(ARP_REPLY);
	__builtin_memcpy(arp->target_mac, port->mac, 6);
	arp->target_ip = arp->sender_ip;	/* of a probe: zero, as it was */
	__builtin_memcpy(arp->sender_mac, row->mac, 6);
	arp->sender_ip = asked;
	return leave(skb, f, VERDICT_ANSWERED, to_sender(skb, f));
}

/* A solicitation by RFC 4861 section 7.1.1 with no option that we do not know. @said: the whole message, @octets of it. */
always_inline int is_sound(const struct ipv6 *ip, const __u8 *said, __u32 octets)
{
	const struct nd *nd = (const struct nd *)said;
	int from_nobody = is_zero16(ip->source);
	__u32 at = sizeof(*nd);

	if (ip->hop_limit != 255 || nd->code || (*(const __u8 *)nd->target == 0xff))
		return 0;
	if (from_nobody && (ip->destination[0] != bpf_htonl(0xff020000) || ip->destination[1] ||
			    ip->destination[2] != bpf_htonl(1) ||
			    (ip->destination[3] & bpf_htonl(0xff000000)) != bpf_htonl(0xff000000)))
		return 0;
	for (int i = 0; i < (SOLICITATION_OCTETS_MAX - (int)sizeof(*nd)) / 8 && at < octets; i++) {
		__u8 type = said[at & (SOLICITATION_OCTETS_MAX - 1)];
		__u8 units = said[(at + 1) & (SOLICITATION_OCTETS_MAX - 1)];

		if (!units || (type != ND_NONCE && (type != ND_SOURCE_MAC || from_nobody)))
			return 0;
		at += units * 8;
	}
	return at == octets;
}

/* The solicitation in @skb becomes its answer: from the holder of @row, who is the address asked for. */
always_inline int advertise(struct __sk_buff *skb, struct frame *f, const struct attach_row *port,
			    const struct route_row *row)
{
	struct nd_mac *option;
	struct ethernet *eth;
	struct ipv6 *ip;
	struct nd *nd;
	__u32 flags = ND_SOLICITED | ND_OVERRIDE;
	__s64 sum;

	/* Refused for a frame that was a tunnel's before: its sender asks as if we were not there. */
	if (skb->len != ADVERTISEMENT_OCTETS && bpf_skb_change_tail(skb, ADVERTISEMENT_OCTETS, 0))
		return WEFT_UNDECIDED;
	linearize(skb, ADVERTISEMENT_OCTETS);
	eth = (void *)(long)skb->data;
	if ((void *)eth + ADVERTISEMENT_OCTETS > (void *)(long)skb->data_end)
		return drop(skb, f, VERDICT_TRUNCATED);
	ip = (void *)(eth + 1);
	nd = (void *)(ip + 1);
	option = (void *)(nd + 1);
	__builtin_memcpy(eth->destination, port->mac, 6);
	__builtin_memcpy(eth->source, row->mac, 6);
	__builtin_memcpy(ip->destination, ip->source, 16);
	if (is_zero16(ip->source)) {	/* detection of duplicates: to all nodes, unsolicited (RFC 4861 section 7.2.4) */
		flags = ND_OVERRIDE;
		*(__be16 *)eth->destination = bpf_htons(0x3333);
		*(__be32 *)(eth->destination + 2) = bpf_htonl(1);
		ip->destination[0] = bpf_htonl(0xff020000);
		ip->destination[3] = bpf_htonl(1);
	}
	if (row->flags & ROUTE_SHARED_ADDRESS)
		flags &= ~ND_OVERRIDE;
	if (row->kind == TARGET_GATEWAY)
		flags |= ND_ROUTER;
	ip->version_class_label = bpf_htonl(6u << 28);
	ip->payload_octets = bpf_htons(sizeof(*nd) + sizeof(*option));
	__builtin_memcpy(ip->source, nd->target, 16);
	nd->type = ND_NEIGHBOUR_ADVERTISEMENT;
	nd->checksum = 0;
	nd->reserved = bpf_htonl(flags);
	option->type = ND_TARGET_MAC;
	option->units = 1;
	__builtin_memcpy(option->mac, row->mac, 6);
	/* Both addresses and the message stand behind one another. */
	sum = bpf_csum_diff(NULL, 0, ip->source, 2 * 16 + sizeof(*nd) + sizeof(*option),
			    pseudo_sum(sizeof(*nd) + sizeof(*option)));
	nd->checksum = checksum_end(sum);
	return leave(skb, f, VERDICT_ANSWERED, to_sender(skb, f));
}

__noinline int resolve_nd(struct __sk_buff *skb, struct frame *f, struct attach_row *port)
{
	__u8 said[SOLICITATION_OCTETS_MAX] __attribute__((aligned(8))) = {};
	const struct nd *nd = (const struct nd *)said;
	const struct route_row *row = NULL;
	const struct ethernet *eth;
	const struct ipv6 *ip;
	__u32 octets, more;
	__s64 sum;
	int fate;

	if (!f || !port)
		return WEFT_DROP;
	eth = (void *)(long)skb->data;
	ip = (const void *)(eth + 1);
	if ((const void *)(ip + 1) > (void *)(long)skb->data_end)
		return WEFT_UNDECIDED;
	octets = bpf_ntohs(ip->payload_octets);
	if (bpf_skb_load_bytes(skb, sizeof(*eth) + sizeof(*ip), said, sizeof(*nd)))
		return WEFT_UNDECIDED;
	if (nd->type == ND_NEIGHBOUR_ADVERTISEMENT && !(nd->reserved & bpf_htonl(ND_SOLICITED)))
		beside(f, VERDICT_NEIGHBOUR_OWN);
	if (nd->type != ND_NEIGHBOUR_SOLICITATION || octets < sizeof(*nd) || octets > SOLICITATION_OCTETS_MAX)
		return WEFT_UNDECIDED;
	more = octets - sizeof(*nd);
	asm volatile("" : "+r"(more));
	more &= SOLICITATION_OCTETS_MAX - 1;
	if (more > SOLICITATION_OCTETS_MAX - sizeof(*nd))
		return WEFT_UNDECIDED;
	if (more && bpf_skb_load_bytes(skb, sizeof(*eth) + sizeof(*ip) + sizeof(*nd), said + sizeof(*nd), more))
		return WEFT_UNDECIDED;
	sum = bpf_csum_diff(NULL, 0, (void *)ip->source, 2 * 16,
			    pseudo_sum(octets));
	sum = bpf_csum_diff(NULL, 0, (void *)said, sizeof(said), sum);
	if (checksum_end(sum) || !is_sound(ip, said, octets))
		return WEFT_UNDECIDED;
	if (!is_mapped(nd->target))
		row = holder_of(f, nd->target[0], nd->target[1], nd->target[2], nd->target[3]);
	fate = judge(skb, f, port, row, !(eth->destination[0] & 1));
	if (fate != RESOLVE_ANSWER || !row)
		return fate;
	return advertise(skb, f, port, row);
}

/* WEFT_UNDECIDED: not a request, or not one for us to answer. */
always_inline int resolve(struct __sk_buff *skb, struct frame *f, struct attach_row *port)
{
	if (f->type == ETHERTYPE_ARP)
		return resolve_arp(skb, f, port);
	if (f->type == ETHERTYPE_IPV6 && f->protocol == PROTOCOL_ICMPV6)
		return resolve_nd(skb, f, port);
	return WEFT_UNDECIDED;
}

#endif
