/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_get_stack(), bpf_get_stackid(), bpf_get_task_stack(): the call stack that whoever began the run has noted in the environment (callstack.h), or where a
 * hook runs the program for a task of a tree, that task's, which its host walks (env->task). Of the latter no build ids are told: addresses it is.
 *
 * That is the user's stack (BPF_F_USER_STACK), innermost first from where bpf(2) was called, which is where a process's user stack begins for
 * the kernel too. A run on behalf of another process has none, like a thread of the kernel's: no frames. A kernel's stack nobody can fetch here,
 * which is -EFAULT. All else follows kernel/bpf/stackmap.c of Linux 6.18.
 */
#include "base/util.h"
#include "helper/callstack.h"
#include "helper/impl.h"
#include "map/map.h"

#include <string.h>

/* stack_frames - as many as are looked at for @room of them behind @skip. @walked: memory for those of a task. Return: how many. */
static uint32_t stack_frames(struct skep_env *env, uint32_t room, uint32_t skip, uint64_t walked[CALLSTACK_MAX],
			     const uint64_t **ips)
{
	uint32_t max = (uint32_t)MIN((uint64_t)room + skip, (uint64_t)CALLSTACK_MAX);

	*ips = env->task ? walked : env->stack.ips;
	if (!env->task)
		return MIN(env->stack.n, max);
	return env->task->host->stack ? env->task->host->stack(env, walked, max) : 0;
}

static void fill_ids(const struct skep_env *env, struct bpf_stack_build_id *ids, const uint64_t *ips, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (env->task)
			ids[i] = (struct bpf_stack_build_id){.status = BPF_STACK_BUILD_ID_IP};
		ids[i].ip = ips[i];
	}
	if (!env->task)
		callstack_build_ids(ids, n);
}

/* get_stack - @others: of another task. Return: bytes written, or the error. */
static int64_t get_stack(struct skep_env *env, bool others, void *buf, uint32_t size, uint64_t flags)
{
	uint32_t frame = flags & BPF_F_USER_BUILD_ID ? sizeof(struct bpf_stack_build_id) : sizeof(uint64_t);
	uint32_t skip = flags & BPF_F_SKIP_FIELD_MASK, n;
	uint64_t walked[CALLSTACK_MAX];
	const uint64_t *ips;

	if (flags & ~(uint64_t)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID))
		return -EINVAL;
	if ((flags & BPF_F_USER_BUILD_ID && !(flags & BPF_F_USER_STACK)) || size % frame)
		return -EINVAL;
	if (!(flags & BPF_F_USER_STACK))
		return -EFAULT;
	if (others)
		return -EOPNOTSUPP;
	n = stack_frames(env, size / frame, skip, walked, &ips);
	if (n < skip)
		return -EFAULT;
	n -= skip;
	if (n && flags & BPF_F_USER_BUILD_ID)
		fill_ids(env, buf, ips + skip, n);
	else if (n)
		memcpy(buf, ips + skip, n * sizeof(uint64_t));
	return (int64_t)n * frame;
}

/* What is left of the buffer is zeroes, after an error all of it. */
static uint64_t finish(void *buf, uint32_t size, int64_t ret)
{
	uint32_t used = ret < 0 ? 0 : (uint32_t)ret;

	if (size > used)
		memset((uint8_t *)buf + used, 0, size - used);
	return helper_result(ret);
}

HELPER(get_stack)
{
	return finish(helper_ptr(r2), (uint32_t)r3, get_stack(env, false, helper_ptr(r2), (uint32_t)r3, r4));
}

HELPER(get_task_stack)
{
	bool is_task = env->task && r1, others = is_task && r1 != env->task->host->task(env);

	return finish(helper_ptr(r2), (uint32_t)r3,
		      is_task ? get_stack(env, others, helper_ptr(r2), (uint32_t)r3, r4) : -EFAULT);
}

HELPER(get_stackid)
{
	struct skep_map *map = helper_ptr(r2);
	struct bpf_stack_build_id ids[CALLSTACK_MAX];
	bool by_file = map_stack_frame_size(map) == sizeof(ids[0]);
	uint32_t skip = r3 & BPF_F_SKIP_FIELD_MASK, n;
	uint64_t walked[CALLSTACK_MAX];
	const uint64_t *ips;

	if (r3 & ~(uint64_t)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID))
		return helper_result(-EINVAL);
	n = stack_frames(env, map->value_size / map_stack_frame_size(map), skip, walked, &ips);
	if (!(r3 & BPF_F_USER_STACK) || n <= skip)
		return helper_result(-EFAULT);
	n -= skip;
	ips += skip;
	if (by_file)
		fill_ids(env, ids, ips, n);
	return helper_result(
		map_stack_put(map, ips, by_file ? ids : NULL, n, r3 & (BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID)));
}
