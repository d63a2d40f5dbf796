// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcx ingress of weft0: what the agent sends, with what is to become of it behind each frame. Nothing that arrives here
 * goes on to the host's own stack.
 */
#include "lib/departure.h"
#include "lib/punt.h"

/* Ethernet, IPv6, and what of the transport header tells the flow. */
#define READ_OCTETS (14 + 40 + 8)

/* Take what stands behind the frame off it; -1: it is not what an agent writes. */
always_inline int take_trailer(struct __sk_buff *skb, struct inject_trailer *trailer)
{
	__u32 octets = skb->len;

	if (octets < sizeof(struct ethernet) + sizeof(*trailer))
		return -1;
	octets -= sizeof(*trailer);
	if (bpf_skb_load_bytes(skb, octets, trailer, sizeof(*trailer)) || trailer->magic != INJECT_MAGIC ||
	    trailer->zero)
		return -1;
	return bpf_skb_change_tail(skb, octets, 0);
}

/* In the name of the port @id: the way of all that it sends. */
always_inline int from_named_port(struct __sk_buff *skb, struct frame *f, __u32 id,
				  const struct settings_row *setting)
{
	struct port_row *from = bpf_map_lookup_elem(&port, &id);
	struct attach_key at = { .vid = VID_UNTAGGED };
	struct attach_row *row;

	if (!from || !from->ifindex)
		return drop(skb, f, VERDICT_NO_PORT);
	at.ifindex = from->ifindex;
	row = bpf_map_lookup_elem(&attach, &at);
	if (!row || row->port != id)
		return drop(skb, f, VERDICT_NO_PORT);
	return depart(skb, f, row, setting);
}

always_inline int to_named_port(struct __sk_buff *skb, struct frame *f, __u32 id)
{
	struct port_row *to = bpf_map_lookup_elem(&port, &id);

	if (!to || !to->ifindex)
		return drop(skb, f, VERDICT_NO_PORT);
	f->port = id;
	f->network = to->network;
	return to_port(skb, f, to, id);
}

/*
 * An IP packet of this host's router, or one that it passes on in pieces: its way in f->space. No answer to it is due:
 * what does not go is dropped.
 */
__noinline int route_own(struct __sk_buff *skb, struct frame *f)
{
	const struct ethernet *eth = (void *)(long)skb->data;
	const void *end = (void *)(long)skb->data_end;
	struct routing r = {};
	enum verdict why;

	if (!f)
		return WEFT_DROP;
	if ((const void *)(eth + 1) > end)
		return drop(skb, f, VERDICT_INJECT_INVALID);
	why = consult(f, eth, end, &r);
	if (why || !r.way)
		return drop(skb, f, why);
	if (r.way->kind == TARGET_GATEWAY)
		return drop(skb, f, VERDICT_GATEWAY_CLOSED);
	if (r.way->kind == TARGET_GLEAN)
		return punt(skb, f, PUNT_GLEAN, 0);
	if (is_too_big(skb, r.way->mtu, r.header_octets))
		return drop(skb, f, VERDICT_TOO_BIG);
	return forward(skb, f, r.way);
}

SEC("tc")
int from_slow_path(struct __sk_buff *skb)
{
	struct frame f = { .hook = HOOK_FROM_SLOW_PATH, .vni = VNI_NONE, .octets = skb->len, .ttl = OUTER_TTL };
	struct inject_trailer trailer;
	struct settings_row *setting;
	struct ethernet *eth;
	__u32 zero = 0;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!setting || skb->vlan_present || take_trailer(skb, &trailer))
		return drop(skb, &f, VERDICT_INJECT_INVALID);
	f.octets = skb->len;
	if (trailer.kind == INJECT_FROM_PORT)
		return from_named_port(skb, &f, trailer.id, setting);

	/* The host's own: nobody's claims are checked. */
	linearize(skb, READ_OCTETS);
	eth = (void *)(long)skb->data;
	if ((void *)(eth + 1) > (void *)(long)skb->data_end)
		return drop(skb, &f, VERDICT_INJECT_INVALID);
	f.type = bpf_ntohs(eth->type);
	note_flow(&f, eth, (void *)(long)skb->data_end, setting->hash_seed);
	if (trailer.kind == INJECT_TO_PORT)
		return to_named_port(skb, &f, trailer.id);
	if (trailer.kind == INJECT_TO_GROUP)
		return to_group(skb, &f, trailer.id, bpf_htons(setting->vxlan_port));
	if (trailer.kind == INJECT_TO_NETWORK) {
		f.network = trailer.id;
		return flood_all(skb, &f, 0, 0);
	}
	if (trailer.kind == INJECT_ROUTED) {
		f.space = trailer.id;
		return route_own(skb, &f);
	}
	return drop(skb, &f, VERDICT_INJECT_INVALID);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
