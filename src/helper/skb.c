/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on __sk_buff that leave the frame's size alone. Those that do not: skb_room.c. */
#include "helper/skb.h"

#include "helper/impl.h"

#include <arpa/inet.h>
#include <limits.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

enum {
	OFFSET_MAX_RELATIVE = 0xffff,
	OVERFLOW_ID = 65534, /* who owns a socket that is not there */
	ECN_CE = 3,
};

/* region - @len bytes at @offset of the frame, NULL when they are not all there. */
static uint8_t *region(const struct packet *pkt, uint64_t offset, uint64_t len)
{
	uint32_t off = (uint32_t)offset, n = (uint32_t)len;

	return off > INT_MAX || (uint64_t)off + n > packet_len(pkt) ? NULL : pkt->data + off;
}

HELPER(skb_store_bytes)
{
	HELPER_PACKET(pkt);
	uint8_t *at = region(pkt, r2, r4);

	if (r5 & ~(uint64_t)(BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH))
		return helper_result(-EINVAL);
	if (!at)
		return helper_result(-EFAULT);
	memmove(at, helper_ptr(r3), (uint32_t)r4);
	if (r5 & BPF_F_INVALIDATE_HASH)
		skb_hash_clear(pkt);
	return 0;
}

static uint64_t load(void *to, const uint8_t *from, uint32_t len)
{
	if (from)
		memcpy(to, from, len);
	else
		memset(to, 0, len);
	return helper_result(from ? 0 : -EFAULT);
}

HELPER(skb_load_bytes)
{
	HELPER_PACKET(pkt);

	return load(helper_ptr(r3), region(pkt, r2, r4), (uint32_t)r4);
}

HELPER(skb_load_bytes_relative)
{
	HELPER_PACKET(pkt);
	const uint8_t *at = NULL;

	if ((uint32_t)r2 <= OFFSET_MAX_RELATIVE && r5 <= BPF_HDR_START_NET) {
		at = pkt->hard_start + (r5 == BPF_HDR_START_MAC ? pkt->mac_off : pkt->net_off) + (uint32_t)r2;
		if (at > pkt->data_end || (uint32_t)r4 > (size_t)(pkt->data_end - at))
			at = NULL;
	}
	return load(helper_ptr(r3), at, (uint32_t)r4);
}

HELPER(skb_pull_data)
{
	HELPER_PACKET(pkt);

	/* A frame is in one piece here: there is nothing to pull, but what is not there is not there. */
	return helper_result((uint32_t)r2 > packet_len(pkt) ? -ENOMEM : 0);
}

HELPER(skb_change_type)
{
	HELPER_PACKET(pkt);

	if (pkt->ctx.skb.pkt_type > PACKET_OTHERHOST || (uint32_t)r2 > PACKET_OTHERHOST)
		return helper_result(-EINVAL);
	pkt->ctx.skb.pkt_type = (uint32_t)r2;
	return 0;
}

HELPER(set_hash)
{
	HELPER_PACKET(pkt);

	pkt->ctx.skb.hash = (uint32_t)r2;
	pkt->has_hash = true;
	return 0;
}

HELPER(set_hash_invalid)
{
	HELPER_PACKET(pkt);

	skb_hash_clear(pkt);
	return 0;
}

/* A frame here comes from no task, has no route and no socket. */

HELPER(get_cgroup_classid)
{
	return 0;
}

HELPER(get_route_realm)
{
	return 0;
}

HELPER(get_socket_uid)
{
	HELPER_PACKET(pkt);

	return pkt->socket.known ? pkt->socket.uid : OVERFLOW_ID;
}

HELPER(get_socket_cookie)
{
	const struct packet *pkt = env->pkt;

	if (pkt && r1 == (uintptr_t)&pkt->ctx)
		return pkt->socket.known ? pkt->socket.cookie : 0;
	return r1 == (uintptr_t)env->ctx ? env->attach.socket_cookie : 0;
}

/*
 * What is behind VLAN headers. The kernel looks for them from data on as if a link-layer header were there, also where
 * data begins behind it.
 */
static uint16_t inner_protocol(const struct packet *pkt)
{
	enum { DEPTH = 8, VLAN_LEN = 4 };
	uint16_t proto = (uint16_t)pkt->ctx.skb.protocol;
	const uint8_t *at = pkt->data + (pkt->mac_len ? pkt->mac_len - VLAN_LEN : ETH_HLEN);

	for (int i = 0; proto == htons(ETH_P_8021Q) || proto == htons(ETH_P_8021AD); i++, at += VLAN_LEN) {
		if (i == DEPTH - 1 || at > pkt->data_end || pkt->data_end - at < VLAN_LEN)
			return 0;
		memcpy(&proto, at + 2, sizeof(proto));
	}
	return proto;
}

static bool mark_ip4(uint8_t *at)
{
	struct iphdr ip;
	uint16_t less, check;
	uint8_t ecn;

	memcpy(&ip, at, sizeof(ip));
	ecn = ip.tos & ECN_CE;
	if (!ecn || ecn == ECN_CE)
		return ecn;
	/* The sum falls by what the field grows by (RFC 1624): in one's complement of 16 bits. */
	less = htons((uint16_t) ~(ECN_CE - ecn));
	check = (uint16_t)(ip.check + less);
	ip.check = (uint16_t)(check + (check < less));
	ip.tos |= ECN_CE;
	memcpy(at, &ip, sizeof(ip));
	return true;
}

static bool mark_ip6(uint8_t *at)
{
	/* The traffic class straddles the first two bytes; ECN are its last two bits. */
	if (!(at[1] & ECN_CE << 4))
		return false;
	at[1] |= ECN_CE << 4;
	return true;
}

HELPER(skb_ecn_set_ce)
{
	HELPER_PACKET(pkt);
	uint8_t *at = pkt->hard_start + pkt->net_off;
	size_t left = at <= pkt->data_end ? (size_t)(pkt->data_end - at) : 0;
	uint16_t proto = inner_protocol(pkt);

	if (proto == htons(ETH_P_IP) && left >= sizeof(struct iphdr))
		return mark_ip4(at);
	if (proto == htons(ETH_P_IPV6) && left >= sizeof(struct ipv6hdr))
		return mark_ip6(at);
	return 0;
}

HELPER(skb_set_tstamp)
{
	HELPER_PACKET(pkt);
	struct __sk_buff *skb = &pkt->ctx.skb;
	uint32_t type = (uint32_t)r3;

	if (skb->protocol != htons(ETH_P_IP) && skb->protocol != htons(ETH_P_IPV6))
		return helper_result(-EOPNOTSUPP);
	/* 0: real time, as received; 1, 2: delivery times of the monotonic and the TAI clock. */
	if (type > 2 || (type && !r2))
		return helper_result(-EINVAL);
	skb->tstamp = r2;
	skb->tstamp_type = (uint8_t)type;
	return 0;
}
