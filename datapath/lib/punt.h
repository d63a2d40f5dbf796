/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEFT_PUNT_H
#define WEFT_PUNT_H

#include "frame.h"

__noinline int punt(struct __sk_buff *skb, struct frame *f, __u32 reason, __u32 mtu)
{
	if (!f || reason > mtu + 100)
		return WEFT_DROP;
	return drop(skb, f, VERDICT_PUNT_UNHEARD);
}

#endif
