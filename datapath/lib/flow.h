/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an outer header has to know about a frame that came out of a tunnel and goes on into another: its class and
 * its flow, as the guards know them of a port's frame (guard.h), so that a flow keeps its hash whoever sends it on.
 */
#ifndef WEFT_FLOW_H
#define WEFT_FLOW_H

#include "frame.h"
#include "hash.h"

/* Without ports: a fragment, or a protocol that has none that we know. */
always_inline int has_ports(__u8 protocol)
{
	return protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP || protocol == PROTOCOL_SCTP;
}

always_inline void read_flow_ipv4(struct frame *f, const struct ipv4 *ip, const void *end)
{
	const __u8 *l4 = (const __u8 *)ip + (ip->version_ihl & 0x0f) * 4;
	__u32 ports = 0, hash;

	f->protocol = ip->protocol;
	f->ecn = ip->tos & 3;
	f->dscp = ip->tos & 0xfc;
	if (!(ip->fragment & bpf_htons(0x3fff)) && has_ports(ip->protocol) && (const void *)(l4 + 8) <= end)
		ports = *(const __u32 *)l4;
	hash = hash_mix(f->hash, ip->source);
	hash = hash_mix(hash, ip->destination);
	hash = hash_mix(hash, ip->protocol);
	f->hash = hash_end(hash_mix(hash, ports));
}

always_inline void read_flow_ipv6(struct frame *f, const struct ipv6 *ip, const void *end)
{
	__u32 first = bpf_ntohl(ip->version_class_label), ports = 0, hash = f->hash;
	const __u8 *l4 = (const __u8 *)(ip + 1);

	f->protocol = ip->next_header;
	f->ecn = (first >> 20) & 3;
	f->dscp = (first >> 20) & 0xfc;
	if (has_ports(ip->next_header) && (const void *)(l4 + 8) <= end)
		ports = *(const __u32 *)l4;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		hash = hash_mix(hash, ip->source[i]);
		hash = hash_mix(hash, ip->destination[i]);
	}
	hash = hash_mix(hash, ip->next_header);
	f->hash = hash_end(hash_mix(hash, ports));
}

/* Of the frame at @eth, whose type @f knows. */
always_inline void read_flow(struct frame *f, const struct ethernet *eth, const void *end, __u32 seed)
{
	const struct ipv4 *four = (const void *)(eth + 1);
	const struct ipv6 *six = (const void *)(eth + 1);

	f->hash = seed;
	if (f->type == ETHERTYPE_IPV4 && (const void *)(four + 1) <= end) {
		read_flow_ipv4(f, four, end);
	} else if (f->type == ETHERTYPE_IPV6 && (const void *)(six + 1) <= end) {
		read_flow_ipv6(f, six, end);
	} else if ((const void *)(eth + 1) <= end) {
		f->hash = hash_mix(f->hash, *(const __u32 *)eth->destination);
		f->hash = hash_end(hash_mix(f->hash, *(const __u32 *)eth->source));
	}
}

#endif
