/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

static __attribute__((noinline)) int helper(struct xdp_md *ctx)
{
	return ctx->rx_queue_index;
}

SEC("xdp") int other_function(struct xdp_md *ctx)
{
	asm volatile("if r1 == 0 goto +7");
	return helper(ctx) ? XDP_PASS : XDP_DROP;
}
