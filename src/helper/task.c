/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who runs, and memory by address.
 *
 * The current task is the thread that runs the program: a test run or a replay runs in the hive's own process. There is no
 * struct task_struct, so bpf_get_current_task() is 0.
 *
 * Reads by address go through self_read() (base/usermem.h), never through a pointer: a bad address is -EFAULT and
 * leaves zeroes. "Kernel" memory and user memory are both this process's; a kernel read near NULL is -ERANGE, as it is
 * for any address of user space in the kernel.
 */
#include "base/usermem.h"
#include "base/util.h"
#include "helper/impl.h"

#include <errno.h>
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
	return (uint64_t)getpid() << 32 | (uint32_t)gettid();
}

HELPER(get_current_uid_gid)
{
	return (uint64_t)getgid() << 32 | getuid();
}

HELPER(get_current_comm)
{
	char comm[16] = {};
	char *to = helper_ptr(r1);
	uint32_t size = (uint32_t)r2;
	size_t len;

	prctl(PR_GET_NAME, comm);
	if (!size)
		return 0;
	/* Cut to the buffer, always ended, padded with zeroes. */
	len = strnlen(comm, MIN((size_t)size - 1, sizeof(comm) - 1));
	memcpy(to, comm, len);
	memset(to + len, 0, size - len);
	return 0;
}

HELPER(get_current_task)
{
	return 0;
}

enum { NULL_PAGE = 4096 };

static uint64_t read_bytes(uint64_t to, uint64_t size, uint64_t from)
{
	int err = self_read(helper_ptr(to), from, (uint32_t)size);

	if (err)
		memset(helper_ptr(to), 0, (uint32_t)size);
	return helper_result(err);
}

/* A string of at most size - 1 bytes and its end. Return: bytes with the end, or -EFAULT. */
static uint64_t read_str(uint64_t to_reg, uint64_t size_reg, uint64_t from)
{
	uint32_t size = (uint32_t)size_reg;
	char *to = helper_ptr(to_reg);
	int len;

	if (!size)
		return 0;
	len = self_read_string(to, from, size);
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
	return read_bytes(r1, r2, r3);
}

HELPER(probe_read_user)
{
	return read_bytes(r1, r2, r3);
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
	return near_null(r1, r2, r3) ? helper_result(-ERANGE) : read_bytes(r1, r2, r3);
}

HELPER(copy_from_user)
{
	return read_bytes(r1, r2, r3);
}

HELPER(probe_read_str)
{
	return read_str(r1, r2, r3);
}

HELPER(probe_read_user_str)
{
	return read_str(r1, r2, r3);
}

HELPER(probe_read_kernel_str)
{
	return r2 && near_null(r1, r2, r3) ? helper_result(-ERANGE) : read_str(r1, r2, r3);
}
