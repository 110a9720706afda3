/* SPDX-License-Identifier: BSD-2-Clause */
/* What the helpers on __sk_buff share. */
#ifndef SKEP_HELPER_SKB_H
#define SKEP_HELPER_SKB_H

#include "prog/packet.h"

/* The longest frame that helpers make: what the kernel allocates in one piece on x86-64 (SKB_MAX_ALLOC). */
enum { SKB_MAX_LEN = (4096 << 2) - PACKET_XDP_RESERVED };

/* skb_csum_reset - nobody vouches for the frame's checksums any more. */
static inline void skb_csum_reset(struct packet *pkt)
{
	pkt->csum_ok = false;
	pkt->csum_level = 0;
}

/* skb_hash_clear - the flow's hash does not hold any more. */
static inline void skb_hash_clear(struct packet *pkt)
{
	pkt->has_hash = false;
	pkt->ctx.skb.hash = 0;
}

static inline bool skb_is_gso(const struct packet *pkt)
{
	return pkt->ctx.skb.gso_size;
}

/* Offsets of the headers from data, in bytes; negative when data begins behind them. */
static inline int32_t skb_mac_offset(const struct packet *pkt)
{
	return (int32_t)(pkt->mac_off - (uint32_t)(pkt->data - pkt->hard_start));
}

static inline int32_t skb_net_offset(const struct packet *pkt)
{
	return (int32_t)(pkt->net_off - (uint32_t)(pkt->data - pkt->hard_start));
}

#endif
