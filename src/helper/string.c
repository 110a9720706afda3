/* SPDX-License-Identifier: BSD-2-Clause */
/* Strings and numbers. */
#include "base/util.h"
#include "helper/impl.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { MAX_DIGITS = 64 }; /* more than any number takes */

/*
 * parse - the number at the start of a buffer: white space, a sign, digits.
 * @flags: the base, 0, 8, 10 or 16; 0 goes by a prefix
 * Return: bytes read with the space and the sign; -EINVAL without digits, -ERANGE for too many.
 */
static int64_t parse(const char *buf, size_t len, uint64_t flags, uint64_t *value, bool *negative)
{
	uint32_t base = (uint32_t)(flags & 0x1f);
	size_t at = 0, digits = 0;
	uint64_t v = 0;
	bool over = false;

	if (!buf || !len || (base && base != 8 && base != 10 && base != 16) || (flags & ~(uint64_t)0x1f))
		return -EINVAL;
	while (at < len && isspace((unsigned char)buf[at]))
		at++;
	*negative = at < len && buf[at] == '-';
	if (*negative)
		at++;
	/* Behind a minus no plus is taken. */
	if (at >= len)
		return -EINVAL;
	len = MIN(len, at + MAX_DIGITS - 1);
	if (!base) {
		base = 10;
		if (buf[at] == '0' && at + 1 < len)
			base = (buf[at + 1] | 0x20) == 'x' && at + 2 < len && isxdigit((unsigned char)buf[at + 2]) ? 16
														   : 8;
	}
	if (base == 16 && at + 1 < len && buf[at] == '0' && (buf[at + 1] | 0x20) == 'x')
		at += 2;
	for (; at < len; at++, digits++) {
		uint32_t c = (uint8_t)buf[at];
		uint32_t d = isdigit((int)c) ? c - '0' : isxdigit((int)c) ? (c | 0x20) - 'a' + 10 : 255;

		if (d >= base)
			break;
		over |= __builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v);
	}
	if (!digits)
		return -EINVAL;
	if (over)
		return -ERANGE;
	*value = v;
	return (int64_t)at;
}

HELPER(strtol)
{
	int64_t *out = helper_ptr(r4);
	bool negative = false;
	uint64_t v = 0;
	int64_t ret;

	*out = 0;
	ret = parse(helper_ptr(r1), (size_t)r2, r3, &v, &negative);
	if (ret < 0)
		return helper_result(ret);
	if (v > (uint64_t)INT64_MAX + negative)
		return helper_result(-ERANGE);
	*out = negative ? (int64_t)(0 - v) : (int64_t)v;
	return helper_result(ret);
}

HELPER(strtoul)
{
	uint64_t *out = helper_ptr(r4);
	bool negative = false;
	uint64_t v = 0;
	int64_t ret;

	*out = 0;
	ret = parse(helper_ptr(r1), (size_t)r2, r3, &v, &negative);
	if (ret < 0)
		return helper_result(ret);
	if (negative)
		return helper_result(-EINVAL);
	*out = v;
	return helper_result(ret);
}

HELPER(strncmp)
{
	const unsigned char *a = helper_ptr(r1), *b = helper_ptr(r3);

	for (uint32_t n = (uint32_t)r2; n; n--, a++, b++) {
		if (*a != *b)
			return helper_result(*a < *b ? -1 : 1);
		if (!*a)
			break;
	}
	return 0;
}
