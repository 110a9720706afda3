/* SPDX-License-Identifier: BSD-2-Clause */
/* check: --as-user */
#include "common.h"

struct key {
	__u8 kind;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, struct key);
	__type(value, __u64);
} ports SEC(".maps");

SEC("socket") int stack_read(struct __sk_buff *skb)
{
	struct key key;

	key.kind = 1;
	key.port = skb->len;
	return bpf_map_lookup_elem(&ports, &key) != 0;
}
