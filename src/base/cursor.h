/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A cursor over untrusted bytes. Reading past the end does not happen: the cursor turns bad, and stays
 * so; a caller may make any number of reads and look at the end once.
 *
 * Invariant: pos <= len.
 */
#ifndef SKEP_BASE_CURSOR_H
#define SKEP_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cursor {
	const uint8_t *base;
	size_t len;
	size_t pos;
	bool bad;
};

static inline struct cursor cursor_of(const void *base, size_t len)
{
	return (struct cursor){.base = base, .len = len};
}

static inline size_t cursor_left(const struct cursor *c)
{
	return c->len - c->pos;
}

/* cursor_take - the next @n bytes in place, or NULL. */
static inline const void *cursor_take(struct cursor *c, size_t n)
{
	const uint8_t *p;

	if (c->bad || n > cursor_left(c)) {
		c->bad = true;
		return NULL;
	}
	p = c->base + c->pos;
	c->pos += n;
	return p;
}

/* cursor_get - copy the next @n bytes; zeroes when they are not there. */
static inline bool cursor_get(struct cursor *c, void *to, size_t n)
{
	const void *p = cursor_take(c, n);

	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
	return p != NULL;
}

/* cursor_be16 - the next two bytes as a number in network byte order; 0 when they are not there. */
static inline uint16_t cursor_be16(struct cursor *c)
{
	uint8_t b[2];

	cursor_get(c, b, sizeof(b));
	return (uint16_t)(b[0] << 8 | b[1]);
}

/* cursor_part - a cursor over @n bytes at @off of the whole; bad when they are not all there. */
static inline struct cursor cursor_part(const struct cursor *c, size_t off, size_t n)
{
	if (c->bad || off > c->len || n > c->len - off)
		return (struct cursor){.bad = true};
	return cursor_of(c->base + off, n);
}

#endif
