/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a port is told by ICMP (RFC 792, RFC 1191, RFC 1812 section 4.3; RFC 4443): why its packet was dropped, and
 * that the gateway is alive. The agent has no part in it.
 *
 * An error, in this order:
 *   1. The packet is dropped and told of under its own verdict, as it was.
 *   2. No error belongs to the verdict (below), or none is due: nothing more.
 *   3. Over the port's budget: ICMP_LIMITED.
 *   4. The frame becomes the error and goes back: ICMP_SENT.
 *
 * verdict           IPv4                               IPv6
 * too-big           3/4, if DF is set                  2/0
 * ttl-exceeded      11/0                               3/0
 * no-route          3/0                                1/0
 * gateway-closed    3/3, to TCP and UDP                1/4, to TCP and UDP
 *
 * None is due to a packet that says of itself that it is shorter than its frame shows and fits, to an ICMP error, to
 * a fragment other than the first, and when source or destination is not one host's: in Ethernet, or as an address
 * (0/8, 127/8, 224/4, 240/4; ::, ff00::/8). To IPv6 none is due that hides behind extension headers that we cannot
 * follow.
 *
 * The error comes from the gateway of the port's network or, if it has none of that family, from the address that the
 * packet was for; in Ethernet from whom the frame was for. It quotes the packet as it came in: of IPv4 at most 512
 * octets, so that it stays within 576 (RFC 1812 section 4.3.2.3), of IPv6 as much as fits 1280 (RFC 4443 section 2.4).
 *
 * LIMIT: a frame that was a tunnel's before (a forwarding workload) cannot be shortened: no error is sent. The same
 * holds for a packet with a checksum still to be computed behind the end of what would be quoted.
 */
#ifndef WEFT_ANSWER_H
#define WEFT_ANSWER_H

#include "bucket.h"
#include "guard.h"
#include "outer.h"

enum answer_value {
	ANSWER_TTL = 64,
	ANSWER_CLASS = 0xc0,		/* internetwork control (RFC 1812 section 4.3.2.5) */
	QUOTE_IPV4_MAX = 512,
	QUOTE_IPV6_MAX = 1280 - sizeof(struct ipv6) - sizeof(struct icmp),
	QUOTE_STEP = 80,		/* octets that are moved and summed at once: a multiple of 4, and more than any IPv4 header */
};

/* What the sender is told; it stands in front of the quoted packet. */
struct complaint {
	__u8 type;
	__u8 code;
	__u16 value;			/* the MTU */
};

