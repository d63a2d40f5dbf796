/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The BPF environment: helpers, and what Debian 12's headers do not have yet. */
#ifndef WEFT_BPF_H
#define WEFT_BPF_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

/* Return values of tcx programs. TCX_NEXT, unlike TC_ACT_OK, lets further tcx and clsact programs run. */
enum tcx_action {
	WEFT_NEXT = -1,
	WEFT_UNDECIDED = 0,		/* of a stage, never of a program: the frame goes on to the next stage */
	WEFT_DROP = 2,
};

/* bpf_skb_adjust_room flags younger than Linux 6.1's headers. */
enum {
	DECAP_L3_IPV4 = 1 << 7,
	DECAP_L3_IPV6 = 1 << 8,
};

#define ADJ_ROOM_ENCAP_L2(octets) (((__u64)(octets) & 0xff) << 56)

#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif

#ifndef PACKET_HOST
#define PACKET_HOST 0
#endif

enum { ERR_ALREADY = 114 };

#define SECOND_NS 1000000000ULL

#define always_inline static __always_inline

#endif
