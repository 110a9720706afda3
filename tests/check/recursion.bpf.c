/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

static int odd(int n);

static __attribute__((noinline)) int even(int n)
{
	return n ? 3 * odd(n - 1) : 1;
}

static __attribute__((noinline)) int odd(int n)
{
	return n ? 5 * even(n - 1) : 0;
}

SEC("xdp") int recursion(struct xdp_md *ctx)
{
	return even(ctx->rx_queue_index) & 1 ? XDP_PASS : XDP_DROP;
}
