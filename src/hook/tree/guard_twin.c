/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Twins: processes of the guard's that are, for one deed, what a caller is. The guard's threads look at files as the tree's user does; that is enough for callers
 * without powers of their own, and for files that do not mind who opens them. The others are
 *
 *   callers in user namespaces of their own making, or with powers over files (capabilities)   they may more, or less, than the guard's threads
 *   files in /proc      they ask who opens them: whether it may trace, in which namespaces it is, what it could do
 *
 * A twin is a fork (so the tree cannot look into it, as little as into the guard: its memory belongs to a user namespace outside) that enters the caller's
 * namespaces, takes on its users, groups and capabilities, its root, working directory and umask. It shares the guard's table of open files, so what it opens is
 * the guard's. It costs some 200 us.
 */
#include "hook/tree/guard_inside.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* The capabilities that open files, as the kernel's CAP_FS_MASK has them. */
static const uint64_t file_caps = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH |
				  1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_MKNOD |
				  1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MAC_OVERRIDE;

static _Atomic ino_t plain; /* the user namespace of the tree's command; 0: not known yet */

/* Is it the one user namespace that is right below the guard's? Nobody but init makes such, and it makes one. */
static bool is_commands(int ns)
{
	AUTO_CLOSE int parent = ioctl(ns, NS_GET_PARENT);
	AUTO_CLOSE int own = openat(guard_self.proc, "self/ns/user", O_RDONLY | O_CLOEXEC);
	struct stat a, b;

	return parent >= 0 && own >= 0 && !fstat(parent, &a) && !fstat(own, &b) && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

bool twin_needed(const struct caller *c)
{
	struct stat st;
	uint64_t own = guard_self.root && !c->uid ? file_caps : 0;

	if ((c->caps & file_caps) != own || fstatat(c->dir, "ns/user", &st, 0))
		return true;
	if (!atomic_load(&plain)) {
		AUTO_CLOSE int ns = openat(c->dir, "ns/user", O_RDONLY | O_CLOEXEC);

		if (ns < 0 || !is_commands(ns))
			return true;
		atomic_store(&plain, st.st_ino);
	}
	return st.st_ino != atomic_load(&plain);
}

static int set_caps(uint64_t caps)
{
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2] = {
		{.effective = (uint32_t)caps, .permitted = (uint32_t)caps},
		{.effective = (uint32_t)(caps >> 32), .permitted = (uint32_t)(caps >> 32)}};

	return syscall(SYS_capset, &h, d) ? -errno : 0;
}

/* Which of the caller's namespaces are not the guard's: only those are entered, for the machine's own may not be. */
static int other_spaces(const struct caller *c)
{
	static const struct {
		const char *name;
		int flag;
	} spaces[] = {{"user", CLONE_NEWUSER}, {"mnt", CLONE_NEWNS},  {"net", CLONE_NEWNET},
		      {"ipc", CLONE_NEWIPC},   {"uts", CLONE_NEWUTS}, {"cgroup", CLONE_NEWCGROUP}};
	char name[32], own_name[32];
	struct stat its, own;
	int flags = 0;

	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		snprintf(name, sizeof(name), "ns/%s", spaces[i].name);
		snprintf(own_name, sizeof(own_name), "self/ns/%s", spaces[i].name);
		if (fstatat(c->dir, name, &its, 0) || fstatat(guard_self.proc, own_name, &own, 0))
			return -1;
		flags |= its.st_ino == own.st_ino ? 0 : spaces[i].flag;
	}
	return flags;
}

/* In the twin: what the caller is. The system calls themselves: libc's would tell threads that are not here. */
static int become(struct caller *c)
{
	int spaces;

	/* The guard's thread may be in the caller's place by now, and must not be for this. */
	if (guard_leave())
		return -EACCES;
	c->root = c->root < 0 ? openat(c->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC) : c->root;
	c->cwd = c->cwd < 0 ? openat(c->dir, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC) : c->cwd;
	spaces = other_spaces(c);
	if (c->root < 0 || c->cwd < 0 || spaces < 0)
		return -EACCES;
	if (guard_self.root && (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS, 0, 0, 0) ||
				syscall(SYS_setgroups, c->n_groups, c->groups) ||
				syscall(SYS_setresgid, c->gids[0], c->gids[1], c->gids[2]) ||
				syscall(SYS_setresuid, c->uids[0], c->uids[1], c->uids[2])))
		return -EACCES;
	syscall(SYS_setfsgid, c->gid);
	syscall(SYS_setfsuid, c->uid);
	if (setns(c->pidfd, spaces) || fchdir(c->root) || chroot(".") || fchdir(c->cwd))
		return -EACCES;
	umask(c->umask);
	return set_caps(c->caps) ? -EACCES : 0;
}

int twin_run(struct caller *c, int (*deed)(void *arg), void *arg, _Atomic int32_t *result)
{
	int status, err = 0;
	pid_t pid;

	atomic_store(result, -EACCES);
	pid = (pid_t)syscall(SYS_clone, CLONE_FILES, NULL, NULL, NULL, 0);
	if (!pid) {
		int done;

		prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		done = become(c);
		atomic_store(result, done ? done : deed(arg));
		syscall(SYS_exit_group, 0);
	}
	if (pid < 0)
		return -ENOMEM;
	/* Called back: what the twin waits for is not to come about any more. */
	while (waitpid(pid, &status, __WALL) < 0)
		if (errno == EINTR) {
			syscall(SYS_kill, pid, SIGKILL);
			err = -EINTR;
		}
	if (atomic_load(result) >= 0)
		return atomic_load(result);
	return err ? err : atomic_load(result);
}
