/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int unreachable(struct xdp_md *ctx)
{
	asm volatile("r0 = 2; exit");
	asm volatile("r1 = 1");
	return XDP_PASS;
}
