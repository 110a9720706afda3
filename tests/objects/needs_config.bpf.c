/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration value that must be there and is not. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern __u32 CONFIG_SKEP_ABSENT __kconfig;

SEC("syscall")
int read_it(void *ctx)
{
	return (int)CONFIG_SKEP_ABSENT;
}

char LICENSE[] SEC("license") = "GPL";
