/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct event {
	__u32 len;
};

SEC("tc") int reference_leak(struct __sk_buff *skb)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

	if (!e)
		return 0;
	if (skb->len < 64)
		return 0;
	e->len = skb->len;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