/* A sum of 32-bit words, folded and inverted. */
always_inline __u16 checksum_end(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* What the pseudo-header of ICMPv6 adds to both addresses (RFC 8200 section 8.1). */
always_inline __u32 pseudo_sum(__u32 octets)
{
	return (__u32)bpf_htons(octets) + bpf_htons(PROTOCOL_ICMPV6);
}

/* Back to the port. What was injected in its name did not come in there. */
always_inline int to_sender(const struct __sk_buff *skb, const struct frame *f)
{
	__u32 ifindex = skb->ifindex, id = f->port;
	const struct port_row *row;

	if (f->hook != HOOK_FROM_PORT) {
		row = bpf_map_lookup_elem(&port, &id);
		ifindex = row ? row->ifindex : 0;
	}
	return ifindex ? bpf_redirect(ifindex, 0) : WEFT_DROP;
}

/* RFC 1812 section 4.3.2.7: an address that defines a single host */
always_inline int is_one_host_ipv4(__be32 address)
{
	__u32 first = bpf_ntohl(address) >> 24;

	return first != 0 && first != 127 && first < 224;
}

always_inline int is_one_host_ipv6(const __be32 *address)
{
	return *(const __u8 *)address != 0xff && !is_zero16(address);
}

always_inline int is_icmp_error(__u8 type)
{
	return type == ICMP_UNREACHABLE || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
}

/* 0: nothing is said about it. */
always_inline int complaint_of(const struct frame *f, enum verdict why, __u32 mtu, __u8 protocol, struct complaint *c)
{
	int v4 = f->type == ETHERTYPE_IPV4;

	if (why == VERDICT_TOO_BIG) {
		c->type = v4 ? ICMP_UNREACHABLE : ICMPV6_TOO_BIG;
		c->code = v4 ? ICMP_FRAGMENTATION_NEEDED : 0;
		c->value = mtu < 0xffff ? mtu : 0xffff;
		return 1;
	}
	if (why == VERDICT_TTL_EXCEEDED) {
		c->type = v4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEEDED;
		return 1;
	}
	if (why == VERDICT_NO_ROUTE) {
		c->type = v4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE;
		c->code = v4 ? ICMP_NETWORK : ICMPV6_NO_ROUTE;
		return 1;
	}
	if (why == VERDICT_GATEWAY_CLOSED && (protocol == PROTOCOL_TCP || protocol == PROTOCOL_UDP)) {
		c->type = v4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE;
		c->code = v4 ? ICMP_PORT : ICMPV6_PORT;
		return 1;
	}
	return 0;
}

/* Octets of the packet itself, without the link's padding; 0: no error is due to it. @protocol: what is in it. */
always_inline __u32 subject_ipv4(struct __sk_buff *skb, enum verdict why, __u32 mtu, __u8 *protocol)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const struct ipv4 *ip = (const void *)(eth + 1);
	__u32 octets = skb->len - sizeof(*eth), said;
	__u8 type;

	if ((const void *)(ip + 1) > (void *)(long)skb->data_end || (eth->destination[0] & 1) ||
	    !is_one_host_ipv4(ip->source) || !is_one_host_ipv4(ip->destination) ||
	    (ip->fragment & bpf_htons(0x1fff)))
		return 0;
	said = bpf_ntohs(ip->total_octets);
	if (!skb->gso_size && said < octets)
		octets = said;
	if (why == VERDICT_TOO_BIG &&
	    (!(ip->fragment & bpf_htons(IPV4_DF)) || (!skb->gso_size && octets <= mtu)))
		return 0;
	*protocol = ip->protocol;
	if (ip->protocol == PROTOCOL_ICMP &&
	    (bpf_skb_load_bytes(skb, sizeof(*eth) + (ip->version_ihl & 0x0f) * 4, &type, 1) || is_icmp_error(type)))
		return 0;
	return octets < sizeof(*ip) ? 0 : octets;
}

always_inline __u32 subject_ipv6(struct __sk_buff *skb, enum verdict why, __u32 mtu, __u8 *protocol)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const struct ipv6 *ip = (const void *)(eth + 1);
	__u32 octets = skb->len - sizeof(*eth), said, at = sizeof(*eth) + sizeof(*ip);
	__u8 header[8], next;

	if ((const void *)(ip + 1) > (void *)(long)skb->data_end || (eth->destination[0] & 1) ||
	    !is_one_host_ipv6(ip->source) || !is_one_host_ipv6(ip->destination))
		return 0;
	said = bpf_ntohs(ip->payload_octets) + sizeof(*ip);
	if (!skb->gso_size && said < octets)
		octets = said;
	if (why == VERDICT_TOO_BIG && !skb->gso_size && octets <= mtu)
		return 0;
	next = ip->next_header;
	for (int i = 0; i < EXTENSIONS_MAX; i++) {
		if (next != PROTOCOL_HOP_BY_HOP && next != PROTOCOL_ROUTING && next != PROTOCOL_DESTINATION &&
		    next != PROTOCOL_FRAGMENT)
			break;
		if (bpf_skb_load_bytes(skb, at, header, sizeof(header)))
			return 0;
		if (next == PROTOCOL_FRAGMENT && (header[2] | (header[3] & 0xf8)))
			return 0;
		at += next == PROTOCOL_FRAGMENT ? 8 : 8 + header[1] * 8;
		next = header[0];
	}
	*protocol = next;
	if (next == PROTOCOL_HOP_BY_HOP || next == PROTOCOL_ROUTING || next == PROTOCOL_DESTINATION ||
	    next == PROTOCOL_FRAGMENT)
		return 0;
	/* Redirects are no errors, and get none either (RFC 4443 section 2.4 (e)). */
	if (next == PROTOCOL_ICMPV6 &&
	    (bpf_skb_load_bytes(skb, at, header, 1) || header[0] < ICMPV6_INFORMATIONAL || header[0] == ND_REDIRECT))
		return 0;
	return octets;
}

/* @n octets (1..QUOTE_STEP) at @at into @chunk, and zeros behind them. */
always_inline int load_chunk(struct __sk_buff *skb, __u32 at, __u8 *chunk, __u32 n)
{
	__builtin_memset(chunk, 0, QUOTE_STEP);
	asm volatile("" : "+r"(n));
	if (n < 1 || n > QUOTE_STEP)
		return -1;
	return bpf_skb_load_bytes(skb, at, chunk, n);
}

