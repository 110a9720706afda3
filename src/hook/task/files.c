/* SPDX-License-Identifier: BSD-2-Clause */
#include "hook/task/files.h"

#include "base/util.h"
#include "hook/tree/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TEXT = PATH_MAX + NAME_MAX + 2 };

/* The path of a name in a folder that skep has open, as the tree sees it. */
static bool path_text(int dir, const char *name, char text[TEXT])
{
	char link[32];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	n = readlink(link, text, PATH_MAX - 1);
	if (n <= 0)
		return false;
	snprintf(text + n, TEXT - (size_t)n, "%s%s", n == 1 ? "" : "/", name);
	return true;
}

/* What a program could not be shown it has not allowed. */
static bool shown(struct task_event *e, bool all)
{
	if (all)
		return true;
	e->verdict = TASK_DENY;
	e->answer = -ENOMEM;
	return false;
}

static int fd_of(const struct task_event *e, uint32_t which)
{
	return e->asked_fds[__builtin_ctz(which)];
}

/* A name in a folder, and what is there. @i: of the call's paths. Return: its struct file, for view_part(); 0: without memory. */
static uint64_t named(struct view *v, const struct task_event *e, int i)
{
	char text[TEXT];

	return path_text(fd_of(e, i ? GUARD_NEW_DIR : GUARD_DIR), e->asked->name[i], text)
		       ? view_named_file(v, fd_of(e, i ? GUARD_NEW_FILE : GUARD_FILE), text)
		       : 0;
}

/* (const struct path *dir, struct dentry *dentry, ...) */
static bool dir_args(struct view *v, struct task_event *e, int i, uint64_t *a)
{
	uint64_t file = named(v, e, i);

	a[0] = view_part(v, file, VIEW_DIR_PATH);
	a[1] = view_part(v, file, VIEW_DENTRY);
	return shown(e, a[0] && a[1]);
}

static bool is(const struct task_event *e, enum guard_op op)
{
	return e->asked && e->asked->op == op;
}

/* An open that makes a file with a name. */
static bool makes(const struct task_event *e)
{
	return is(e, GUARD_OPEN) && fd_of(e, GUARD_FILE) < 0;
}

/* file_open(struct file *file) */
bool files_open_args(struct view *v, struct task_event *e, uint64_t *a)
{
	const struct guard_asked *q = e->asked;
	bool nameless = is(e, GUARD_OPEN) && (q->flags & O_TMPFILE) == O_TMPFILE;
	char text[TEXT];

	if (!is(e, GUARD_OPEN))
		return false;
	if (!nameless && !makes(e))
		a[0] = view_open_file(v, fd_of(e, GUARD_FILE), NULL, q->flags);
	else if (path_text(fd_of(e, nameless ? GUARD_FILE : GUARD_DIR), nameless ? "#0 (deleted)" : q->name[0], text))
		a[0] = view_new_file(v, fd_of(e, nameless ? GUARD_FILE : GUARD_DIR), text, q->flags,
				     S_IFREG | (q->mode & 07777));
	return shown(e, a[0] != 0);
}

/* path_unlink(const struct path *dir, struct dentry *dentry), path_rmdir */
bool files_unlink_args(struct view *v, struct task_event *e, uint64_t *a)
{
	return is(e, GUARD_UNLINK) && dir_args(v, e, 0, a);
}

bool files_rmdir_args(struct view *v, struct task_event *e, uint64_t *a)
{
	return is(e, GUARD_RMDIR) && dir_args(v, e, 0, a);
}

/* path_mkdir(const struct path *dir, struct dentry *dentry, umode_t mode) */
bool files_mkdir_args(struct view *v, struct task_event *e, uint64_t *a)
{
	if (!is(e, GUARD_MKDIR))
		return false;
	a[2] = e->asked->mode & 07777;
	return dir_args(v, e, 0, a);
}

/* path_mknod(const struct path *dir, struct dentry *dentry, umode_t mode, unsigned int dev): of an open that makes a file, too. */
bool files_mknod_args(struct view *v, struct task_event *e, uint64_t *a)
{
	uint32_t mode;

	if (!is(e, GUARD_MKNOD) && !makes(e))
		return false;
	mode = e->asked->mode;
	a[2] = mode & S_IFMT ? mode : mode | S_IFREG;
	a[3] = e->asked->dev;
	return dir_args(v, e, 0, a);
}

/* path_symlink(const struct path *dir, struct dentry *dentry, const char *old_name) */
bool files_symlink_args(struct view *v, struct task_event *e, uint64_t *a)
{
	if (!is(e, GUARD_SYMLINK))
		return false;
	a[2] = view_bytes(v, e->asked->link, (uint32_t)strlen(e->asked->link) + 1);
	return shown(e, a[2] != 0) && dir_args(v, e, 0, a);
}

/* path_link(struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry) */
bool files_link_args(struct view *v, struct task_event *e, uint64_t *a)
{
	uint64_t dir[2];

	if (!is(e, GUARD_LINK) || !dir_args(v, e, 1, dir))
		return false;
	a[0] = view_part(v, view_open_file(v, fd_of(e, GUARD_FILE), NULL, 0), VIEW_DENTRY);
	a[1] = dir[0];
	a[2] = dir[1];
	return shown(e, a[0] != 0);
}

/* path_rename(const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry, unsigned int flags) */
bool files_rename_args(struct view *v, struct task_event *e, uint64_t *a)
{
	if (!is(e, GUARD_RENAME))
		return false;
	a[4] = e->asked->flags;
	return dir_args(v, e, 0, a) && dir_args(v, e, 1, a + 2);
}

/* path_truncate(const struct path *path) */
bool files_truncate_args(struct view *v, struct task_event *e, uint64_t *a)
{
	if (!is(e, GUARD_TRUNCATE))
		return false;
	a[0] = view_part(v, view_open_file(v, fd_of(e, GUARD_FILE), NULL, O_WRONLY), VIEW_PATH);
	return shown(e, a[0] != 0);
}

/*
 * task_kill(struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred), cred being that of a sender that is not there any more. The number
 * is the receiver's if that one is still there after it was looked for.
 */
bool files_kill_args(struct view *v, struct task_event *e, uint64_t *a)
{
	const struct guard_signal *s = &e->asked->signal;

	if (!is(e, GUARD_KILL))
		return false;
	a[0] = view_find(v, s->tid);
	a[1] = view_bytes(v, s->info, sizeof(s->info));
	a[2] = (uint32_t)s->sig;
	if (syscall(SYS_pidfd_send_signal, fd_of(e, GUARD_FILE), 0, NULL, 0) && errno == ESRCH) {
		e->verdict = TASK_DENY;
		e->answer = -ESRCH;
		return false;
	}
	return shown(e, a[0] && a[1]);
}
