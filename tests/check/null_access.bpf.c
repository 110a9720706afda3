/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int null_access(struct xdp_md *ctx)
{
	__u32 key = ctx->rx_queue_index;
	struct counter *c = bpf_map_lookup_elem(&counters, &key);

	c->packets++;
	return XDP_PASS;
}
