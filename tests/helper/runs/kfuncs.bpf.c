/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel functions: numeric iterators, sections, strings, dynptrs. test_kfunc_runs.c says what each program must leave. */
#include "runs.h"

struct bpf_iter_num {
	__u64 __opaque[1];
} __attribute__((aligned(8)));

extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern void bpf_local_irq_save(unsigned long *flags) __ksym;
extern void bpf_local_irq_restore(unsigned long *flags) __ksym;

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

extern int bpf_dynptr_from_skb(struct __sk_buff *s, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern int bpf_dynptr_from_xdp(struct xdp_md *x, __u64 flags, struct bpf_dynptr *ptr) __ksym;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern void *bpf_dynptr_slice_rdwr(const struct bpf_dynptr *p, __u32 offset, void *buffer, __u32 size) __ksym;
extern int bpf_dynptr_adjust(const struct bpf_dynptr *p, __u32 start, __u32 end) __ksym;
/* The kernel's return a bool, whose upper bits may be anything in a register. */
extern int bpf_dynptr_is_null(const struct bpf_dynptr *p) __ksym;
extern int bpf_dynptr_is_rdonly(const struct bpf_dynptr *p) __ksym;
extern __u32 bpf_dynptr_size(const struct bpf_dynptr *p) __ksym;
extern int bpf_dynptr_clone(const struct bpf_dynptr *p, struct bpf_dynptr *clone) __ksym;
extern int bpf_dynptr_copy(struct bpf_dynptr *dst, __u32 dst_off, struct bpf_dynptr *src, __u32 src_off,
			   __u32 size) __ksym;
extern int bpf_dynptr_memset(struct bpf_dynptr *p, __u32 offset, __u32 size, __u8 val) __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

static char memory[64];
static char strings[8][40];
char long_string[70000];
const volatile __u64 user_string, bad_address;

/* The sum of a range, and how many numbers there were. */
static __attribute__((noinline)) int count(int start, int end, int at)
{
	struct bpf_iter_num it;
	long long sum = 0, n = 0;
	int *v;

	if (at < 0 || at > 60)
		return 0;
	out[at] = bpf_iter_num_new(&it, start, end);
	while ((v = bpf_iter_num_next(&it))) {
		sum += *v;
		n++;
	}
	/* It stays at its end. */
	if (bpf_iter_num_next(&it))
		n = -1;
	bpf_iter_num_destroy(&it);
	out[at + 1] = sum;
	out[at + 2] = n;
	return 0;
}

SEC("tc") int numbers(struct __sk_buff *skb)
{
	count(0, 10, 0);
	count(-5, 3, 3);
	count(7, 7, 6);
	count(8, 7, 9);
	count(0, 8 * 1024 * 1024 + 1, 12);
	count(-2147483648, -2147483646, 15);
	count(2147483645, 2147483647, 18);
	count(-2147483648, 2147483647, 21);
	return 0;
}

SEC("tc") int sections(struct __sk_buff *skb)
{
	unsigned long flags;

	bpf_rcu_read_lock();
	out[0] = 1;
	bpf_rcu_read_unlock();
	bpf_preempt_disable();
	out[1] = 2;
	bpf_preempt_enable();
	bpf_local_irq_save(&flags);
	out[2] = 3;
	bpf_local_irq_restore(&flags);
	return 0;
}

SEC("tc") int text(struct __sk_buff *skb)
{
	__builtin_memcpy(strings[0], "hello, hive", 12);
	__builtin_memcpy(strings[1], "hello, HIVE", 12);
	__builtin_memcpy(strings[2], "lo", 3);
	__builtin_memcpy(strings[3], "ehlo", 5);
	__builtin_memcpy(strings[4], "", 1);
	__builtin_memcpy(strings[5], "hive", 5);
	__builtin_memset(long_string, 'a', 1);
	out[0] = bpf_strcmp(strings[0], strings[0]);
	out[1] = bpf_strcmp(strings[0], strings[1]);
	out[2] = bpf_strcmp(strings[1], strings[0]);
	out[3] = bpf_strcasecmp(strings[0], strings[1]);
	out[4] = bpf_strcasecmp(strings[0], strings[2]);
	out[5] = bpf_strchr(strings[0], 'l');
	out[6] = bpf_strchr(strings[0], 'x');
	out[7] = bpf_strchr(strings[0], 0);
	out[8] = bpf_strnchr(strings[0], 2, 'l');
	out[9] = bpf_strnchr(strings[0], 3, 'l');
	out[10] = bpf_strchrnul(strings[0], 'x');
	out[11] = bpf_strchrnul(strings[0], ',');
	out[12] = bpf_strrchr(strings[0], 'h');
	out[13] = bpf_strrchr(strings[0], 'x');
	out[14] = bpf_strrchr(strings[0], 0);
	out[15] = bpf_strlen(strings[0]);
	out[16] = bpf_strnlen(strings[0], 5);
	out[17] = bpf_strnlen(strings[0], 50);
	out[18] = bpf_strspn(strings[0], strings[3]);
	out[19] = bpf_strcspn(strings[0], strings[5]);
	out[20] = bpf_strstr(strings[0], strings[2]);
	out[21] = bpf_strstr(strings[0], strings[3]);
	out[22] = bpf_strstr(strings[0], strings[4]);
	out[23] = bpf_strnstr(strings[0], strings[5], 11);
	out[24] = bpf_strnstr(strings[0], strings[5], 10);
	out[25] = bpf_strnstr(strings[0], strings[0], 50);
	out[26] = bpf_strspn(strings[4], strings[3]);
	out[27] = bpf_strcspn(strings[0], strings[4]);
	out[28] = bpf_strnstr(strings[0], strings[4], 0);
	return 0;
}

SEC("tc") int bad_text(struct __sk_buff *skb)
{
	const char *null = NULL;

	out[0] = bpf_strcmp(null, strings[0]);
	out[1] = bpf_strcasecmp(strings[0], null);
	out[2] = bpf_strchr(null, 'a');
	out[3] = bpf_strnchr(null, 1, 'a');
	out[4] = bpf_strchrnul(null, 'a');
	out[5] = bpf_strrchr(null, 'a');
	out[6] = bpf_strlen(null);
	out[7] = bpf_strnlen(null, 3);
	out[8] = bpf_strspn(strings[0], null);
	out[9] = bpf_strcspn(null, strings[0]);
	out[10] = bpf_strstr(null, strings[0]);
	out[11] = bpf_strnstr(strings[0], null, 4);
	/* Too long: filled by the test. */
	out[12] = bpf_strlen(long_string);
	out[13] = bpf_strnlen(long_string, 69000);
	out[14] = bpf_strcmp(long_string, long_string);
	out[15] = bpf_strchr(long_string, 'b');
	out[16] = bpf_strnchr(long_string, 69000, 'b');
	out[17] = bpf_strchrnul(long_string, 'b');
	out[18] = bpf_strrchr(long_string, 'a');
	out[19] = bpf_strspn(long_string, long_string);
	out[20] = bpf_strcspn(long_string, strings[7]);
	out[21] = bpf_strcasecmp(long_string, long_string);
	/* Memory that is not there. */
	out[22] = bpf_strlen((void *)bad_address);
	out[23] = bpf_strcmp(strings[0], (void *)bad_address);
	out[24] = bpf_strstr(long_string, (void *)bad_address);
	out[25] = bpf_strspn(long_string, (void *)bad_address);
	return 0;
}

SEC("syscall") int user_text(void *ctx)
{
	__builtin_memset(memory, 'x', sizeof(memory));
	out[0] = bpf_copy_from_user_str(memory, 8, (void *)user_string, 0);
	__builtin_memcpy(&out[1], memory, 8);
	out[2] = bpf_copy_from_user_str(memory, 4, (void *)user_string, 0);
	__builtin_memcpy(&out[3], memory, 8);
	__builtin_memset(memory, 'x', sizeof(memory));
	out[4] = bpf_copy_from_user_str(memory, 8, (void *)user_string, 1);
	__builtin_memcpy(&out[5], memory, 8);
	out[6] = bpf_copy_from_user_str(memory, 8, (void *)user_string, 2);
	out[7] = bpf_copy_from_user_str(memory, 8, NULL, 1);
	__builtin_memcpy(&out[8], memory, 8);
	return 0;
}

SEC("tc") int local_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr d, clone;
	char buf[16] = "0123456789abcde";
	char *p;

	out[0] = bpf_dynptr_from_mem(memory, 32, 0, &d);
	out[1] = bpf_dynptr_write(&d, 4, buf, 10, 0);
	out[2] = bpf_dynptr_write(&d, 23, buf, 10, 0);
	out[3] = bpf_dynptr_write(&d, 4, buf, 10, 1);
	out[4] = bpf_dynptr_read(buf, 4, &d, 6, 0);
	out[5] = *(int *)buf;
	out[6] = bpf_dynptr_read(buf, 4, &d, 29, 0);
	out[7] = bpf_dynptr_read(buf, 4, &d, 0, 1);
	p = bpf_dynptr_data(&d, 4, 3);
	out[8] = p ? p[2] : -1;
	out[9] = !bpf_dynptr_data(&d, 30, 3);
	p = bpf_dynptr_slice(&d, 5, NULL, 2);
	out[10] = p ? p[1] : -1;
	p = bpf_dynptr_slice_rdwr(&d, 5, buf, 2);
	if (p)
		p[0] = 'Q';
	out[11] = memory[5];
	out[12] = !bpf_dynptr_slice(&d, 31, NULL, 2);
	out[13] = bpf_dynptr_size(&d);
	out[14] = bpf_dynptr_is_null(&d) & 1;
	out[15] = bpf_dynptr_is_rdonly(&d) & 1;
	out[16] = bpf_dynptr_clone(&d, &clone);
	out[17] = bpf_dynptr_adjust(&clone, 4, 8);
	out[18] = bpf_dynptr_size(&clone);
	out[19] = bpf_dynptr_adjust(&clone, 3, 2);
	out[20] = bpf_dynptr_adjust(&clone, 0, 5);
	out[21] = bpf_dynptr_read(buf, 2, &clone, 0, 0);
	out[22] = buf[0] << 8 | buf[1];
	out[23] = bpf_dynptr_read(buf, 5, &clone, 0, 0);
	out[24] = bpf_dynptr_copy(&d, 20, &clone, 1, 3);
	out[25] = memory[20] << 8 | memory[22];
	out[26] = bpf_dynptr_copy(&d, 30, &clone, 0, 4);
	out[27] = bpf_dynptr_copy(&d, 0, &clone, 1, 4);
	out[28] = bpf_dynptr_copy(&d, 30, &clone, 2, 4);
	out[29] = bpf_dynptr_memset(&d, 1, 2, 'z');
	out[30] = memory[0] << 24 | memory[1] << 16 | memory[2] << 8 | memory[3];
	out[31] = bpf_dynptr_memset(&d, 31, 2, 'z');
	return 0;
}

