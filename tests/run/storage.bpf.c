// SPDX-License-Identifier: BSD-2-Clause
/* Counts the calls of each task, in a value of its own. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct task_struct;

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u32);
} counts SEC(".maps");

SEC("tracepoint/syscalls/sys_enter_getpgid")
int count(void *ctx)
{
	__u32 *n = bpf_task_storage_get(&counts, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (n)
		bpf_printk("getpgid %d", ++*n);
	return 0;
}
