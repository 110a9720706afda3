/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flow's hash, bpf_get_hash_recalc(): the same for all frames of a flow in both directions, and never zero. Which number
 * it is depends on a key that the kernel draws at boot, so no number is promised; here the key is fixed, so that
 * a replay gives the same again.
 *
 * A flow is its addresses, and its ports where the frame is no fragment. What cannot be taken apart hashes by its
 * protocol alone.
 */
#include "helper/impl.h"
#include "helper/skb.h"

#include <arpa/inet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <netinet/in.h>
#include <string.h>

enum { FRAGMENT_MASK = 0x3fff, PORTS_LEN = 4, VLAN_LEN = 4, VLAN_DEPTH = 8 };

struct flow {
	uint8_t source[16], dest[16];
	uint16_t ports[2];
	uint16_t proto; /* network order */
	uint8_t transport;
};

/* A frame's bytes from a place on. */
struct rest {
	const uint8_t *at;
	size_t left;
};

static bool take(struct rest *r, void *to, size_t len)
{
	if (r->left < len)
		return false;
	memcpy(to, r->at, len);
	r->at += len;
	r->left -= len;
	return true;
}

static bool has_ports(uint8_t transport)
{
	return transport == IPPROTO_TCP || transport == IPPROTO_UDP || transport == IPPROTO_SCTP ||
	       transport == IPPROTO_DCCP || transport == IPPROTO_UDPLITE;
}

static void dissect(const struct packet *pkt, struct flow *f)
{
	struct rest r = {.at = pkt->hard_start + pkt->net_off};
	struct ipv6hdr ip6;
	struct iphdr ip4;
	uint16_t tag[2];

	f->proto = (uint16_t)pkt->ctx.skb.protocol;
	r.left = r.at <= pkt->data_end ? (size_t)(pkt->data_end - r.at) : 0;
	for (int i = 0; i < VLAN_DEPTH && (f->proto == htons(ETH_P_8021Q) || f->proto == htons(ETH_P_8021AD)); i++) {
		if (!take(&r, tag, VLAN_LEN))
			return;
		f->proto = tag[1];
	}
	if (f->proto == htons(ETH_P_IP) && take(&r, &ip4, sizeof(ip4)) && ip4.ihl >= 5) {
		uint32_t options = (uint32_t)(ip4.ihl - 5) * 4;

		memcpy(f->source, &ip4.saddr, sizeof(ip4.saddr));
		memcpy(f->dest, &ip4.daddr, sizeof(ip4.daddr));
		f->transport = ip4.protocol;
		if ((ntohs(ip4.frag_off) & FRAGMENT_MASK) || r.left < options)
			return;
		r.at += options;
		r.left -= options;
	} else if (f->proto == htons(ETH_P_IPV6) && take(&r, &ip6, sizeof(ip6))) {
		memcpy(f->source, &ip6.saddr, sizeof(f->source));
		memcpy(f->dest, &ip6.daddr, sizeof(f->dest));
		f->transport = ip6.nexthdr;
	}
	if (has_ports(f->transport))
		take(&r, f->ports, PORTS_LEN);
}

/* Both directions look the same: the smaller end first. */
static void order(struct flow *f)
{
	int by_address = memcmp(f->dest, f->source, sizeof(f->dest));
	uint8_t address[16];
	uint16_t port;

	if (by_address > 0 || (!by_address && ntohs(f->ports[1]) >= ntohs(f->ports[0])))
		return;
	memcpy(address, f->source, sizeof(address));
	memcpy(f->source, f->dest, sizeof(address));
	memcpy(f->dest, address, sizeof(address));
	port = f->ports[0];
	f->ports[0] = f->ports[1];
	f->ports[1] = port;
}

static uint32_t mix(const struct flow *f)
{
	const uint8_t *p = (const uint8_t *)f;
	uint64_t h = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < sizeof(*f); i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	h ^= h >> 32;
	h *= 0x2545f4914f6cdd1du;
	h >>= 32;
	return h ? (uint32_t)h : 1;
}

HELPER(get_hash_recalc)
{
	HELPER_PACKET(pkt);
	struct flow f;

	if (!pkt->has_hash) {
		memset(&f, 0, sizeof(f));
		dissect(pkt, &f);
		order(&f);
		pkt->ctx.skb.hash = mix(&f);
		pkt->has_hash = true;
	}
	return pkt->ctx.skb.hash;
}
