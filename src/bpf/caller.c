/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/caller.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>

/* The type of file handles in kernfs (include/linux/exportfs.h of Linux 5.5 and later: enum fid_type). */
enum { FILEID_KERNFS = 0xfe };

static _Thread_local struct hive_caller *caller;

struct hive_caller *caller_enter(struct hive_caller *next)
{
	struct hive_caller *before = caller;

	caller = next;
	return before;
}

/* Is a file of a kind that cgroups are of? Its handle says so, which the kernel makes up without a word to the file system. */
static bool may_be_cgroup(int fd)
{
	union {
		struct file_handle h;
		char bytes[sizeof(struct file_handle) + sizeof(uint64_t)];
	} handle = {.h.handle_bytes = sizeof(uint64_t)};
	int mount;

	return !name_to_handle_at(fd, "", &handle.h, &mount, AT_EMPTY_PATH) && handle.h.handle_type == FILEID_KERNFS;
}

/* What /proc tells of an fd of this process asks no file system. */
static pid_t task_of(int fd)
{
	char path[64], text[1024], *at;
	int info;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, text, sizeof(text) - 1);
	text[MAX(n, (ssize_t)0)] = 0;
	if (strcmp(text, "anon_inode:[pidfd]") && strncmp(text, "pidfd:", 6))
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY | O_CLOEXEC);
	n = info < 0 ? -1 : read(info, text, sizeof(text) - 1);
	if (info >= 0)
		close(info);
	text[MAX(n, (ssize_t)0)] = 0;
	at = strstr(text, "Pid:");
	return at ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

int caller_look(int fd, struct caller_fd *out)
{
	struct statfs fs;
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	*out = (struct caller_fd){0};
	if (flags < 0)
		return -EBADF;
	if (fcntl(fd, F_GET_SEALS) >= 0) {
		if (fstat(fd, &st))
			return -EBADF;
		*out = (struct caller_fd){.dev = st.st_dev, .ino = st.st_ino, .mode = flags & O_ACCMODE};
	} else if (may_be_cgroup(fd) && !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC && !fstat(fd, &st) &&
		   S_ISDIR(st.st_mode)) {
		out->cgroup = st.st_ino; /* there an inode's number is its cgroup's id (Linux 5.5 and later) */
	} else {
		out->task = task_of(fd);
	}
	return 0;
}

bool caller_is_far(void)
{
	return caller;
}

int caller_find(int fd, struct caller_fd *out)
{
	if (fd < 0)
		return -EBADF;
	return caller ? caller->find(caller->arg, fd, out) : caller_look(fd, out);
}

bool caller_gone(void)
{
	return caller && caller->gone(caller->arg);
}

bool caller_say(const char *line)
{
	if (!caller)
		return false;
	caller->say(caller->arg, line);
	return true;
}

void caller_opened(int fd)
{
	if (caller)
		caller->opened = fd;
}
