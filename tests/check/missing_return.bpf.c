/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int missing_return(struct xdp_md *ctx)
{
	switch (ctx->rx_queue_index) {
	case 0:
		return XDP_PASS;
	case 1:
		return XDP_DROP;
	default:
		bpf_printk("queue %d", ctx->rx_queue_index);
		__builtin_unreachable();
	}
}
