/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

#define STEP(name, next) static __attribute__((noinline)) int name(int n) { return 3 + next; }
STEP(eighth, n * n)
STEP(seventh, eighth(n))
STEP(sixth, seventh(n))
STEP(fifth, sixth(n))
STEP(fourth, fifth(n))
STEP(third, fourth(n))
STEP(second, third(n))
STEP(first, second(n))

SEC("xdp") int call_depth(struct xdp_md *ctx)
{
	return first(ctx->rx_queue_index) & 1 ? XDP_PASS : XDP_DROP;
}
