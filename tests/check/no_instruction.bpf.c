/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int no_instruction(struct xdp_md *ctx)
{
	asm volatile(".8byte 0x00000000000000ff"); /* no such operation */
	return XDP_PASS;
}
