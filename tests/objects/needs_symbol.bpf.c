/* SPDX-License-Identifier: BSD-2-Clause */
/* A kernel symbol that must be there and is not. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void skep_absent_symbol __ksym;

__u64 where;

SEC("syscall")
int read_it(void *ctx)
{
	where = (__u64)&skep_absent_symbol;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
