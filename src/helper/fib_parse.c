/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The text of a routing table (docs/routes.md): one thing a line, in iproute2's words.
 *
 *     link IFINDEX NAME MAC [mtu N] [forwarding off|on|4|6]
 *     addr ADDRESS/LEN dev NAME
 *     route [TYPE] PREFIX|default [via [inet6] GATEWAY] [dev NAME] [src ADDRESS] [table N] [metric N] [mtu lock N] [encap ...]
 *     neigh ADDRESS dev NAME lladdr MAC [STATE]
 *     rule [pref N] [from all] fwmark N[/MASK] table|lookup N
 *
 * Words that iproute2 prints and that change nothing here (proto, scope, pref, onlink, ...) are read over. Text is read word by word from a bounded
 * cursor; a name that is used must have been declared above.
 */
#include "base/util.h"
#include "helper/fib.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_MAX = 64, METRIC6 = 1024, PREF_LAST = 32766 };

struct parse {
	struct fib *fib;
	const char *at, *end; /* of the line */
	uint32_t line;
	char word[WORD_MAX]; /* the last one read; "" at the line's end */
	char *why;
	size_t size;
	uint32_t room[5]; /* of the arrays, in the order below */
	int err;
};

enum { LINKS, ADDRS, ROUTES, NEIGHS, RULES };

__attribute__((format(printf, 2, 3))) static int bad(struct parse *p, const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(p->why, p->size, "line %u: ", p->line);

	if (n >= 0 && (size_t)n < p->size) {
		va_start(ap, fmt);
		vsnprintf(p->why + n, p->size - (size_t)n, fmt, ap);
		va_end(ap);
	}
	return -EINVAL;
}

/* The next word of the line. Return: whether there was one. */
static bool next(struct parse *p)
{
	size_t n = 0;

	while (p->at < p->end && isspace((unsigned char)*p->at))
		p->at++;
	while (p->at < p->end && !isspace((unsigned char)*p->at)) {
		if (n < WORD_MAX - 1)
			p->word[n++] = *p->at;
		p->at++;
	}
	p->word[n] = 0;
	return n;
}

static bool is(const struct parse *p, const char *word)
{
	return !strcmp(p->word, word);
}

/* One more element at an array's end, zeroed; NULL without memory. */
static void *more(struct parse *p, void *array, uint32_t *n, uint32_t which, size_t size)
{
	void **rows = array;

	if (*n == p->room[which]) {
		uint32_t room = p->room[which] ? p->room[which] * 2 : 16;
		void *bigger = realloc(*rows, room * size);

		if (!bigger)
			return NULL;
		*rows = bigger;
		p->room[which] = room;
	}
	memset((uint8_t *)*rows + *n * size, 0, size);
	return (uint8_t *)*rows + (*n)++ * size;
}

static int number(struct parse *p, const char *what, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long v;

	if (!next(p))
		return bad(p, "%s is missing", what);
	errno = 0;
	v = strtoul(p->word, &end, 0);
	if (!isdigit((unsigned char)p->word[0]) || *end || errno || v > max)
		return bad(p, "%s is a number up to %u, not '%s'", what, max, p->word);
	*out = (uint32_t)v;
	return 0;
}

static int mac(struct parse *p, uint8_t out[ETH_ALEN])
{
	unsigned int b[ETH_ALEN];
	int used = 0;

	if (!next(p))
		return bad(p, "a link-layer address is missing");
	if (sscanf(p->word, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &used) != ETH_ALEN ||
	    p->word[used])
		return bad(p, "'%s' is no link-layer address (02:00:00:00:00:01)", p->word);
	for (int i = 0; i < ETH_ALEN; i++)
		out[i] = (uint8_t)b[i];
	return 0;
}

/* The word as an address. */
static bool address(const char *word, uint8_t *family, struct fib_ip *ip)
{
	memset(ip, 0, sizeof(*ip));
	*family = strchr(word, ':') ? AF_INET6 : AF_INET;
	return inet_pton(*family, word, ip->b) == 1;
}

