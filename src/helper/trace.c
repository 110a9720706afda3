/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatted text: bpf_trace_printk(), bpf_trace_vprintk(), bpf_snprintf().
 *
 * Every argument is a 64-bit word. What a format may hold is the kernel's subset (bpf_bprintf_prepare()): a conversion is
 * flags out of "0+- ", a width, and one of d i u x X with up to two l, c, s, p, pK px ps pS pB, pks pus, pi4 pI4 pi6
 * pI6; nothing but printable ASCII and white space stands around them. All else is -EINVAL.
 * Pointers are followed by prog/reach.c: %s takes the task's addresses and the kernel's, %pus the task's only, %pks and %pi the kernel's only. What cannot be
 * read is an empty string or zeroes.
 */
#include "base/util.h"
#include "helper/impl.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum {
	ARGS_MAX = 12,
	PRINTK_ARGS = 3,
	TEXT_MAX = 1024, /* of one bpf_trace_printk(), with its end */
	STRING_MAX = 512, /* of one argument */
	WIDTH_MAX = 4096, /* more than any text takes; keeps a sum of lengths small */
};

/* Text that grows; len counts what does not fit, too. */
struct text {
	char *buf;
	size_t size, len;
	size_t room; /* size with the end */
	struct skep_env *env;
};

static void add(struct text *t, const char *s, size_t len)
{
	if (t->len < t->size)
		memcpy(t->buf + t->len, s, MIN(len, t->size - t->len));
	t->len += len;
}

/* A conversion: what stands before its letter. */
struct spec {
	char flags[8];
	uint32_t width;
	bool left;
};

static void add_padded(struct text *t, const struct spec *spec, const char *s, size_t len)
{
	size_t pad = spec->width > len ? spec->width - len : 0;

	if (spec->left)
		add(t, s, len);
	for (size_t i = 0; i < pad; i++)
		add(t, " ", 1);
	if (!spec->left)
		add(t, s, len);
}

static void add_number(struct text *t, const struct spec *spec, char letter, int longs, uint64_t value)
{
	char format[32], number[WIDTH_MAX + 32];
	int len;

	/* An int is what the word's lower half says. */
	if (!longs)
		value = letter == 'd' || letter == 'i' ? (uint64_t)(int64_t)(int32_t)value : (uint32_t)value;
	snprintf(format, sizeof(format), "%%%s*ll%c", spec->flags, letter);
	len = snprintf(number, sizeof(number), format, (int)spec->width, (long long)value);
	add(t, number, (size_t)len);
}

static void add_string(struct text *t, const struct spec *spec, uint64_t from,
		       int (*read)(struct skep_env *env, char *to, uint64_t from, size_t size))
{
	char s[STRING_MAX];
	int len = read(t->env, s, from, sizeof(s));

	if (len == -EINVAL)
		len = sizeof(s) - 1;
	add_padded(t, spec, s, len < 0 ? 0 : (size_t)len);
}

/*
 * What %p with a suffix has followed: no width applies; and where the text is full already it does not count into its
 * length, as in the kernel.
 */
static void add_followed(struct text *t, const char *s, size_t len)
{
	if (t->len < t->room)
		add(t, s, len);
}

static void add_address(struct text *t, char letter, char version, uint64_t from)
{
	uint8_t ip[16] = {};
	char s[64] = "";
	size_t len = 0;

	if (env_read_kernel(t->env, ip, from, version == '4' ? 4 : 16))
		memset(ip, 0, sizeof(ip));
	if (version == '4') {
		/* i4: leading zeroes */
		len = (size_t)snprintf(s, sizeof(s), letter == 'i' ? "%03u.%03u.%03u.%03u" : "%u.%u.%u.%u", ip[0],
				       ip[1], ip[2], ip[3]);
	} else {
		/* i6: without colons */
		for (size_t i = 0; i < sizeof(ip); i += 2)
			len += (size_t)snprintf(s + len, sizeof(s) - len, "%s%02x%02x", i && letter == 'I' ? ":" : "",
						ip[i], ip[i + 1]);
	}
	add_followed(t, s, len);
}

static bool ends_word(char c)
{
	return !c || isspace((unsigned char)c) || ispunct((unsigned char)c);
}

/* %p and its kin; @f stands behind the p. Return: where the text goes on, NULL for a form that does not exist. */
static const char *add_pointer(struct text *t, const struct spec *spec, const char *f, uint64_t value)
{
	char s[32];

	if (ends_word(*f) || *f == 'K' || *f == 'x') {
		add_padded(t, spec, s, (size_t)snprintf(s, sizeof(s), "%016llx", (unsigned long long)value));
		return ends_word(*f) ? f : f + 1;
	}
	if ((f[0] == 'k' || f[0] == 'u') && f[1] == 's') {
		const struct spec plain = {};

		if (!ends_word(f[2]))
			return NULL;
		if (t->len < t->room)
			add_string(t, &plain, value, f[0] == 'k' ? env_read_kernel_string : env_read_user_string);
		return f + 2;
	}
	if (*f == 's' || *f == 'S' || *f == 'B') {
		/* An address that is in no symbol. */
		add_padded(t, spec, s, (size_t)snprintf(s, sizeof(s), "0x%llx", (unsigned long long)value));
		return f + 1;
	}
	if ((f[0] == 'i' || f[0] == 'I') && (f[1] == '4' || f[1] == '6')) {
		add_address(t, f[0], f[1], value);
		return f + 2;
	}
	return NULL;
}

