/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int ctx_access(struct xdp_md *ctx)
{
	ctx->rx_queue_index = 0;
	return XDP_PASS;
}
