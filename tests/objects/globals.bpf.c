/* SPDX-License-Identifier: BSD-2-Clause */
/* Global variables of every kind: initialised, zero, read-only, static, in sections of their own, string literals. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct pair {
	__u64 a;
	__u32 b;
	char text[12];
};

int in_data = 5;
struct pair pair = {.a = 0x1122334455667788, .b = 9, .text = "initial"};
__u64 in_bss;
__u32 array[1000];
const volatile int in_rodata = 7;
const volatile __u32 limit = 3;
int custom SEC(".data.custom") = 11;
const volatile int custom_ro SEC(".rodata.custom") = 13;
static volatile int hidden = 17;
static volatile int hidden_zero;

/* Adds up what user space may have changed, one bit field of the sum a variable. */
SEC("syscall")
int sum(void *ctx)
{
	return in_data + in_rodata * 100 + custom * 10000 + custom_ro * 1000000;
}

SEC("syscall")
int write(void *ctx)
{
	in_data++;
	in_bss += 0x100000000;
	pair.a ^= ~0ull;
	pair.text[0] = 'I';
	custom = -custom;
	hidden++;
	hidden_zero += 2;
	for (__u32 i = 0; i < 1000; i++)
		array[i] = i * limit;
	return hidden * 100 + hidden_zero;
}

/* Which string it is depends on the context, so that the bytes stay in .rodata.str1.1 or .rodata. */
SEC("syscall")
int letter(__u32 *ctx)
{
	__u32 at = ctx[1] & 3;

	return ctx[0] & 1 ? "bravo"[at] : "alpha"[at];
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
