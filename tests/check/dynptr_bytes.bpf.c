/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

SEC("xdp") int dynptr_bytes(struct xdp_md *ctx)
{
	struct bpf_dynptr record;
	int first;

	bpf_ringbuf_reserve_dynptr(&ring, 8, 0, &record);
	first = *(volatile int *)&record;
	bpf_ringbuf_discard_dynptr(&record, 0);
	return first ? XDP_PASS : XDP_DROP;
}
