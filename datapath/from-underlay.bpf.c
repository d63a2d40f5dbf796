// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcx ingress of every uplink: what other hosts send. Tunnel packets to our addresses are checked, taken out of
 * their outer headers and delivered or dropped; everything else goes on, untouched, to whoever is next.
 */
#include "lib/decap.h"
#include "lib/ecn.h"
#include "lib/flood.h"
#include "lib/gateway.h"
#include "lib/learn.h"
#include "lib/route.h"
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

static __noinline void learn_source(const struct frame *f, const struct vni_in_row *network,
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

/* Its MAC was behind a port of ours a moment ago, and its sender does not know yet. */
always_inline int is_moved(const struct fdb_row *found)
{
	return (found->flags & FDB_MOVED) && found->fresh_until_ns >= bpf_ktime_get_coarse_ns();
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
	struct ethernet *eth;
	struct port_row *out;
	__u32 zero = 0, target = 0;
	enum verdict why;
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
	f.space = network->space;
	f.owner = network->owner;
	f.inner_at = t.inner_at;

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
	eth = inner_ethernet(skb, &t);
	if ((void *)(eth + 1) > end || (!skb->gso_size && t.inner_at + sizeof(*eth) > t.outer_end))
		return drop(skb, &f, VERDICT_INNER_TRUNCATED);
	f.type = bpf_ntohs(eth->type);
	if (f.type == ETHERTYPE_VLAN || f.type == ETHERTYPE_QINQ || f.type == ETHERTYPE_QINQ_OLD)
		return drop(skb, &f, VERDICT_INNER_TAGGED);
	if ((eth->source[0] & 1) ||
	    !(*(const __u32 *)eth->source | *(const __u16 *)(eth->source + 4)))
		return drop(skb, &f, VERDICT_INNER_SOURCE);
	if (exceeds(skb, &t, network->mtu, sizeof(struct ipv4) + 8))
		return drop(skb, &f, VERDICT_TOO_BIG);
	why = settle_class(eth, end, t.class,
			   !(network->flags & VNI_IN_DSCP_PIPE) && !(admission->flags & ADMIT_DSCP_KEEP));
	if (why)
		return drop(skb, &f, why);

	if (network->flags & VNI_IN_ROUTER) {
		if (!same_mac(eth->destination, setting->router_mac))
			return drop(skb, &f, VERDICT_ROUTER_MAC);
		return route_from_underlay(skb, &f, &t, network->flags);
	}
	if ((network->flags & VNI_IN_LEARN) && (admission->flags & ADMIT_LEARN))
		learn_source(&f, network, admission, eth->source);

	if ((network->flags & VNI_IN_GATEWAY) && (admission->flags & ADMIT_DSCP_KEEP)) {
		int action = answer_as_gateway(skb, &f, &t, admission->group);

		if (action != NOT_ASKED)
			return action;
		eth = inner_ethernet(skb, &t);
		if ((void *)(eth + 1) > (void *)(long)skb->data_end)
			return drop(skb, &f, VERDICT_INNER_TRUNCATED);
	}

	/* Where to? Looked up before the headers come off, so that what is dropped is dropped whole. */
	if (!(eth->destination[0] & 1)) {
		if (same_mac(eth->destination, setting->gateway_mac)) {
			/* Another weft host means this one; whoever has no gateway of his own means one of us. */
			if (!(network->flags & VNI_IN_GATEWAY) && (admission->flags & ADMIT_DSCP_KEEP))
				return drop(skb, &f, VERDICT_NOT_GATEWAY);
			return route_from_underlay(skb, &f, &t, network->flags | VNI_IN_GATEWAY);
		}
		if (same_mac(eth->destination, setting->router_mac))
			return punt(skb, &f, PUNT_GATEWAY, 0);
		where.network = f.network;
		__builtin_memcpy(where.mac, eth->destination, 6);
		found = fdb_find(&where);
		if (found && found->kind == TARGET_GROUP)
			return is_moved(found) ? follow(skb, &f, &t, found->target, network->flags)
					       : drop(skb, &f, VERDICT_SPLIT_HORIZON);
		if (found && found->kind != TARGET_PORT)
			return drop(skb, &f, VERDICT_FDB_DROP);
		if (found)
			target = found->target;
		else if (network->flags & VNI_IN_UNKNOWN_DROP)
			return drop(skb, &f, VERDICT_UNKNOWN_UNICAST);
	}

	why = decapsulate(skb, &f, &t);
	if (why)
		return drop(skb, &f, why);
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
