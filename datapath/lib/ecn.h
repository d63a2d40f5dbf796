/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The inner traffic class after decapsulation: ECN by RFC 6040 section 4.2, DSCP by RFC 2983. */
#ifndef WEFT_ECN_H
#define WEFT_ECN_H

#include "frame.h"

enum ecn {
	ECN_NOT_ECT = 0,
	ECN_ECT_1 = 1,
	ECN_ECT_0 = 2,
	ECN_CE = 3,
};

/* The figure in RFC 6040 section 4.2. The one cell that says drop is the caller's. */
always_inline __u8 ecn_after(__u8 inner, __u8 outer)
{
	if (inner == ECN_NOT_ECT || inner == ECN_CE)
		return inner;
	if (outer == ECN_CE)
		return ECN_CE;
	return inner == ECN_ECT_0 && outer == ECN_ECT_1 ? ECN_ECT_1 : inner;
}

/* RFC 1624 equation 3 for one 16-bit word */
always_inline void replace_tos(struct ipv4 *ip, __u8 tos)
{
	__u32 sum = (__u16)~ip->checksum;

	/* The word is version_ihl and tos; sums do not care for byte order as long as both sides agree. */
	sum += (__u16)~*(__u16 *)ip;
	ip->tos = tos;
	sum += *(__u16 *)ip;
	sum = (sum & 0xffff) + (sum >> 16);
	ip->checksum = ~((sum & 0xffff) + (sum >> 16));
}

/* Write the class that the inner packet at @inner leaves with. */
always_inline enum verdict settle_class(struct ethernet *inner, void *end, __u8 outer, int uniform)
{
	__u8 was, now;

	if (inner->type == bpf_htons(ETHERTYPE_IPV4)) {
		struct ipv4 *ip = (void *)(inner + 1);

		if ((void *)(ip + 1) > end)
			return VERDICT_NONE;	/* too short to have a class; the receiver will say so */
		was = ip->tos;
	} else if (inner->type == bpf_htons(ETHERTYPE_IPV6)) {
		struct ipv6 *ip = (void *)(inner + 1);

		if ((void *)(ip + 1) > end)
			return VERDICT_NONE;
		was = bpf_ntohl(ip->version_class_label) >> 20;
	} else {
		return VERDICT_NONE;
	}
	if ((was & 3) == ECN_NOT_ECT && (outer & 3) == ECN_CE)
		return VERDICT_ECN;
	now = ecn_after(was & 3, outer & 3) | (uniform ? outer & 0xfc : was & 0xfc);
	if (now == was)
		return VERDICT_NONE;
	if (inner->type == bpf_htons(ETHERTYPE_IPV4)) {
		replace_tos((void *)(inner + 1), now);
	} else {
		struct ipv6 *ip = (void *)(inner + 1);

		ip->version_class_label &= bpf_htonl(~(0xffu << 20));
		ip->version_class_label |= bpf_htonl((__u32)now << 20);
	}
	return VERDICT_NONE;
}

#endif
