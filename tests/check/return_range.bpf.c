/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("cgroup_skb/ingress") int return_range(struct __sk_buff *skb)
{
	__u32 key = skb->protocol;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);

	if (!c)
		return 1;
	return c->packets;
}
