/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Outer headers: making room for them, and writing them. */
#ifndef WEFT_OUTER_H
#define WEFT_OUTER_H

#include "frame.h"
#include "hash.h"

enum outer_value {
	OUTER_TTL = 64,
	IPV4_DF = 0x4000,
};

/* Octets in front of the inner Ethernet header: outer Ethernet, IP, and VXLAN with UDP or NVGRE. */
always_inline __u32 outer_octets(__u32 encapsulation, __u32 family)
{
	__u32 ip = family == FAMILY_IPV4 ? sizeof(struct ipv4) : sizeof(struct ipv6);
	__u32 shim = encapsulation == ENCAPSULATION_VXLAN ? sizeof(struct udp) + sizeof(struct vxlan)
							  : sizeof(struct nvgre);

	return sizeof(struct ethernet) + ip + shim;
}

/*
 * Make @octets of room in front of an IP frame. The room includes the inner Ethernet header: the kernel
 * leaves the frame's first 14 octets where they are and opens the gap behind them.
 *
 * A frame that was a tunnel's before (a forwarding workload, a tenant's own overlay) still carries that state,
 * and the kernel refuses the ENCAP flags for it. Without them TCP goes through as it is; an aggregate of
 * anything else would be segmented by the old tunnel's rules and is refused.
 */
always_inline enum verdict make_room(struct __sk_buff *skb, const struct frame *f, __u32 octets,
				     __u32 encapsulation, __u32 family)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L2_ETH |
		      ADJ_ROOM_ENCAP_L2(sizeof(struct ethernet));
	long error;

	flags |= family == FAMILY_IPV4 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV6;
	flags |= encapsulation == ENCAPSULATION_VXLAN ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP
						      : BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	error = bpf_skb_adjust_room(skb, octets, BPF_ADJ_ROOM_MAC, flags);
	if (!error)
		return VERDICT_NONE;
	if (error != -ERR_ALREADY)
		return VERDICT_ENCAP_FAILED;
	if (skb->gso_size && f->protocol != PROTOCOL_TCP)
		return VERDICT_GSO_UNSUPPORTED;
	if (bpf_skb_adjust_room(skb, octets, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO))
		return VERDICT_ENCAP_FAILED;
	return VERDICT_NONE;
}

always_inline __u16 ipv4_checksum(const struct ipv4 *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

always_inline void write_ipv4(struct ipv4 *ip, const struct frame *f, const struct peer_row *peer,
			      __u8 protocol, __u32 total)
{
	ip->version_ihl = 0x45;
	ip->tos = f->dscp | f->ecn;	/* RFC 6040 section 4.1, normal mode */
	ip->total_octets = bpf_htons(total);
	ip->id = 0;			/* atomic datagram: RFC 6864 section 4.1 */
	ip->fragment = bpf_htons(IPV4_DF);
	ip->ttl = f->ttl;
	ip->protocol = protocol;
	ip->checksum = 0;
	ip->source = *(const __be32 *)(peer->local + 12);
	ip->destination = *(const __be32 *)(peer->remote + 12);
	ip->checksum = ipv4_checksum(ip);
}

always_inline void write_ipv6(struct ipv6 *ip, const struct frame *f, const struct peer_row *peer,
			      __u8 protocol, __u32 payload)
{
	__u32 class = f->dscp | f->ecn;

	ip->version_class_label = bpf_htonl(6u << 28 | class << 20 | hash_flow_label(f->hash));
	ip->payload_octets = bpf_htons(payload);
	ip->next_header = protocol;
	ip->hop_limit = f->ttl;
	__builtin_memcpy(ip->source, peer->local, 16);
	__builtin_memcpy(ip->destination, peer->remote, 16);
}

always_inline void write_vxlan(struct udp *udp, const struct frame *f, __u32 vni, __u32 udp_octets,
			       __be16 port)
{
	struct vxlan *vxlan = (struct vxlan *)(udp + 1);

	udp->source = bpf_htons(hash_port(f->hash));
	udp->destination = port;
	udp->octets = bpf_htons(udp_octets);
	udp->checksum = 0;		/* RFC 7348 section 5; over IPv6 by RFC 6935 and 6936 */
	vxlan->flags = bpf_htonl(VXLAN_FLAG_VNI);
	vxlan->vni = bpf_htonl(vni << 8);
}

always_inline void write_nvgre(struct nvgre *nvgre, const struct frame *f, __u32 vsid)
{
	nvgre->flags = bpf_htons(GRE_KEY);
	nvgre->type = bpf_htons(ETHERTYPE_TEB);
	nvgre->key = bpf_htonl(vsid << 8 | hash_flow_id(f->hash));
}

/*
 * Write all outer headers but the Ethernet addresses at the front of @skb, which has the room already.
 * @inner_octets is the inner frame's length. @inner, if given, is written behind them.
 */
always_inline enum verdict write_outer(struct __sk_buff *skb, const struct frame *f,
				       const struct peer_row *peer, __u32 encapsulation, __u32 family,
				       __u32 vni, __u32 inner_octets, __be16 vxlan_port,
				       const struct ethernet *inner)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;

	if (family == FAMILY_IPV4 && encapsulation == ENCAPSULATION_VXLAN) {
		struct outer_vxlan_ipv4 *outer = data;
		__u32 udp = inner_octets + sizeof(struct udp) + sizeof(struct vxlan);

		if ((void *)(outer + 1) > end)
			return VERDICT_ENCAP_FAILED;
		outer->ethernet.type = bpf_htons(ETHERTYPE_IPV4);
		write_ipv4(&outer->ip, f, peer, PROTOCOL_UDP, udp + sizeof(struct ipv4));
		write_vxlan(&outer->udp, f, vni, udp, vxlan_port);
		if (inner)
			outer->inner = *inner;
	} else if (family == FAMILY_IPV4) {
		struct outer_nvgre_ipv4 *outer = data;
		__u32 gre = inner_octets + sizeof(struct nvgre);

		if ((void *)(outer + 1) > end)
			return VERDICT_ENCAP_FAILED;
		outer->ethernet.type = bpf_htons(ETHERTYPE_IPV4);
		write_ipv4(&outer->ip, f, peer, PROTOCOL_GRE, gre + sizeof(struct ipv4));
		write_nvgre(&outer->nvgre, f, vni);
		if (inner)
			outer->inner = *inner;
	} else if (encapsulation == ENCAPSULATION_VXLAN) {
		struct outer_vxlan_ipv6 *outer = data;
		__u32 udp = inner_octets + sizeof(struct udp) + sizeof(struct vxlan);

		if ((void *)(outer + 1) > end)
			return VERDICT_ENCAP_FAILED;
		outer->ethernet.type = bpf_htons(ETHERTYPE_IPV6);
		write_ipv6(&outer->ip, f, peer, PROTOCOL_UDP, udp);
		write_vxlan(&outer->udp, f, vni, udp, vxlan_port);
		if (inner)
			outer->inner = *inner;
	} else {
		struct outer_nvgre_ipv6 *outer = data;
		__u32 gre = inner_octets + sizeof(struct nvgre);

		if ((void *)(outer + 1) > end)
			return VERDICT_ENCAP_FAILED;
		outer->ethernet.type = bpf_htons(ETHERTYPE_IPV6);
		write_ipv6(&outer->ip, f, peer, PROTOCOL_GRE, gre);
		write_nvgre(&outer->nvgre, f, vni);
		if (inner)
			outer->inner = *inner;
	}
	return VERDICT_NONE;
}

#endif
