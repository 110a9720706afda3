/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int too_complex(struct __sk_buff *skb)
{
	__u32 sum = 0;

	for (__u32 i = 0; i < 1000000; i++) {
		asm volatile("" : "+r"(sum));
		sum = sum * 31 + i;
	}
	return sum & 1;
}
