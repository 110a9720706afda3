/* SPDX-License-Identifier: BSD-2-Clause */
/* A task that calls: its memory, its files, its folder in /proc; and what a socket says of itself. */
#include "hook/calls/calls_inside.h"

#include "base/util.h"
#include "hook/tree/recall.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { TICK_MS = 20 };

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

bool call_read(const struct job *j, void *to, uint64_t from, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)(uintptr_t)from, len}; /* NOLINT(performance-no-int-to-ptr) */

	return !len || process_vm_readv(j->call.thread->tid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

bool call_write(const struct job *j, uint64_t to, const void *from, size_t len)
{
	struct iovec here = {(void *)from, len},
		     there = {(void *)(uintptr_t)to, len}; /* NOLINT(performance-no-int-to-ptr) */

	return !len || process_vm_writev(j->call.thread->tid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

uint32_t call_inode(struct job *j, uint64_t fd)
{
	char path[32], link[64];
	unsigned int inode = 0;
	ssize_t n;

	if (!j->c->parked || j->call.sock >= 0)
		return call_socket(j, fd) < 0 ? 0 : sock_inode(j->call.sock);
	snprintf(path, sizeof(path), "fd/%d", (int)fd);
	n = call_folder(j) < 0 ? -1 : readlinkat(j->dir, path, link, sizeof(link) - 1);
	link[MAX(n, (ssize_t)0)] = 0;
	if (n < 0)
		errno = EBADF;
	else if (sscanf(link, "socket:[%u]", &inode) != 1)
		errno = ENOTSOCK;
	return inode;
}

int call_socket(struct job *j, uint64_t fd)
{
	uint32_t inode;

	if (j->call.sock >= 0) /* once */
		return j->call.sock;
	if (!j->c->parked) {
		j->call.sock = (int)syscall(SYS_pidfd_getfd, j->call.thread->pidfd, (int)fd, 0);
		return j->call.sock < 0 ? -errno : j->call.sock;
	}
	inode = call_inode(j, fd);
	if (!inode)
		return -errno;
	fd = (uint64_t)parked_copy(j->c, inode);
	if ((int)fd >= 0)
		j->call.sock = (int)fd;
	return (int)fd;
}

int call_address(struct job *j)
{
	int64_t len = (int32_t)j->call.args[2];

	if (j->call.has_address)
		return 0;
	memset(&j->call.address, 0, sizeof(j->call.address));
	if (len < 0 || len > (int64_t)sizeof(j->call.address))
		return -EINVAL;
	if (!call_read(j, &j->call.address, j->call.args[1], (size_t)len))
		return -EFAULT;
	j->call.address_len = (socklen_t)len;
	return 0;
}

int call_waits(const struct job *j)
{
	return engine_call_stands(&j->call) ? 0 : -ESRCH;
}

int call_folder(struct job *j)
{
	char name[32];

	if (j->dir >= 0)
		return j->dir;
	snprintf(name, sizeof(name), "%d", (int)j->call.thread->tid);
	j->dir = openat(j->c->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j->dir < 0 ? -errno : j->dir;
}

bool call_status(struct job *j, char *text, size_t size)
{
	AUTO_CLOSE int fd = call_folder(j) < 0 ? -1 : openat(j->dir, "status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[MAX(n, (ssize_t)0)] = 0;
	return n > 0;
}

bool call_is_alone(struct job *j)
{
	char text[4096], *at;

	at = call_status(j, text, sizeof(text)) ? strstr(text, "\nThreads:") : NULL;
	return at && strtol(at + sizeof("\nThreads:") - 1, NULL, 10) == 1 && !call_waits(j);
}

bool call_signalled(struct job *j)
{
	return call_folder(j) < 0 || caller_signalled(j->dir) || call_waits(j);
}

int call_poll(struct job *j, int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int slice = ms < 0 ? TICK_MS : MIN(ms, TICK_MS), n = poll(&p, 1, slice);

		if (n > 0)
			return 0;
		if (ms >= 0) {
			ms -= slice;
			if (!ms)
				return -EAGAIN;
		}
		if (j->c->stop || call_signalled(j))
			return CALLS_RESTART;
	}
}

int sock_option(int sock, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(sock, level, name, &value, &len) ? -1 : value;
}

int sock_stay(int sock)
{
	int lo = RELAY_LO;

	if (sock_option(sock, SOL_SOCKET, SO_BINDTOIFINDEX) == lo)
		return 0;
	return setsockopt(sock, SOL_SOCKET, SO_BINDTOIFINDEX, &lo, sizeof(lo)) ? -errno : 0;
}

uint32_t sock_inode(int sock)
{
	struct stat st;

	return fstat(sock, &st) ? 0 : (uint32_t)st.st_ino;
}

uint64_t sock_cookie(int sock)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(sock, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

bool sock_blocks(int sock)
{
	int flags = fcntl(sock, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

socklen_t sock_name(int sock, struct sockaddr_storage *at)
{
	socklen_t len = sizeof(*at);

	memset(at, 0, sizeof(*at));
	return getsockname(sock, (struct sockaddr *)at, &len) ? 0 : len;
}

int sock_patience(int sock, int name)
{
	struct timeval t = {0};
	socklen_t len = sizeof(t);

	if (getsockopt(sock, SOL_SOCKET, name, &t, &len) || (!t.tv_sec && !t.tv_usec))
		return -1;
	return t.tv_sec > INT32_MAX / 1000 - 1 ? INT32_MAX : (int)(t.tv_sec * 1000 + t.tv_usec / 1000 + 1);
}