/* Flags and width. Return: where the conversion's letter stands. */
static const char *read_spec(const char *f, struct spec *spec)
{
	size_t n = 0;

	*spec = (struct spec){};
	for (; *f == '0' || *f == '+' || *f == '-' || *f == ' '; f++) {
		spec->left |= *f == '-';
		if (!strchr(spec->flags, *f) && n < sizeof(spec->flags) - 1)
			spec->flags[n++] = *f;
	}
	if (*f >= '1' && *f <= '9')
		for (; isdigit((unsigned char)*f); f++)
			spec->width = MIN(spec->width * 10 + (uint32_t)(*f - '0'), (uint32_t)WIDTH_MAX);
	return f;
}

/* One conversion; @f stands behind its %. */
static const char *convert(struct text *t, const char *f, uint64_t value)
{
	struct spec spec;
	int longs = 0;
	char c;

	f = read_spec(f, &spec);
	switch (*f) {
	case 'p':
		f = add_pointer(t, &spec, f + 1, value);
		/* Letters and digits that follow a pointer's suffix are taken for more of it. */
		while (f && isalnum((unsigned char)*f))
			f++;
		return f;
	case 's':
		if (!ends_word(f[1]))
			return NULL;
		add_string(t, &spec, value, env_read_either_string);
		return f + 1;
	case 'c':
		c = (char)value;
		add_padded(t, &spec, &c, 1);
		return f + 1;
	}
	for (; *f == 'l' && longs < 2; f++)
		longs++;
	if (!*f || !strchr("diuxX", *f))
		return NULL;
	add_number(t, &spec, *f, longs, value);
	return f + 1;
}

/*
 * format - write formatted text.
 * @fmt, @fmt_size: the format, which must end within its size
 * @buf, @size:     where the text goes, cut to @size bytes with its end; size 0: only measure
 * Return: the whole text's length, -EINVAL.
 */
static int64_t format(struct skep_env *env, char *buf, size_t size, const char *fmt, size_t fmt_size,
		      const uint64_t *args, uint32_t n_args)
{
	struct text t = {.buf = buf, .size = size ? size - 1 : 0, .room = size, .env = env};
	uint32_t n = 0;

	if (!memchr(fmt, 0, fmt_size))
		return -EINVAL;
	while (*fmt) {
		unsigned char c = (unsigned char)*fmt;

		if (c > 127 || (!isprint(c) && !isspace(c)))
			return -EINVAL;
		fmt++;
		if (c != '%' || *fmt == '%') {
			add(&t, (const char *)&c, 1);
			fmt += c == '%';
			continue;
		}
		if (n >= n_args)
			return -EINVAL;
		fmt = convert(&t, fmt, args[n++]);
		if (!fmt)
			return -EINVAL;
	}
	if (size)
		buf[MIN(t.len, t.size)] = 0;
	return (int64_t)t.len;
}

static uint64_t print(struct skep_env *env, const char *fmt, size_t fmt_size, const uint64_t *args, uint32_t n_args)
{
	char text[TEXT_MAX];
	int64_t len = format(env, text, sizeof(text), fmt, fmt_size, args, n_args);

	if (len >= 0 && env->trace.write)
		env->trace.write(env->trace.arg, text, (size_t)MIN(len, (int64_t)sizeof(text) - 1));
	return helper_result(len);
}

/* Arguments as a region of words. */
static bool args_ok(uint64_t data, uint32_t len)
{
	return !(len % 8) && len <= ARGS_MAX * 8 && (data || !len);
}

HELPER(trace_printk)
{
	const uint64_t args[PRINTK_ARGS] = {r3, r4, r5};

	return print(env, helper_ptr(r1), (uint32_t)r2, args, PRINTK_ARGS);
}

HELPER(trace_vprintk)
{
	uint64_t args[ARGS_MAX] = {};

	if (!args_ok(r3, (uint32_t)r4))
		return helper_result(-EINVAL);
	if (r4)
		memcpy(args, helper_ptr(r3), (uint32_t)r4);
	return print(env, helper_ptr(r1), (uint32_t)r2, args, (uint32_t)r4 / 8);
}

HELPER(snprintf)
{
	const char *fmt = helper_ptr(r3);
	uint64_t args[ARGS_MAX] = {};
	int64_t len;

	if (!args_ok(r4, (uint32_t)r5))
		return helper_result(-EINVAL);
	if (r5)
		memcpy(args, helper_ptr(r4), (uint32_t)r5);
	/* A constant string: it ends. */
	len = format(env, helper_ptr(r1), (uint32_t)r2, fmt, strlen(fmt) + 1, args, (uint32_t)r5 / 8);
	return helper_result(len < 0 ? len : len + 1);
}
