// SPDX-License-Identifier: BSD-2-Clause
/* The call stack of a task that calls getpgid(2), by all three helpers. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

struct task_struct {
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 16);
	__uint(key_size, 4);
	__uint(value_size, 8 * 8);
} stacks SEC(".maps");

static __u64 ips[8], same[8];

static __always_inline int look(void *ctx, const char *where)
{
	struct task_struct *task = bpf_get_current_task_btf();
	long n = bpf_get_stack(ctx, ips, sizeof(ips), BPF_F_USER_STACK), m, other, id;

	m = bpf_get_task_stack(task, same, sizeof(same), BPF_F_USER_STACK);
	other = bpf_get_task_stack(task->real_parent, same, sizeof(same), BPF_F_USER_STACK);
	id = bpf_get_stackid(ctx, &stacks, BPF_F_USER_STACK);
	bpf_printk("%s: %d %d", where, (int)n, (int)m);
	bpf_printk("id %d other %d", id >= 0, (int)other);
	for (int i = 0; i < 4; i++)
		bpf_printk("frame %d %llx", i, ips[i]);
	return 0;
}

#ifdef ENDS
SEC("tracepoint/syscalls/sys_exit_getpgid")
int ends(void *ctx)
{
	return look(ctx, "end");
}
#else
SEC("tracepoint/syscalls/sys_enter_getpgid")
int begins(void *ctx)
{
	return look(ctx, "begin");
}
#endif
