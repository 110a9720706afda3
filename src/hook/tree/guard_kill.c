/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill(2) and its kin, made for tasks of the tree where programs decide on signals (lsm/task_kill).
 *
 * Which process a number stands for can change between a decision and the deed. So the guard takes hold of the process first (pidfd_open(2); the fd that the task
 * names is duplicated, what it says of the signal is copied), skep is asked about that one, and the signal goes to it and to no other. A signal to a group, or to
 * all, is one for each that is there when its turn comes; the kernel's own would miss none that is being made meanwhile.
 *
 * The receiver sees the guard as the sender (si_pid), for nobody may send in another's name, and SI_USER also where one thread was meant. Only what a task sends to its own process by that process's number
 * is the kernel's to send, once it is allowed: that number is nobody else's while the task lives. So abort(3), raise(3) and pthread_kill(3) are as ever.
 *
 * As in the kernel (kernel/signal.c, check_kill_permission()) nobody is asked about a number that is no signal's, nor about whom the task may not signal anyway.
 * Refused with EPERM, because it could not be held to: what says that kill(2) sent it and is not (si_code, also to oneself); callers in PID namespaces of their own, whose numbers are others; a siginfo_t of 32-bit programs; signals
 * to single threads of other processes before Linux 6.9, which has no hold on a thread.
 */
#include "hook/tree/guard_inside.h"

#include "base/util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif
enum {
	ONE_THREAD = 1,
	ONE_PROCESS = 2
}; /* PIDFD_SIGNAL_THREAD, _THREAD_GROUP; those to groups would be decided on as one */
enum { INIT_PID = 1, SIGNALS = 64, TEXT = 4096 };

struct signal_call {
	struct caller *c;
	const struct guard_call *call;
	int sig;
	unsigned int flags; /* of pidfd_send_signal(2) */
	bool has_info; /* the task said what the signal says */
	siginfo_t info;
	struct guard_asked asked;
};

/* For a twin: what it is to do. It has a copy of this, but for the result. */
struct deed {
	const struct signal_call *s;
	int pidfd;
	_Atomic int32_t result;
};

bool guard_kill_is(int nr)
{
	return nr == SYS_kill || nr == SYS_tkill || nr == SYS_tgkill || nr == SYS_rt_sigqueueinfo ||
	       nr == SYS_rt_tgsigqueueinfo || nr == SYS_pidfd_send_signal;
}

/* A line of numbers in a process's status. Return: its first; 0: there is no such process. */
static void read_text(const char *path, char text[TEXT])
{
	AUTO_CLOSE int fd = openat(guard_self.proc, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT - 1);

	text[MAX(n, (ssize_t)0)] = 0;
}

/* The number behind a name at a line's begin. Return: 0: there is none. */
static pid_t number_in(const char *path, const char *name)
{
	char text[TEXT];
	const char *at;

	read_text(path, text);
	at = strstr(text, name);
	return at ? (pid_t)strtol(at + strlen(name), NULL, 10) : 0;
}

static pid_t process_of(pid_t tid)
{
	char path[32];

	snprintf(path, sizeof(path), "%d/status", (int)tid);
	return number_in(path, "\nTgid:");
}

/* Which process or thread a pidfd is of. Return: -1: it is gone; 0: it is no pidfd. */
static pid_t number_behind(int pidfd)
{
	char path[48];

	snprintf(path, sizeof(path), "self/fdinfo/%d", pidfd);
	return number_in(path, "\nPid:");
}

static pid_t group_of(pid_t pid)
{
	char path[32], text[TEXT];
	const char *at;
	int group = 0;

	snprintf(path, sizeof(path), "%d/stat", (int)pid);
	read_text(path, text);
	at = strrchr(text, ')'); /* the name may have any character in it */
	return at && sscanf(at + 1, " %*c %*d %d", &group) == 1 ? group : 0;
}

static long send_by(int pidfd, int sig, const siginfo_t *info, unsigned int flags)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, info, flags) ? -errno : 0;
}

