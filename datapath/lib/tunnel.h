/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Reading what arrives on an uplink: is it a tunnel packet of ours, and a sound one? RFC 7348 section 5,
 * RFC 7637 section 3.2, RFC 2784 section 2.3. Reads only.
 *
 * DEVIATION: an IPv6 packet with extension headers before UDP or GRE is not taken for a tunnel packet; no
 * tunnel endpoint sends them, and following the chain would cost every other packet.
 */
#ifndef WEFT_TUNNEL_H
#define WEFT_TUNNEL_H

#include "frame.h"

struct tunnel {
	struct vni_in_key to;		/* our address, encapsulation, number: the first lookup */
	__u32 inner_at;			/* offset of the inner Ethernet header */
	__u32 outer_end;		/* offset at which the outer IP packet ends */
	__u8 class;			/* outer traffic class: DSCP and ECN */
	__u8 ttl;
};

/* What parsing found, beside the verdicts: ours, unless the address says otherwise. */
enum { TUNNEL_OURS = VERDICT_NONE };

/*
 * A verdict other than TUNNEL_OURS and VERDICT_PASSED is meant for packets to our own addresses: whoever calls
 * looks `to.vtep` up before he acts on it.
 */
__noinline int parse_tunnel(struct __sk_buff *skb, struct frame *f, struct tunnel *t, __u32 vxlan_port)
{
	const void *data = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	const struct ethernet *eth = data;
	__u32 at, protocol, fragment = 0, l3_end;
	const struct nvgre *gre;
	const struct vxlan *vxlan;
	const struct udp *udp;

	if (!f || !t || (const void *)(eth + 1) > end)
		return VERDICT_PASSED;
	if (eth->type == bpf_htons(ETHERTYPE_IPV4)) {
		const struct ipv4 *ip = (const void *)(eth + 1);

		if ((const void *)(ip + 1) > end || (ip->version_ihl & 0xf0) != 0x40 ||
		    (ip->version_ihl & 0x0f) < 5)
			return VERDICT_PASSED;
		at = sizeof(*eth) + (ip->version_ihl & 0x0f) * 4;
		protocol = ip->protocol;
		fragment = bpf_ntohs(ip->fragment) & 0x3fff;
		t->class = ip->tos;
		t->ttl = ip->ttl;
		l3_end = sizeof(*eth) + bpf_ntohs(ip->total_octets);
		mapped(f->source, ip->source);
		mapped((__be32 *)t->to.vtep, ip->destination);
	} else if (eth->type == bpf_htons(ETHERTYPE_IPV6)) {
		const struct ipv6 *ip = (const void *)(eth + 1);

		if ((const void *)(ip + 1) > end ||
		    (ip->version_class_label & bpf_htonl(0xf0000000)) != bpf_htonl(0x60000000))
			return VERDICT_PASSED;
		/* Such addresses are never on a wire (RFC 4291 section 2.5.5.2), and in our tables they mean IPv4. */
		if (is_mapped(ip->source) || is_mapped(ip->destination))
			return VERDICT_PASSED;
		at = sizeof(*eth) + sizeof(*ip);
		protocol = ip->next_header;
		t->class = bpf_ntohl(ip->version_class_label) >> 20;
		t->ttl = ip->hop_limit;
		l3_end = at + bpf_ntohs(ip->payload_octets);
		__builtin_memcpy(f->source, ip->source, 16);
		__builtin_memcpy(t->to.vtep, ip->destination, 16);
		if (protocol == PROTOCOL_FRAGMENT) {
			const __be16 *extension = (const void *)(ip + 1);

			/* Next header, reserved, offset and M flag, identification: RFC 8200 section 4.5 */
			if ((const void *)(extension + 6) > end)
				return VERDICT_PASSED;
			protocol = *(const __u8 *)extension;
			fragment = bpf_ntohs(extension[1]);
			/* As in IPv4: the offset in the low bits, anything else above them. */
			fragment = fragment >> 3 | (fragment & 1) << 13;
			if (!fragment)
				return VERDICT_PASSED;	/* atomic: an extension header like others */
			at += 8;
		}
	} else {
		return VERDICT_PASSED;
	}

	if (protocol == PROTOCOL_UDP) {
		if (fragment & 0x1fff)
			return VERDICT_PASSED;
		udp = data + at;
		if ((const void *)(udp + 1) > end || udp->destination != vxlan_port)
			return VERDICT_PASSED;
		if (fragment)
			return VERDICT_OUTER_FRAGMENT;
		vxlan = (const void *)(udp + 1);
		if ((const void *)(vxlan + 1) > end)
			return VERDICT_OUTER_TRUNCATED;
		/* An aggregate's lengths may exceed 16 bits; the kernel has checked the packets it was made of. */
		if (!skb->gso_size &&
		    (bpf_ntohs(udp->octets) < sizeof(*udp) + sizeof(*vxlan) ||
		     at + bpf_ntohs(udp->octets) > l3_end || l3_end > skb->len))
			return VERDICT_OUTER_LENGTH;
		if (!(vxlan->flags & bpf_htonl(VXLAN_FLAG_VNI)))
			return VERDICT_VXLAN_FLAGS;
		t->to.vni = bpf_ntohl(vxlan->vni) >> 8;
		t->to.encapsulation = ENCAPSULATION_VXLAN;
		t->inner_at = at + sizeof(*udp) + sizeof(*vxlan);
		t->outer_end = at + bpf_ntohs(udp->octets);
	} else if (protocol == PROTOCOL_GRE) {
		if (fragment)
			return VERDICT_OUTER_FRAGMENT;
		gre = data + at;
		if ((const void *)(gre + 1) > end) {
			const __be16 *base = data + at;

			if ((const void *)(base + 2) > end)
				return VERDICT_PASSED;
			if ((base[0] & bpf_htons(GRE_VERSION)) || base[1] != bpf_htons(ETHERTYPE_TEB))
				return VERDICT_PASSED;
			return VERDICT_OUTER_TRUNCATED;
		}
		if ((gre->flags & bpf_htons(GRE_VERSION)) || gre->type != bpf_htons(ETHERTYPE_TEB))
			return VERDICT_PASSED;
		if ((gre->flags & bpf_htons(NVGRE_CKS)) != bpf_htons(GRE_KEY) ||
		    (gre->flags & bpf_htons(NVGRE_ZERO)))
			return VERDICT_NVGRE_HEADER;
		if (!skb->gso_size && (at + sizeof(*gre) > l3_end || l3_end > skb->len))
			return VERDICT_OUTER_LENGTH;
		t->to.vni = bpf_ntohl(gre->key) >> 8;
		t->to.encapsulation = ENCAPSULATION_NVGRE;
		t->inner_at = at + sizeof(*gre);
		t->outer_end = l3_end;
	} else {
		return VERDICT_PASSED;
	}
	f->vni = t->to.vni;
	return TUNNEL_OURS;
}

#endif
