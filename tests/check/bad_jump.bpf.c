/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int bad_jump(struct xdp_md *ctx)
{
	asm volatile("if r1 == 0 goto +1000");
	return XDP_PASS;
}