static int deliver(void *arg)
{
	const struct deed *d = arg;
	const struct signal_call *s = d->s;

	return (int)send_by(d->pidfd, s->sig, s->has_info ? &s->info : NULL, s->flags);
}

/* Has the caller other rights to signal than this thread? */
static bool is_other(const struct caller *c)
{
	if (twin_needed(c) || (bool)(c->caps & 1ull << CAP_KILL) != guard_self.root)
		return true;
	for (int i = 0; i < 3; i++)
		if (c->uids[i] != geteuid())
			return true;
	return false;
}

static int send_as_caller(const struct signal_call *s, int pidfd)
{
	struct deed here = {.s = s, .pidfd = pidfd}, *d;
	int err;

	if (!is_other(s->c))
		return deliver(&here);
	d = mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (d == MAP_FAILED)
		return -ENOMEM;
	d->s = s;
	d->pidfd = pidfd;
	err = twin_run(s->c, deliver, d, &d->result);
	munmap(d, sizeof(*d));
	return err;
}

/* What the program is told of the signal: as the kernel would have it, were the task itself to send. */
static void describe(const struct signal_call *s, bool thread, struct guard_signal *to)
{
	siginfo_t info = {.si_signo = s->sig, .si_code = thread ? SI_TKILL : SI_USER};

	info.si_pid = s->c->tgid;
	info.si_uid = s->c->uids[0];
	if (s->has_info) {
		info = s->info;
		info.si_signo = s->sig;
	}
	memcpy(to->info, &info, sizeof(to->info));
	to->sig = s->sig;
}

/* Asks about one receiver, whom the guard holds, and sends. @own: the number was the caller's own. Return: 1: the caller is to send it itself. */
static int to_one(struct signal_call *s, int pidfd, pid_t tid, bool thread, bool own)
{
	const int fds[GUARD_FDS] = {-1, pidfd, -1, -1};
	int err = is_other(s->c) ? 0 : (int)send_by(pidfd, 0, NULL, s->flags);

	if (s->sig < 0 || s->sig > SIGNALS || err)
		return err ? err : send_as_caller(s, pidfd);
	s->asked.op = GUARD_KILL;
	s->asked.fds = GUARD_FILE;
	s->asked.link[0] = 0;
	describe(s, thread, &s->asked.signal);
	s->asked.signal.tid = (uint32_t)tid;
	err = guard_question_ask(guard_self.notes, guard_self.from, s->call, &s->asked, fds);
	if (err)
		return err;
	return own && !s->has_info && !s->call->report ? 1 : send_as_caller(s, pidfd);
}

/* @alone: it is meant by its number, not as one of many */
static int to_process(struct signal_call *s, pid_t tid, bool alone)
{
	pid_t pid = process_of(tid);
	AUTO_CLOSE int pidfd = pid ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pidfd < 0)
		return pid && errno != ESRCH && errno != EINVAL ? -errno : -ESRCH;
	return to_one(s, pidfd, pid, false, alone && pid == s->c->tgid);
}

/* @tgid: whose thread it must be; 0: anybody's */
static int to_thread(struct signal_call *s, pid_t tgid, pid_t tid)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	int err = pidfd < 0 ? errno : 0;
	pid_t pid = process_of(tid);

	if (!pid || err == ESRCH || (tgid && tgid != pid))
		return -ESRCH;
	/* By both its numbers it cannot be another's. */
	if (err == EINVAL && tgid && tgid == s->c->tgid) {
		pidfd = (int)syscall(SYS_pidfd_open, tgid, 0);
		err = pidfd < 0 ? errno : 0;
	}
	if (err)
		return err == EINVAL ? -EPERM : -err;
	return to_one(s, pidfd, tid, true, tgid && tgid == s->c->tgid);
}

