/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers that change a frame's size: head, tail, room between headers, VLAN tags, IPv4 to IPv6.
 *
 * The kernel keeps three header offsets beside the data (link layer, network, transport) and moves each by its own
 * rules; other helpers' results show them, so pkt's offsets follow the same rules. All offsets are from
 * hard_start; packet_push() may move that, so they are changed after it.
 */
#include "base/util.h"
#include "helper/impl.h"
#include "helper/skb.h"

#include <arpa/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

#ifndef BPF_F_ADJ_ROOM_DECAP_L3_IPV4 /* Linux 6.3 */
#define BPF_F_ADJ_ROOM_DECAP_L3_IPV4 (1ull << 7)
#define BPF_F_ADJ_ROOM_DECAP_L3_IPV6 (1ull << 8)
#endif

enum {
	IP4_LEN = sizeof(struct iphdr),
	IP6_LEN = sizeof(struct ipv6hdr),
	ROOM_MAX = 0xfff,
	VLAN_LEN = 4,
	VLAN_AT = 2 * ETH_ALEN, /* where a tag goes: behind the addresses */
};

#define ENCAP_L3             (BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L3_IPV6)
#define ENCAP_L4             (BPF_F_ADJ_ROOM_ENCAP_L4_GRE | BPF_F_ADJ_ROOM_ENCAP_L4_UDP)
#define DECAP_L3             ((uint64_t)BPF_F_ADJ_ROOM_DECAP_L3_IPV4 | BPF_F_ADJ_ROOM_DECAP_L3_IPV6)
#define INNER_MAC_LEN(flags) ((flags) >> BPF_ADJ_ROOM_ENCAP_L2_SHIFT & BPF_ADJ_ROOM_ENCAP_L2_MASK)
#define ROOM_FLAGS                                                                                                     \
	(BPF_F_ADJ_ROOM_FIXED_GSO | ENCAP_L3 | ENCAP_L4 | BPF_F_ADJ_ROOM_ENCAP_L2_ETH |                                \
	 BPF_F_ADJ_ROOM_ENCAP_L2(BPF_ADJ_ROOM_ENCAP_L2_MASK) | DECAP_L3 | BPF_F_ADJ_ROOM_NO_CSUM_RESET)

static bool is_ip4(const struct packet *pkt)
{
	return pkt->ctx.skb.protocol == htons(ETH_P_IP);
}

static bool is_ip6(const struct packet *pkt)
{
	return pkt->ctx.skb.protocol == htons(ETH_P_IPV6);
}

static bool is_vlan(uint32_t proto)
{
	return proto == htons(ETH_P_8021Q) || proto == htons(ETH_P_8021AD);
}

/* open_gap - @len zeroes at @off of the frame; what is before them moves to the front. */
static int open_gap(struct packet *pkt, uint32_t off, uint32_t len)
{
	uint32_t old = packet_len(pkt), beyond = off > old ? off - old : 0;
	int err = packet_reserve(pkt, 0, beyond);

	/* A network header that is not all there: nothing that was in this memory before may come in. */
	if (!err)
		memset(pkt->data_end, 0, beyond);
	if (!err)
		err = packet_push(pkt, len);
	if (err)
		return err;
	memmove(pkt->data, pkt->data + len, off);
	memset(pkt->data + off, 0, len);
	return 0;
}

/* close_gap - take @len bytes at @off out. -ENOMEM when they are not all there. */
static int close_gap(struct packet *pkt, uint32_t off, uint32_t len)
{
	if ((uint64_t)off + len > packet_len(pkt))
		return -ENOMEM;
	memmove(pkt->data + len, pkt->data, off);
	packet_pull(pkt, len);
	return 0;
}

/*
 * The same before or behind the network header: link layer and network header move along with the bytes in front. A transport header
 * that was where the network header was stays with it.
 */
static int net_push(struct packet *pkt, uint32_t off, uint32_t len)
{
	bool trans_is_net = pkt->trans_off == pkt->net_off;
	int err = open_gap(pkt, off, len);

	if (err)
		return err;
	pkt->mac_off -= len;
	pkt->net_off -= len;
	if (trans_is_net)
		pkt->trans_off = (uint16_t)pkt->net_off;
	return 0;
}

static int net_pop(struct packet *pkt, uint32_t off, uint32_t len)
{
	bool trans_is_net = pkt->trans_off == pkt->net_off;
	int err = close_gap(pkt, off, len);

	if (err)
		return err;
	pkt->mac_off += len;
	pkt->net_off += len;
	if (trans_is_net)
		pkt->trans_off = (uint16_t)pkt->net_off;
	return 0;
}

/* What a frame may not be cut below: its headers, as far as they are known. */
static uint32_t min_len(const struct packet *pkt)
{
	int32_t min = MAX(skb_net_offset(pkt), 0);

	if (pkt->trans_off != PACKET_UNSET) {
		int32_t trans = pkt->trans_off - (int32_t)(pkt->data - pkt->hard_start);

		if (trans > 0)
			min = trans;
	}
	return (uint32_t)min;
}

