/* SPDX-License-Identifier: BSD-2-Clause */
/* Events for user space: ring buffers and perf buffers. Each carries a number; a number that did not fit is given again. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

struct event {
	__u64 number;
	__u64 check;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} perf SEC(".maps");

__u64 next, full, discarded;

/* 1 when there was no room. Every third event is followed by one that is thrown away. */
SEC("tc")
int reserve(struct __sk_buff *skb)
{
	struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);

	if (!e) {
		full++;
		return 1;
	}
	e->number = next;
	e->check = next * 0x9e3779b97f4a7c15;
	bpf_ringbuf_submit(e, 0);
	next++;
	if (next % 3)
		return 0;
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (e) {
		e->number = ~0ull;
		bpf_ringbuf_discard(e, 0);
		discarded++;
	}
	return 0;
}

SEC("tc")
int output(struct __sk_buff *skb)
{
	struct event e = {.number = next, .check = next * 0x9e3779b97f4a7c15};

	if (bpf_ringbuf_output(&ring, &e, sizeof(e), 0)) {
		full++;
		return 1;
	}
	next++;
	return 0;
}

/* The sample also carries the first bytes of the frame. */
SEC("tc")
int perf_output(struct __sk_buff *skb)
{
	struct event e = {.number = next, .check = next * 0x9e3779b97f4a7c15};

	if (bpf_perf_event_output(skb, &perf, BPF_F_CURRENT_CPU | 14ull << 32, &e, sizeof(e))) {
		full++;
		return 1;
	}
	next++;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