SEC("tc") int null_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr d, clone, good;
	char buf[8] = {};

	out[0] = bpf_dynptr_from_mem(memory, 32, 1, &d);
	out[1] = bpf_dynptr_read(buf, 1, &d, 0, 0);
	out[2] = bpf_dynptr_write(&d, 0, buf, 1, 0);
	out[3] = !bpf_dynptr_data(&d, 0, 1);
	out[4] = !bpf_dynptr_slice(&d, 0, buf, 1);
	out[5] = !bpf_dynptr_slice_rdwr(&d, 0, buf, 1);
	out[6] = bpf_dynptr_adjust(&d, 0, 0);
	out[7] = bpf_dynptr_is_null(&d) & 1;
	out[8] = bpf_dynptr_is_rdonly(&d) & 1;
	out[9] = (int)bpf_dynptr_size(&d);
	out[10] = bpf_dynptr_clone(&d, &clone);
	out[11] = bpf_dynptr_is_null(&clone) & 1;
	out[12] = bpf_dynptr_memset(&d, 0, 0, 1);
	out[13] = bpf_dynptr_from_mem(memory, 32, 0, &good);
	out[14] = bpf_dynptr_copy(&good, 0, &d, 0, 1);
	out[15] = bpf_dynptr_copy(&d, 0, &good, 0, 1);
	out[16] = bpf_dynptr_from_mem(memory, 0, 0, &d);
	out[17] = bpf_dynptr_is_null(&d) & 1;
	out[18] = bpf_dynptr_size(&d);
	out[19] = bpf_dynptr_read(buf, 0, &d, 0, 0);
	out[20] = bpf_dynptr_from_mem(memory, 32, 1, &d);
	out[21] = bpf_dynptr_memset(&d, 0, 1, 1);
	out[22] = bpf_dynptr_copy(&d, 0, &d, 0, 0);
	return 0;
}