HELPER(skb_change_tail)
{
	HELPER_PACKET(pkt);
	uint32_t len = (uint32_t)r2;
	int err;

	if (r3 || len > SKB_MAX_LEN || len < min_len(pkt))
		return helper_result(-EINVAL);
	if (pkt->encapsulated)
		return helper_result(-ENOTSUPP);
	err = packet_set_len(pkt, len);
	if (!err)
		pkt->ctx.skb.gso_size = pkt->ctx.skb.gso_segs = 0;
	return helper_result(err);
}

HELPER(skb_change_head)
{
	HELPER_PACKET(pkt);
	uint32_t by = (uint32_t)r2, len = packet_len(pkt) + by;
	int err;

	if (r3 || (int32_t)by < 0 || (!skb_is_gso(pkt) && len > SKB_MAX_LEN) || len < packet_len(pkt))
		return helper_result(-EINVAL);
	err = packet_push(pkt, by);
	if (err)
		return helper_result(err);
	memset(pkt->data, 0, by);
	pkt->mac_off = (uint32_t)(pkt->data - pkt->hard_start);
	pkt->mac_len = pkt->net_off - pkt->mac_off;
	return 0;
}

HELPER(skb_change_proto)
{
	HELPER_PACKET(pkt);
	const uint32_t by = IP6_LEN - IP4_LEN;
	uint32_t off = pkt->net_off - pkt->mac_off;
	uint16_t to = (uint16_t)r2;
	int err;

	if (r3)
		return helper_result(-EINVAL);
	if (is_ip4(pkt) && to == htons(ETH_P_IPV6))
		err = net_push(pkt, off, by);
	else if (is_ip6(pkt) && to == htons(ETH_P_IP))
		err = net_pop(pkt, off, by);
	else
		return helper_result(-ENOTSUPP);
	if (err)
		return helper_result(err);
	pkt->ctx.skb.protocol = to;
	skb_hash_clear(pkt);
	return 0;
}

/* The flags of an encapsulation against each other and the frame. */
static int encap_check(const struct packet *pkt, uint32_t by, uint64_t flags)
{
	uint32_t inner_mac = INNER_MAC_LEN(flags);

	if ((flags & ENCAP_L3) == ENCAP_L3 || (flags & ENCAP_L4) == ENCAP_L4)
		return -EINVAL;
	if ((flags & BPF_F_ADJ_ROOM_ENCAP_L2_ETH) && inner_mac < ETH_HLEN)
		return -EINVAL;
	if (pkt->encapsulated)
		return -EALREADY;
	return inner_mac > by ? -EINVAL : 0;
}

static int room_grow(struct packet *pkt, uint32_t off, uint32_t by, uint64_t flags)
{
	bool encap = flags & ENCAP_L3;
	uint32_t mac_len = pkt->net_off - pkt->mac_off;
	int err;

	if (skb_is_gso(pkt)) /* a frame of a test run says no more of its segments than their size */
		return -ENOTSUPP;
	if (encap) {
		err = encap_check(pkt, by, flags);
		if (err)
			return err;
	}
	err = net_push(pkt, off, by);
	if (err || !encap)
		return err;
	pkt->encapsulated = true;
	pkt->net_off = (uint32_t)(pkt->data - pkt->hard_start) + mac_len;
	if (flags & ENCAP_L4)
		pkt->trans_off = (uint16_t)(pkt->net_off + (flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 ? IP6_LEN : IP4_LEN));
	pkt->ctx.skb.protocol = htons(flags & BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 ? ETH_P_IPV6 : ETH_P_IP);
	return 0;
}