/* The word as ADDRESS[/LEN]. @host: bits behind the prefix may be set. */
static int prefix(struct parse *p, uint8_t *family, struct fib_ip *ip, uint8_t *plen, bool host)
{
	char *slash = strchr(p->word, '/'), *end;
	unsigned long len;
	uint32_t bits;

	if (slash)
		*slash = 0;
	if (!address(p->word, family, ip))
		return bad(p, "'%s' is no IPv4 or IPv6 address", p->word);
	bits = *family == AF_INET ? 32 : 128;
	len = slash ? strtoul(slash + 1, &end, 10) : bits;
	if (slash && (!isdigit((unsigned char)slash[1]) || *end || len > bits))
		return bad(p, "'/%s' is no length of a prefix: 0 to %u", slash + 1, bits);
	*plen = (uint8_t)len;
	for (uint32_t i = *plen; i < bits && !host; i++)
		if (ip->b[i / 8] & 0x80 >> i % 8)
			return bad(p, "%s has bits set behind its prefix of %u", p->word, *plen);
	return 0;
}

static int link_named(struct parse *p, uint32_t *out)
{
	if (!next(p))
		return bad(p, "the name of a link is missing behind dev");
	for (uint32_t i = 0; i < p->fib->n_links; i++)
		if (!strcmp(p->fib->links[i].name, p->word)) {
			*out = i;
			return 0;
		}
	return bad(p, "no link '%s' is declared above (link IFINDEX NAME MAC)", p->word);
}

static int table_number(struct parse *p, uint32_t *out)
{
	const char *at = p->at;

	if (next(p) && (is(p, "main") || is(p, "local"))) {
		*out = is(p, "main") ? FIB_TABLE_MAIN : FIB_TABLE_LOCAL;
		return 0;
	}
	p->at = at;
	return number(p, "a table", UINT32_MAX, out);
}

static int parse_link(struct parse *p)
{
	struct fib_link l = {.mtu = 1500, .forward4 = true, .forward6 = true}, *to;
	int err = number(p, "the number of a link", INT32_MAX, &l.ifindex);

	if (err)
		return err;
	if (!l.ifindex || fib_link_of(p->fib, l.ifindex))
		return bad(p, l.ifindex ? "there is a link %u already" : "links are numbered from 1", l.ifindex);
	if (!next(p) || strlen(p->word) >= sizeof(l.name))
		return bad(p, "a link has a name of up to 15 characters");
	strcpy(l.name, p->word);
	for (uint32_t i = 0; i < p->fib->n_links; i++)
		if (!strcmp(p->fib->links[i].name, l.name))
			return bad(p, "there is a link '%s' already", l.name);
	err = mac(p, l.mac);
	while (!err && next(p)) {
		if (is(p, "mtu")) {
			err = number(p, "an MTU", 65536, &l.mtu);
		} else if (is(p, "forwarding")) {
			next(p);
			l.forward4 = is(p, "on") || is(p, "4");
			l.forward6 = is(p, "on") || is(p, "6");
			if (!l.forward4 && !l.forward6 && !is(p, "off"))
				err = bad(p, "forwarding is on, off, 4 or 6, not '%s'", p->word);
		} else {
			err = bad(p, "a link has no '%s'", p->word);
		}
	}
	if (err)
		return err;
	to = more(p, &p->fib->links, &p->fib->n_links, LINKS, sizeof(l));
	if (!to)
		return -ENOMEM;
	*to = l;
	return 0;
}

static int add_route(struct parse *p, const struct fib_route *r)
{
	struct fib_route *to = more(p, &p->fib->routes, &p->fib->n_routes, ROUTES, sizeof(*r));

	if (!to)
		return -ENOMEM;
	*to = *r;
	to->line = p->line;
	return 0;
}

static void mask(struct fib_ip *ip, uint32_t plen, bool ones, uint32_t bits)
{
	for (uint32_t i = plen; i < bits; i++)
		ip->b[i / 8] = (uint8_t)(ones ? ip->b[i / 8] | 0x80 >> i % 8 : ip->b[i / 8] & ~(0x80 >> i % 8));
}

/*
 * What the kernel makes of an address: itself is local, its subnet is on the link, IPv4's last address is a broadcast, and IPv6's first is, where the
 * link forwards, every router's.
 */