/*
 * Room for @headers octets behind the Ethernet header. The first octets of the packet are taken off and put back
 * behind the room, for a checksum that is still to be computed starts in them, and only a frame that no longer has the
 * start forgets that. Else the device would write the sum into the quotation, after ours was computed over it.
 */
always_inline int make_way(struct __sk_buff *skb, __u32 headers, const __u8 *chunk)
{
	if (bpf_skb_adjust_room(skb, -QUOTE_STEP, BPF_ADJ_ROOM_MAC, 0) ||
	    bpf_skb_adjust_room(skb, QUOTE_STEP + headers, BPF_ADJ_ROOM_MAC, 0))
		return -1;
	return bpf_skb_store_bytes(skb, sizeof(struct ethernet) + headers, chunk, QUOTE_STEP, 0);
}

/* The sum of the @quote octets behind @at, of which @chunk has the first. */
always_inline __u32 quote_sum(struct __sk_buff *skb, __u32 at, __u8 *chunk, __u32 quote)
{
	__u32 sum = bpf_csum_diff(NULL, 0, (void *)chunk, QUOTE_STEP, 0), done = QUOTE_STEP;

	for (int i = 0; i < QUOTE_IPV6_MAX / QUOTE_STEP && done < quote; i++) {
		__u32 left = quote - done;

		if (load_chunk(skb, at + done, chunk, left < QUOTE_STEP ? left : QUOTE_STEP))
			break;
		sum = bpf_csum_diff(NULL, 0, (void *)chunk, QUOTE_STEP, sum);
		done += QUOTE_STEP;
	}
	return sum;
}

always_inline void swap_macs(struct ethernet *eth)
{
	__u8 mac[6];

	__builtin_memcpy(mac, eth->source, 6);
	__builtin_memcpy(eth->source, eth->destination, 6);
	__builtin_memcpy(eth->destination, mac, 6);
}

/* The headers of the error, in the room in front of the quotation; @sum is the quotation's. */
always_inline int write_error_ipv4(struct __sk_buff *skb, const struct frame *f, const struct complaint *c, __u32 quote, __u64 sum)
{
	struct gateway_key key = { .network = f->network };
	const struct gateway_row *from = bpf_map_lookup_elem(&gateway, &key);
	struct ethernet *eth = (void *)(long)skb->data;
	struct ipv4 *ip = (void *)(eth + 1), *quoted;
	struct icmp *icmp = (void *)(ip + 1);

	quoted = (void *)(icmp + 1);
	if ((void *)(quoted + 1) > (void *)(long)skb->data_end)
		return -1;
	swap_macs(eth);
	ip->version_ihl = 0x45;
	ip->tos = ANSWER_CLASS | (quoted->tos & 0x1c);	/* the packet's own type of service */
	ip->total_octets = bpf_htons(sizeof(*ip) + sizeof(*icmp) + quote);
	ip->id = 0;			/* atomic datagram: RFC 6864 section 4.1 */
	ip->fragment = bpf_htons(IPV4_DF);
	ip->ttl = ANSWER_TTL;
	ip->protocol = PROTOCOL_ICMP;
	ip->checksum = 0;
	ip->source = from ? *(const __be32 *)from->ipv4 : 0;
	if (!ip->source)
		ip->source = quoted->destination;
	ip->destination = quoted->source;
	ip->checksum = ipv4_checksum(ip);
	icmp->type = c->type;
	icmp->code = c->code;
	icmp->value = bpf_htonl(c->value);
	icmp->checksum = checksum_end(sum + bpf_htons(c->type << 8 | c->code) + bpf_htons(c->value));
	return 0;
}

