/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/steer.h"

#include "base/cursor.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <netinet/in.h>

enum { MAX_TAGS = 2, FRAGMENT = 0x3fff /* of frag_off: more fragments, and the offset */ };

/* The two ports, added so that their order does not matter; 0 when there are none. */
static uint32_t ports(struct cursor *c, uint8_t proto)
{
	uint16_t p[2];

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP && proto != IPPROTO_SCTP)
		return 0;
	return cursor_get(c, p, sizeof(p)) ? (uint32_t)p[0] + p[1] : 0;
}

static uint32_t both_ends(const void *a, const void *b, size_t words)
{
	uint32_t x[4], y[4], sum = 0;

	memcpy(x, a, words * 4);
	memcpy(y, b, words * 4);
	for (size_t i = 0; i < words; i++)
		sum = (sum ^ (x[i] + y[i])) * 0x9e3779b1;
	return sum;
}

static uint32_t hash4(struct cursor *c)
{
	const uint8_t *start = c->base + c->pos;
	struct iphdr ip;
	uint32_t h;

	if (!cursor_get(c, &ip, sizeof(ip)) || ip.ihl < 5)
		return 0;
	h = both_ends(start + offsetof(struct iphdr, saddr), start + offsetof(struct iphdr, daddr), 1);
	if (ntohs(ip.frag_off) & FRAGMENT || !cursor_take(c, ip.ihl * 4u - sizeof(ip)))
		return h;
	return h ^ ports(c, ip.protocol);
}

static uint32_t hash6(struct cursor *c)
{
	struct ipv6hdr ip;

	if (!cursor_get(c, &ip, sizeof(ip)))
		return 0;
	return both_ends(&ip.saddr, &ip.daddr, 4) ^ ports(c, ip.nexthdr);
}

uint32_t steer(const uint8_t *frame, uint32_t len, uint32_t workers)
{
	struct cursor c = cursor_of(frame, len);
	uint16_t proto, tag;
	uint32_t h = 0;

	cursor_take(&c, 2 * ETH_ALEN);
	cursor_get(&c, &proto, sizeof(proto));
	for (int i = 0; i < MAX_TAGS && (proto == htons(ETH_P_8021Q) || proto == htons(ETH_P_8021AD)); i++) {
		cursor_get(&c, &tag, sizeof(tag));
		cursor_get(&c, &proto, sizeof(proto));
	}
	if (proto == htons(ETH_P_IP))
		h = hash4(&c);
	else if (proto == htons(ETH_P_IPV6))
		h = hash6(&c);
	h *= 0x85ebca6b;
	return (uint32_t)((uint64_t)(h ^ h >> 15) * workers >> 32);
}
