/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The largest segment that TCP says it can receive (RFC 9293 section 3.7.1), lowered to what the way holds: MTU less
 * 40 octets of IPv4 and TCP, or less 60 of IPv6 and TCP. Only in SYNs, only down, and only a whole option of its own
 * length; options that contradict themselves are left alone, and what stands behind them too.
 *
 * LIMIT: IPv6 behind extension headers, and fragments, are not looked into.
 */
#ifndef WEFT_MSS_H
#define WEFT_MSS_H

#include "frame.h"

enum tcp_value {
	TCP_SYN = 0x02,
	TCP_OPTION_END = 0,
	TCP_OPTION_NOP = 1,
	TCP_OPTION_MSS = 2,
	TCP_OPTION_MSS_OCTETS = 4,
	TCP_OPTIONS_MAX = 40,
};

struct tcp {
	__be16 source;
	__be16 destination;
	__be32 sequence;
	__be32 acknowledgement;
	__u8 offset;			/* in words, in the upper half */
	__u8 flags;
	__be16 window;
	__be16 checksum;
	__be16 urgent;
} __attribute__((packed));

/* Offset of the TCP header from that of the Ethernet header; 0: there is none to be seen. */
always_inline __u32 tcp_at(const struct __sk_buff *skb, const struct frame *f)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;

	if (f->type == ETHERTYPE_IPV4) {
		const struct ipv4 *ip = (const void *)(eth + 1);

		if ((const void *)(ip + 1) > end || ip->protocol != PROTOCOL_TCP || (ip->fragment & bpf_htons(0x3fff)))
			return 0;
		return sizeof(*eth) + (ip->version_ihl & 0x0f) * 4;
	}
	if (f->type == ETHERTYPE_IPV6) {
		const struct ipv6 *ip = (const void *)(eth + 1);

		if ((const void *)(ip + 1) > end || ip->next_header != PROTOCOL_TCP)
			return 0;
		return sizeof(*eth) + sizeof(*ip);
	}
	return 0;
}

/* Offset of the MSS option among @octets of options; TCP_OPTIONS_MAX: none. */
always_inline __u32 find_mss(const __u8 *options, __u32 octets)
{
	__u32 at = 0;

	for (int i = 0; i < TCP_OPTIONS_MAX; i++) {
		__u32 left = octets - at, kind, length;

		if (at >= octets || at > TCP_OPTIONS_MAX - 2)
			break;
		kind = options[at];
		if (kind == TCP_OPTION_END)
			break;
		if (kind == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		length = options[at + 1];
		if (length < 2 || length > left)
			break;
		if (kind == TCP_OPTION_MSS)
			return length == TCP_OPTION_MSS_OCTETS ? at : TCP_OPTIONS_MAX;
		at += length;
	}
	return TCP_OPTIONS_MAX;
}

/* @skb starts with the inner Ethernet header; @mtu is that of the packet's way. */
__noinline int clamp_mss(struct __sk_buff *skb, struct frame *f, __u32 mtu)
{
	__u8 options[TCP_OPTIONS_MAX] __attribute__((aligned(8))) = {};
	__u32 at, octets, mss_at, most;
	__be16 was, now;
	struct tcp tcp;

	if (!f)
		return 0;
	at = tcp_at(skb, f);
	if (!at || bpf_skb_load_bytes(skb, at, &tcp, sizeof(tcp)) || !(tcp.flags & TCP_SYN))
		return 0;
	octets = (tcp.offset >> 4) * 4 - sizeof(tcp);
	asm volatile("" : "+r"(octets));
	if (octets < TCP_OPTION_MSS_OCTETS || octets > TCP_OPTIONS_MAX ||
	    bpf_skb_load_bytes(skb, at + sizeof(tcp), options, octets))
		return 0;
	mss_at = find_mss(options, octets);
	if (mss_at > TCP_OPTIONS_MAX - TCP_OPTION_MSS_OCTETS)
		return 0;
	most = sizeof(tcp) + (f->type == ETHERTYPE_IPV4 ? sizeof(struct ipv4) : sizeof(struct ipv6));
	if (mtu <= most)
		return 0;
	most = mtu - most;
	was = bpf_htons(options[mss_at + 2] << 8 | options[mss_at + 3]);
	if (bpf_ntohs(was) <= most)
		return 0;
	now = bpf_htons(most);
	mss_at += at + sizeof(tcp) + 2;
	if (bpf_skb_store_bytes(skb, mss_at, &now, sizeof(now), 0))
		return 0;
	/* At an odd offset the value lies across two words of the sum: both halves change places. */
	if ((mss_at - at) & 1) {
		was = __builtin_bswap16(was);
		now = __builtin_bswap16(now);
	}
	bpf_l4_csum_replace(skb, at + __builtin_offsetof(struct tcp, checksum), was, now, sizeof(now));
	beside(f, VERDICT_MSS_CLAMPED);
	return 0;
}

#endif
