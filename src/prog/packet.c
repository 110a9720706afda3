/* SPDX-License-Identifier: BSD-2-Clause */
#include "prog/packet.h"

#include "base/util.h"
#include "prog/env.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>
#include <sys/mman.h>

enum {
	GUARD = 4096,
	ROOM = 8192,
	SPARE = 64, /* in front of hard_start: after a run from layer 3, room for the header that is handed back */
};

/* Memory whose addresses fit in 32 bits. x86-64 has a flag for it; elsewhere ask for places until one is free. */
static void *map_low(size_t size)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	void *p;

#ifdef MAP_32BIT
	p = mmap(NULL, size, PROT_NONE, flags | MAP_32BIT, -1, 0);
	if (p != MAP_FAILED)
		return p;
#endif
	for (uintptr_t at = 16u << 20; at + size < UINT32_MAX; at += 16u << 20) {
		p = mmap((void *)at, size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
		if (p == (void *)at)
			return p;
		if (p != MAP_FAILED)
			munmap(p, size);
	}
	return NULL;
}

int packet_new(struct packet **out)
{
	const size_t size = PACKET_MAX + ROOM + 2 * GUARD;
	struct packet *pkt = calloc(1, sizeof(*pkt));

	if (!pkt)
		return -ENOMEM;
	pkt->mem = map_low(size);
	if (!pkt->mem || mprotect(pkt->mem + GUARD, size - 2 * GUARD, PROT_READ | PROT_WRITE)) {
		packet_free(pkt);
		return -ENOMEM;
	}
	pkt->mem_size = size;
	*out = pkt;
	return 0;
}

void packet_free(struct packet *pkt)
{
	if (!pkt)
		return;
	if (pkt->mem)
		munmap(pkt->mem, pkt->mem_size);
	free(pkt);
}

/* The context's fields, from the pointers. */
static void show(struct packet *pkt)
{
	uint32_t data = (uint32_t)(uintptr_t)pkt->data;
	uint32_t end = (uint32_t)(uintptr_t)pkt->data_end;
	uint32_t meta = (uint32_t)(uintptr_t)pkt->data_meta;

	if (pkt->kind == PACKET_XDP) {
		pkt->ctx.xdp.data = data;
		pkt->ctx.xdp.data_end = end;
		pkt->ctx.xdp.data_meta = meta;
	} else {
		pkt->ctx.skb.data = data;
		pkt->ctx.skb.data_end = end;
		pkt->ctx.skb.data_meta = meta;
		pkt->ctx.skb.len = end - data;
	}
}

void packet_sync(struct packet *pkt)
{
	/* After a move a program may have written in front of the frame. */
	pkt->clean = 0;
	show(pkt);
}

/* A buffer of the kernel's shape, or a larger one of the same shape for a longer frame. */
static void set_room(struct packet *pkt, uint32_t headroom, uint32_t len, uint32_t frame, uint32_t reserved)
{
	pkt->hard_start = pkt->mem + GUARD + SPARE;
	pkt->data = pkt->hard_start + headroom;
	pkt->data_meta = pkt->data;
	pkt->data_end = pkt->data + len;
	pkt->hard_end = pkt->hard_start + MAX(frame, ALIGN_UP(headroom + len + reserved, 64u)) - reserved;
	/* A program can see what is in front of the frame: never a frame before this one. */
	if (pkt->clean < headroom)
		memset(pkt->hard_start, 0, headroom);
	pkt->clean = headroom;
}

int packet_set_xdp(struct packet *pkt, const void *data, uint32_t len, uint32_t meta_len)
{
	if (len > PACKET_MAX || meta_len > len || meta_len > 252 || meta_len % 4)
		return -EINVAL;
	pkt->kind = PACKET_XDP;
	set_room(pkt, PACKET_XDP_HEADROOM - meta_len, len, PACKET_XDP_FRAME, PACKET_XDP_RESERVED);
	memcpy(pkt->data, data, len);
	pkt->data += meta_len;
	memset(&pkt->ctx.xdp, 0, sizeof(pkt->ctx.xdp));
	show(pkt);
	return 0;
}

/* The kernel's idea of the protocol behind an Ethernet header: net/ethernet/eth.c, eth_type_trans(). */
static uint16_t eth_protocol(const uint8_t *frame, uint32_t len)
{
	struct ethhdr eth;

	memcpy(&eth, frame, sizeof(eth));
	if (ntohs(eth.h_proto) >= ETH_P_802_3_MIN)
		return eth.h_proto;
	if (len >= ETH_HLEN + 2 && frame[ETH_HLEN] == 0xff && frame[ETH_HLEN + 1] == 0xff)
		return htons(ETH_P_802_3); /* raw IPX */
	return htons(ETH_P_802_2);
}

/*
 * Whom the frame is for, seen from the loopback device of a test run. Its address is all zeroes, and so is its
 * broadcast address: what goes to everybody is multicast to it.
 */
static uint32_t eth_pkt_type(const uint8_t *dest)
{
	static const uint8_t none[ETH_ALEN];

	if (!memcmp(dest, none, ETH_ALEN))
		return PACKET_HOST;
	return dest[0] & 1 ? PACKET_MULTICAST : PACKET_OTHERHOST;
}

/* The addresses that __sk_buff shows of the socket the frame belongs to. */
static void set_addresses(struct packet *pkt, const uint8_t *net, uint32_t len)
{
	struct __sk_buff *skb = &pkt->ctx.skb;
	struct iphdr ip4;
	struct ipv6hdr ip6;

	if (skb->protocol == htons(ETH_P_IP) && len >= sizeof(ip4)) {
		memcpy(&ip4, net, sizeof(ip4));
		skb->family = AF_INET;
		skb->remote_ip4 = ip4.daddr;
		skb->local_ip4 = ip4.saddr;
	} else if (skb->protocol == htons(ETH_P_IPV6) && len >= sizeof(ip6)) {
		memcpy(&ip6, net, sizeof(ip6));
		skb->family = AF_INET6;
		memcpy(skb->remote_ip6, &ip6.daddr, sizeof(skb->remote_ip6));
		memcpy(skb->local_ip6, &ip6.saddr, sizeof(skb->local_ip6));
	}
}

