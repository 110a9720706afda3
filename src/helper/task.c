/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs, its memory, and memory by address.
 *
 * Where a hook runs the program for a task of a supervised tree, that is the current task, and its host answers (env->task). Else it is the thread that
 * runs the program, for a test run or a replay runs in the hive's own process: there is no struct task_struct then, so bpf_get_current_task() is 0,
 * "kernel" memory and user memory are both this process's, and nothing changes the task.
 *
 * Reads by address go through prog/reach.c, never through a pointer: a bad address is -EFAULT and leaves zeroes; a kernel read near NULL is -ERANGE, as it
 * is for any address of user space in the kernel.
 */
#include "base/util.h"
#include "helper/impl.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* xorshift64*, one state for each worker. */
HELPER(get_prandom_u32)
{
	uint64_t x = env->rng ? env->rng : 0x9e3779b97f4a7c15u;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	env->rng = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1du) >> 32);
}

HELPER(get_smp_processor_id)
{
	return env->cpu;
}

HELPER(get_numa_node_id)
{
	unsigned int node = 0;

	syscall(SYS_getcpu, NULL, &node, NULL);
	return node;
}

HELPER(get_current_pid_tgid)
{
	if (env->task)
		return (uint64_t)env->task->tgid << 32 | env->task->tid;
	return (uint64_t)getpid() << 32 | (uint32_t)gettid();
}

HELPER(get_current_uid_gid)
{
	if (env->task)
		return env->task->host->uid_gid(env);
	return (uint64_t)getgid() << 32 | getuid();
}

HELPER(get_current_comm)
{
	char comm[16] = {};
	char *to = helper_ptr(r1);
	uint32_t size = (uint32_t)r2;
	size_t len;

	if (!size)
		return 0;
	if (env->task)
		env->task->host->comm(env, comm);
	else
		prctl(PR_GET_NAME, comm);
	/* Cut to the buffer, always ended, padded with zeroes. */
	len = strnlen(comm, MIN((size_t)size - 1, sizeof(comm) - 1));
	memcpy(to, comm, len);
	memset(to + len, 0, size - len);
	return 0;
}

HELPER(get_current_task)
{
	return env->task ? env->task->host->task(env) : 0;
}

/* Loads through it are checked, so a task that is not there reads as zeroes. */
HELPER(get_current_task_btf)
{
	return h_get_current_task(r1, r2, r3, r4, r5, env);
}

HELPER(task_pt_regs)
{
	return env->task ? env->task->host->regs(env, r1) : 0;
}

/* Reads: -EFAULT leaves zeroes. */

enum { NULL_PAGE = 4096 };

typedef int read_fn(struct skep_env *env, void *to, uint64_t from, size_t len);
typedef int read_str_fn(struct skep_env *env, char *to, uint64_t from, size_t size);

static uint64_t read_bytes(struct skep_env *env, read_fn *read, uint64_t to, uint64_t size, uint64_t from)
{
	int err = (uint32_t)size ? read(env, helper_ptr(to), from, (uint32_t)size) : 0;

	if (err)
		memset(helper_ptr(to), 0, (uint32_t)size);
	return helper_result(err);
}

/* A string of at most size - 1 bytes and its end. Return: bytes with the end, or -EFAULT. */
static uint64_t read_str(struct skep_env *env, read_str_fn *read, uint64_t to_reg, uint64_t size_reg, uint64_t from)
{
	uint32_t size = (uint32_t)size_reg;
	char *to = helper_ptr(to_reg);
	int len;

	if (!size)
		return 0;
	len = read(env, to, from, size);
	if (len == -EINVAL) {
		to[size - 1] = 0;
		return size;
	}
	if (len < 0) {
		memset(to, 0, size);
		return helper_result(-EFAULT);
	}
	return (uint64_t)len + 1;
}

HELPER(probe_read)
{
	return read_bytes(env, env_read_either, r1, r2, r3);
}

HELPER(probe_read_user)
{
	return read_bytes(env, env_read_user, r1, r2, r3);
}

/* Near NULL. Return: whether; the buffer is zero then. */
static bool near_null(uint64_t to, uint64_t size, uint64_t from)
{
	if (from >= NULL_PAGE)
		return false;
	memset(helper_ptr(to), 0, (uint32_t)size);
	return true;
}

