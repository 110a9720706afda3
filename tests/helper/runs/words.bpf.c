/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on numbers, formats and memory by address, path by path. */
#include "paths.h"

/* "straw" at the end of what can be read; what lies behind it; where a string is that fills a page. */
const volatile __u64 good, gone;

SEC("tc") int numbers(struct __sk_buff *skb)
{
	unsigned long u = 9;
	long n = 9;

	PATH(3, bpf_strtol("123", 3, 0, &n));
	PATH(123, n);
	PATH(5, bpf_strtol(" -45x", 5, 10, &n) + 1);
	PATH(-45, n);
	PATH(4, bpf_strtol("0x1f", 4, 0, &n));
	PATH(0x1f, n);
	PATH(4, bpf_strtol("0x1f", 4, 16, &n));
	PATH(3, bpf_strtol("017", 3, 0, &n));
	PATH(15, n);
	PATH(1, bpf_strtol("08", 2, 8, &n)); /* as far as it goes */
	PATH(20, bpf_strtol("-9223372036854775808", 20, 10, &n));
	PATH(1ll << 63, n);
	PATH(-ERANGE, bpf_strtol("9223372036854775808", 19, 10, &n));
	PATH(0, n);
	PATH(-ERANGE, bpf_strtol("99999999999999999999", 20, 10, &n));
	PATH(-EINVAL, bpf_strtol("12", 2, 2, &n));
	PATH(-EINVAL, bpf_strtol("12", 2, 32, &n));
	PATH(-EINVAL, bpf_strtol("12", 2, 1ull << 40, &n));
	PATH(-EINVAL, bpf_strtol("  ", 2, 0, &n));
	PATH(-EINVAL, bpf_strtol("-", 1, 0, &n));
	PATH(-EINVAL, bpf_strtol("abc", 3, 10, &n));
	PATH(3, bpf_strtoul("123", 3, 0, &u));
	PATH(123, u);
	PATH(20, bpf_strtoul("18446744073709551615", 20, 10, &u));
	PATH(-1, u);
	PATH(-ERANGE, bpf_strtoul("18446744073709551616", 20, 10, &u));
	PATH(0, u);
	PATH(-EINVAL, bpf_strtoul("-5", 2, 10, &u));
	PATH(-EINVAL, bpf_strtoul("5", 1, 3, &u));
	PATH(-EINVAL, bpf_strtoul("x", 1, 0, &u));
	PATH(0, bpf_strncmp("straw", 5, "straw"));
	PATH(0, bpf_strncmp("straw", 3, "strip"));
	PATH(true, bpf_strncmp("straw", 5, "strip") < 0);
	PATH(true, bpf_strncmp("strip", 5, "straw") > 0);
	PATH(0, bpf_strncmp("ab\0x", 4, "ab"));
	return DONE;
}

SEC("tc") int formats(struct __sk_buff *skb)
{
	static const char plain[] = "plain", two[] = "%d-%x", text[] = "%s|";
	__u64 words[2] = {(__u64)-7, 255}, at = (__u64)plain;
	char buf[16];

	PATH(6, bpf_snprintf(buf, sizeof(buf), plain, NULL, 0));
	PATH(0, bpf_strncmp(buf, 6, "plain"));
	PATH(6, bpf_snprintf(buf, sizeof(buf), two, words, 16));
	PATH(0, bpf_strncmp(buf, 6, "-7-ff"));
	PATH(6, bpf_snprintf(buf, 3, two, words, 16)); /* what all of it would have taken */
	PATH(0, bpf_strncmp(buf, 3, "-7"));
	PATH(6, bpf_snprintf(NULL, 0, two, words, 16));
	at = 0;
	PATH(2, bpf_snprintf(buf, sizeof(buf), text, &at, 8)); /* no string there */
	PATH(0, bpf_strncmp(buf, 2, "|"));
	return DONE;
}

static char said[128];

/* One word formatted: its length with the end, and the text. */
#define FORMATTED(want, format, word)                                                                                  \
	do {                                                                                                           \
		static const char format_[] = format;                                                                  \
		__u64 word_ = (word);                                                                                  \
                                                                                                                       \
		PATH(sizeof(want), bpf_snprintf(said, sizeof(said), format_, &word_, 8));                              \
		PATH(0, bpf_strncmp(said, sizeof(want), want));                                                        \
	} while (0)

