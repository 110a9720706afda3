/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/net/reass.h"

#include "base/util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <string.h>

enum {
	UNIT = 8, /* offsets are counted in these */
	LONGEST = 65535, /* of an IP packet's length field */
	HEAD = 14 + 8 +
	       60, /* Ethernet, two tags, IPv4 with options; IPv6's headers before the fragment's must fit too */
	MORE = 1,
	FRAGMENT = 44,
	FRAGMENT_SIZE = 8,
};

/* Where a fragment lies in its packet. */
struct part {
	uint32_t head; /* bytes of the frame before what was cut, the fragment header left out */
	uint32_t data, len; /* of what was cut, in the frame */
	uint32_t offset; /* in the packet */
	uint32_t id;
	uint32_t next_at; /* IPv6: where the header's number stands that leads to the fragment header */
	uint8_t next; /* IPv6: what it leads to in the whole */
	bool more;
};

struct packet_parts {
	bool used, dropped;
	struct in6_addr src, dst;
	uint32_t id, l3, head, total, have, next_at; /* total: 0: not known; have: units */
	uint8_t family, proto, next;
	uint64_t began;
	uint32_t frames;
	uint8_t *whole; /* HEAD + LONGEST bytes: the head ends at HEAD */
	uint8_t seen[(LONGEST + 1) / UNIT / 8];
};

struct reass {
	struct packet_parts packets[REASS_MAX];
	uint64_t lost;
};

