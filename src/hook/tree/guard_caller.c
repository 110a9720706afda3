/* SPDX-License-Identifier: BSD-2-Clause */
/* Who calls: what the guard wants to know of a thread of the tree, from its /proc. */
#include "hook/tree/guard_inside.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

static pid_t last_number(char *text, const char *name, pid_t otherwise)
{
	char *at = strstr(text, name), *end;

	at = at ? at + strlen(name) : NULL;
	end = at ? at + strcspn(at, "\n") : NULL;
	while (end && end > at && end[-1] >= '0' && end[-1] <= '9')
		end--;
	return end && *end != '\n' ? (pid_t)strtol(end, NULL, 10) : otherwise;
}

static uint64_t mask_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? strtoull(at + strlen(name), NULL, 16) : 0;
}

static void read_status(struct caller *c)
{
	char text[4096], *at;
	AUTO_CLOSE int fd = openat(c->dir, "status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	c->tgid = c->own_tid = c->own_tgid = c->tid;
	c->umask = 077;
	c->uid = geteuid();
	c->gid = getegid();
	if (n <= 0)
		return;
	text[n] = 0;
	at = strstr(text, "\nUmask:");
	if (at)
		c->umask = (unsigned int)strtoul(at + 7, NULL, 8);
	at = strstr(text, "\nTgid:");
	if (at)
		c->tgid = (pid_t)strtol(at + 6, NULL, 10);
	/* As its own /proc has it, which may be of a PID namespace further in: the last one of the line. */
	c->own_tid = last_number(text, "\nNSpid:", c->tid);
	c->own_tgid = last_number(text, "\nNStgid:", c->tgid);
	at = strstr(text, "\nUid:");
	if (at)
		sscanf(at + 5, "%u %u %u %u", &c->uids[0], &c->uids[1], &c->uids[2], &c->uid);
	at = strstr(text, "\nGid:");
	if (at)
		sscanf(at + 5, "%u %u %u %u", &c->gids[0], &c->gids[1], &c->gids[2], &c->gid);
	c->caps = mask_of(text, "\nCapEff:");
	at = strstr(text, "\nGroups:");
	for (at = at ? at + 8 : NULL; at && c->n_groups < GUARD_GROUPS;) {
		char *end;
		unsigned long group;

		at += strspn(at, " \t");
		group = strtoul(at, &end, 10);
		if (end == at)
			break;
		c->groups[c->n_groups++] = (gid_t)group;
		at = end;
	}
}

void caller_close(struct caller *c)
{
	const int fds[] = {c->dir, c->root, c->cwd, c->pidfd};

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int caller_open(int proc, pid_t tid, struct caller *c)
{
	char name[32];

	*c = (struct caller){.dir = -1, .root = -1, .cwd = -1, .pidfd = -1, .tid = tid};
	snprintf(name, sizeof(name), "%d", (int)c->tid);
	c->dir = openat(proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->dir < 0)
		return -ESRCH;
	read_status(c);
	c->pidfd = (int)syscall(SYS_pidfd_open, c->tid, PIDFD_THREAD);
	if (c->pidfd < 0)
		c->pidfd = (int)syscall(SYS_pidfd_open, c->tgid, 0);
	return c->pidfd < 0 ? -errno : 0;
}

bool caller_signalled(int dir)
{
	char text[4096];
	AUTO_CLOSE int fd = openat(dir, "status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return true; /* it is gone */
	text[n] = 0;
	return (mask_of(text, "\nSigPnd:") | mask_of(text, "\nShdPnd:")) & ~mask_of(text, "\nSigBlk:");
}
