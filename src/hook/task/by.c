/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/by.h"

#include "base/util.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

enum { SEEN = 4711 /* what the tried call returns when it has been seen: it does not by itself */ };

static int load(const struct sock_filter *insns, size_t n, unsigned int flags)
{
	const struct sock_fprog prog = {.len = (unsigned short)n, .filter = (struct sock_filter *)insns};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog) < 0 ? -errno : 0;
}

static int wait_for(pid_t pid, int *status)
{
	while (waitpid(pid, status, __WALL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

int by_notify(void)
{
	static const struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	pid_t pid = fork();
	int status, err;

	if (!pid)
		_exit(-load(allow, ARRAY_SIZE(allow), SECCOMP_FILTER_FLAG_NEW_LISTENER));
	err = pid < 0 ? -errno : wait_for(pid, &status);
	return err ? err : WIFEXITED(status) ? -WEXITSTATUS(status) : -ENOSYS;
}

/* The child: makes its call once it is seized. */
static void try_call(int seized) __attribute__((noreturn));
static void try_call(int seized)
{
	static const struct sock_filter trace[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_yield, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	char byte;
	int err;

	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (read(seized, &byte, 1) != 1)
		_exit(ESRCH);
	err = load(trace, ARRAY_SIZE(trace), 0);
	_exit(err ? -err : syscall(SYS_sched_yield) == SEEN ? 0 : ENOMSG);
}

/* It has stopped: what the tracer of a run does (trace.c). Return: 0 or a negative errno. */
static int answer(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		return -errno;
	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_rax), -1L);
	ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, rax), (long)SEEN);
	return 0;
}

static int follow(pid_t pid)
{
	int status, err = 0;

	while (!(err = wait_for(pid, &status)) && WIFSTOPPED(status)) {
		if (status >> 16 == PTRACE_EVENT_SECCOMP)
			err = answer(pid);
		if (err)
			break;
		ptrace(PTRACE_CONT, pid, 0, status >> 16 ? 0 : WSTOPSIG(status));
	}
	if (!err)
		return WIFEXITED(status) ? -WEXITSTATUS(status) : -ESRCH;
	kill(pid, SIGKILL);
	wait_for(pid, &status);
	return err;
}

int by_ptrace(void)
{
	int seized[2], status, err;
	pid_t pid;

	if (pipe(seized))
		return -errno;
	pid = fork();
	if (!pid) {
		close(seized[1]);
		try_call(seized[0]);
	}
	err = pid < 0 ? -errno : 0;
	if (!err && ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL))
		err = -errno;
	if (!err && write(seized[1], "", 1) != 1)
		err = -errno;
	close(seized[0]);
	close(seized[1]);
	if (err && pid > 0)
		wait_for(pid, &status);
	return err ? err : follow(pid);
}
