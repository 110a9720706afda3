/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int argument_type(struct __sk_buff *skb)
{
	struct counter *c = bpf_map_lookup_elem(&counters, (void *)(long)skb->protocol);

	return c ? 0 : -1;
}
