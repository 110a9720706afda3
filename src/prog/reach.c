/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory by address, for helpers and for loads through kernel pointers. Whose an address is:
 *
 *   upper half         an object that the current task's host presents; without a task there is none
 *   lower half, asked for as the kernel's    this process's: contexts, stacks and values of maps lie here
 *   lower half, asked for as the user's      the current task's; without a task this process's
 *
 * Nothing is read through a pointer: a bad address is -EFAULT.
 */
#include "base/usermem.h"
#include "base/util.h"
#include "prog/env.h"

#include <errno.h>
#include <string.h>

int env_read_kernel(struct skep_env *env, void *to, uint64_t from, size_t len)
{
	if (from < TASK_OBJECTS)
		return self_read(to, from, len);
	return env->task ? env->task->host->read_kernel(env, to, from, len) : -EFAULT;
}

int env_read_user(struct skep_env *env, void *to, uint64_t from, size_t len)
{
	if (!env->task)
		return self_read(to, from, len);
	return from < TASK_OBJECTS ? env->task->host->read_user(env, to, from, len) : -EFAULT;
}

uint64_t env_probe(struct skep_env *env, uint64_t at, uint32_t how)
{
	uint32_t size = how & 0xff;
	uint64_t value = 0;

	if (env_read_kernel(env, &value, at, size))
		return 0;
	if (how & ENV_PROBE_SIGN && size < 8)
		return (uint64_t)((int64_t)(value << (64 - size * 8)) >> (64 - size * 8));
	return value;
}

/* The context, and the program's stack: the interpreter's and the JIT's frames both lie on this thread's, above this one. */
static bool is_own(const struct skep_env *env, uint64_t from)
{
	enum { STACKS = 64 * 1024 };
	uint64_t here = (uintptr_t)__builtin_frame_address(0), ctx = (uintptr_t)env->ctx;

	return from - here < STACKS || (ctx && from - ctx < env->attach.ctx_size);
}

int env_read_either(struct skep_env *env, void *to, uint64_t from, size_t len)
{
	if (!env->task || from >= TASK_OBJECTS || is_own(env, from))
		return env_read_kernel(env, to, from, len);
	return env_read_user(env, to, from, len) ? self_read(to, from, len) : 0;
}

static int read_object(void *env, void *to, uint64_t from, size_t len)
{
	return ((struct skep_env *)env)->task->host->read_kernel(env, to, from, len);
}

int env_read_kernel_string(struct skep_env *env, char *to, uint64_t from, size_t size)
{
	if (from < TASK_OBJECTS)
		return self_read_string(to, from, size);
	/* Objects are filled as they are asked for: no more of them is read than the string is likely to need, and no piece leaves one whose string does not. */
	return env->task ? string_read(read_object, env, 16, to, from, size) : -EFAULT;
}

int env_read_user_string(struct skep_env *env, char *to, uint64_t from, size_t size)
{
	if (!env->task)
		return self_read_string(to, from, size);
	return from < TASK_OBJECTS ? env->task->host->read_user_string(env, to, from, size) : -EFAULT;
}

int env_read_either_string(struct skep_env *env, char *to, uint64_t from, size_t size)
{
	int len;

	if (!env->task || from >= TASK_OBJECTS || is_own(env, from))
		return env_read_kernel_string(env, to, from, size);
	len = env_read_user_string(env, to, from, size);
	return len == -EFAULT ? self_read_string(to, from, size) : len;
}
