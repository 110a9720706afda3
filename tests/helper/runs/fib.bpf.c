/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf_fib_lookup() over what the test asks. */
#include "runs.h"

struct ask {
	struct bpf_fib_lookup params;
	__u32 flags;
	__s32 size; /* other than 64: below, to be refused */
	__s64 ret;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ask);
} asked SEC(".maps");

static __attribute__((always_inline)) int ask(void *ctx)
{
	struct bpf_fib_lookup params;
	__u32 zero = 0;
	struct ask *a = bpf_map_lookup_elem(&asked, &zero);

	if (!a)
		return 0;
	params = a->params;
	a->ret = a->size == 64 ? bpf_fib_lookup(ctx, &params, sizeof(params), a->flags)
			       : bpf_fib_lookup(ctx, &params, 63, a->flags);
	a->params = params;
	return 0;
}

SEC("xdp") int ask_xdp(struct xdp_md *xdp)
{
	return ask(xdp);
}

SEC("tc") int ask_tc(struct __sk_buff *skb)
{
	return ask(skb);
}
