/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of tasks: what the helpers on them give, for the current task and its parent. */
#include "runs.h"

struct task_struct {
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
} __attribute__((preserve_access_index));

struct value {
	long long n, more;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct value);
} values SEC(".maps"), others SEC(".maps");

enum { CREATE = BPF_LOCAL_STORAGE_GET_F_CREATE };

SEC("raw_tp/sys_enter")
int stores(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct value init = {7, 8}, *v;

	out[0] = bpf_task_storage_get(&values, task, 0, 0) != NULL;
	out[1] = bpf_task_storage_delete(&values, task);
	v = bpf_task_storage_get(&values, task, 0, CREATE);
	if (!v)
		return 0;
	out[2] = v->n;
	out[3] = v->more;
	v->n = 5;
	/* It is there: what it would begin with does not count. */
	v = bpf_task_storage_get(&values, task, &init, CREATE);
	out[4] = v ? v->n : -1;
	out[5] = bpf_task_storage_get(&others, task, 0, 0) != NULL;
	v = bpf_task_storage_get(&others, task, &init, CREATE);
	out[6] = v ? v->n : -1;
	out[7] = v ? v->more : -1;
	/* Other flags than that one are none. */
	out[8] = bpf_task_storage_get(&values, task, 0, 2) != NULL;
	out[9] = bpf_task_storage_get(&values, task, 0, CREATE | 4) != NULL;
	out[10] = bpf_task_storage_delete(&values, task);
	out[11] = bpf_task_storage_delete(&values, task);
	out[12] = bpf_task_storage_get(&values, task, 0, 0) != NULL;
	/* Of another task. */
	v = bpf_task_storage_get(&values, task->group_leader, &init, CREATE);
	out[13] = v ? v->n : -1;
	out[14] = bpf_task_storage_get(&values, task, 0, 0) != NULL;
	return 0;
}

/* What user space has put there. */
SEC("raw_tp/sys_enter")
int adds(void *ctx)
{
	struct value *v = bpf_task_storage_get(&values, bpf_get_current_task_btf(), 0, 0);

	out[0] = v ? v->n : -1;
	out[1] = v ? v->more : -1;
	if (v)
		__sync_fetch_and_add(&v->n, 1);
	return 0;
}

/* Nothing is no task. */
SEC("raw_tp/sys_enter")
int of_nothing(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	out[0] = bpf_task_storage_get(&values, task->group_leader->real_parent, 0, 0) != NULL;
	return 0;
}

/* Call stacks: the user's own, and no other task's. */
SEC("raw_tp/sys_enter")
int stacks(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 ips[8] = {1, 1, 1, 1, 1, 1, 1, 1};

	out[0] = bpf_get_task_stack(task, ips, 12, BPF_F_USER_STACK);
	out[1] = bpf_get_task_stack(task, ips, sizeof(ips), 1 << 20);
	out[2] = bpf_get_task_stack(task, ips, sizeof(ips), BPF_F_USER_BUILD_ID);
	out[3] = bpf_get_task_stack(task->real_parent, ips, sizeof(ips), BPF_F_USER_STACK);
	out[4] = ips[0] | ips[7];
	out[5] = bpf_get_task_stack(task, ips, sizeof(ips), BPF_F_USER_STACK) >= 0;
	out[6] = bpf_get_task_stack(task, ips, sizeof(ips), BPF_F_USER_STACK | 200);
	return 0;
}
