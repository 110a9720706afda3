/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

struct slot {
	struct bpf_spin_lock lock;
	__u64 n;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct slot);
} slots SEC(".maps");

SEC("tc") int lock(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct slot *s = bpf_map_lookup_elem(&slots, &key);

	if (!s)
		return 0;
	bpf_spin_lock(&s->lock);
	s->n++;
	if (s->n > 100)
		return -1;
	bpf_spin_unlock(&s->lock);
	return 0;
}
