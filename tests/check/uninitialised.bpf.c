/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("xdp") int uninitialised(struct xdp_md *ctx)
{
	__u32 key = 0;

	bpf_map_delete_elem(&counters, &key);
	asm volatile("r0 = *(u32 *)(r1 + 0)" ::: "r0"); /* r1 was the context, before the call */
	return XDP_PASS;
}
