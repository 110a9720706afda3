/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int modified_pointer(struct __sk_buff *skb)
{
	__u32 i = skb->mark & 3;

	return skb->cb[i];
}
