/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The string kfuncs of Linux 6.17 and 6.18. Their strings are plain addresses that nobody has checked: they are read by system calls, some bytes
 * at a time and never past a page that was not asked for. A bad address is -EFAULT, one near NULL -ERANGE, a string that does not end within
 * TOO_LONG bytes -E2BIG, and what is not found -ENOENT.
 */
#include "base/util.h"
#include "helper/impl.h"

#include <string.h>

enum {
	TOO_LONG = 65536,
	NULL_PAGE = 4096,
	PIECE = 256, /* read at once: divides a page */
};

/* A string that is read: the piece of it that is at hand. */
struct chars {
	struct skep_env *env;
	uint64_t start;
	uint64_t piece; /* address of what buf holds; 0: nothing */
	char buf[PIECE];
};

/* char_at - the character at @i. Return: 0 or -EFAULT. */
static int char_at(struct chars *s, uint64_t i, char *out)
{
	uint64_t at = s->start + i, piece = at & ~(uint64_t)(PIECE - 1);

	if (piece != s->piece || !s->piece) {
		if (env_read_kernel(s->env, s->buf, piece, PIECE)) {
			s->piece = 0;
			return -EFAULT;
		}
		s->piece = piece;
	}
	*out = s->buf[at - piece];
	return 0;
}

