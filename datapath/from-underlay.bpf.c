// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcx ingress of every uplink: what other hosts send. Tunnel packets to our addresses are checked, taken out of
 * their outer headers and delivered or dropped; everything else goes on, untouched, to whoever is next.
 */
#include "lib/ecn.h"
#include "lib/flood.h"
#include "lib/flow.h"
#include "lib/learn.h"
#include "lib/send.h"
#include "lib/straggler.h"
#include "lib/tunnel.h"

/* What is read or written in place: Ethernet, IPv4 with all options, UDP, VXLAN; then inner Ethernet and IPv6. */
#define OUTER_READ_OCTETS (14 + 60 + 8 + 8)
#define INNER_READ_OCTETS (14 + 40)

/*
 * A packet that is none of ours, or a tunnel packet that we refuse with @why. Only packets to our own addresses
 * are ours to refuse, and on a shared address those that another overlay may want are not either.
 */
always_inline int refuse(struct __sk_buff *skb, struct frame *f, struct tunnel *t, enum verdict why)
{
	struct vtep_row *mine = NULL;

	if (why != VERDICT_PASSED)
		mine = bpf_map_lookup_elem(&vtep, t->to.vtep);
	if (!mine)
		return leave(skb, f, VERDICT_PASSED, WEFT_NEXT);
	if (mine->flags & VTEP_SHARED)
		return leave(skb, f, VERDICT_PASSED_SHARED, WEFT_NEXT);
	if ((mine->flags & VTEP_GROUP) && why == VERDICT_UNKNOWN_VNI)
		why = VERDICT_GROUP_FOREIGN;
	return drop(skb, f, why);
}

/* The inner frame's IP packet against the network's MTU; of an aggregate, its segments with the least of headers. */
always_inline int exceeds(const struct __sk_buff *skb, const struct tunnel *t, __u32 mtu)
{
	__u32 whole = skb->len, end = t->outer_end, inner;

	asm volatile("" : "+r"(whole));	/* a value: never a choice between two addresses, which the verifier refuses */
	if (skb->gso_size)
		end = whole;
	inner = end - t->inner_at - sizeof(struct ethernet);
	if (inner <= mtu)
		return 0;
	return !skb->gso_size || skb->gso_size + sizeof(struct ipv4) + 8 > mtu;
}

/* The frame is to end at @octets. The kernel does not say what is in octets that it adds: they are made zero. */
always_inline int set_end(struct __sk_buff *skb, __u32 octets)
{
	const __u64 zeros[4] = {};
	__u32 had = skb->len, more = octets - had;

	if (bpf_skb_change_tail(skb, octets, 0))
		return -1;
	if (octets <= had)
		return 0;
	asm volatile("" : "+r"(more));
	more &= sizeof(zeros) - 1;	/* at most an IPv4 header */
	return more && bpf_skb_store_bytes(skb, had, zeros, more, 0);
}

always_inline void learn_source(const struct frame *f, const struct vni_in_row *network,
				const struct admit_row *admission, const __u8 *mac)
{
	struct sighting seen = {
		.network = network->network,
		.group = admission->group,
		.age_seconds = network->age_seconds,
		.macs_max = network->macs_max,
		.octets = f->octets,
	};

	__builtin_memcpy(seen.mac, mac, 6);
	if (seen.group)
		learn(&seen);
}

