/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int pointer_arithmetic(struct __sk_buff *skb)
{
	__u32 key = 0;
	__s64 skip;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);

	if (!c)
		return 0;
	skip = c->packets;
	return *((char *)c + skip);
}
