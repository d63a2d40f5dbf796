/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The inner flow's hash: source of the outer UDP port, the NVGRE FlowID and the IPv6 flow label. Ours, and not
 * the kernel's, because that one differs from boot to boot and can change in the middle of a flow, and because
 * the reference datapath must compute the same. MurmurHash3's 32-bit mixing over little-endian words.
 */
#ifndef WEFT_HASH_H
#define WEFT_HASH_H

#include "bpf.h"

always_inline __u32 hash_mix(__u32 hash, __u32 word)
{
	word *= 0xcc9e2d51;
	word = (word << 15) | (word >> 17);
	word *= 0x1b873593;
	hash ^= word;
	hash = (hash << 13) | (hash >> 19);
	return hash * 5 + 0xe6546b64;
}

always_inline __u32 hash_end(__u32 hash)
{
	hash ^= hash >> 16;
	hash *= 0x85ebca6b;
	hash ^= hash >> 13;
	hash *= 0xc2b2ae35;
	return hash ^ (hash >> 16);
}

/* RFC 7348 section 5: 49152..65535 */
always_inline __u16 hash_port(__u32 hash)
{
	return 0xc000 | (hash & 0x3fff);
}

/* RFC 7637 section 3.2; from other bits than the port */
always_inline __u8 hash_flow_id(__u32 hash)
{
	return hash >> 24;
}

/* RFC 6438 section 3: 20 bits */
always_inline __u32 hash_flow_label(__u32 hash)
{
	return hash & 0xfffff;
}

#endif
