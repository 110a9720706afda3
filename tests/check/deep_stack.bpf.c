/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

static __attribute__((noinline)) int inner(struct xdp_md *ctx)
{
	volatile char buffer[300] = {};

	buffer[ctx->rx_queue_index & 63] = 1;
	return buffer[ctx->ingress_ifindex & 63];
}

static __attribute__((noinline)) int outer(struct xdp_md *ctx)
{
	volatile char buffer[200] = {};

	buffer[ctx->rx_queue_index & 63] = 1;
	return buffer[ctx->ingress_ifindex & 63] + inner(ctx);
}

SEC("xdp") int deep_stack(struct xdp_md *ctx)
{
	volatile __u64 here = ctx->rx_queue_index;

	return outer(ctx) + here > 1 ? XDP_PASS : XDP_DROP;
}