SEC("tc") int conversions(struct __sk_buff *skb)
{
	static const char straw[] = "straw";
	static char ip[16] = {10, 1, 2, 3, [15] = 1};
	static char longest[600];

	FORMATTED("c|", "%c|", 'c');
	FORMATTED("    c|", "%5c|", 'c');
	FORMATTED("-1", "%d", 0xffffffffull);
	FORMATTED("4294967295", "%ld", 0xffffffffull);
	FORMATTED("-1", "%lli", -1ll);
	FORMATTED("18446744073709551615", "%llu", -1ll);
	FORMATTED("   ff", "%5x", 255);
	FORMATTED("ff   |", "%-5x|", 255);
	FORMATTED("000FF", "%05X", 255);
	FORMATTED("+7", "%+d", 7);
	FORMATTED(" 7", "% d", 7);
	FORMATTED("100%7", "100%%%d", 7);
	FORMATTED("straw", "%s", (__u64)straw);
	FORMATTED("  straw|", "%7s|", (__u64)straw);
	FORMATTED("straw  |", "%-7s|", (__u64)straw);
	FORMATTED("straw|", "%pks|", (__u64)straw);
	FORMATTED("00000000000000ff", "%px", 255);
	FORMATTED("0x8", "%ps", 8);
	FORMATTED("0x8", "%pS", 8);
	FORMATTED("0x8", "%pB", 8);
	FORMATTED("10.1.2.3", "%pI4", (__u64)ip);
	FORMATTED("010.001.002.003", "%pi4", (__u64)ip);
	FORMATTED("0a01:0203:0000:0000:0000:0000:0000:0001", "%pI6", (__u64)ip);
	FORMATTED("0a010203000000000000000000000001", "%pi6", (__u64)ip);
	FORMATTED("0.0.0.0", "%pI4", 0); /* nothing is there */
	__builtin_memset(longest, 'z', sizeof(longest));
	{
		static const char format[] = "%s";
		__u64 word = (__u64)longest;

		PATH(512, bpf_snprintf(said, sizeof(said), format, &word, 8)); /* of one argument no more than that */
		PATH(0, said[127]);
	}
	return DONE;
}

/* Where the kernel's go, all of the machine would see them. */
SEC("tc") int traces(struct __sk_buff *skb)
{
	static const char good_format[] = "%d %d", bad[] = "%z", none[] = {'a', 'b'};
	__u64 words[2] = {1, 2};

	PATH(3, bpf_trace_printk(good_format, sizeof(good_format), 1, 2));
	PATH(-EINVAL, bpf_trace_printk(bad, sizeof(bad)));
	PATH(-EINVAL, bpf_trace_printk(none, sizeof(none))); /* it has no end */
	PATH(-EINVAL, bpf_trace_printk("%d%d%d%d", 9, 1, 2, 3)); /* of a fourth there is none */
	PATH(-EINVAL, bpf_trace_printk("%sx", 4, words));
	PATH(-EINVAL, bpf_trace_printk("%pksx", 6, words));
	PATH(-EINVAL, bpf_trace_printk("%pM", 4, words));
	PATH(-EINVAL, bpf_trace_printk("\x80", 2));
	PATH(-EINVAL, bpf_trace_printk("%lld%", 6, 1)); /* nothing follows */
	PATH(3, bpf_trace_vprintk(good_format, sizeof(good_format), words, 16));
	PATH(2, bpf_trace_vprintk("ab", 3, NULL, 0));
	PATH(-EINVAL, bpf_trace_vprintk(good_format, sizeof(good_format), words, 8));
	PATH(-EINVAL, bpf_trace_vprintk(good_format, sizeof(good_format), words, 12));
	PATH(-EINVAL, bpf_trace_vprintk(bad, sizeof(bad), words, 16));
	return DONE;
}

SEC("raw_tp") int reads(void *ctx)
{
	char buf[16];

	PATH(0, bpf_probe_read(buf, 5, (void *)good));
	PATH(0, bpf_strncmp(buf, 5, "straw"));
	PATH(-EFAULT, bpf_probe_read(buf, 8, (void *)gone));
	PATH(0, *(__u64 *)buf);
	PATH(0, bpf_probe_read(buf, 0, (void *)gone));
	PATH(6, bpf_probe_read_str(buf, 16, (void *)good));
	PATH(4, bpf_probe_read_str(buf, 4, (void *)good));
	PATH(0, bpf_strncmp(buf, 4, "str"));
	PATH(-EFAULT, bpf_probe_read_str(buf, 8, (void *)gone));
	PATH(0, buf[0]);
	PATH(0, bpf_probe_read_str(buf, 0, (void *)good));
	PATH(0, bpf_probe_read_user(buf, 5, (void *)good));
	PATH(-EFAULT, bpf_probe_read_user(buf, 8, (void *)gone));
	PATH(-EFAULT, bpf_probe_read_user(buf, 8, NULL));
	PATH(6, bpf_probe_read_user_str(buf, 16, (void *)good));
	PATH(-EFAULT, bpf_probe_read_user_str(buf, 8, (void *)gone));
	PATH(0, bpf_probe_read_kernel(buf, 4, "own"));
	PATH(0, bpf_strncmp(buf, 4, "own"));
	PATH(-ERANGE, bpf_probe_read_kernel(buf, 8, NULL));
	PATH(0, *(__u64 *)buf);
	PATH(4, bpf_probe_read_kernel_str(buf, 8, "own"));
	PATH(-ERANGE, bpf_probe_read_kernel_str(buf, 8, (void *)8));
	PATH(0, bpf_probe_read_kernel_str(buf, 0, "own"));
	/* There is no struct task_struct in a hive. */
	PATH_BY_SIDE(true, false, bpf_get_current_task() == 0);
	return DONE;
}

SEC("syscall") int copies(void *ctx)
{
	char buf[16] = "x";

	PATH(0, bpf_copy_from_user(buf, 6, (void *)good));
	PATH(0, bpf_strncmp(buf, 6, "straw"));
	PATH(-EFAULT, bpf_copy_from_user(buf, 8, (void *)gone));
	PATH(0, *(__u64 *)buf);
	PATH(0, bpf_copy_from_user(buf, 0, (void *)gone));
	return DONE;
}
