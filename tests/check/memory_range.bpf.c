/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int memory_range(struct __sk_buff *skb)
{
	__u32 key = skb->protocol, size = skb->len / 128;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);

	if (!c)
		return 0;
	if (size > 16)
		size = 16;
	c->by_size[size]++;
	return 0;
}
