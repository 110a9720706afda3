/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/tree/bare.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/tree/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum {
	LANDLOCK_REFER_ABI = 2, /* before it, files cannot be moved between folders by whoever is confined at all */
	LANDLOCK_SCOPE_ABI = 6,
	SCOPE_ABSTRACT = 1, /* LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET */
	SCOPE_SIGNAL = 2,
	SWEEP_MS = 10000,
};

/* As Linux 6.12 has it. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static char yama(void)
{
	AUTO_CLOSE int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char scope = '0';

	return fd >= 0 && read(fd, &scope, 1) == 1 ? scope : '0';
}

int bare_check(char *why, size_t size)
{
	if (yama() == '3') {
		snprintf(why, size, "kernel.yama.ptrace_scope is 3: nobody may take a file of another process");
		return -EPERM;
	}
	if (files_landlock() >= LANDLOCK_REFER_ABI || yama() != '0')
		return 0;
	snprintf(why, size,
		 "nothing here keeps the command from looking into this user's other processes: Landlock (Linux 5.19 "
		 "or newer, "
		 "with 'landlock' in the boot parameter lsm=) or, as root, sysctl kernel.yama.ptrace_scope=1 would");
	return -EOPNOTSUPP;
}

/* Rules that forbid nothing to files: it is for being confined at all. */
static int add_everything(int set, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	AUTO_CLOSE int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	rule.parent_fd = root;
	return root < 0 || syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) ? -errno : 0;
}

int bare_confine(void)
{
	int abi = files_landlock(), err = 0;
	struct ruleset rules = {0};
	size_t size = sizeof(rules.fs);

	if (abi < LANDLOCK_REFER_ABI)
		return yama() == '0' ? -EOPNOTSUPP : 0;
	if (abi >= LANDLOCK_SCOPE_ABI) {
		rules.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
		size = sizeof(rules);
	} else {
		rules.fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_REFER;
	}
	AUTO_CLOSE int set = (int)syscall(SYS_landlock_create_ruleset, &rules, size, 0);

	if (set < 0)
		return -errno;
	if (rules.fs)
		err = add_everything(set, rules.fs);
	return err ? err : syscall(SYS_landlock_restrict_self, set, 0) ? -errno : 0;
}

/* A process and its parent, from /proc. */
struct process {
	pid_t pid, parent;
	bool below;
};

static pid_t parent_of(pid_t pid)
{
	char path[32], text[512], *at;
	int parent;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[MAX(n, (ssize_t)0)] = 0;
	at = strrchr(text, ')');
	return at && sscanf(at + 1, " %*c %d", &parent) == 1 ? (pid_t)parent : -1;
}

static size_t list(struct process **all)
{
	DIR *d = opendir("/proc");
	size_t n = 0, room = 0;
	struct dirent *e;

	*all = NULL;
	while (d && (e = readdir(d))) {
		pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);

		if (pid <= 0)
			continue;
		if (n == room) {
			struct process *more = realloc(*all, (room = MAX(2 * room, (size_t)256)) * sizeof(*more));

			if (!more)
				break;
			*all = more;
		}
		(*all)[n++] = (struct process){.pid = pid, .parent = parent_of(pid)};
	}
	if (d)
		closedir(d);
	return n;
}

static bool is_below(const struct process *all, size_t n, pid_t parent, pid_t top)
{
	if (parent == top)
		return true;
	for (size_t i = 0; i < n; i++)
		if (all[i].pid == parent)
			return all[i].below;
	return false;
}

/* A number may be another's by now: it is looked at once more, when what is held of it cannot be. */
static bool end_one(const struct process *p)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	pid_t parent = fd < 0 ? -1 : parent_of(p->pid);

	return parent > 0 && (parent == p->parent || parent == getpid()) &&
	       !syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

/* How many seccomp filters a process has: it keeps them for good, and so do all that come from it. */
static int filters_of(pid_t pid)
{
	char path[32], text[4096], *at;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[MAX(n, (ssize_t)0)] = 0;
	at = strstr(text, "\nSeccomp_filters:");
	return at ? atoi(at + sizeof("\nSeccomp_filters:") - 1) : 0;
}

/* One pass. Return: how many there were. */
static unsigned int end_all(bool everything)
{
	pid_t top = getpid();
	int own = everything ? -1 : filters_of(top);
	struct process *all;
	size_t n = list(&all);
	unsigned int found = 0;
	bool more = true;

	/* Parents need not stand before their children. */
	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++)
			if (!all[i].below && is_below(all, n, all[i].parent, top))
				more = all[i].below = true;
	}
	for (size_t i = 0; i < n; i++)
		if (all[i].below && (everything || filters_of(all[i].pid) > own)) {
			found++;
			end_one(&all[i]);
			if (all[i].parent == top)
				waitpid(all[i].pid, NULL, WNOHANG);
		}
	free(all);
	return found;
}

unsigned int bare_sweep(bool all)
{
	uint64_t until = clock_ns(CLOCK_MONOTONIC) + (uint64_t)SWEEP_MS * 1000000;
	unsigned int left;

	/* Until a pass finds nobody: who forks faster than it is ended has children below this process. */
	for (;;) {
		left = end_all(all);
		while (all && waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (!left || clock_ns(CLOCK_MONOTONIC) > until)
			return left;
		poll(NULL, 0, 1);
	}
}