/* @group: 0: whoever may be signalled. As kill_something_info() and __kill_pgrp_info() of the kernel have it. */
static int to_many(struct signal_call *s, pid_t group)
{
	int fd = openat(guard_self.proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int err, last = 0;
	bool sent = false, any = false;
	struct dirent *e;

	if (!d) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (pid <= 0 ||
		    (group ? group_of(pid) != group : pid == INIT_PID || pid == GUARD_PID || pid == s->c->tgid))
			continue;
		err = to_process(s, pid, false);
		any = true;
		sent |= !err;
		if (group || err != -EPERM)
			last = err;
	}
	closedir(d);
	if (!any)
		return -ESRCH;
	return group && sent ? 0 : last;
}

/* The siginfo_t, once. */
static int take_info(struct signal_call *s, uint64_t from)
{
	struct iovec here = {&s->info, sizeof(s->info)},
		     there = {(void *)(uintptr_t)from, sizeof(s->info)}; /* NOLINT */

	if (s->call->arch == AUDIT_ARCH_I386)
		return -EPERM;
	if (process_vm_readv(s->c->tid, &here, 1, &there, 1, 0) != sizeof(s->info))
		return -EFAULT;
	s->has_info = true;
	s->info.si_signo = s->sig;
	/* All of it was the caller's, if it is still there. */
	return guard_still_waits(s->c, s->call->id) ? 0 : -ESRCH;
}

static int by_fd(struct signal_call *s)
{
	const uint64_t *a = s->call->args;
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_getfd, s->c->pidfd, (int)a[0], 0);
	bool thread;
	pid_t pid;
	int flags;

	s->sig = (int)a[1];
	s->flags = (unsigned int)a[3];
	if (s->flags & ~(unsigned int)(ONE_THREAD | ONE_PROCESS) || s->flags == (ONE_THREAD | ONE_PROCESS))
		return -EINVAL;
	if (pidfd < 0)
		return -errno;
	if (!guard_still_waits(s->c, s->call->id))
		return -ESRCH;
	pid = number_behind(pidfd);
	flags = fcntl(pidfd, F_GETFL);
	thread = s->flags ? s->flags == ONE_THREAD : flags >= 0 && flags & PIDFD_THREAD;
	if (pid <= 0)
		return pid ? -ESRCH : -EBADF;
	if (a[2]) {
		int err = take_info(s, a[2]);

		if (err)
			return err;
	}
	return to_one(s, pidfd, pid, thread, false);
}

/* kill(2) */
static int by_number(struct signal_call *s, pid_t pid)
{
	if (pid == INT_MIN)
		return -ESRCH;
	if (pid > 0)
		return to_process(s, pid, true);
	return to_many(s, pid == -1 ? 0 : pid ? -pid : group_of(s->c->tgid));
}

static int make(struct signal_call *s)
{
	const uint64_t *a = s->call->args;
	bool two = s->call->native == SYS_tgkill || s->call->native == SYS_rt_tgsigqueueinfo;
	pid_t first = (pid_t)a[0], second = (pid_t)a[1];
	int err;

	s->sig = (int)a[two ? 2 : 1];
	switch (s->call->native) {
	case SYS_kill:
		return by_number(s, first);
	case SYS_tkill:
		return first <= 0 ? -EINVAL : to_thread(s, 0, first);
	case SYS_tgkill:
		return first <= 0 || second <= 0 ? -EINVAL : to_thread(s, first, second);
	case SYS_pidfd_send_signal:
		return by_fd(s);
	default:
		err = take_info(s, a[two ? 3 : 2]);
		if (err)
			return err;
		if (two)
			return first <= 0 || second <= 0 ? -EINVAL : to_thread(s, first, second);
		return first <= 0 ? -ESRCH : to_process(s, first, true);
	}
}

int kills_make(struct caller *c, const struct guard_call *call, bool *go_on)
{
	struct signal_call *s = calloc(1, sizeof(*s));
	int result = -EPERM;

	if (!s)
		return -ENOMEM;
	s->c = c;
	s->call = call;
	if (c->own_tgid == c->tgid)
		result = make(s);
	free(s);
	*go_on = result == 1;
	return MIN(result, 0);
}
