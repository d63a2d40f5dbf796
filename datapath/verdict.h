/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What happened to a frame, and why. Append-only: a number, once released, keeps its meaning for ever,
 * for counters, events and documents refer to it. Names are generated from the constants
 * (VERDICT_SOURCE_MAC is "source-mac").
 */
#ifndef WEFT_VERDICT_H
#define WEFT_VERDICT_H

enum verdict {
	VERDICT_NONE = 0,		/* never counted: zero would hide a forgotten exit */

	/* the frame went on */
	VERDICT_DELIVERED = 1,		/* to a port of this host */
	VERDICT_ENCAPSULATED = 2,	/* to one peer */
	VERDICT_FLOODED = 3,		/* to every receiver of the network that there is */
	VERDICT_PASSED = 4,		/* on an uplink, not ours: the next program or the kernel sees it untouched */
	VERDICT_PASSED_SHARED = 5,	/* tunnel traffic of an unknown number on a shared VTEP address: the kernel's */

	/* from a port: what the workload may not do */
	VERDICT_PORT_UNKNOWN = 6,	/* no attach row (yet): a port forwards nothing until its rows are in */
	VERDICT_TRUNCATED = 7,		/* shorter than the headers it announces */
	VERDICT_TAGGED = 8,		/* 802.1Q or 802.1ad from a workload: would land on the underlay's frame */
	VERDICT_SOURCE_MAC = 9,
	VERDICT_SOURCE_IPV4 = 10,
	VERDICT_SOURCE_IPV6 = 11,
	VERDICT_SOURCE_ARP = 12,
	VERDICT_SOURCE_ND = 13,
	VERDICT_TUNNEL_DENIED = 14,	/* a workload's own tunnel in a network with tenantTunnels: deny */
	VERDICT_TOO_BIG = 15,
	VERDICT_BUM_LIMITED = 16,	/* over the replica budget of its port or network */

	/* from a port: where it would have gone */
	VERDICT_UNKNOWN_UNICAST = 17,	/* no FDB row, and the network does not flood */
	VERDICT_FDB_DROP = 18,		/* an FDB row that says drop */
	VERDICT_HAIRPIN = 19,		/* the destination is behind the port that it came from */
	VERDICT_NO_RECEIVER = 20,	/* flooded, and nobody else is in the network */
	VERDICT_NO_GROUP = 21,		/* rows are inconsistent: the FDB names an empty next-hop group */
	VERDICT_NO_PEER = 22,		/* rows are inconsistent: the group names a peer that is not there */
	VERDICT_NO_ADJACENCY = 23,	/* no route to the peer */
	VERDICT_NO_PORT = 24,		/* rows are inconsistent: the FDB names a port that is not there */
	VERDICT_ENCAP_FAILED = 25,	/* the kernel refused to make room */
	VERDICT_GSO_UNSUPPORTED = 26,	/* an aggregate that the kernel would segment wrongly after encapsulation */
	VERDICT_REPLICA_FAILED = 27,	/* one copy of a flooded frame; counted beside the frame's own verdict */

	/* from the underlay */
	VERDICT_OUTER_TRUNCATED = 28,
	VERDICT_OUTER_FRAGMENT = 29,
	VERDICT_OUTER_LENGTH = 30,	/* UDP or IP length that contradicts the frame */
	VERDICT_VXLAN_FLAGS = 31,	/* I flag clear (RFC 7348 section 5) */
	VERDICT_NVGRE_HEADER = 32,	/* GRE with Ethernet inside that is not NVGRE (RFC 7637 section 3.2) */
	VERDICT_UNKNOWN_VNI = 33,
	VERDICT_UNKNOWN_PEER = 34,
	VERDICT_NOT_ADMITTED = 35,	/* a known peer, but not on this network */
	VERDICT_INNER_TRUNCATED = 36,
	VERDICT_INNER_TAGGED = 37,
	VERDICT_INNER_SOURCE = 38,	/* inner source address is a group address or zero */
	VERDICT_ECN = 39,		/* outer CE over an inner Not-ECT packet (RFC 6040 section 4.2) */
	VERDICT_SPLIT_HORIZON = 40,	/* came from a tunnel and would leave by one */
	VERDICT_DECAP_FAILED = 41,	/* the kernel refused to take the outer headers off */
	VERDICT_IDLE_DEVICE = 42,	/* reached the idle vxlan device that exists for the kernel's GRO alone */

	/* learning; counted beside the frame's own verdict */
	VERDICT_LEARNED = 43,		/* a source that was not known */
	VERDICT_MOVED = 44,		/* a source that was known behind another peer */
	VERDICT_LEARN_REFUSED = 45,	/* a source that is declared elsewhere, or the gateway's: it stays where it is declared */
	VERDICT_LEARN_FULL = 46,	/* the network has learned as many as it may */

	/* from the underlay */
	VERDICT_GROUP_FOREIGN = 47,	/* to a group of ours, of a network that is not ours: groups are shared */

	/* the frame went on */
	VERDICT_ANSWERED = 48,		/* by the host in another's place: ARP, neighbour discovery, an echo to the gateway */
	VERDICT_PUNTED = 49,		/* to the slow path */

	/* routing */
	VERDICT_NOT_ROUTABLE = 50,	/* to a router, and not a unicast IP packet that may leave its network */
	VERDICT_TTL_EXCEEDED = 51,
	VERDICT_NO_ROUTE = 52,
	VERDICT_BLACKHOLE = 53,		/* a route that says drop */
	VERDICT_ROUTER_MAC = 54,	/* under a router's number, and not to this host's router MAC */
	VERDICT_GATEWAY_CLOSED = 55,	/* to the gateway itself, which answers echoes and nothing else */
	VERDICT_NEIGHBOUR_UNKNOWN = 56,	/* asks for a neighbour that nobody knows, in a network that does not flood that */
	VERDICT_PUNT_LIMITED = 57,	/* over its tenant's budget of slow work */
	VERDICT_PUNT_UNHEARD = 58,	/* for the slow path, and no agent listens */
	VERDICT_INJECT_INVALID = 59,	/* from the slow path, and not as an agent writes it */

	/* counted beside the frame's own verdict */
	VERDICT_ICMP_SENT = 60,		/* its sender was told why */
	VERDICT_ICMP_LIMITED = 61,	/* was not, for his budget of answers is spent */
	VERDICT_FORWARDED_STRAGGLER = 62,	/* came for an endpoint that has moved away, and was sent on */
	VERDICT_NEIGHBOUR_MISS = 63,	/* asked for a neighbour that nobody knows: flooded */
	VERDICT_NEIGHBOUR_OWN = 64,	/* a probe for, or an announcement of, the sender's own address: not answered */
	VERDICT_NEIGHBOUR_UNICAST = 65,	/* asked the neighbour himself: left to him */
	VERDICT_NEIGHBOUR_EXPIRED = 66,	/* asked for a neighbour who has not been seen for too long */
	VERDICT_MSS_CLAMPED = 67,
	VERDICT_DISCOVERED = 68,	/* showed an address that is not known: told the agent */

	/* routing, from the underlay */
	VERDICT_NOT_GATEWAY = 69,	/* to the gateway's MAC, and another host is the gateway for its sender */

	VERDICT_COUNT
};

#endif
