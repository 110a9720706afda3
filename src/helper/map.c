/* SPDX-License-Identifier: BSD-2-Clause */
/* Helpers on maps, and the two that call back. The maps themselves: map/map.h. */
#include "map/map.h"

#include "helper/impl.h"

#include <errno.h>

/* Callbacks of one bpf_for_each_map_elem(). */
struct each {
	struct skep_env *env;
	struct skep_map *map;
	uint64_t fn, ctx;
};

enum { MAX_LOOPS = 8 * 1024 * 1024 };

HELPER(map_lookup_elem)
{
	return (uintptr_t)map_lookup(helper_ptr(r1), helper_ptr(r2), env->cpu);
}

HELPER(map_update_elem)
{
	return helper_result(map_update(helper_ptr(r1), helper_ptr(r2), helper_ptr(r3), r4, env->cpu));
}

HELPER(map_delete_elem)
{
	return helper_result(map_delete(helper_ptr(r1), helper_ptr(r2)));
}

HELPER(map_push_elem)
{
	return helper_result(map_push(helper_ptr(r1), helper_ptr(r2), r3));
}

HELPER(map_pop_elem)
{
	return helper_result(map_pop(helper_ptr(r1), helper_ptr(r2)));
}

HELPER(map_peek_elem)
{
	return helper_result(map_peek(helper_ptr(r1), helper_ptr(r2)));
}

HELPER(map_lookup_percpu_elem)
{
	return (uintptr_t)map_lookup_percpu(helper_ptr(r1), helper_ptr(r2), (uint32_t)r3);
}

static long visit(void *arg, void *key, void *value)
{
	const struct each *e = arg;

	return (long)e->env->callback(e->env, e->fn, (uintptr_t)e->map, (uintptr_t)key, (uintptr_t)value, e->ctx, 0);
}

HELPER(for_each_map_elem)
{
	struct each e = {.env = env, .map = helper_ptr(r1), .fn = r2, .ctx = r3};

	if (r4)
		return helper_result(-EINVAL);
	return helper_result(map_for_each(e.map, env->cpu, visit, &e));
}

HELPER(spin_lock)
{
	map_value_lock(helper_ptr(r1));
	return 0;
}

HELPER(spin_unlock)
{
	map_value_unlock(helper_ptr(r1));
	return 0;
}

/*
 * The kernel's verifier puts a loop of its own in the place of nearly every call. This is that loop: its count has 64 bits, and its
 * error 32.
 */
HELPER(loop)
{
	if (r4)
		return helper_result(-EINVAL);
	if (r1 > MAX_LOOPS)
		return (uint32_t)-E2BIG;
	for (uint64_t i = 0; i < r1; i++)
		if (env->callback(env, r2, i, r3, 0, 0, 0))
			return i + 1;
	return r1;
}
