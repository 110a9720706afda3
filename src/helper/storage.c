/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on values of tasks (map/storage.c), with the kernel's results: kernel/bpf/bpf_task_storage.c. */
#include "base/util.h"
#include "helper/impl.h"
#include "map/map.h"

#include <errno.h>

/* Which task it is. Without a host there are none. */
static int find(struct skep_env *env, uint64_t task, struct map_task *out)
{
	if (!task || !env->task || !env->task->host->identify)
		return -ENOENT;
	*out = (struct map_task){0};
	return env->task->host->identify(env, task, &out->start, &out->tid);
}

HELPER(task_storage_get)
{
	struct map_task task;

	if (r4 & ~(uint64_t)BPF_LOCAL_STORAGE_GET_F_CREATE || find(env, r2, &task))
		return 0;
	return (uintptr_t)map_task_get(helper_ptr(r1), &task, helper_ptr(r3), r4 & BPF_LOCAL_STORAGE_GET_F_CREATE);
}

HELPER(task_storage_delete)
{
	struct map_task task;

	if (!r2)
		return helper_result(-EINVAL);
	return helper_result(find(env, r2, &task) ? -ENOENT : map_task_delete(helper_ptr(r1), &task));
}
