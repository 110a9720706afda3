/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes as they stand on the wire, for the tests of the egress firewall. Each writes at @p, which has room, and returns what is behind. */
#ifndef SKEP_TESTS_APPS_WIRE_H
#define SKEP_TESTS_APPS_WIRE_H

#include <stdint.h>
#include <string.h>

static inline uint8_t *put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
	return p + 2;
}

/* put_name - a host name as DNS has it. */
static inline uint8_t *put_name(uint8_t *p, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		*p++ = (uint8_t)n;
		memcpy(p, name, n);
		p += n;
		name += n + (name[n] == '.');
	}
	*p++ = 0;
	return p;
}

/*
 * put_hello - a TLS record with a ClientHello: an extension of @before bytes, then the name, then one of @after bytes; 0 and NULL leave
 * that one out.
 */
static inline uint8_t *put_hello(uint8_t *p, const char *name, uint32_t before, uint32_t after)
{
	uint32_t n = name ? (uint32_t)strlen(name) : 0,
		 exts = (before ? 4 + before : 0) + (name ? 9 + n : 0) + (after ? 4 + after : 0);
	uint32_t body = 2 + 32 + 1 + 2 + 2 + 1 + 1 + 2 + exts;

	*p++ = 22;
	p = put16(p, 0x0301);
	p = put16(p, body + 4);
	*p++ = 1;
	*p++ = 0;
	p = put16(p, body);
	p = put16(p, 0x0303);
	memset(p, 7, 32);
	p += 32;
	*p++ = 0;
	p = put16(p, 2);
	p = put16(p, 0x1301);
	*p++ = 1;
	*p++ = 0;
	p = put16(p, exts);
	if (before) {
		p = put16(p, 0x0033);
		p = put16(p, before);
		memset(p, 1, before);
		p += before;
	}
	if (name) {
		p = put16(p, 0);
		p = put16(p, n + 5);
		p = put16(p, n + 3);
		*p++ = 0;
		p = put16(p, n);
		memcpy(p, name, n);
		p += n;
	}
	if (after) {
		p = put16(p, 0x0015);
		p = put16(p, after);
		memset(p, 0, after);
		p += after;
	}
	return p;
}

#endif
