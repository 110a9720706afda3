/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int half_constant(struct xdp_md *ctx)
{
	asm volatile(".8byte 0x0000000500000018"); /* the first half of r0 = 5 ll */
	return XDP_PASS;
}
