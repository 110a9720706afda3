/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_fib_lookup() over the run's table (fib.h).
 *
 * Longest prefix: routes of a table stand sorted by address, then length, and each knows the next shorter prefix around it. The last route that is not
 * behind the destination in this order, or one that it lies in, is the longest match: a binary search and a walk outwards of at most as many
 * steps as there are nested prefixes.
 *
 * What is asked in which order, what is written to the parameters before an error and the errors themselves follow Linux 6.18
 * (net/core/filter.c: bpf_ipv4_fib_lookup() and the two after it). Not there: multipath routes, exceptions learnt from ICMP, l3mdev.
 *
 * IPv4's local and main table are one as long as there are no rules, as in Linux: a look-up in either finds the routes of both.
 */
#include "helper/fib.h"

#include "base/util.h"
#include "helper/impl.h"

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

enum {
	TOS_MASK = 0xfc,
	VLAN_LEN = 4,
	MTU_MAX = 0xffff, /* IP_MAX_MTU */
};

bool fib_in_prefix(const struct fib_ip *ip, const struct fib_ip *prefix, uint32_t plen)
{
	uint32_t bytes = plen / 8, bits = plen % 8;

	return !memcmp(ip->b, prefix->b, bytes) && (!bits || !((ip->b[bytes] ^ prefix->b[bytes]) >> (8 - bits)));
}

const struct fib_link *fib_link_of(const struct fib *fib, uint32_t ifindex)
{
	for (uint32_t i = 0; fib && i < fib->n_links; i++)
		if (fib->links[i].ifindex == ifindex)
			return &fib->links[i];
	return NULL;
}

#define ORDER(a, b)                                                                                                    \
	do {                                                                                                           \
		if ((a) != (b))                                                                                        \
			return (a) < (b) ? -1 : 1;                                                                     \
	} while (0)

static int by_prefix(const void *a, const void *b)
{
	const struct fib_route *x = a, *y = b;
	int c;

	ORDER(x->family, y->family);
	ORDER(x->table, y->table);
	c = memcmp(&x->dst, &y->dst, sizeof(x->dst));
	if (c)
		return c;
	ORDER(x->plen, y->plen);
	/* What is local comes first where a prefix is both. */
	ORDER(x->type != FIB_LOCAL && x->type != FIB_BROADCAST, y->type != FIB_LOCAL && y->type != FIB_BROADCAST);
	ORDER(x->metric, y->metric);
	return 0;
}

static int by_neighbour(const void *a, const void *b)
{
	const struct fib_neigh *x = a, *y = b;

	ORDER(x->family, y->family);
	ORDER(x->link, y->link);
	return memcmp(&x->ip, &y->ip, sizeof(x->ip));
}

static int by_pref(const void *a, const void *b)
{
	const struct fib_rule *x = a, *y = b;

	ORDER(x->family, y->family);
	ORDER(x->pref, y->pref);
	return 0;
}

static void sort(void *rows, uint32_t n, size_t size, int (*order)(const void *, const void *))
{
	if (n > 1)
		qsort(rows, n, size, order);
}

static bool has_rules(const struct fib *fib, uint8_t family)
{
	for (uint32_t i = 0; i < fib->n_rules; i++)
		if (fib->rules[i].family == family)
			return true;
	return false;
}

static bool same_prefix(const struct fib_route *a, const struct fib_route *b)
{
	return a->family == b->family && a->table == b->table && a->plen == b->plen &&
	       !memcmp(&a->dst, &b->dst, sizeof(a->dst));
}

int fib_index(struct fib *fib)
{
	bool merged = !has_rules(fib, AF_INET);

	for (uint32_t i = 0; i < fib->n_routes; i++)
		if (merged && fib->routes[i].family == AF_INET && fib->routes[i].table == FIB_TABLE_LOCAL)
			fib->routes[i].table = FIB_TABLE_MAIN;
	sort(fib->routes, fib->n_routes, sizeof(*fib->routes), by_prefix);
	sort(fib->neighs, fib->n_neighs, sizeof(*fib->neighs), by_neighbour);
	sort(fib->rules, fib->n_rules, sizeof(*fib->rules), by_pref);
	for (uint32_t i = 0; i < fib->n_routes; i++) {
		struct fib_route *r = &fib->routes[i];
		uint32_t at = i ? i - 1 : FIB_NONE;

		/* The one before is inside the same outer prefix, or is it; of equal prefixes the first stands for all. */
		while (at != FIB_NONE) {
			const struct fib_route *o = &fib->routes[at];

			if (o->family != r->family || o->table != r->table) {
				at = FIB_NONE;
			} else if (same_prefix(o, r)) {
				at = o->outer;
				break;
			} else if (o->plen < r->plen && fib_in_prefix(&r->dst, &o->dst, o->plen)) {
				while (at && same_prefix(&fib->routes[at - 1], o))
					at--;
				break;
			} else {
				at = o->outer;
			}
		}
		r->outer = at;
	}
	return 0;
}

