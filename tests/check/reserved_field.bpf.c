/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int reserved_field(struct xdp_md *ctx)
{
	asm volatile(".8byte 0x00000001000000bf"); /* r0 = r0, with a number in the field that it has no use for */
	return XDP_PASS;
}