static int routes_of_address(struct parse *p, const struct fib_addr *a)
{
	uint32_t bits = a->family == AF_INET ? 32 : 128;
	struct fib_route r = {.family = a->family,
			      .dst = a->ip,
			      .plen = (uint8_t)bits,
			      .table = FIB_TABLE_LOCAL,
			      .type = FIB_LOCAL,
			      .link = a->link};
	int err = add_route(p, &r);

	if (err || a->plen == bits)
		return err;
	if (a->family == AF_INET && a->plen < 31) {
		r.type = FIB_BROADCAST;
		mask(&r.dst, a->plen, true, bits);
		err = add_route(p, &r);
	}
	if (a->family == AF_INET6 && a->plen < 127 && p->fib->links[a->link].forward6) {
		mask(&r.dst, a->plen, false, bits);
		err = add_route(p, &r);
	}
	r = (struct fib_route){.family = a->family,
			       .dst = a->ip,
			       .plen = a->plen,
			       .table = FIB_TABLE_MAIN,
			       .type = FIB_UNICAST,
			       .link = a->link,
			       .metric = a->family == AF_INET ? 0 : 256,
			       .has_src = a->family == AF_INET,
			       .src = a->ip};
	mask(&r.dst, a->plen, false, bits);
	/* Two addresses of one subnet make one route. */
	for (uint32_t i = 0; i < p->fib->n_routes; i++) {
		const struct fib_route *o = &p->fib->routes[i];

		if (o->family == r.family && o->table == r.table && o->plen == r.plen && o->link == r.link &&
		    o->metric == r.metric && !memcmp(&o->dst, &r.dst, sizeof(r.dst)))
			return err;
	}
	return err ? err : add_route(p, &r);
}

static int parse_addr(struct parse *p)
{
	struct fib_addr a = {.link = FIB_NONE}, *to;
	int err;

	if (!next(p))
		return bad(p, "an address is missing");
	err = prefix(p, &a.family, &a.ip, &a.plen, true);
	while (!err && next(p)) {
		if (is(p, "dev"))
			err = link_named(p, &a.link);
		else
			err = bad(p, "an address has no '%s'", p->word);
	}
	if (!err && a.link == FIB_NONE)
		err = bad(p, "an address needs its link: dev NAME");
	if (err)
		return err;
	to = more(p, &p->fib->addrs, &p->fib->n_addrs, ADDRS, sizeof(a));
	if (!to)
		return -ENOMEM;
	*to = a;
	return routes_of_address(p, &a);
}

static int route_gateway(struct parse *p, struct fib_route *r)
{
	bool six;

	next(p);
	six = is(p, "inet6");
	if (six || is(p, "inet"))
		next(p);
	if (!address(p->word, &r->gw_family, &r->gw) || (six && r->gw_family != AF_INET6))
		return bad(p, "'%s' is no gateway", p->word);
	if (r->gw_family == AF_INET && r->family == AF_INET6)
		return bad(p, "an IPv6 route has no IPv4 gateway");
	return 0;
}

static int route_source(struct parse *p, struct fib_route *r)
{
	uint8_t family;

	next(p);
	if (!address(p->word, &family, &r->src) || family != r->family)
		return bad(p, "'%s' is no source address for this route", p->word);
	r->has_src = true;
	return 0;
}

static int route_mtu(struct parse *p, struct fib_route *r)
{
	const char *at = p->at;
	uint32_t mtu;
	int err;

	/* Unless it is locked the kernel does not forward by it. */
	if (next(p) && is(p, "lock"))
		return number(p, "an MTU", 65535, &r->mtu);
	p->at = at;
	err = number(p, "an MTU", 65535, &mtu);
	return err;
}

/* What iproute2 prints behind a route and means nothing here. Return: whether it is that; its value is read, too. */
static bool route_noise(struct parse *p)
{
	static const char *const with_value[] = {"proto", "scope", "pref", "expires", "advmss", "hoplimit"};
	static const char *const alone[] = {"onlink", "linkdown", "unicast", "pervasive"};

	for (size_t i = 0; i < ARRAY_SIZE(alone); i++)
		if (is(p, alone[i]))
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(with_value); i++)
		if (is(p, with_value[i]))
			return next(p);
	return false;
}

static int route_word(struct parse *p, struct fib_route *r)
{
	if (is(p, "via"))
		return route_gateway(p, r);
	if (is(p, "dev"))
		return link_named(p, &r->link);
	if (is(p, "src"))
		return route_source(p, r);
	if (is(p, "table"))
		return table_number(p, &r->table);
	if (is(p, "metric"))
		return number(p, "a metric", UINT32_MAX, &r->metric);
	if (is(p, "mtu"))
		return route_mtu(p, r);
	if (is(p, "encap")) {
		/* How it is wrapped does not matter: the look-up says that it cannot tell. */
		r->encap = true;
		while (next(p) && !is(p, "via") && !is(p, "dev"))
			;
		return p->word[0] ? route_word(p, r) : 0;
	}
	return route_noise(p) ? 0 : bad(p, "a route has no '%s'", p->word);
}