void fib_free(struct fib *fib)
{
	if (!fib)
		return;
	free(fib->links);
	free(fib->addrs);
	free(fib->routes);
	free(fib->neighs);
	free(fib->rules);
	free(fib);
}

/* What is looked for. */
struct flow {
	uint8_t family;
	struct fib_ip dst;
	uint32_t oif; /* 0: any */
	uint32_t mark;
};

/* The last route that comes before (family, table, dst, longest prefix) or is there; FIB_NONE. */
static uint32_t last_before(const struct fib *fib, const struct flow *f, uint32_t table)
{
	const struct fib_route key = {.family = f->family,
				      .table = table,
				      .dst = f->dst,
				      .plen = 129, /* behind every length, so that the metric does not matter */
				      .type = FIB_UNICAST};
	uint32_t low = 0, high = fib->n_routes;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (by_prefix(&fib->routes[mid], &key) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low ? low - 1 : FIB_NONE;
}

/* IPv4 takes a route only if it leads out of the interface that was asked for, or nowhere. */
static bool fits(const struct fib *fib, const struct fib_route *r, const struct flow *f)
{
	if (!f->oif || f->family != AF_INET || r->type >= FIB_BLACKHOLE)
		return true;
	return r->link != FIB_NONE && fib->links[r->link].ifindex == f->oif;
}

/* The longest match in one table, NULL when there is none (or it says "throw"). */
static const struct fib_route *in_table(const struct fib *fib, const struct flow *f, uint32_t table)
{
	uint32_t at = last_before(fib, f, table);

	while (at != FIB_NONE) {
		const struct fib_route *r = &fib->routes[at];

		if (r->family != f->family || r->table != table)
			return NULL;
		if (fib_in_prefix(&f->dst, &r->dst, r->plen)) {
			/* All of this prefix, from the first on. */
			while (at && same_prefix(&fib->routes[at - 1], r))
				at--;
			for (uint32_t i = at; i < fib->n_routes && same_prefix(&fib->routes[i], r); i++)
				if (fits(fib, &fib->routes[i], f))
					return fib->routes[i].type == FIB_THROW ? NULL : &fib->routes[i];
		}
		at = r->outer;
	}
	return NULL;
}

static uint32_t table_number(const struct fib *fib, uint8_t family, uint32_t table)
{
	if (!table || (table == FIB_TABLE_LOCAL && family == AF_INET && !has_rules(fib, family)))
		return FIB_TABLE_MAIN;
	return table;
}

/* By the rules: the local table, then those that were given, then the main table. */
static const struct fib_route *by_rules(const struct fib *fib, const struct flow *f)
{
	const struct fib_route *r;

	r = in_table(fib, f, table_number(fib, f->family, FIB_TABLE_LOCAL));
	for (uint32_t i = 0; i < fib->n_rules && !r; i++) {
		const struct fib_rule *rule = &fib->rules[i];

		if (rule->family == f->family && !((f->mark ^ rule->mark) & rule->mask))
			r = in_table(fib, f, table_number(fib, f->family, rule->table));
	}
	return r ? r : in_table(fib, f, FIB_TABLE_MAIN);
}

static const struct fib_neigh *neighbour(const struct fib *fib, uint8_t family, uint32_t link, const void *ip)
{
	struct fib_neigh key = {.family = family, .link = link};

	memcpy(key.ip.b, ip, family == AF_INET ? 4 : 16);
	return fib->n_neighs ? bsearch(&key, fib->neighs, fib->n_neighs, sizeof(key), by_neighbour) : NULL;
}

static bool is_link_local6(const uint8_t ip[16])
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static bool is_loopback(uint8_t family, const uint8_t *ip)
{
	static const uint8_t one[16] = {[15] = 1};

	return family == AF_INET ? ip[0] == 127 : !memcmp(ip, one, sizeof(one));
}

/* Addresses that never leave their link: multicast, link-local, loopback. */
static bool stays_on_link6(const uint8_t ip[16])
{
	return ip[0] == 0xff || is_link_local6(ip) || is_loopback(AF_INET6, ip);
}

static uint32_t common_bits(const uint8_t *a, const uint8_t *b)
{
	uint32_t n = 0;

	while (n < 128 && !((a[n / 8] ^ b[n / 8]) & 0x80 >> n % 8))
		n++;
	return n;
}

/*
 * The source address that the kernel would choose: for IPv4 one of the interface that is in the gateway's subnet, or else its first, or else any
 * interface's; for IPv6 RFC 6724's rules 1, 2, 5 and 8: the destination itself, one that reaches as far as the destination, one of the
 * interface, the longest common prefix.
 */
static const struct fib_addr *source4(const struct fib *fib, const struct fib_route *r)
{
	const struct fib_addr *first = NULL, *other = NULL;

	for (uint32_t i = 0; i < fib->n_addrs; i++) {
		const struct fib_addr *a = &fib->addrs[i];

		if (a->family != AF_INET || is_loopback(AF_INET, a->ip.b))
			continue;
		if (a->link == r->link) {
			if (r->gw_family != AF_INET || fib_in_prefix(&r->gw, &a->ip, a->plen))
				return a;
			first = first ? first : a;
		} else if (!other || a->link < other->link) {
			other = a;
		}
	}
	return first ? first : other;
}

static uint32_t score6(const struct fib_addr *a, const struct fib_route *r, const struct fib_ip *dst)
{
	return (uint32_t)!memcmp(&a->ip, dst, sizeof(*dst)) << 12 |
	       (uint32_t)(is_link_local6(a->ip.b) == is_link_local6(dst->b)) << 10 |
	       (uint32_t)(a->link == r->link) << 9 | MIN(common_bits(a->ip.b, dst->b), (uint32_t)a->plen);
}

/* Of equals the first link's, and of these the address that came last. */
static const struct fib_addr *source6(const struct fib *fib, const struct fib_route *r, const struct fib_ip *dst)
{
	const struct fib_addr *best = NULL;
	uint32_t best_score = 0;

	for (uint32_t i = fib->n_addrs; i--;) {
		const struct fib_addr *a = &fib->addrs[i];
		uint32_t score;

		if (a->family != AF_INET6 || is_loopback(AF_INET6, a->ip.b))
			continue;
		/* One of another link's own addresses is nobody's elsewhere. */
		if (is_link_local6(a->ip.b) && a->link != r->link)
			continue;
		score = score6(a, r, dst);
		if (!best || score > best_score || (score == best_score && a->link < best->link)) {
			best = a;
			best_score = score;
		}
	}
	return best;
}

static bool forwards(const struct fib_link *l, uint8_t family)
{
	return family == AF_INET ? l->forward4 : l->forward6;
}

static int64_t not_unicast(const struct fib_route *r)
{
	switch (r ? r->type : FIB_LOCAL) {
	case FIB_BLACKHOLE:
		return BPF_FIB_LKUP_RET_BLACKHOLE;
	case FIB_UNREACHABLE:
		return BPF_FIB_LKUP_RET_UNREACHABLE;
	case FIB_PROHIBIT:
		return BPF_FIB_LKUP_RET_PROHIBIT;
	default:
		return BPF_FIB_LKUP_RET_NOT_FWDED;
	}
}

/* Choosing the route. NULL with the answer in *ret. */
static const struct fib_route *choose(const struct fib *fib, struct bpf_fib_lookup *p, uint32_t flags, struct flow *f,
				      int64_t *ret)
{
	const struct fib_link *in = fib_link_of(fib, p->ifindex);
	const struct fib_route *r;
	uint32_t table = FIB_TABLE_MAIN;

	f->family = p->family;
	memcpy(f->dst.b, p->ipv6_dst, p->family == AF_INET ? 4 : 16);
	*ret = BPF_FIB_LKUP_RET_NOT_FWDED;
	if (p->family == AF_INET6 && (stays_on_link6(f->dst.b) || stays_on_link6((const uint8_t *)p->ipv6_src)))
		return NULL;
	if (!in) {
		*ret = -ENODEV;
		return NULL;
	}
	if (!forwards(in, p->family)) {
		*ret = BPF_FIB_LKUP_RET_FWD_DISABLED;
		return NULL;
	}
	f->oif = flags & BPF_FIB_LOOKUP_OUTPUT ? p->ifindex : 0;
	if (flags & BPF_FIB_LOOKUP_DIRECT) {
		if (flags & SKEP_FIB_LOOKUP_TBID) {
			table = p->h_vlan_proto | (uint32_t)p->h_vlan_TCI << 16;
			p->h_vlan_proto = p->h_vlan_TCI = 0;
		}
		r = in_table(fib, f, table_number(fib, p->family, table));
	} else {
		/* The mark lies where the source's link-layer address will be. */
		if (flags & SKEP_FIB_LOOKUP_MARK)
			memcpy(&f->mark, p->smac, sizeof(f->mark));
		r = by_rules(fib, f);
	}
	*ret = not_unicast(r);
	return r && r->type == FIB_UNICAST ? r : NULL;
}

static uint32_t mtu_of(const struct fib *fib, const struct fib_route *r)
{
	return r->mtu ? r->mtu : MIN(fib->links[r->link].mtu, (uint32_t)MTU_MAX);
}

/* Writes the source address. Return: whether there is one (IPv4 writes zero instead). */
static bool give_source(const struct fib *fib, const struct fib_route *r, const struct fib_ip *dst,
			struct bpf_fib_lookup *p)
{
	const struct fib_addr *a;
	const struct fib_ip *src = &r->src;
	static const struct fib_ip none;

	if (!r->has_src) {
		a = r->family == AF_INET ? source4(fib, r) : source6(fib, r, dst);
		if (!a && r->family == AF_INET6)
			return false;
		src = a ? &a->ip : &none;
	}
	memcpy(p->ipv6_src, src->b, r->family == AF_INET ? 4 : 16);
	return true;
}

static int64_t look_up(const struct fib *fib, struct bpf_fib_lookup *p, uint32_t flags, bool check_mtu)
{
	const struct fib_neigh *neigh;
	const struct fib_route *r;
	const struct fib_link *out;
	struct flow f = {};
	uint32_t mtu = 0;
	int64_t ret;

	r = choose(fib, p, flags, &f, &ret);
	if (!r)
		return ret;
	if (check_mtu) {
		mtu = mtu_of(fib, r);
		if (p->tot_len > mtu) {
			p->mtu_result = (uint16_t)mtu;
			return BPF_FIB_LKUP_RET_FRAG_NEEDED;
		}
	}
	if (r->encap)
		return BPF_FIB_LKUP_RET_UNSUPP_LWT;
	out = &fib->links[r->link];
	/* IPv6 writes the gateway first, IPv4 the source: it matters for errors in between only. */
	if (r->family == AF_INET6 && r->gw_family)
		memcpy(p->ipv6_dst, r->gw.b, 16);
	p->rt_metric = r->metric;
	p->ifindex = out->ifindex;
	if (flags & SKEP_FIB_LOOKUP_SRC && !give_source(fib, r, &f.dst, p))
		return SKEP_FIB_LKUP_RET_NO_SRC_ADDR;
	if (r->family == AF_INET && r->gw_family) {
		p->family = r->gw_family;
		memcpy(p->ipv6_dst, r->gw.b, r->gw_family == AF_INET ? 4 : 16);
	}
	if (!(flags & SKEP_FIB_LOOKUP_SKIP_NEIGH)) {
		neigh = neighbour(fib, p->family, r->link, p->ipv6_dst);
		if (!neigh)
			return BPF_FIB_LKUP_RET_NO_NEIGH;
		memcpy(p->dmac, neigh->mac, ETH_ALEN);
		memcpy(p->smac, out->mac, ETH_ALEN);
	}
	p->h_vlan_TCI = p->h_vlan_proto = 0;
	if (mtu)
		p->mtu_result = (uint16_t)mtu;
	return BPF_FIB_LKUP_RET_SUCCESS;
}

HELPER(fib_lookup)
{
	HELPER_PACKET(pkt);
	struct bpf_fib_lookup *p = helper_ptr(r2);
	const struct fib_link *out;
	uint32_t flags = (uint32_t)r4;
	bool xdp = pkt->kind == PACKET_XDP;
	bool check_mtu;
	int64_t ret;

	if ((int32_t)r3 < (int32_t)sizeof(*p) || flags & ~(uint32_t)SKEP_FIB_LOOKUP_ALL)
		return helper_result(-EINVAL);
	if (p->family != AF_INET && p->family != AF_INET6)
		return helper_result(-EAFNOSUPPORT);
	/* An skb whose length the program does not give is held against the link's MTU itself. */
	check_mtu = xdp || p->tot_len;
	ret = look_up(env->fib, p, flags, check_mtu);
	if (ret != BPF_FIB_LKUP_RET_SUCCESS || check_mtu)
		return helper_result(ret);
	out = fib_link_of(env->fib, p->ifindex);
	if (packet_len(pkt) > out->mtu + ETH_HLEN + VLAN_LEN && !pkt->ctx.skb.gso_size)
		ret = BPF_FIB_LKUP_RET_FRAG_NEEDED;
	p->mtu_result = (uint16_t)out->mtu;
	return helper_result(ret);
}
