/* SPDX-License-Identifier: BSD-2-Clause */
/* A map that says it is of type struct_ops, but comes from .maps: libbpf 1.1 follows a pointer that it does not have. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_STRUCT_OPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} ops SEC(".maps");

SEC("syscall")
int nothing(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