/* The link of a gateway: the one that has an address in its subnet. */
static uint32_t link_to(const struct fib *fib, uint8_t family, const struct fib_ip *gw)
{
	for (uint32_t i = 0; i < fib->n_addrs; i++)
		if (fib->addrs[i].family == family && fib_in_prefix(gw, &fib->addrs[i].ip, fib->addrs[i].plen))
			return fib->addrs[i].link;
	return FIB_NONE;
}

static int parse_route(struct parse *p)
{
	static const char *const types[] = {
		[FIB_UNICAST] = "unicast",
		[FIB_LOCAL] = "local",
		[FIB_BROADCAST] = "broadcast",
		[FIB_BLACKHOLE] = "blackhole",
		[FIB_UNREACHABLE] = "unreachable",
		[FIB_PROHIBIT] = "prohibit",
		[FIB_THROW] = "throw",
	};
	struct fib_route r = {.link = FIB_NONE, .table = FIB_TABLE_MAIN, .metric = FIB_NONE};
	bool six = false, nowhere;
	int err = 0;

	next(p);
	if (is(p, "inet6") || is(p, "-6")) {
		six = true;
		next(p);
	}
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (is(p, types[i])) {
			r.type = (uint8_t)i;
			if (i == FIB_LOCAL || i == FIB_BROADCAST)
				r.table = FIB_TABLE_LOCAL;
			next(p);
			break;
		}
	if (is(p, "default")) {
		/* Of which family is what its gateway or source is of; alone IPv4's. */
		r.family = six || memmem(p->at, (size_t)(p->end - p->at), ":", 1) ? AF_INET6 : AF_INET;
	} else {
		err = prefix(p, &r.family, &r.dst, &r.plen, false);
	}
	while (!err && next(p))
		err = route_word(p, &r);
	if (err)
		return err;
	nowhere = r.type >= FIB_BLACKHOLE;
	if (r.metric == FIB_NONE)
		r.metric = r.family == AF_INET6 ? METRIC6 : 0;
	if (nowhere && r.gw_family)
		return bad(p, "a route that leads nowhere has no gateway");
	if (nowhere)
		r.link = FIB_NONE;
	else if (r.link == FIB_NONE && r.gw_family)
		r.link = link_to(p->fib, r.gw_family, &r.gw);
	if (r.link == FIB_NONE && !nowhere)
		return bad(p, r.gw_family ? "no link above has an address in the gateway's subnet: add dev NAME"
					  : "a route needs a link: dev NAME, or via GATEWAY");
	return add_route(p, &r);
}

static int parse_neigh(struct parse *p)
{
	struct fib_neigh n = {.link = FIB_NONE}, *to;
	bool has_mac = false, failed = false;
	int err = 0;

	if (!next(p) || !address(p->word, &n.family, &n.ip))
		return bad(p, "'%s' is no address of a neighbour", p->word);
	while (!err && next(p)) {
		if (is(p, "dev")) {
			err = link_named(p, &n.link);
		} else if (is(p, "lladdr")) {
			err = mac(p, n.mac);
			has_mac = true;
		} else if (is(p, "FAILED") || is(p, "INCOMPLETE") || is(p, "NONE")) {
			failed = true;
		} else if (!is(p, "REACHABLE") && !is(p, "STALE") && !is(p, "DELAY") && !is(p, "PROBE") &&
			   !is(p, "PERMANENT") && !is(p, "NOARP") && !is(p, "router") && !is(p, "extern_learn")) {
			err = bad(p, "a neighbour has no '%s'", p->word);
		}
	}
	if (err || failed)
		return err;
	if (n.link == FIB_NONE || !has_mac)
		return bad(p, "a neighbour needs dev NAME and lladdr MAC");
	to = more(p, &p->fib->neighs, &p->fib->n_neighs, NEIGHS, sizeof(n));
	if (!to)
		return -ENOMEM;
	*to = n;
	return 0;
}

