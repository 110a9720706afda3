/* SPDX-License-Identifier: BSD-2-Clause */
/* The string functions of the kernel, path by path. kfuncs.bpf.c has what they find. */
#include "paths.h"

extern int bpf_strcmp(const char *a, const char *b) __ksym;
extern int bpf_strcasecmp(const char *a, const char *b) __ksym;
extern int bpf_strchr(const char *s, char c) __ksym;
extern int bpf_strnchr(const char *s, unsigned long n, char c) __ksym;
extern int bpf_strchrnul(const char *s, char c) __ksym;
extern int bpf_strrchr(const char *s, int c) __ksym;
extern int bpf_strlen(const char *s) __ksym;
extern int bpf_strnlen(const char *s, unsigned long n) __ksym;
extern int bpf_strspn(const char *s, const char *set) __ksym;
extern int bpf_strcspn(const char *s, const char *set) __ksym;
extern int bpf_strstr(const char *s, const char *what) __ksym;
extern int bpf_strnstr(const char *s, const char *what, unsigned long n) __ksym;
extern int bpf_copy_from_user_str(void *dst, __u32 size, const void *from, __u64 flags) __ksym;

#ifndef BPF_F_PAD_ZEROS
#define BPF_F_PAD_ZEROS 1ull
#endif

/* An address where nothing is. A kernel has none that a test may rely on: there it is NULL, which is another error. */
const volatile __u64 good, gone;

char text[8] = "straw";
char endless[70000]; /* filled with 'a' by the test */

#define NOTHING(call) PATH_BY_SIDE(-EFAULT, -ERANGE, call)

SEC("tc") int nothing_there(struct __sk_buff *skb)
{
	const char *bad = (const char *)gone;

	NOTHING(bpf_strcmp(bad, text));
	NOTHING(bpf_strcmp(text, bad));
	NOTHING(bpf_strcasecmp(bad, text));
	NOTHING(bpf_strcasecmp(text, bad));
	NOTHING(bpf_strchr(bad, 'a'));
	NOTHING(bpf_strnchr(bad, 3, 'a'));
	NOTHING(bpf_strchrnul(bad, 'a'));
	NOTHING(bpf_strrchr(bad, 'a'));
	NOTHING(bpf_strlen(bad));
	NOTHING(bpf_strnlen(bad, 3));
	NOTHING(bpf_strspn(bad, text));
	NOTHING(bpf_strspn(text, bad));
	NOTHING(bpf_strcspn(bad, text));
	NOTHING(bpf_strcspn(text, bad));
	NOTHING(bpf_strstr(bad, text));
	NOTHING(bpf_strstr(text, bad));
	NOTHING(bpf_strnstr(bad, text, 3));
	NOTHING(bpf_strnstr(text, bad, 3));
	return DONE;
}

SEC("tc") int near_null(struct __sk_buff *skb)
{
	const char *bad = (const char *)4095;

	PATH(-ERANGE, bpf_strcmp(bad, text));
	PATH(-ERANGE, bpf_strcmp(text, bad));
	PATH(-ERANGE, bpf_strchr(bad, 'a'));
	PATH(-ERANGE, bpf_strnchr(bad, 0, 'a'));
	PATH(-ERANGE, bpf_strchrnul(bad, 'a'));
	PATH(-ERANGE, bpf_strrchr(bad, 'a'));
	PATH(-ERANGE, bpf_strnlen(bad, 0));
	PATH(-ERANGE, bpf_strspn(bad, text));
	PATH(-ERANGE, bpf_strcspn(text, bad));
	PATH(-ERANGE, bpf_strstr(bad, text));
	PATH(-ERANGE, bpf_strnstr(text, bad, 0));
	return DONE;
}

SEC("tc") int no_end(struct __sk_buff *skb)
{
	PATH(-E2BIG, bpf_strcmp(endless, endless));
	PATH(-E2BIG, bpf_strcasecmp(endless, endless));
	PATH(-E2BIG, bpf_strchr(endless, 'b'));
	PATH(-E2BIG, bpf_strnchr(endless, 69000, 'b'));
	PATH(-ENOENT, bpf_strnchr(endless, 10, 'b'));
	PATH(-E2BIG, bpf_strchrnul(endless, 'b'));
	PATH(-E2BIG, bpf_strrchr(endless, 'a'));
	PATH(-E2BIG, bpf_strlen(endless));
	PATH(-E2BIG, bpf_strnlen(endless, 69000));
	PATH(10, bpf_strnlen(endless, 10));
	PATH(-E2BIG, bpf_strspn(endless, text));
	PATH(-E2BIG, bpf_strspn(text, endless)); /* 's' is not among the 'a's, as far as they are looked at */
	PATH(-E2BIG, bpf_strcspn(endless, "b"));
	PATH(-E2BIG, bpf_strstr(endless, "b"));
	PATH(-E2BIG, bpf_strstr(endless, endless));
	PATH(-E2BIG, bpf_strnstr(endless, "b", 69000));
	PATH(-ENOENT, bpf_strnstr(endless, "b", 10));
	return DONE;
}

SEC("syscall") int users(void *ctx)
{
	char buf[16] = "xxxxxxxxxxxxxxx";

	PATH(0, bpf_copy_from_user_str(buf, 0, (void *)good, 0));
	PATH('x', buf[0]);
	PATH(6, bpf_copy_from_user_str(buf, 16, (void *)good, 0));
	PATH('x', buf[6]);
	PATH(6, bpf_copy_from_user_str(buf, 16, (void *)good, BPF_F_PAD_ZEROS));
	PATH(0, buf[6] | buf[15]);
	PATH(4, bpf_copy_from_user_str(buf, 4, (void *)good, 0));
	PATH(-EINVAL, bpf_copy_from_user_str(buf, 16, (void *)good, 2));
	buf[0] = buf[1] = 'x';
	PATH(-EFAULT, bpf_copy_from_user_str(buf, 16, NULL, 0));
	PATH('x', buf[0]); /* as it was */
	PATH(-EFAULT, bpf_copy_from_user_str(buf, 16, NULL, BPF_F_PAD_ZEROS));
	PATH(0, buf[1]);
	return DONE;
}
