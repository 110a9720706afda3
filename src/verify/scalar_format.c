/* SPDX-License-Identifier: BSD-2-Clause */
/* Scalars: as the kernel's log prints them. Contract: scalar.h. */
#include "verify/scalar.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct out {
	char *buf;
	size_t size, used;
};

static __attribute__((format(printf, 2, 3))) void put(struct out *o, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(o->buf + o->used, o->size - o->used, format, ap);
	va_end(ap);
	if (n > 0)
		o->used = (size_t)n < o->size - o->used ? o->used + (size_t)n : o->size - 1;
}

/* Numbers that fit into 16 bits are decimal, others hexadecimal. */
static void put_unsigned(struct out *o, uint64_t v)
{
	put(o, v <= UINT16_MAX ? "%" PRIu64 : "0x%" PRIx64, v);
}

static void put_signed(struct out *o, int64_t v)
{
	if (v >= INT16_MIN && v <= INT16_MAX)
		put(o, "%" PRId64, v);
	else
		put(o, "0x%" PRIx64, (uint64_t)v);
}

/* A bound of 32 bits is sign-extended only if it is printed in decimal: then it joins a 64-bit bound of the same value. */
static int64_t wide(int32_t v)
{
	return v >= INT16_MIN && v <= INT16_MAX ? v : (int64_t)(uint32_t)v;
}

size_t scalar_format_const(uint64_t v, char *buf, size_t size)
{
	struct out o = {buf, size, 0};

	put_signed(&o, (int64_t)v);
	return o.used;
}

size_t scalar_format(const struct scalar *s, char *buf, size_t size)
{
	/* Lower bounds have even places, upper ones odd: only bounds of one kind are joined. */
	struct {
		const char *name;
		uint64_t value;
		bool is_signed, omit;
	} bounds[] = {
		{"smin", (uint64_t)s->smin, true, s->smin == INT64_MIN},
		{"smax", (uint64_t)s->smax, true, s->smax == INT64_MAX},
		{"umin", s->umin, false, s->umin == 0},
		{"umax", s->umax, false, s->umax == UINT64_MAX},
		{"smin32", (uint64_t)wide(s->smin32), true, s->smin32 == INT32_MIN},
		{"smax32", (uint64_t)wide(s->smax32), true, s->smax32 == INT32_MAX},
		{"umin32", s->umin32, false, s->umin32 == 0},
		{"umax32", s->umax32, false, s->umax32 == UINT32_MAX},
	};
	const size_t n = sizeof(bounds) / sizeof(bounds[0]);
	struct out o = {buf, size, 0};

	buf[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		bool negative = bounds[i].is_signed && (int64_t)bounds[i].value < 0;

		if (bounds[i].omit)
			continue;
		put(&o, "%s%s=", o.used ? "," : "", bounds[i].name);
		for (size_t j = i + 2; j < n; j += 2) {
			if (bounds[j].omit || bounds[j].value != bounds[i].value ||
			    negative != (bounds[j].is_signed && (int64_t)bounds[j].value < 0))
				continue;
			bounds[j].omit = true;
			put(&o, "%s=", bounds[j].name);
		}
		if (bounds[i].is_signed)
			put_signed(&o, (int64_t)bounds[i].value);
		else
			put_unsigned(&o, bounds[i].value);
	}
	if (~s->bits.mask)
		put(&o, "%svar_off=(0x%" PRIx64 "; 0x%" PRIx64 ")", o.used ? "," : "", s->bits.value, s->bits.mask);
	return o.used;
}