static int parse_rule(struct parse *p)
{
	struct fib_rule r = {.family = AF_INET, .pref = PREF_LAST, .mask = UINT32_MAX}, *to;
	bool has_table = false, has_mark = false;
	char *slash;
	int err = 0;

	while (!err && next(p)) {
		if (is(p, "inet6")) {
			r.family = AF_INET6;
		} else if (is(p, "pref") || is(p, "priority")) {
			err = number(p, "a preference", PREF_LAST - 1, &r.pref);
		} else if (is(p, "from")) {
			if (!next(p) || !is(p, "all"))
				err = bad(p, "rules go by fwmark only; from is all");
		} else if (is(p, "fwmark")) {
			char *end = NULL;

			next(p);
			slash = strchr(p->word, '/');
			if (slash)
				*slash = 0;
			r.mark = (uint32_t)strtoul(p->word, &end, 0);
			has_mark = p->word[0] && !*end;
			if (slash && has_mark) {
				r.mask = (uint32_t)strtoul(slash + 1, &end, 0);
				has_mark = slash[1] && !*end;
			}
			if (!has_mark)
				err = bad(p, "fwmark is MARK or MARK/MASK, not '%s'", p->word);
		} else if (is(p, "table") || is(p, "lookup")) {
			err = table_number(p, &r.table);
			has_table = true;
		} else {
			err = bad(p, "rules go by fwmark only, not by '%s'", p->word);
		}
	}
	if (!err && (!has_mark || !has_table))
		err = bad(p, "a rule needs fwmark MARK and table N");
	if (err)
		return err;
	/* Each new rule goes in front of those that were there. */
	if (r.pref == PREF_LAST)
		r.pref -= p->fib->n_rules + 1;
	to = more(p, &p->fib->rules, &p->fib->n_rules, RULES, sizeof(r));
	if (!to)
		return -ENOMEM;
	*to = r;
	return 0;
}

static int parse_line(struct parse *p)
{
	static const struct {
		const char *word;
		int (*parse)(struct parse *p);
	} kinds[] = {
		{"link", parse_link},   {"addr", parse_addr}, {"route", parse_route},
		{"neigh", parse_neigh}, {"rule", parse_rule},
	};

	if (!next(p))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (is(p, kinds[i].word))
			return kinds[i].parse(p);
	return bad(p, "'%s' is none of link, addr, route, neigh, rule", p->word);
}

/* Twice the same prefix at the same metric: Linux would refuse it, or balance between the two, which look-ups here do not. */
static int check_twice(struct parse *p)
{
	const struct fib *fib = p->fib;

	for (uint32_t i = 1; i < fib->n_routes; i++) {
		const struct fib_route *a = &fib->routes[i - 1], *b = &fib->routes[i];

		if (a->family == b->family && a->table == b->table && a->plen == b->plen && a->metric == b->metric &&
		    a->type != FIB_LOCAL && a->type != FIB_BROADCAST && !memcmp(&a->dst, &b->dst, sizeof(a->dst))) {
			p->line = MAX(a->line, b->line);
			return bad(p,
				   "the route of line %u is the same but for where it leads: give one another metric",
				   MIN(a->line, b->line));
		}
	}
	return 0;
}

/* Every host's own: 127.0.0.0/8 is local to a link that no frame is on. ::1 is never looked up. */
static int add_loopback(struct parse *p)
{
	const struct fib_route r = {.family = AF_INET,
				    .dst.b = {127},
				    .plen = 8,
				    .table = FIB_TABLE_LOCAL,
				    .type = FIB_LOCAL,
				    .link = FIB_NONE};

	return add_route(p, &r);
}

int fib_parse(const char *text, size_t len, struct fib **out, char *why, size_t size)
{
	struct parse p = {.fib = calloc(1, sizeof(struct fib)), .why = why, .size = size};
	const char *end = text + len;
	int err = p.fib ? 0 : -ENOMEM;

	while (!err && text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *comment;

		p.line++;
		p.at = text;
		p.end = newline ? newline : end;
		comment = memchr(text, '#', (size_t)(p.end - text));
		text = p.end + 1;
		if (comment)
			p.end = comment;
		err = parse_line(&p);
	}
	if (!err)
		err = add_loopback(&p);
	if (!err)
		err = fib_index(p.fib);
	if (!err)
		err = check_twice(&p);
	if (err)
		fib_free(p.fib);
	else
		*out = p.fib;
	return err;
}
