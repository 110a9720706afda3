/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps that the object itself fills: inner maps, programs; and a map that is shared by its name. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
};

struct inner first SEC(".maps");
struct inner second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = {[0] = &first, [2] = &second},
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer_hash SEC(".maps") = {
	.values = {[3] = &second},
};

int answer(struct __sk_buff *skb);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 3);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} jumps SEC(".maps") = {
	.values = {[1] = (void *)&answer},
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} shared SEC(".maps");

SEC("tc")
int answer(struct __sk_buff *skb)
{
	return 42;
}

/* To slot skb->mark; 7 when nothing is there. */
SEC("tc")
int jump(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jumps, skb->mark);
	return 7;
}

static __u64 *slot(void *map, __u32 at, __u32 key)
{
	void *in = bpf_map_lookup_elem(map, &at);

	return in ? bpf_map_lookup_elem(in, &key) : 0;
}

/* Adds 1 to element 1 of every inner map; tells which of the slots were there, one bit a slot. */
SEC("tc")
int count(struct __sk_buff *skb)
{
	int there = 0;

	for (__u32 i = 0; i < 4; i++) {
		__u64 *v = slot(&outer, i, 1);
		__u64 *h = slot(&outer_hash, i, 1);

		if (v) {
			*v += 1;
			there |= 1 << i;
		}
		if (h) {
			*h += 100;
			there |= 16 << i;
		}
	}
	return there;
}

SEC("tc")
int add_shared(struct __sk_buff *skb)
{
	__u32 key = 5;
	__u64 one = 1;
	__u64 *v = bpf_map_lookup_elem(&shared, &key);

	if (!v)
		return (int)bpf_map_update_elem(&shared, &key, &one, BPF_NOEXIST);
	*v += 1;
	return (int)*v;
}

char LICENSE[] SEC("license") = "GPL";