uint8_t *packet_room(struct packet *pkt)
{
	pkt->clean = MIN(pkt->clean, (uint32_t)PACKET_SKB_HEADROOM); /* what lies behind is not zero any more */
	return pkt->mem + GUARD + SPARE + PACKET_SKB_HEADROOM;
}

/* The frame is there; all that an skb knows of it. */
static void make_skb(struct packet *pkt, uint32_t len)
{
	struct __sk_buff *skb = &pkt->ctx.skb;

	pkt->kind = PACKET_SKB;
	pkt->l2 = true;
	pkt->mac_off = (uint32_t)(pkt->data - pkt->hard_start);
	pkt->net_off = pkt->mac_off + ETH_HLEN;
	pkt->trans_off = PACKET_UNSET;
	pkt->mac_len = 0;
	pkt->encapsulated = false;
	pkt->has_hash = false;
	pkt->socket.known = false;
	pkt->csum_ok = false;
	pkt->csum_level = 0;
	if (pkt->tunnel.set) /* without it nothing else of it counts */
		memset(&pkt->tunnel, 0, sizeof(pkt->tunnel));
	memset(skb, 0, sizeof(*skb));
	skb->protocol = eth_protocol(pkt->data, len);
	skb->pkt_type = eth_pkt_type(pkt->data);
	set_addresses(pkt, pkt->data + ETH_HLEN, len - ETH_HLEN);
}

int packet_set_skb(struct packet *pkt, const void *data, uint32_t len, bool l2)
{
	if (len > PACKET_MAX || len < ETH_HLEN)
		return -EINVAL;
	set_room(pkt, PACKET_SKB_HEADROOM, len, PACKET_SKB_HEADROOM + len, PACKET_XDP_RESERVED);
	if (data != pkt->data)
		memcpy(pkt->data, data, len);
	make_skb(pkt, len);
	pkt->l2 = l2;
	if (!l2)
		pkt->data_meta = pkt->data += ETH_HLEN;
	packet_sync(pkt);
	return 0;
}

int packet_xdp_to_skb(struct packet *pkt)
{
	uint32_t len = packet_len(pkt);

	if (len < ETH_HLEN)
		return -EINVAL;
	make_skb(pkt, len);
	packet_sync(pkt);
	return 0;
}

int packet_reserve(struct packet *pkt, uint32_t head, uint32_t tail)
{
	uint32_t headroom = (uint32_t)(pkt->data - pkt->hard_start), len = packet_len(pkt);
	uint32_t more = head > headroom ? ALIGN_UP(head - headroom, (uint32_t)PACKET_SKB_HEADROOM) : 0;
	uint8_t *ceiling = pkt->mem + pkt->mem_size - GUARD;
	uint8_t *to = pkt->data + more;

	if (!more && (size_t)(pkt->hard_end - pkt->data_end) >= tail)
		return 0;
	if ((uint64_t)more + len + tail > (uint64_t)(ceiling - pkt->data))
		return -ENOMEM;
	memmove(to, pkt->data, len);
	pkt->data = pkt->data_meta = to;
	pkt->data_end = to + len;
	if ((size_t)(pkt->hard_end - pkt->data_end) < tail || pkt->hard_end < pkt->data_end)
		pkt->hard_end = pkt->data_end + tail;
	pkt->mac_off += more;
	pkt->net_off += more;
	pkt->trans_off = (uint16_t)(pkt->trans_off + more);
	packet_sync(pkt);
	return 0;
}

int packet_push(struct packet *pkt, uint32_t len)
{
	int err = packet_reserve(pkt, len, 0);

	if (err)
		return err;
	pkt->data -= len;
	pkt->data_meta = pkt->data;
	packet_sync(pkt);
	return 0;
}

void packet_pull(struct packet *pkt, uint32_t len)
{
	pkt->data += len;
	pkt->data_meta = pkt->data;
	packet_sync(pkt);
}

int packet_set_len(struct packet *pkt, uint32_t len)
{
	uint32_t old = packet_len(pkt);

	if (len > old) {
		int err = packet_reserve(pkt, 0, len - old);

		if (err)
			return err;
		memset(pkt->data_end, 0, len - old);
	}
	pkt->data_end = pkt->data + len;
	packet_sync(pkt);
	return 0;
}

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	const struct packet *pkt = env->pkt;
	const uint8_t *from;
	uint16_t v16;
	uint32_t v32;

	if (!pkt || pkt->kind != PACKET_SKB)
		return false;
	/* linux/filter.h: negative offsets count from the network or the link-layer header. */
	if (off >= 0)
		from = pkt->data + off;
	else if (off >= SKF_NET_OFF)
		from = pkt->hard_start + pkt->net_off + (off - SKF_NET_OFF);
	else if (off >= SKF_LL_OFF)
		from = pkt->hard_start + pkt->mac_off + (off - SKF_LL_OFF);
	else
		return false;
	if (from < pkt->hard_start || from > pkt->data_end || (size_t)(pkt->data_end - from) < size)
		return false;
	switch (size) {
	case 1:
		*value = *from;
		return true;
	case 2:
		memcpy(&v16, from, sizeof(v16));
		*value = ntohs(v16);
		return true;
	case 4:
		memcpy(&v32, from, sizeof(v32));
		*value = ntohl(v32);
		return true;
	default:
		return false;
	}
}
