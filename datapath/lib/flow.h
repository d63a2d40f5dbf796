/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The hash of an inner frame's flow. */
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

#endif
