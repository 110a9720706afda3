/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int null_argument(struct __sk_buff *skb)
{
	__u32 from = 1, to = 2;
	struct counter *c = bpf_map_lookup_elem(&counters, &from);

	bpf_map_update_elem(&counters, &to, c, BPF_ANY);
	return 0;
}
