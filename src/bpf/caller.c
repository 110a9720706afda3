/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/caller.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>

static _Thread_local struct hive_caller *caller;

struct hive_caller *caller_enter(struct hive_caller *next)
{
	struct hive_caller *before = caller;

	caller = next;
	return before;
}

uint64_t caller_cgroup(int fd, const struct stat *st)
{
	struct statfs fs;

	/* There a directory's inode number is its cgroup's id (Linux 5.5 and later). */
	return S_ISDIR(st->st_mode) && !fstatfs(fd, &fs) && fs.f_type == CGROUP2_SUPER_MAGIC ? st->st_ino : 0;
}

int caller_find(int fd, struct caller_fd *out)
{
	struct stat st;
	int flags;

	if (fd < 0)
		return -EBADF;
	if (caller)
		return caller->find(caller->arg, fd, out);
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fstat(fd, &st))
		return -EBADF;
	*out = (struct caller_fd){
		.dev = st.st_dev, .ino = st.st_ino, .mode = flags & O_ACCMODE, .cgroup = caller_cgroup(fd, &st)};
	return 0;
}

bool caller_gone(void)
{
	return caller && caller->gone(caller->arg);
}

void caller_opened(int fd)
{
	if (caller)
		caller->opened = fd;
}
