/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

typedef int (*action)(struct xdp_md *ctx);

static __attribute__((noinline)) int choose(struct xdp_md *ctx, action what)
{
	return what(ctx);
}

SEC("xdp") int function_pointer(struct xdp_md *ctx)
{
	return choose(ctx, (action)(long)ctx->rx_queue_index);
}