static bool near_null(uint64_t at)
{
	return at < NULL_PAGE;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static int64_t compare(struct skep_env *env, uint64_t at_a, uint64_t at_b, bool ignore_case)
{
	struct chars a = {.env = env, .start = at_a}, b = {.env = env, .start = at_b};
	char x, y;

	if (near_null(at_a) || near_null(at_b))
		return -ERANGE;
	for (uint32_t i = 0; i < TOO_LONG; i++) {
		if (char_at(&a, i, &x) || char_at(&b, i, &y))
			return -EFAULT;
		if (ignore_case) {
			x = lower(x);
			y = lower(y);
		}
		if (x != y)
			return x < y ? -1 : 1;
		if (!x)
			return 0;
	}
	return -E2BIG;
}

KFUNC(bpf_strcmp)
{
	return helper_result(compare(env, r1, r2, false));
}

KFUNC(bpf_strcasecmp)
{
	return helper_result(compare(env, r1, r2, true));
}

/* Where @c is among the first @count characters. */
static int64_t find(struct skep_env *env, uint64_t at, uint64_t count, char c)
{
	struct chars s = {.env = env, .start = at};
	uint64_t i;
	char x;

	if (near_null(at))
		return -ERANGE;
	for (i = 0; i < count && i < TOO_LONG; i++) {
		if (char_at(&s, i, &x))
			return -EFAULT;
		if (x == c)
			return (int64_t)i;
		if (!x)
			return -ENOENT;
	}
	return i == TOO_LONG ? -E2BIG : -ENOENT;
}

KFUNC(bpf_strchr)
{
	return helper_result(find(env, r1, TOO_LONG, (char)r2));
}

KFUNC(bpf_strnchr)
{
	return helper_result(find(env, r1, r2, (char)r3));
}

KFUNC(bpf_strchrnul)
{
	struct chars s = {.env = env, .start = r1};
	char x;

	if (near_null(r1))
		return helper_result(-ERANGE);
	for (uint32_t i = 0; i < TOO_LONG; i++) {
		if (char_at(&s, i, &x))
			return helper_result(-EFAULT);
		if (!x || x == (char)r2)
			return i;
	}
	return helper_result(-E2BIG);
}

KFUNC(bpf_strrchr)
{
	struct chars s = {.env = env, .start = r1};
	int64_t last = -ENOENT;
	char x;

	if (near_null(r1))
		return helper_result(-ERANGE);
	for (uint32_t i = 0; i < TOO_LONG; i++) {
		if (char_at(&s, i, &x))
			return helper_result(-EFAULT);
		/* Compared as an int: what is no char is not found. */
		if (x == (int32_t)r2)
			last = i;
		if (!x)
			return helper_result(last);
	}
	return helper_result(-E2BIG);
}

static int64_t length(struct skep_env *env, uint64_t at, uint64_t count)
{
	struct chars s = {.env = env, .start = at};
	uint64_t i;
	char x;

	if (near_null(at))
		return -ERANGE;
	for (i = 0; i < count && i < TOO_LONG; i++) {
		if (char_at(&s, i, &x))
			return -EFAULT;
		if (!x)
			return (int64_t)i;
	}
	return i == TOO_LONG ? -E2BIG : (int64_t)i;
}

KFUNC(bpf_strlen)
{
	return helper_result(length(env, r1, TOO_LONG));
}

KFUNC(bpf_strnlen)
{
	return helper_result(length(env, r1, r2));
}

/* How many characters at the start are (@in) or are not in a set. */
static int64_t span(struct skep_env *env, uint64_t at, uint64_t set_at, bool in)
{
	struct chars s = {.env = env, .start = at}, set = {.env = env, .start = set_at};
	char x, y = 0;
	uint32_t j;

	if (near_null(at) || near_null(set_at))
		return -ERANGE;
	for (uint32_t i = 0; i < TOO_LONG; i++) {
		if (char_at(&s, i, &x))
			return -EFAULT;
		if (!x)
			return i;
		for (j = 0; j < TOO_LONG; j++) {
			if (char_at(&set, j, &y))
				return -EFAULT;
			if (x == y || !y)
				break;
		}
		if (j == TOO_LONG)
			return -E2BIG;
		if (in == !y)
			return i;
	}
	return -E2BIG;
}

KFUNC(bpf_strspn)
{
	return helper_result(span(env, r1, r2, true));
}

KFUNC(bpf_strcspn)
{
	return helper_result(span(env, r1, r2, false));
}

/* Where a string begins in the first @len characters of another. */
static int64_t search(struct skep_env *env, uint64_t in_at, uint64_t what_at, uint64_t len)
{
	struct chars in = {.env = env, .start = in_at}, what = {.env = env, .start = what_at};
	char x, y;

	if (near_null(in_at) || near_null(what_at))
		return -ERANGE;
	for (uint32_t i = 0; i < TOO_LONG; i++) {
		uint64_t j;

		/* That @what ends is looked for one character further, for it may end where @len does. */
		for (j = 0; i + j <= len && j < TOO_LONG; j++) {
			if (char_at(&what, j, &y))
				return -EFAULT;
			if (!y)
				return i;
			if (i + j == len)
				break;
			if (char_at(&in, i + j, &x))
				return -EFAULT;
			if (!x)
				return -ENOENT;
			if (x != y)
				break;
		}
		if (j == TOO_LONG)
			return -E2BIG;
		if (i + j == len)
			return -ENOENT;
	}
	return -E2BIG;
}

KFUNC(bpf_strstr)
{
	return helper_result(search(env, r1, r2, TOO_LONG));
}

KFUNC(bpf_strnstr)
{
	return helper_result(search(env, r1, r2, r3));
}

/* int bpf_copy_from_user_str(void *dst, u32 dst__sz, const void *unsafe_ptr, u64 flags) */
KFUNC(bpf_copy_from_user_str)
{
	uint32_t size = (uint32_t)r2;
	char *to = helper_ptr(r1);
	int len;

	if (r4 & ~(uint64_t)SKEP_F_PAD_ZEROS)
		return helper_result(-EINVAL);
	if (!size)
		return 0;
	len = env_read_user_string(env, to, r3, size);
	if (len == -EFAULT) {
		if (r4)
			memset(to, 0, size);
		return helper_result(-EFAULT);
	}
	if (len < 0)
		len = (int)size - 1;
	to[len] = 0;
	if (r4)
		memset(to + len, 0, size - (uint32_t)len);
	return (uint64_t)len + 1;
}
