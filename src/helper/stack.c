/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf_get_stack(), bpf_get_stackid(): the call stack that whoever began the run has noted in the environment (callstack.h).
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

/* stack_depth - frames that are looked at for @room of them behind @skip. */
static uint32_t stack_depth(const struct skep_env *env, uint32_t room, uint32_t skip)
{
	return MIN(env->stack.n, (uint32_t)MIN((uint64_t)room + skip, (uint64_t)CALLSTACK_MAX));
}

static void fill_ids(struct bpf_stack_build_id *ids, const uint64_t *ips, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		ids[i].ip = ips[i];
	callstack_build_ids(ids, n);
}

/* get_stack - Return: bytes written, or the error. */
static int64_t get_stack(const struct skep_env *env, void *buf, uint32_t size, uint64_t flags)
{
	uint32_t frame = flags & BPF_F_USER_BUILD_ID ? sizeof(struct bpf_stack_build_id) : sizeof(uint64_t);
	uint32_t skip = flags & BPF_F_SKIP_FIELD_MASK, n;

	if (flags & ~(uint64_t)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_USER_BUILD_ID))
		return -EINVAL;
	if ((flags & BPF_F_USER_BUILD_ID && !(flags & BPF_F_USER_STACK)) || size % frame)
		return -EINVAL;
	if (!(flags & BPF_F_USER_STACK))
		return -EFAULT;
	n = stack_depth(env, size / frame, skip);
	if (n < skip)
		return -EFAULT;
	n -= skip;
	if (n && flags & BPF_F_USER_BUILD_ID)
		fill_ids(buf, env->stack.ips + skip, n);
	else if (n)
		memcpy(buf, env->stack.ips + skip, n * sizeof(uint64_t));
	return (int64_t)n * frame;
}

HELPER(get_stack)
{
	uint32_t size = (uint32_t)r3;
	int64_t ret = get_stack(env, helper_ptr(r2), size, r4);
	uint32_t used = ret < 0 ? 0 : (uint32_t)ret;

	if (size > used)
		memset((uint8_t *)helper_ptr(r2) + used, 0, size - used);
	return helper_result(ret);
}

HELPER(get_stackid)
{
	struct skep_map *map = helper_ptr(r2);
	struct bpf_stack_build_id ids[CALLSTACK_MAX];
	bool by_file = map_stack_frame_size(map) == sizeof(ids[0]);
	uint32_t skip = r3 & BPF_F_SKIP_FIELD_MASK, n;
	const uint64_t *ips;

	if (r3 & ~(uint64_t)(BPF_F_SKIP_FIELD_MASK | BPF_F_USER_STACK | BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID))
		return helper_result(-EINVAL);
	n = stack_depth(env, map->value_size / map_stack_frame_size(map), skip);
	if (!(r3 & BPF_F_USER_STACK) || n <= skip)
		return helper_result(-EFAULT);
	n -= skip;
	ips = env->stack.ips + skip;
	if (by_file)
		fill_ids(ids, ips, n);
	return helper_result(
		map_stack_put(map, ips, by_file ? ids : NULL, n, r3 & (BPF_F_FAST_STACK_CMP | BPF_F_REUSE_STACKID)));
}
