/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gateway answers echo requests (RFC 792, RFC 4443 section 4.1), and nothing else. The request becomes its answer
 * in place: addresses swapped, which changes no sum, the type by RFC 1624, TTL or hop limit 64.
 *
 * Whoever calls knows that the packet is for an address of the gateway. Not answered, and still to be judged: what is
 * no echo request, is cut short, is a fragment, hides behind extension headers, or has a source that is not one
 * host's. A wrong checksum stays as wrong as it was.
 */
#ifndef WEFT_ECHO_H
#define WEFT_ECHO_H

#include "answer.h"

/* An echo request's first octets are at @at: its type becomes the reply's. */
always_inline int reply(struct __sk_buff *skb, __u32 at, __u8 asks, __u8 answers)
{
	struct icmp icmp;

	if (bpf_skb_load_bytes(skb, at, &icmp, sizeof(icmp)) || icmp.type != asks)
		return -1;
	if (bpf_l4_csum_replace(skb, at + __builtin_offsetof(struct icmp, checksum), bpf_htons(asks << 8 | icmp.code),
				bpf_htons(answers << 8 | icmp.code), 2))
		return -1;
	return bpf_skb_store_bytes(skb, at, &answers, 1, 0);
}

always_inline int echo_ipv4(struct __sk_buff *skb)
{
	const struct ipv4 *asked = (void *)(long)skb->data + sizeof(struct ethernet);
	struct ethernet *eth;
	struct ipv4 *ip;
	__be32 source;
	__u32 sum;

	if ((const void *)(asked + 1) > (void *)(long)skb->data_end || asked->protocol != PROTOCOL_ICMP ||
	    (asked->fragment & bpf_htons(0x3fff)) || !is_one_host_ipv4(asked->source) ||
	    reply(skb, sizeof(*eth) + (asked->version_ihl & 0x0f) * 4, ICMP_ECHO, ICMP_ECHO_REPLY))
		return -1;
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return -1;
	swap_macs(eth);
	source = ip->source;
	ip->source = ip->destination;
	ip->destination = source;
	/* TTL is the high octet of its word. */
	sum = (__u16)~ip->checksum + (__u16)~bpf_htons(ip->ttl << 8) + bpf_htons(ANSWER_TTL << 8);
	ip->checksum = checksum_end(sum);
	ip->ttl = ANSWER_TTL;
	return 0;
}

always_inline int echo_ipv6(struct __sk_buff *skb)
{
	const struct ipv6 *asked = (void *)(long)skb->data + sizeof(struct ethernet);
	struct ethernet *eth;
	struct ipv6 *ip;
	__be32 source[4];

	if ((const void *)(asked + 1) > (void *)(long)skb->data_end || asked->next_header != PROTOCOL_ICMPV6 ||
	    !is_one_host_ipv6(asked->source) ||
	    reply(skb, sizeof(*eth) + sizeof(*asked), ICMPV6_ECHO, ICMPV6_ECHO_REPLY))
		return -1;
	eth = (void *)(long)skb->data;
	ip = (void *)(eth + 1);
	if ((void *)(ip + 1) > (void *)(long)skb->data_end)
		return -1;
	swap_macs(eth);
	__builtin_memcpy(source, ip->source, 16);
	__builtin_memcpy(ip->source, ip->destination, 16);
	__builtin_memcpy(ip->destination, source, 16);
	ip->hop_limit = ANSWER_TTL;
	return 0;
}

/* Answers an echo request to a gateway address, or says WEFT_UNDECIDED and has changed nothing. */
__noinline int answer_echo(struct __sk_buff *skb, struct frame *f)
{
	int refused;

	if (!f)
		return WEFT_DROP;
	refused = f->type == ETHERTYPE_IPV4 ? echo_ipv4(skb) : f->type == ETHERTYPE_IPV6 ? echo_ipv6(skb) : -1;
	if (refused)
		return WEFT_UNDECIDED;
	return leave(skb, f, VERDICT_ANSWERED, to_sender(skb, f));
}

#endif