SEC("tc") int ring_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr d;
	char buf[8] = "record";

	out[0] = bpf_ringbuf_reserve_dynptr(&ring, 24, 1, &d);
	out[1] = bpf_dynptr_is_null(&d) & 1;
	bpf_ringbuf_discard_dynptr(&d, 0);
	out[2] = bpf_ringbuf_reserve_dynptr(&ring, 24, 0, &d);
	out[3] = bpf_dynptr_write(&d, 0, buf, 7, 0);
	out[4] = bpf_dynptr_write(&d, 18, buf, 7, 0);
	out[5] = bpf_dynptr_size(&d);
	bpf_ringbuf_submit_dynptr(&d, BPF_RB_NO_WAKEUP);
	out[6] = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	out[7] = bpf_ringbuf_reserve_dynptr(&ring, 5000, 0, &d);
	bpf_ringbuf_submit_dynptr(&d, 0);
	out[8] = bpf_ringbuf_reserve_dynptr(&ring, 1 << 24, 0, &d);
	bpf_ringbuf_discard_dynptr(&d, 0);
	out[9] = bpf_ringbuf_reserve_dynptr(&ring, 8, 0, &d);
	bpf_ringbuf_discard_dynptr(&d, 0);
	out[10] = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	return 0;
}

SEC("tc") int skb_dynptr(struct __sk_buff *skb)
{
	char buf[16] = "0123456789abcde";
	struct bpf_dynptr d;
	unsigned char *p;

	out[0] = bpf_dynptr_from_skb(skb, 1, &d);
	out[1] = bpf_dynptr_from_skb(skb, 0, &d);
	out[2] = bpf_dynptr_size(&d);
	out[3] = bpf_dynptr_is_rdonly(&d) & 1;
	p = bpf_dynptr_slice(&d, 12, buf, 2);
	out[4] = p ? p[0] << 8 | p[1] : -1;
	out[5] = !bpf_dynptr_slice(&d, 63, buf, 2);
	out[6] = bpf_dynptr_write(&d, 20, buf, 4, 0);
	out[7] = bpf_dynptr_write(&d, 20, buf, 4, BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH);
	out[8] = bpf_dynptr_write(&d, 20, buf, 4, 1 << 7);
	out[9] = bpf_dynptr_read(buf, 4, &d, 19, 0);
	out[10] = *(int *)buf;
	p = bpf_dynptr_slice_rdwr(&d, 30, buf, 4);
	if (p)
		p[0] = 200;
	out[11] = bpf_dynptr_read(buf, 1, &d, 30, 0);
	out[12] = (unsigned char)buf[0];
	out[13] = bpf_dynptr_memset(&d, 40, 8, 7);
	/* The frame becomes shorter than the dynptr says. */
	out[14] = bpf_skb_change_tail(skb, 40, 0);
	out[15] = bpf_dynptr_read(buf, 4, &d, 38, 0);
	out[16] = buf[0];
	out[17] = bpf_dynptr_write(&d, 38, buf, 4, 0);
	out[18] = !bpf_dynptr_slice(&d, 38, buf, 4);
	out[19] = !bpf_dynptr_data(&d, 0, 4);
	out[20] = bpf_dynptr_copy(&d, 38, &d, 39, 4);
	out[21] = bpf_dynptr_memset(&d, 38, 4, 7);
	return 0;
}