int reass_new(struct reass **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void reass_free(struct reass *r)
{
	for (int i = 0; r && i < REASS_MAX; i++)
		free(r->packets[i].whole);
	free(r);
}

static bool part_of_ip4(const uint8_t *frame, const struct ip_view *v, struct part *p)
{
	struct iphdr ip;
	uint32_t off;

	memcpy(&ip, frame + v->l3, sizeof(ip));
	off = ntohs(ip.frag_off);
	if (!(off & 0x3fff))
		return false;
	*p = (struct part){.head = v->l4, .data = v->l4, .len = v->end - v->l4, .offset = (off & 0x1fff) * UNIT};
	p->more = off & 0x2000;
	p->id = ntohs(ip.id);
	return true;
}

/* ip_parse() has been there before: the headers up to the fragment's are whole. */
static bool part_of_ip6(const uint8_t *frame, const struct ip_view *v, struct part *p)
{
	uint32_t at = v->l3 + (uint32_t)sizeof(struct ipv6hdr), next_at = v->l3 + 6;
	uint32_t word;
	uint16_t off;

	while (frame[next_at] != FRAGMENT) {
		uint8_t kind = frame[next_at];

		if ((kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS) ||
		    at + UNIT > v->end)
			return false;
		next_at = at;
		at += (frame[at + 1] + 1u) * UNIT;
	}
	if (at + FRAGMENT_SIZE > v->end)
		return false;
	memcpy(&off, frame + at + 2, sizeof(off));
	memcpy(&word, frame + at + 4, sizeof(word));
	off = ntohs(off);
	*p = (struct part){.head = at, .data = at + FRAGMENT_SIZE, .len = v->end - at - FRAGMENT_SIZE};
	p->offset = off & 0xfff8;
	p->more = off & MORE;
	p->id = word;
	p->next_at = next_at;
	p->next = frame[at];
	return true;
}

static bool part_of(const uint8_t *frame, const struct ip_view *v, struct part *p)
{
	return v->family == AF_INET ? part_of_ip4(frame, v, p) : v->family == AF_INET6 && part_of_ip6(frame, v, p);
}

bool reass_is_fragment(const uint8_t *frame, const struct ip_view *v)
{
	struct part p;

	return part_of(frame, v, &p);
}

static void forget(struct reass *r, struct packet_parts *k, bool lost)
{
	uint8_t *whole = k->whole;

	if (lost)
		r->lost += k->frames;
	memset(k, 0, sizeof(*k));
	k->whole = whole;
}

static struct packet_parts *find(struct reass *r, const struct ip_view *v, const struct part *p, uint64_t now)
{
	struct packet_parts *oldest = NULL, *free_one = NULL;
	uint8_t proto = v->family == AF_INET ? v->proto : 0;

	for (int i = 0; i < REASS_MAX; i++) {
		struct packet_parts *k = &r->packets[i];

		if (k->used && now - k->began > REASS_MS * 1000000ull)
			forget(r, k, true);
		if (!k->used)
			free_one = k;
		else if (k->id == p->id && k->family == v->family && k->proto == proto &&
			 !memcmp(&k->src, &v->src, sizeof(k->src)) && !memcmp(&k->dst, &v->dst, sizeof(k->dst)))
			return k;
		else if (!oldest || k->began < oldest->began)
			oldest = k;
	}
	if (!free_one) {
		forget(r, oldest, true);
		free_one = oldest;
	}
	if (!free_one->whole)
		free_one->whole = malloc(HEAD + LONGEST + UNIT);
	if (!free_one->whole) {
		r->lost++;
		return NULL;
	}
	free_one->used = true;
	free_one->family = v->family;
	free_one->proto = proto;
	free_one->src = v->src;
	free_one->dst = v->dst;
	free_one->id = p->id;
	free_one->began = now;
	return free_one;
}

/* Puts a part in its place. Return: false when the packet is not to be had any more. */
static bool place(struct packet_parts *k, const uint8_t *frame, const struct ip_view *v, const struct part *p)
{
	uint32_t end = p->offset + p->len, first = p->offset / UNIT, last = (end + UNIT - 1) / UNIT;

	if (!p->len || end + (p->head - v->l3) > LONGEST || p->head > HEAD || (p->more && p->len % UNIT))
		return false;
	if (!p->more && k->total && k->total != end)
		return false;
	if (!p->more)
		k->total = end;
	for (uint32_t u = first; u < last; u++) {
		if (k->seen[u / 8] & 1u << u % 8)
			return false;
		k->seen[u / 8] |= (uint8_t)(1u << u % 8);
	}
	k->have += last - first;
	memcpy(k->whole + HEAD + p->offset, frame + p->data, p->len);
	if (!p->offset) { /* the first one's headers are the whole's */
		k->l3 = v->l3;
		k->head = p->head;
		k->next_at = p->next_at;
		k->next = p->next;
		memcpy(k->whole + HEAD - p->head, frame, p->head);
	}
	return true;
}

/* All parts are there, and none beyond the end. */
static bool is_whole(const struct packet_parts *k)
{
	uint32_t units = (k->total + UNIT - 1) / UNIT;

	return k->total && k->head && k->have == units && k->seen[(units - 1) / 8] & 1u << (units - 1) % 8;
}

static uint32_t finish(struct packet_parts *k, const uint8_t **out)
{
	uint8_t *frame = k->whole + HEAD - k->head, *l3 = frame + k->l3;
	uint16_t len;

	if (k->family == AF_INET) {
		struct iphdr ip;
		uint32_t size = k->head - k->l3;

		memcpy(&ip, l3, sizeof(ip));
		ip.tot_len = htons((uint16_t)(size + k->total));
		ip.frag_off = 0;
		ip.check = 0;
		memcpy(l3, &ip, sizeof(ip));
		ip.check = ip_checksum(l3, size);
		memcpy(l3, &ip, sizeof(ip));
	} else {
		frame[k->next_at] = k->next;
		len = htons((uint16_t)(k->head - k->l3 - sizeof(struct ipv6hdr) + k->total));
		memcpy(l3 + 4, &len, sizeof(len));
	}
	*out = frame;
	return k->head + k->total;
}

uint32_t reass_add(struct reass *r, const uint8_t *frame, const struct ip_view *v, uint64_t now, const uint8_t **out)
{
	struct packet_parts *k;
	struct part p;
	uint32_t len;

	if (!part_of(frame, v, &p))
		return 0;
	k = find(r, v, &p, now);
	if (!k)
		return 0;
	k->frames++;
	/* What had a part that does not fit stays dropped, whatever comes. */
	if (k->dropped || !place(k, frame, v, &p)) {
		k->dropped = true;
		r->lost += k->frames;
		k->frames = 0;
		return 0;
	}
	if (!is_whole(k))
		return 0;
	len = finish(k, out);
	forget(r, k, false);
	return len;
}

uint64_t reass_lost(const struct reass *r)
{
	return r->lost;
}
