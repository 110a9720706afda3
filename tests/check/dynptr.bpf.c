/* SPDX-License-Identifier: BSD-2-Clause */
#include "common.h"

SEC("tc") int dynptr(struct __sk_buff *skb)
{
	struct bpf_dynptr ptr;
	__u32 first = 0;

	bpf_dynptr_read(&first, sizeof(first), &ptr, 0, 0);
	return first;
}
