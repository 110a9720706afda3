/* SPDX-License-Identifier: BSD-2-Clause */
/* An access to what does not exist, that nothing guards but the caller's context. */
#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct task_struct___mine {
	int pid;
	int not_in_this_kernel;
} __attribute__((preserve_access_index));

struct {
	__u32 before, after;
} counts;

SEC("syscall")
int unguarded(struct task_struct___mine *t)
{
	int x;

	counts.before++;
	if (t->pid != 1)
		return 3;
	x = *(volatile int *)&t->not_in_this_kernel;
	counts.after++;
	return x;
}

char LICENSE[] SEC("license") = "GPL";
