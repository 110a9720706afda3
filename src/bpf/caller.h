/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who calls bpf(2): how the numbers in the attributes become files, and whether anybody still waits for the answer. By
 * default the caller is this process, whose fds are its own. A thread that serves another process says so with
 * caller_enter(), as it says with user_enter() how that process's memory is reached; the commands know of neither.
 */
#ifndef SKEP_BPF_CALLER_H
#define SKEP_BPF_CALLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What stands behind an fd of the caller's: enough to know the object (hive.h), and what the fd may do. */
struct caller_fd {
	dev_t dev; /* of a memory file, as the hive's objects are; all zero for others */
	ino_t ino;
	int mode; /* O_RDWR, O_RDONLY or O_WRONLY */
	uint64_t cgroup; /* a cgroup2 directory: the cgroup's id; else 0 */
	pid_t task; /* a pidfd: the task's number here, -1: it is gone; else 0 */
};

struct hive_caller {
	/* find - look behind an fd, not negative. Return: 0 or -EBADF. hive->lock may be held. */
	int (*find)(void *arg, int fd, struct caller_fd *out);
	/* say - why something was refused, a line without its end: the caller's user is the one to be told. */
	void (*say)(void *arg, const char *line);
	/* gone - has the caller died? A run of many rounds asks now and then, and ends. */
	bool (*gone)(void *arg);
	void *arg;
	int opened; /* the last fd that a command opened for the caller; -1: none */
};

/* caller_enter - this thread's commands are that caller's from now on; NULL: this process's. Return: whose they were before. */
struct hive_caller *caller_enter(struct hive_caller *caller);

/*
 * caller_look - what stands behind an fd of this process. Only memory files, cgroups and pidfds are looked at further: other file systems
 * (FUSE, one over a network) may take their time to answer, or never do.
 * Return: 0 or -EBADF.
 */
int caller_look(int fd, struct caller_fd *out);

/* caller_is_far - are this thread's commands another process's? */
bool caller_is_far(void);

/* caller_find - see struct hive_caller. Negative fds are -EBADF. */
int caller_find(int fd, struct caller_fd *out);
bool caller_gone(void);

/* caller_say - tell the caller a line. Return: false: it is this process, which has a log of its own. */
bool caller_say(const char *line);

/* caller_opened - an fd of this process has been opened as a command's answer. */
void caller_opened(int fd);

#endif