HELPER(probe_read_kernel)
{
	return near_null(r1, r2, r3) ? helper_result(-ERANGE) : read_bytes(env, env_read_kernel, r1, r2, r3);
}

HELPER(copy_from_user)
{
	return read_bytes(env, env_read_user, r1, r2, r3);
}

HELPER(copy_from_user_task)
{
	uint32_t size = (uint32_t)r2;
	int err = 0;

	if (r5)
		return helper_result(-EINVAL);
	if (size)
		err = env->task ? env->task->host->read_task(env, r4, helper_ptr(r1), r3, size) : -EFAULT;
	if (!err)
		return 0;
	memset(helper_ptr(r1), 0, size);
	return helper_result(-EFAULT);
}

HELPER(probe_read_str)
{
	return read_str(env, env_read_either_string, r1, r2, r3);
}

HELPER(probe_read_user_str)
{
	return read_str(env, env_read_user_string, r1, r2, r3);
}

HELPER(probe_read_kernel_str)
{
	return r2 && near_null(r1, r2, r3) ? helper_result(-ERANGE) : read_str(env, env_read_kernel_string, r1, r2, r3);
}

/*
 * What changes the task. The kernel lets root do all of it, and warns of the first in its log when such a program is loaded; here it is the user's own tree.
 * Without a task it would be skep itself: -EPERM, as for a thread of the kernel's.
 */

HELPER(probe_write_user)
{
	if (!env->task)
		return helper_result(-EPERM);
	if (r1 >= TASK_OBJECTS)
		return helper_result(-EFAULT);
	return helper_result(env->task->host->write_user(env, r1, helper_ptr(r2), (uint32_t)r3));
}

static uint64_t send(struct skep_env *env, uint64_t sig, bool whole_process)
{
	if (!env->task)
		return helper_result(-EPERM);
	return (uint32_t)sig >= NSIG ? helper_result(-EINVAL)
				     : helper_result(env->task->host->signal(env, (uint32_t)sig, whole_process));
}

HELPER(send_signal)
{
	return send(env, r1, true);
}

HELPER(send_signal_thread)
{
	return send(env, r1, false);
}

/* Always 0 in the kernel, which has refused to attach the program where that would not work. */
HELPER(override_return)
{
	if (env->task)
		env->task->host->override(env, r2);
	return 0;
}

HELPER(d_path)
{
	char *to = helper_ptr(r2);

	if (!(uint32_t)r3)
		return 0;
	if (!env->task)
		return helper_result(-EFAULT);
	return helper_result(env->task->host->d_path(env, r1, to, (uint32_t)r3));
}

/*
 * Arguments and result of the function that is traced: words of the context, as many as the hook says there are. A test run has none.
 */

HELPER(get_func_arg)
{
	const uint64_t *words = helper_ptr(r1);
	uint64_t *to = helper_ptr(r3);

	*to = 0;
	if ((uint32_t)r2 >= env->attach.n_args)
		return helper_result(-EINVAL);
	*to = words[(uint32_t)r2];
	return 0;
}

HELPER(get_func_ret)
{
	const uint64_t *words = helper_ptr(r1);
	uint64_t *to = helper_ptr(r2);

	*to = 0;
	if (!env->attach.has_ret)
		return helper_result(-EOPNOTSUPP);
	*to = words[env->attach.n_args];
	return 0;
}

HELPER(get_func_arg_cnt)
{
	return env->attach.n_args;
}

HELPER(get_retval)
{
	return helper_result(env->attach.retval);
}

HELPER(set_retval)
{
	env->attach.retval = (int32_t)r1;
	return 0;
}

/*
 * Kernel functions on tasks. An object stays readable for as long as a program can have its address, so there is nothing to count: that a reference is given
 * back is the verifier's.
 */

KFUNC(bpf_task_acquire)
{
	return env->task && env->task->host->regs(env, r1) ? r1 : 0;
}

KFUNC(bpf_task_from_pid)
{
	return env->task && (int32_t)r1 > 0 ? env->task->host->find(env, (uint32_t)r1) : 0;
}

/* Programs see the numbers of one namespace only. */
KFUNC(bpf_task_from_vpid)
{
	return k_bpf_task_from_pid(r1, r2, r3, r4, r5, env);
}

KFUNC(bpf_task_release)
{
	return 0;
}

/* Loads through what comes out of it are checked one by one. */
KFUNC(bpf_rdonly_cast)
{
	return r1;
}
