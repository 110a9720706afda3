/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int endless_loop(struct xdp_md *ctx)
{
	volatile __u32 wait = 1;

	while (wait)
		wait = ctx->rx_queue_index + 1;
	return XDP_PASS;
}