SEC("cgroup_skb/ingress") int read_only_dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr d;
	char buf[4] = {};
	unsigned char *p;

	out[0] = bpf_dynptr_from_skb(skb, 0, &d);
	out[1] = bpf_dynptr_is_rdonly(&d) & 1;
	out[2] = bpf_dynptr_size(&d);
	out[3] = bpf_dynptr_write(&d, 0, buf, 4, 0);
	out[4] = !bpf_dynptr_data(&d, 0, 4);
	p = bpf_dynptr_slice(&d, 0, NULL, 4);
	out[5] = p ? p[1] : -1;
	out[6] = bpf_dynptr_memset(&d, 0, 1, 1);
	out[7] = bpf_dynptr_read(buf, 4, &d, 2, 0);
	out[8] = buf[3];
	out[9] = bpf_dynptr_memset(&d, 60, 1, 1);
	out[10] = bpf_dynptr_memset(&d, 0, 0, 1);
	out[11] = bpf_dynptr_write(&d, 60, buf, 4, 0);
	return 1;
}

SEC("xdp") int xdp_dynptr(struct xdp_md *xdp)
{
	char buf[16] = "0123456789abcde";
	struct bpf_dynptr d;
	unsigned char *p;

	out[0] = bpf_dynptr_from_xdp(xdp, 1, &d);
	out[1] = bpf_dynptr_from_xdp(xdp, 0, &d);
	out[2] = bpf_dynptr_size(&d);
	out[3] = bpf_dynptr_is_rdonly(&d) & 1;
	out[4] = bpf_dynptr_write(&d, 60, buf, 4, 0);
	out[5] = bpf_dynptr_write(&d, 61, buf, 4, 0);
	out[6] = bpf_dynptr_write(&d, 60, buf, 4, 1);
	out[7] = bpf_dynptr_read(buf, 2, &d, 62, 0);
	out[8] = buf[0] << 8 | buf[1];
	p = bpf_dynptr_slice_rdwr(&d, 10, buf, 4);
	if (p)
		p[3] = 99;
	p = bpf_dynptr_slice(&d, 13, NULL, 1);
	out[9] = p ? p[0] : -1;
	/* The frame becomes shorter than the dynptr says. */
	out[10] = bpf_xdp_adjust_tail(xdp, -24);
	out[11] = bpf_dynptr_read(buf, 4, &d, 38, 0);
	out[12] = bpf_dynptr_write(&d, 38, buf, 4, 0);
	out[13] = bpf_dynptr_size(&d);
	out[14] = bpf_dynptr_memset(&d, 0, 4, 1);
	return XDP_PASS;
}
