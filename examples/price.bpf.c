/* SPDX-License-Identifier: BSD-2-Clause */
/* A program of an embedder's own kind: it prices an order with a helper that only that embedder has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct order {
	__u32 item;
	__u32 count;
};

static __u64 (*const shop_price)(__u32 item) = (void *)0x1000;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} orders SEC(".maps");

SEC("shop")
int price(struct order *order)
{
	__u32 zero = 0;
	__u64 *seen = bpf_map_lookup_elem(&orders, &zero);

	if (seen)
		__sync_fetch_and_add(seen, 1);
	return shop_price(order->item) * order->count;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
