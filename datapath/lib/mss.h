/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEFT_MSS_H
#define WEFT_MSS_H

#include "frame.h"

__noinline int clamp_mss(struct __sk_buff *skb, struct frame *f, __u32 mtu)
{
	if (!f)
		return 0;
	return skb->len < mtu;
}

#endif
