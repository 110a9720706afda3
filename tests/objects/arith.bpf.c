/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic that each version of the instruction set does in its own way: v4 has signed division, sign-extending moves and
 * loads, byte swaps and long jumps, v1 has neither 32-bit jumps nor 32-bit arithmetic.
 */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct arith {
	__s64 a, b;
	__s64 quotient, rest;
	__s32 quotient32, rest32;
	__s64 from8, from16, from32;
	__u64 swapped64, swapped32, swapped16;
	__u32 less32, less64, jumped;
	__s8 bytes[8];
	__s64 loaded;
};

static __attribute__((always_inline)) __u64 magnitude(__s64 x)
{
	return x < 0 ? 0 - (__u64)x : (__u64)x;
}

/* b is not 0. Before v4 clang has no signed division. */
static __attribute__((always_inline)) __s64 divide(__s64 a, __s64 b, __s64 *rest)
{
#ifdef __BPF_FEATURE_SDIV_SMOD
	*rest = a % b;
	return a / b;
#else
	__u64 q = magnitude(a) / magnitude(b);
	__u64 r = magnitude(a) % magnitude(b);

	*rest = (__s64)(a < 0 ? 0 - r : r);
	return (__s64)((a < 0) != (b < 0) ? 0 - q : q);
#endif
}

SEC("syscall")
int arith(struct arith *x)
{
	__s32 a32 = (__s32)x->a;
	__s32 b32 = (__s32)x->b;
	__s64 rest = 0;
	__s64 sum = 0;

	if (x->b)
		x->quotient = divide(x->a, x->b, &rest);
	x->rest = rest;
#ifdef __BPF_FEATURE_SDIV_SMOD
	if (b32) {
		x->quotient32 = a32 / b32;
		x->rest32 = a32 % b32;
	}
#else
	if (b32) {
		x->quotient32 = (__s32)divide(a32, b32, &rest);
		x->rest32 = (__s32)rest;
	}
#endif
	x->from8 = (__s8)x->a;
	x->from16 = (__s16)x->a;
	x->from32 = a32;
	x->swapped64 = __builtin_bswap64((__u64)x->a);
	x->swapped32 = __builtin_bswap32((__u32)x->a);
	x->swapped16 = __builtin_bswap16((__u16)x->a);
	x->less32 = (__u32)a32 < (__u32)b32 ? 1 : a32 < b32 ? 2 : 3;
	x->less64 = (__u64)x->a < (__u64)x->b ? 1 : x->a < x->b ? 2 : 3;
	for (int i = 0; i < 8; i++)
		sum += ((volatile __s8 *)x->bytes)[i];
	x->loaded = sum;
#if __clang_major__ >= 18 && defined(__BPF_FEATURE_GOTOL)
	/* A sum of 8 bytes is never that large, but only the programmer knows. */
	asm volatile("if %[to] s> 12345 goto 2f; gotol 1f; 2: %[to] = 7; 1:" : [to] "+r"(sum));
#endif
	x->jumped = (__u32)(sum == x->loaded);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
