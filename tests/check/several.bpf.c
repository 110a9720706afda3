/* SPDX-License-Identifier: BSD-2-Clause */
/* One that loads, one that is refused, two that libbpf cannot load: each gets its own verdict. */
#include "common.h"

SEC("xdp") int fine(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);

	if (c)
		for (int i = 0; i < 16; i++)
			c->by_size[i] += ctx->rx_queue_index;
	return XDP_PASS;
}

SEC("fentry/there_is_no_such_function") int nowhere(void *ctx)
{
	return 0;
}

SEC("xdp") int wrong(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);

	return c->packets;
}

SEC("mystery") int unknown(void *ctx)
{
	return 0;
}

SEC("?tc") int optional(struct __sk_buff *skb)
{
	return 0;
}

const volatile int since_6_1 = 0;

SEC("tc") int guarded(struct __sk_buff *skb)
{
	return since_6_1 ? bpf_ktime_get_tai_ns() & 1 : 0;
}
