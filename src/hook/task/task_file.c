/* SPDX-License-Identifier: BSD-2-Clause */
/* A task's sockets, and what they are called: the kernel says, or who makes the tree's socket calls (engine_maker). */
#include "hook/task/engine.h"
#include "hook/task/thread.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int task_file(const struct task_event *e, int fd)
{
	int got;

	if (e->maker)
		return e->maker->file(e->maker->arg, e->thread, fd);
	got = (int)syscall(SYS_pidfd_getfd, e->thread->pidfd, fd, 0);
	return got < 0 ? -errno : got;
}

int task_name(const struct task_event *e, int sock, bool peer, struct sockaddr_storage *name, socklen_t *len)
{
	if (peer ? getpeername(sock, (struct sockaddr *)name, len) : getsockname(sock, (struct sockaddr *)name, len))
		return -errno;
	if (e->maker)
		e->maker->name(e->maker->arg, sock, peer, name, len);
	return 0;
}