static int room_shrink(struct packet *pkt, uint32_t off, uint32_t by, uint64_t flags)
{
	int err;

	if (flags & ~(uint64_t)(BPF_F_ADJ_ROOM_FIXED_GSO | DECAP_L3 | BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		return -EINVAL;
	if (skb_is_gso(pkt))
		return -ENOTSUPP;
	err = net_pop(pkt, off, by);
	if (err)
		return err;
	if (flags & BPF_F_ADJ_ROOM_DECAP_L3_IPV6)
		pkt->ctx.skb.protocol = htons(ETH_P_IPV6);
	else if (flags & BPF_F_ADJ_ROOM_DECAP_L3_IPV4)
		pkt->ctx.skb.protocol = htons(ETH_P_IP);
	return 0;
}

HELPER(skb_adjust_room)
{
	HELPER_PACKET(pkt);
	int32_t diff = (int32_t)r2;
	uint32_t by = diff < 0 ? 0u - (uint32_t)diff : (uint32_t)diff;
	bool shrink = diff < 0;
	uint32_t off = pkt->net_off - pkt->mac_off;
	uint32_t base = is_ip4(pkt) ? IP4_LEN : IP6_LEN;
	uint32_t min = base, left = packet_len(pkt) - (uint32_t)skb_net_offset(pkt);
	uint64_t decap = r4 & DECAP_L3;
	int err;

	if (r4 & ~(uint64_t)ROOM_FLAGS)
		return helper_result(-EINVAL);
	if (by > ROOM_MAX)
		return helper_result(-EFAULT);
	if (!is_ip4(pkt) && !is_ip6(pkt))
		return helper_result(-ENOTSUPP);
	switch ((uint32_t)r3) {
	case BPF_ADJ_ROOM_NET:
		off += base;
		break;
	case BPF_ADJ_ROOM_MAC:
		break;
	default:
		return helper_result(-ENOTSUPP);
	}
	if (decap) {
		if (!shrink || decap == DECAP_L3)
			return helper_result(-EINVAL);
		min = decap == BPF_F_ADJ_ROOM_DECAP_L3_IPV4 ? IP4_LEN : IP6_LEN;
	}
	if (shrink ? by >= left || left - by < min : packet_len(pkt) + by > SKB_MAX_LEN && !skb_is_gso(pkt))
		return helper_result(-ENOTSUPP);
	err = shrink ? room_shrink(pkt, off, by, r4) : room_grow(pkt, off, by, r4);
	if (!err && !(r4 & BPF_F_ADJ_ROOM_NO_CSUM_RESET))
		skb_csum_reset(pkt);
	return helper_result(err);
}

/* A frame's outermost tag may be beside the frame, in vlan_*, as network cards hand it over. */

HELPER(skb_vlan_push)
{
	HELPER_PACKET(pkt);
	struct __sk_buff *skb = &pkt->ctx.skb;
	uint16_t proto = is_vlan((uint16_t)r2) ? (uint16_t)r2 : htons(ETH_P_8021Q);
	uint16_t tag[2];
	int err;

	if (skb->vlan_present) {
		if (skb_mac_offset(pkt))
			return helper_result(-EINVAL);
		tag[0] = (uint16_t)skb->vlan_proto;
		tag[1] = htons((uint16_t)skb->vlan_tci);
		err = packet_push(pkt, VLAN_LEN);
		if (err)
			return helper_result(err);
		memmove(pkt->data, pkt->data + VLAN_LEN, VLAN_AT);
		memcpy(pkt->data + VLAN_AT, tag, sizeof(tag));
		pkt->mac_off -= VLAN_LEN;
		pkt->net_off -= VLAN_LEN;
		skb->protocol = skb->vlan_proto;
	}
	skb->vlan_present = 1;
	skb->vlan_proto = proto;
	skb->vlan_tci = (uint16_t)r3;
	return 0;
}

/* take_tag - take the tag in the frame out. */
static int take_tag(struct packet *pkt, uint16_t *tci)
{
	uint16_t inner, raw = 0;

	if (skb_mac_offset(pkt))
		return -EINVAL;
	if (packet_len(pkt) < ETH_HLEN + VLAN_LEN)
		return -ENOMEM;
	memcpy(tci, pkt->data + ETH_HLEN, sizeof(*tci));
	memcpy(&inner, pkt->data + ETH_HLEN + 2, sizeof(inner));
	if (packet_len(pkt) >= ETH_HLEN + VLAN_LEN + sizeof(raw))
		memcpy(&raw, pkt->data + ETH_HLEN + VLAN_LEN, sizeof(raw));
	if (ntohs(inner) >= ETH_P_802_3_MIN)
		pkt->ctx.skb.protocol = inner;
	else
		pkt->ctx.skb.protocol = htons(raw == 0xffff ? ETH_P_802_3 : ETH_P_802_2);
	*tci = ntohs(*tci);
	memmove(pkt->data + VLAN_LEN, pkt->data, VLAN_AT);
	packet_pull(pkt, VLAN_LEN);
	pkt->mac_off += VLAN_LEN;
	if (skb_net_offset(pkt) < ETH_HLEN)
		pkt->net_off = (uint32_t)(pkt->data - pkt->hard_start) + ETH_HLEN;
	pkt->mac_len = pkt->net_off - pkt->mac_off;
	return 0;
}

HELPER(skb_vlan_pop)
{
	HELPER_PACKET(pkt);
	struct __sk_buff *skb = &pkt->ctx.skb;
	uint16_t tci, proto;
	int err;

	if (skb->vlan_present) {
		skb->vlan_present = skb->vlan_tci = skb->vlan_proto = 0;
	} else {
		if (!is_vlan(skb->protocol))
			return 0;
		err = take_tag(pkt, &tci);
		if (err)
			return helper_result(err);
	}
	/* The next tag, if there is one, comes out and is kept beside the frame. */
	if (!is_vlan(skb->protocol))
		return 0;
	proto = (uint16_t)skb->protocol;
	err = take_tag(pkt, &tci);
	if (err)
		return helper_result(err);
	skb->vlan_present = 1;
	skb->vlan_proto = proto;
	skb->vlan_tci = tci;
	return 0;
}
