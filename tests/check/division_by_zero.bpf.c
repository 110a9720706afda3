/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int division_by_zero(struct __sk_buff *skb)
{
	__u32 n = skb->len;

	asm volatile("%0 /= 0" : "+r"(n));
	return n;
}
