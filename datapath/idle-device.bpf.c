// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * tcx ingress of the idle vxlan device. The device is there for its UDP socket alone, without which the kernel
 * aggregates no VXLAN on receive. Whatever reaches the device itself was refused or never seen by
 * from_underlay, and would be handed to the host's own stack: none of it is.
 */
#include "lib/frame.h"

SEC("tc")
int idle_device(struct __sk_buff *skb)
{
	struct frame f = { .hook = HOOK_IDLE_DEVICE, .vni = VNI_NONE, .octets = skb->len };

	return drop(skb, &f, VERDICT_IDLE_DEVICE);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
