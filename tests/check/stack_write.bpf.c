/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int stack_write(struct __sk_buff *skb)
{
	volatile char name[16] = {};

	name[skb->len & 31] = 'x';
	return name[0];
}
