/* SPDX-License-Identifier: BSD-2-Clause */
/* Functions: static, global, nested, called back, left by tail calls; and the packet instructions of classic BPF. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define NOINLINE __attribute__((noinline))

unsigned long long load_byte(void *skb, unsigned long long off) asm("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) asm("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) asm("llvm.bpf.load.word");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} jumps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} table SEC(".maps");

struct {
	__u64 hops, visited;
} seen;

static NOINLINE int half(__u32 x)
{
	return (int)(x / 2);
}

/* Global: verified by itself in the kernel, for any argument. */
NOINLINE int weigh(__u32 a, __u32 b, __u32 c, __u32 d, __u32 e)
{
	volatile __u32 in[5] = {a, b, c, d, e};
	int sum = 0;

	for (int i = 0; i < 5; i++)
		sum = sum * 10 + half(in[i]);
	return sum;
}

static NOINLINE int deep5(int x)
{
	volatile char stack[32] = {0};

	stack[x & 31] = 1;
	return x + stack[x & 31];
}

static NOINLINE int deep4(int x)
{
	return deep5(x) * 2;
}

static NOINLINE int deep3(int x)
{
	return deep4(x) + deep5(x);
}

static NOINLINE int deep2(int x)
{
	return deep3(x) - 1;
}

NOINLINE int deep1(int x)
{
	return deep2(x) * 3;
}

SEC("tc")
int functions(struct __sk_buff *skb)
{
	return weigh(2, 4, 6, 8, skb->len);
}

SEC("tc")
int nested(struct __sk_buff *skb)
{
	return deep1((int)skb->len);
}

struct walk {
	__u64 sum;
	__u32 stop;
};

static long step(__u32 i, void *arg)
{
	struct walk *w = arg;

	w->sum += (__u64)half(i * 2) + 1;
	return i == w->stop;
}

/* Sums 1 to 1000, then 1 to 11: the second time the callback ends it. */
SEC("tc")
int looped(struct __sk_buff *skb)
{
	struct walk w = {.stop = ~0u};
	long n = bpf_loop(1000, step, &w, 0);

	if (n != 1000 || w.sum != 500500)
		return -1;
	w = (struct walk){.stop = 10};
	n = bpf_loop(1000, step, &w, 0);
	return n == 11 && w.sum == 66 ? 1 : -2;
}

static long visit(void *map, __u32 *key, __u64 *value, void *arg)
{
	*(__u64 *)arg += *key * *value;
	seen.visited++;
	*value += 1;
	return 0;
}

SEC("tc")
int each(struct __sk_buff *skb)
{
	__u64 sum = 0;
	long n = bpf_for_each_map_elem(&table, visit, &sum, 0);

	return n < 0 ? (int)n : (int)sum;
}

SEC("tc")
int leaf(struct __sk_buff *skb)
{
	seen.hops++;
	return 41;
}

static NOINLINE int leave(struct __sk_buff *skb, __u32 to)
{
	int ret = 5;

	bpf_tail_call(skb, &jumps, to);
	asm volatile("" : "+r"(ret)); /* else clang takes it that 5 is all this ever returns */
	return ret;
}

/* A tail call in a function leaves that function only: its caller goes on. */
SEC("tc")
int mixed(struct __sk_buff *skb)
{
	int there = leave(skb, 1);
	int absent = leave(skb, 3);

	return there + absent * 100;
}

/* Jumps to itself until that fails. */
SEC("tc")
int again(struct __sk_buff *skb)
{
	seen.hops++;
	bpf_tail_call(skb, &jumps, 2);
	return 99;
}

SEC("socket")
int legacy(struct __sk_buff *skb)
{
	__u64 at = load_byte(skb, 0);

	return (int)(load_half(skb, 2) + load_word(skb, 4) + load_byte(skb, at + 4));
}

/* A load beyond the end ends the program with 0. */
SEC("socket")
int legacy_beyond(struct __sk_buff *skb)
{
	return (int)(load_word(skb, skb->len - 3) | 1);
}

char LICENSE[] SEC("license") = "GPL";