always_inline int write_error_ipv6(struct __sk_buff *skb, const struct frame *f, const struct complaint *c, __u32 quote, __u64 sum)
{
	struct gateway_key key = { .network = f->network };
	const struct gateway_row *from = bpf_map_lookup_elem(&gateway, &key);
	struct ethernet *eth = (void *)(long)skb->data;
	struct ipv6 *ip = (void *)(eth + 1), *quoted;
	struct icmp *icmp = (void *)(ip + 1);

	quoted = (void *)(icmp + 1);
	if ((void *)(quoted + 1) > (void *)(long)skb->data_end)
		return -1;
	swap_macs(eth);
	ip->version_class_label = bpf_htonl(6u << 28 | ANSWER_CLASS << 20);
	ip->payload_octets = bpf_htons(sizeof(*icmp) + quote);
	ip->next_header = PROTOCOL_ICMPV6;
	ip->hop_limit = ANSWER_TTL;
	if (from && !is_zero16((const __be32 *)from->ipv6))
		__builtin_memcpy(ip->source, from->ipv6, 16);
	else
		__builtin_memcpy(ip->source, quoted->destination, 16);
	__builtin_memcpy(ip->destination, quoted->source, 16);
	icmp->type = c->type;
	icmp->code = c->code;
	icmp->value = bpf_htonl(c->value);
	sum += bpf_htons(c->type << 8 | c->code) + bpf_htons(c->value) + pseudo_sum(sizeof(*icmp) + quote);
	icmp->checksum = checksum_end(bpf_csum_diff(NULL, 0, ip->source, 2 * 16, 0) + sum);
	return 0;
}

/* The frame becomes an error about itself. */
always_inline int turn(struct __sk_buff *skb, const struct frame *f, const struct complaint *c, __u32 quote)
{
	__u8 chunk[QUOTE_STEP] __attribute__((aligned(8)));
	__u32 headers = sizeof(struct ipv4) + sizeof(struct icmp), sum;
	const __u32 least = sizeof(struct ethernet) + QUOTE_STEP + sizeof(struct ipv6);

	if (f->type == ETHERTYPE_IPV6)
		headers = sizeof(struct ipv6) + sizeof(struct icmp);
	if (load_chunk(skb, sizeof(struct ethernet), chunk, quote < QUOTE_STEP ? quote : QUOTE_STEP))
		return -1;
	/* Cut, and then no shorter than what make_way() takes off, and the kernel insists on behind it. */
	if (bpf_skb_change_tail(skb, sizeof(struct ethernet) + quote, 0) ||
	    (sizeof(struct ethernet) + quote < least && bpf_skb_change_tail(skb, least, 0)) ||
	    make_way(skb, headers, chunk))
		return -1;
	sum = quote_sum(skb, sizeof(struct ethernet) + headers, chunk, quote);
	if (sizeof(struct ethernet) + quote < least &&
	    bpf_skb_change_tail(skb, sizeof(struct ethernet) + headers + quote, 0))
		return -1;
	linearize(skb, sizeof(struct ethernet) + headers + sizeof(struct ipv6));
	return f->type == ETHERTYPE_IPV4 ? write_error_ipv4(skb, f, c, quote, sum)
					 : write_error_ipv6(skb, f, c, quote, sum);
}

/* Drops @skb, a port's frame that starts with its Ethernet header, for @why, and tells its sender. @mtu: that it exceeds. */
__noinline int answer_icmp(struct __sk_buff *skb, struct frame *f, __u32 why, __u32 mtu)
{
	struct complaint c = {};
	__u32 quote, most;
	__u8 protocol = 0;

	if (!f)
		return WEFT_DROP;
	drop(skb, f, why);		/* counted and told while it is still what was sent */
	linearize(skb, sizeof(struct ethernet) + sizeof(struct ipv6));
	if (f->type == ETHERTYPE_IPV4) {
		most = QUOTE_IPV4_MAX;
		quote = subject_ipv4(skb, why, mtu, &protocol);
	} else if (f->type == ETHERTYPE_IPV6) {
		most = QUOTE_IPV6_MAX;
		quote = subject_ipv6(skb, why, mtu, &protocol);
	} else {
		return WEFT_DROP;
	}
	if (!quote || !complaint_of(f, why, mtu, protocol, &c))
		return WEFT_DROP;
	if (quote > most)
		quote = most;
	if (!spend(BUCKET_ANSWER, f->port, 1, SECOND_NS / ANSWERS_PER_SECOND,
		   ANSWERS_BURST * (SECOND_NS / ANSWERS_PER_SECOND))) {
		beside(f, VERDICT_ICMP_LIMITED);
		return WEFT_DROP;
	}
	if (turn(skb, f, &c, quote))
		return WEFT_DROP;
	beside(f, VERDICT_ICMP_SENT);
	return to_sender(skb, f);
}

#endif
