/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEFT_ANSWER_H
#define WEFT_ANSWER_H

#include "frame.h"

__noinline int answer_icmp(struct __sk_buff *skb, struct frame *f, __u32 why, __u32 mtu)
{
	if (!f)
		return WEFT_DROP;
	return drop(skb, f, mtu > 70000 ? VERDICT_TOO_BIG : why);
}

__noinline int answer_echo(struct __sk_buff *skb, struct frame *f)
{
	if (!f)
		return WEFT_DROP;
	return drop(skb, f, VERDICT_GATEWAY_CLOSED);
}

#endif
