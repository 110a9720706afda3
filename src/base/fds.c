/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/fds.h"

#include "base/util.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	LEAST = 65536 /* a limit that was lowered says nothing of files that were open before */,
	MOST = 1 << 20 /* fs.nr_open */
};

void fds_close(unsigned int first, unsigned int last, bool on_exec)
{
	struct rlimit limit;

	if (first > last || !syscall(SYS_close_range, first, last, on_exec ? CLOSE_RANGE_CLOEXEC : 0))
		return;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		limit.rlim_max = LEAST;
	last = (unsigned int)MIN((rlim_t)last, MIN(MAX(limit.rlim_max, (rlim_t)LEAST), (rlim_t)MOST));
	for (unsigned int fd = first; fd <= last; fd++) {
		int flags = on_exec ? fcntl((int)fd, F_GETFD) : -1;

		if (!on_exec)
			close((int)fd);
		else if (flags >= 0)
			fcntl((int)fd, F_SETFD, flags | FD_CLOEXEC);
	}
}
