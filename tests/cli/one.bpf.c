/* SPDX-License-Identifier: BSD-2-Clause */
/* One program in the section that the build names: for sections that libbpf knows, does not know, or nobody knows. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC(SECTION)
int one(void *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
