/* SPDX-License-Identifier: BSD-2-Clause */
/* Call stacks: what the context asks for. args: flags, bytes of the buffer. */
#include "runs.h"

char buf[4096];

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(key_size, 4);
	__uint(value_size, 127 * 8);
} stacks SEC(".maps");

/* One id only. */
struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, 2 * 8);
} single SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_STACK_BUILD_ID);
	__uint(key_size, 4);
	__uint(value_size, 8 * 32);
} places SEC(".maps");

SEC("raw_tp") int take(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 size = ctx->args[1];

	if (size > sizeof(buf))
		return 1;
	out[0] = bpf_get_stack(ctx, buf, size, ctx->args[0]);
	return 0;
}

SEC("raw_tp") int put(struct bpf_raw_tracepoint_args *ctx)
{
	out[0] = bpf_get_stackid(ctx, &stacks, ctx->args[0]);
	return 0;
}

SEC("raw_tp") int put_single(struct bpf_raw_tracepoint_args *ctx)
{
	out[0] = bpf_get_stackid(ctx, &single, ctx->args[0]);
	return 0;
}

SEC("raw_tp") int put_place(struct bpf_raw_tracepoint_args *ctx)
{
	out[0] = bpf_get_stackid(ctx, &places, ctx->args[0]);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

/* Itself it looks at no stack. */
SEC("raw_tp") int goes_on(struct bpf_raw_tracepoint_args *ctx)
{
	bpf_tail_call(ctx, &next, 0);
	return 1;
}