SEC("tc")
int from_underlay(struct __sk_buff *skb)
{
	struct frame f = { .hook = HOOK_FROM_UNDERLAY, .vni = VNI_NONE, .octets = skb->len };
	struct tunnel t = {};
	struct peer_in_row *sender;
	struct settings_row *setting;
	struct admit_key admitted = {};
	struct vni_in_row *network;
	struct admit_row *admission;
	struct fdb_key where = {};
	struct fdb_row *found;
	struct ethernet inner, *eth;
	struct port_row *out;
	__u32 zero = 0, target = 0, onward = 0, octets;
	enum verdict why;
	__u64 flags, inner_at;
	void *end;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!setting || skb->vlan_present)
		return leave(skb, &f, VERDICT_PASSED, WEFT_NEXT);
	linearize(skb, OUTER_READ_OCTETS);
	why = parse_tunnel(skb, &f, &t, bpf_htons(setting->vxlan_port));
	if (why)
		return refuse(skb, &f, &t, why);
	network = bpf_map_lookup_elem(&vni_in, &t.to);
	if (!network)
		return refuse(skb, &f, &t, VERDICT_UNKNOWN_VNI);
	f.network = network->network;

	/* Who sends, and may he, on this network? */
	sender = bpf_map_lookup_elem(&peer_in, f.source);
	if (!sender)
		return drop(skb, &f, VERDICT_UNKNOWN_PEER);
	f.peer = sender->peer;
	admitted.peer = sender->peer;
	admitted.network = network->network;
	admission = bpf_map_lookup_elem(&admit, &admitted);
	if (!admission)
		return drop(skb, &f, VERDICT_NOT_ADMITTED);

	/* The inner frame. */
	linearize(skb, t.inner_at + INNER_READ_OCTETS);
	end = (void *)(long)skb->data_end;
	inner_at = t.inner_at;		/* at most 14 + 60 + 16; the mask says so to the verifier */
	asm volatile("" : "+r"(inner_at));
	inner_at &= 0xff;
	eth = (void *)(long)skb->data + inner_at;
	if ((void *)(eth + 1) > end || (!skb->gso_size && t.inner_at + sizeof(*eth) > t.outer_end))
		return drop(skb, &f, VERDICT_INNER_TRUNCATED);
	f.type = bpf_ntohs(eth->type);
	if (f.type == ETHERTYPE_VLAN || f.type == ETHERTYPE_QINQ || f.type == ETHERTYPE_QINQ_OLD)
		return drop(skb, &f, VERDICT_INNER_TAGGED);
	if ((eth->source[0] & 1) ||
	    !(*(const __u32 *)eth->source | *(const __u16 *)(eth->source + 4)))
		return drop(skb, &f, VERDICT_INNER_SOURCE);
	if (exceeds(skb, &t, network->mtu))
		return drop(skb, &f, VERDICT_TOO_BIG);
	why = settle_class(eth, end, t.class,
			   !(network->flags & VNI_IN_DSCP_PIPE) && !(admission->flags & ADMIT_DSCP_KEEP));
	if (why)
		return drop(skb, &f, why);

	if ((network->flags & VNI_IN_LEARN) && (admission->flags & ADMIT_LEARN))
		learn_source(&f, network, admission, eth->source);

	/* Where to? Looked up before the headers come off, so that what is dropped is dropped whole. */
	if (!(eth->destination[0] & 1)) {
		where.network = f.network;
		__builtin_memcpy(where.mac, eth->destination, 6);
		found = fdb_find(&where);
		if (found && found->kind == TARGET_GROUP) {
			read_flow(&f, eth, end, setting->hash_seed);
			why = may_follow(&f, found);
			if (why)
				return drop(skb, &f, why);
			if (network->flags & VNI_IN_DSCP_PIPE)
				f.dscp = 0;
			onward = found->target;
		} else if (found && found->kind != TARGET_PORT) {
			return drop(skb, &f, VERDICT_FDB_DROP);
		} else if (found) {
			target = found->target;
		} else if (network->flags & VNI_IN_UNKNOWN_DROP) {
			return drop(skb, &f, VERDICT_UNKNOWN_UNICAST);
		}
	}

	inner = *eth;
	flags = BPF_F_ADJ_ROOM_FIXED_GSO;
	flags |= f.type == ETHERTYPE_IPV6 ? DECAP_L3_IPV6 : DECAP_L3_IPV4;
	octets = skb->gso_size ? skb->len : t.outer_end;
	/* The kernel leaves no less behind than an IPv4 header, whatever is inside: a runt is padded, as a wire would. */
	if (octets < t.inner_at + sizeof(inner) + sizeof(struct ipv4))
		octets = t.inner_at + sizeof(inner) + sizeof(struct ipv4);
	/* Octets behind the outer packet are the link's padding: off, or they would grow the inner frame. */
	if (octets != skb->len && set_end(skb, octets))
		return drop(skb, &f, VERDICT_DECAP_FAILED);
	if (bpf_skb_adjust_room(skb, -(__s32)t.inner_at, BPF_ADJ_ROOM_MAC, flags))
		return drop(skb, &f, VERDICT_DECAP_FAILED);
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return drop(skb, &f, VERDICT_DECAP_FAILED);
	*eth = inner;
	if (onward)
		return follow(skb, &f, onward);
	if (!target)
		return flood_local(skb, &f, 0);
	f.port = target;
	out = bpf_map_lookup_elem(&port, &target);
	/* The port's own network is asked again: no state of half-written rows delivers across networks. */
	if (!out || !out->ifindex || out->network != f.network)
		return drop(skb, &f, VERDICT_NO_PORT);
	return to_port(skb, &f, out, target);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
