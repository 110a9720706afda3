/* SPDX-License-Identifier: BSD-2-Clause */
/* A direct-mapped table: an address that falls on another one's place takes it. */
#include "hook/net/names.h"

#include "base/cursor.h"
#include "hook/net/dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

enum { PLACES = 4096, ANSWERS = 64, HEADER = 12, TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1 };

struct names {
	struct {
		struct in6_addr addr;
		char name[256];
	} places[PLACES];
};

int names_new(struct names **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void names_free(struct names *n)
{
	free(n);
}

static uint32_t place_of(const struct in6_addr *a)
{
	uint32_t h = 0;

	for (int i = 0; i < 16; i++)
		h = h * 31 + a->s6_addr[i];
	return (h ^ h >> 12) % PLACES;
}

/* Past a name: labels up to an empty one or a pointer (RFC 1035, 4.1.4). */
static void skip_name(struct cursor *c)
{
	uint8_t n = 0;

	do {
		cursor_get(c, &n, 1);
		if (n >= 0xc0) {
			cursor_take(c, 1);
			return;
		}
		cursor_take(c, n);
	} while (n && !c->bad);
}

void names_learn(struct names *n, const uint8_t *msg, uint32_t len)
{
	struct cursor c = cursor_of(msg, len);
	uint16_t flags, answers;
	char name[256];

	if (!dns_name(msg, len, name, NULL))
		return;
	cursor_take(&c, 2);
	flags = cursor_be16(&c);
	cursor_take(&c, 2);
	answers = cursor_be16(&c);
	if (!(flags & 0x8000) || flags & 0xf)
		return;
	cursor_take(&c, 4);
	skip_name(&c);
	cursor_take(&c, 4);
	for (uint16_t i = 0; i < answers && i < ANSWERS && !c.bad; i++) {
		uint16_t type, class, size;
		const uint8_t *data;
		struct in6_addr addr;
		uint32_t four;

		skip_name(&c);
		type = cursor_be16(&c);
		class = cursor_be16(&c);
		cursor_take(&c, 4);
		size = cursor_be16(&c);
		data = cursor_take(&c, size);
		if (!data || class != CLASS_IN)
			continue;
		if (type == TYPE_A && size == 4) {
			memcpy(&four, data, sizeof(four));
			addr = ip_v4(four);
		} else if (type == TYPE_AAAA && size == 16) {
			memcpy(&addr, data, sizeof(addr));
		} else {
			continue;
		}
		n->places[place_of(&addr)].addr = addr;
		memcpy(n->places[place_of(&addr)].name, name, sizeof(name));
	}
}

const char *names_find(const struct names *n, const struct in6_addr *addr)
{
	uint32_t p = place_of(addr);

	return memcmp(&n->places[p].addr, addr, sizeof(*addr)) ? "" : n->places[p].name;
}
