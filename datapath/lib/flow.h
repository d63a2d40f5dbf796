/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What of an inner frame goes into its outer header: the flow's hash and the traffic class. */
#ifndef WEFT_FLOW_H
#define WEFT_FLOW_H

#include "frame.h"
#include "hash.h"

/* Fragments hash without @ports, whichever of the datagram they are (RFC 6438 section 3). */
always_inline __u32 hash_ipv4(__u32 seed, const struct ipv4 *ip, __be32 ports)
{
	__u32 hash = hash_mix(seed, ip->source);

	hash = hash_mix(hash, ip->destination);
	hash = hash_mix(hash, ip->protocol);
	return hash_end(hash_mix(hash, ip->fragment & bpf_htons(0x3fff) ? 0 : ports));
}

always_inline __u32 hash_ipv6(__u32 seed, const struct ipv6 *ip, __be32 ports)
{
	__u32 hash = seed;

#pragma unroll
	for (int i = 0; i < 4; i++) {
		hash = hash_mix(hash, ip->source[i]);
		hash = hash_mix(hash, ip->destination[i]);
	}
	hash = hash_mix(hash, ip->next_header);
	return hash_end(hash_mix(hash, ports));
}

always_inline __u32 hash_ethernet(__u32 seed, const struct ethernet *eth)
{
	__u32 hash = hash_mix(seed, *(const __u32 *)eth->destination);

	return hash_end(hash_mix(hash, *(const __u32 *)eth->source));
}

always_inline int has_ports(__u8 protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
}

/*
 * A frame that came out of a tunnel and goes into another: @f as the guards leave it for a frame from a port, so that
 * a flow keeps its hash on its way. @skb starts with the inner Ethernet header.
 */
always_inline int note_flow(struct __sk_buff *skb, struct frame *f, __u32 seed)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	const __u8 *l4;
	__be32 ports = 0;

	if ((const void *)(eth + 1) > end)
		return -1;
	if (f->type == ETHERTYPE_IPV4) {
		const struct ipv4 *ip = (const void *)(eth + 1);

		if ((const void *)(ip + 1) > end)
			return -1;
		l4 = (const __u8 *)ip + (ip->version_ihl & 0x0f) * 4;
		if (has_ports(ip->protocol) && l4 + 8 <= (const __u8 *)end)
			ports = *(const __u32 *)l4;
		f->protocol = ip->protocol;
		f->ecn = ip->tos & 3;
		f->dscp = ip->tos & 0xfc;
		f->hash = hash_ipv4(seed, ip, ports);
	} else if (f->type == ETHERTYPE_IPV6) {
		const struct ipv6 *ip = (const void *)(eth + 1);
		__u32 class;

		if ((const void *)(ip + 1) > end)
			return -1;
		l4 = (const __u8 *)(ip + 1);
		if (has_ports(ip->next_header) && l4 + 8 <= (const __u8 *)end)
			ports = *(const __u32 *)l4;
		class = bpf_ntohl(ip->version_class_label) >> 20;
		f->protocol = ip->next_header;
		f->ecn = class & 3;
		f->dscp = class & 0xfc;
		f->hash = hash_ipv6(seed, ip, ports);
	} else {
		f->hash = hash_ethernet(seed, eth);
	}
	return 0;
}

#endif
