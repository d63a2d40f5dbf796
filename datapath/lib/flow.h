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
 * Of a frame that came out of a tunnel and goes into another: @f as the guards leave it for a port's, so that a flow
 * keeps its hash on its way. @eth is in the packet, and @f knows its type.
 */
static __noinline void note_flow(struct frame *f, const struct ethernet *eth, const void *end, __u32 seed)
{
	const struct ipv4 *four = (const void *)(eth + 1);
	const struct ipv6 *six = (const void *)(eth + 1);
	__u32 class = 0, ports = 0;
	const __u8 *l4;

	f->hash = seed;
	if (f->type == ETHERTYPE_IPV4 && (const void *)(four + 1) <= end) {
		l4 = (const __u8 *)four + (four->version_ihl & 0x0f) * 4;
		if (has_ports(four->protocol) && (const void *)(l4 + 8) <= end)
			ports = *(const __u32 *)l4;
		class = four->tos;
		f->protocol = four->protocol;
		f->hash = hash_ipv4(seed, four, ports);
	} else if (f->type == ETHERTYPE_IPV6 && (const void *)(six + 1) <= end) {
		l4 = (const __u8 *)(six + 1);
		if (has_ports(six->next_header) && (const void *)(l4 + 8) <= end)
			ports = *(const __u32 *)l4;
		class = bpf_ntohl(six->version_class_label) >> 20;
		f->protocol = six->next_header;
		f->hash = hash_ipv6(seed, six, ports);
	} else if ((const void *)(eth + 1) <= end) {
		f->hash = hash_ethernet(seed, eth);
	}
	f->ecn = class & 3;
	f->dscp = class & 0xfc;
}

#endif
