/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls on files, made for tasks of the tree where a program decides on them. In this order, and what the caller could change meanwhile is used once:
 *
 *   1. flags and modes are tried by the same call without a path: the kernel says what it minds of them, and does nothing
 *   2. paths are copied, folders that they begin in duplicated; is the caller still there, all of it was its own
 *   3. paths are resolved to O_PATH fds (guard_path.c): of what is there, or of the folder that it is to be in. What fails by then, fails
 *      with the kernel's error, and no program is asked, as in the kernel
 *   4. skep runs the programs: they see these very files and folders
 *   5. the deed, through the fds: what is there is opened by its fd, what is not is made in its folder, and only made (O_EXCL). Came something into being
 *      meanwhile, it begins again at 3.
 *
 * So what is opened, linked or truncated is the file that the programs saw, whatever becomes of its names. What is removed, renamed or made is so under the
 * name, in the folder, that they saw; which file has the name, the tree can change between 4 and 5.
 *
 * It differs from a call of the task's own in this; what cannot be right is denied (EACCES), never done otherwise:
 *
 *   - the file's owner as fcntl(2) and /proc know it (f_cred) is the guard's, so linkat(2) with AT_EMPTY_PATH is ENOENT, and /proc/self/attr cannot be written
 *   - a terminal does not become the controlling one by being opened: a session leader that has none and does not say O_NOCTTY is denied it; TIOCSCTTY works
 *   - /dev/tty opens the controlling terminal under its own name
 *   - openat2(2) with O_PATH is ENOSYS, as on a kernel that is too old for it: such a file cannot be handed over, and no other task than the caller could
 *     open it (open and openat can: their flags are numbers, and no access is given, so the kernel makes these calls)
 *   - O_NOFOLLOW is not among the flags of F_GETFL; RESOLVE_CACHED is always EAGAIN
 *   - with RESOLVE_BENEATH and its like nothing is opened in /proc, and nothing is made through a symbolic link: EACCES
 *   - EMFILE comes last, so O_CREAT may have made the file by then
 */
#include "hook/tree/guard_inside.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

enum { NONE = -1, TRIES = 64, PAGE = 4096, OLD_HOW = 24 /* the first version of struct open_how */ };
enum { TTY_MAJOR = 4, TTYAUX_MAJOR = 5, PTS_MAJOR = 136, PTS_MAJORS = 8, PTS_MINORS = 256 };

/* Which argument is what. */
static const struct row {
	int16_t nr;
	uint8_t op;
	int8_t dir[2], path[2]; /* the second of link and rename */
	int8_t flags, mode;
	int8_t more; /* a device, a length, what a link says, a struct open_how */
} rows[] = {
	{SYS_open, GUARD_OPEN, {NONE, NONE}, {0, NONE}, 1, 2, NONE},
	{SYS_openat, GUARD_OPEN, {0, NONE}, {1, NONE}, 2, 3, NONE},
	{SYS_creat, GUARD_OPEN, {NONE, NONE}, {0, NONE}, NONE, 1, NONE},
	{SYS_openat2, GUARD_OPEN, {0, NONE}, {1, NONE}, NONE, NONE, 2},
	{SYS_unlink, GUARD_UNLINK, {NONE, NONE}, {0, NONE}, NONE, NONE, NONE},
	{SYS_unlinkat, GUARD_UNLINK, {0, NONE}, {1, NONE}, 2, NONE, NONE},
	{SYS_rmdir, GUARD_RMDIR, {NONE, NONE}, {0, NONE}, NONE, NONE, NONE},
	{SYS_mkdir, GUARD_MKDIR, {NONE, NONE}, {0, NONE}, NONE, 1, NONE},
	{SYS_mkdirat, GUARD_MKDIR, {0, NONE}, {1, NONE}, NONE, 2, NONE},
	{SYS_mknod, GUARD_MKNOD, {NONE, NONE}, {0, NONE}, NONE, 1, 2},
	{SYS_mknodat, GUARD_MKNOD, {0, NONE}, {1, NONE}, NONE, 2, 3},
	{SYS_symlink, GUARD_SYMLINK, {NONE, NONE}, {1, NONE}, NONE, NONE, 0},
	{SYS_symlinkat, GUARD_SYMLINK, {1, NONE}, {2, NONE}, NONE, NONE, 0},
	{SYS_link, GUARD_LINK, {NONE, NONE}, {0, 1}, NONE, NONE, NONE},
	{SYS_linkat, GUARD_LINK, {0, 2}, {1, 3}, 4, NONE, NONE},
	{SYS_rename, GUARD_RENAME, {NONE, NONE}, {0, 1}, NONE, NONE, NONE},
	{SYS_renameat, GUARD_RENAME, {0, 2}, {1, 3}, NONE, NONE, NONE},
	{SYS_renameat2, GUARD_RENAME, {0, 2}, {1, 3}, 4, NONE, NONE},
	{SYS_truncate, GUARD_TRUNCATE, {NONE, NONE}, {0, NONE}, NONE, NONE, 1},
};

/* A call while it is made; in memory that twins share, one a thread. */
struct deed {
	struct caller *c;
	const struct guard_call *call;
	const struct row *row;
	bool twin; /* the caller's rights are others than this thread's */
	uint32_t op, flags, mode;
	uint64_t more;
	size_t how_size;
	int base[2]; /* where paths begin */
	const char *last[2]; /* the end of a path with what slashes follow */
	struct found found[2];
	/* What a twin is to find. */
	int finding;
	unsigned int find_how;
	char *find_path;
	_Atomic int32_t result;
	struct guard_asked asked; /* its link, at the end, and what follows are as the last call left them */
	union {
		struct open_how how;
		uint8_t bytes[PAGE];
	} how;
	char path[2][PATH_MAX];
	char parent[PATH_MAX + 1];
};

static const struct row *row_of(int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].nr == nr)
			return &rows[i];
	return NULL;
}

uint32_t guard_files_op(int nr)
{
	const struct row *r = row_of(nr);

	return r ? r->op : 0;
}

/* 1. and 2.: what the caller says. */

static int read_caller(const struct caller *c, uint64_t from, void *to, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)(uintptr_t)from, len}; /* NOLINT(performance-no-int-to-ptr) */

	return process_vm_readv(c->tid, &here, 1, &there, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

/* A path, page by page, for the next one may not be there. */
static int read_path(const struct caller *c, uint64_t from, char to[PATH_MAX])
{
	size_t got = 0;

	while (got < PATH_MAX) {
		size_t n = MIN(PAGE - (from + got) % PAGE, PATH_MAX - got);

		if (read_caller(c, from + got, to + got, n))
			return -EFAULT;
		if (memchr(to + got, 0, n))
			return 0;
		got += n;
	}
	return -ENAMETOOLONG;
}

static int read_how(struct deed *d, uint64_t from, uint64_t size)
{
	if (size < OLD_HOW)
		return -EINVAL;
	if (size > PAGE)
		return -E2BIG;
	d->how_size = size;
	return read_caller(d->c, from, d->how.bytes, size);
}

/* The same call without a path. Return: 0; the errno of what the kernel minds before it looks at the path. */
static int try_numbers(const struct deed *d)
{
	long ret;

	switch (d->op) {
	case GUARD_OPEN:
		ret = syscall(SYS_openat2, AT_FDCWD, NULL, d->how.bytes, d->how_size);
		break;
	case GUARD_UNLINK:
		ret = syscall(SYS_unlinkat, AT_FDCWD, NULL, d->flags);
		break;
	case GUARD_MKNOD:
		ret = syscall(SYS_mknodat, AT_FDCWD, NULL, d->mode, (unsigned int)d->more);
		break;
	case GUARD_LINK:
		ret = syscall(SYS_linkat, AT_FDCWD, NULL, AT_FDCWD, NULL, d->flags);
		break;
	case GUARD_RENAME:
		ret = syscall(SYS_renameat2, AT_FDCWD, NULL, AT_FDCWD, NULL, d->flags);
		break;
	case GUARD_TRUNCATE:
		ret = syscall(SYS_truncate, NULL, d->more);
		break;
	default:
		return 0;
	}
	return ret < 0 && errno != EFAULT ? -errno : 0;
}

/* The numbers of open and openat as openat2 has them: fs/open.c, build_open_how(). */
static void how_of_flags(struct deed *d)
{
	const uint32_t known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC |
			       O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME |
			       O_CLOEXEC | O_PATH | O_TMPFILE;
	struct open_how *how = &d->how.how;

	*how = (struct open_how){.flags = d->flags & known};
	/* What O_PATH does not go with is passed over. */
	if (how->flags & O_PATH)
		how->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (how->flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
		how->mode = d->mode & 07777;
	d->how_size = sizeof(*how);
}

static int read_numbers(struct deed *d)
{
	const struct row *r = d->row;
	const uint64_t *args = d->call->args;
	int err = 0;

	d->op = r->op;
	d->flags = r->flags == NONE ? 0 : (uint32_t)args[r->flags];
	d->mode = r->mode == NONE ? 0 : (uint32_t)args[r->mode] & UINT16_MAX;
	d->more = r->more == NONE ? 0 : args[r->more];
	if (r->nr == SYS_creat)
		d->flags = O_CREAT | O_WRONLY | O_TRUNC;
	if (r->nr == SYS_openat2)
		err = read_how(d, d->more, args[3]);
	else if (d->op == GUARD_OPEN)
		how_of_flags(d);
	err = err ? err : try_numbers(d);
	if (d->op == GUARD_UNLINK && d->flags & AT_REMOVEDIR)
		d->op = GUARD_RMDIR;
	return err;
}

static int read_paths(struct deed *d)
{
	const struct row *r = d->row;
	int err = 0;

	if (d->op == GUARD_SYMLINK)
		err = read_path(d->c, d->more, d->asked.link);
	for (int i = 0; i < 2 && !err && r->path[i] != NONE; i++) {
		int dir = r->dir[i] == NONE ? AT_FDCWD : (int)d->call->args[r->dir[i]];

		err = read_path(d->c, d->call->args[r->path[i]], d->path[i]);
		if (err || dir == AT_FDCWD || *d->path[i] == '/')
			continue;
		d->base[i] = (int)syscall(SYS_pidfd_getfd, d->c->pidfd, dir, 0);
		if (d->base[i] < 0) {
			d->base[i] = AT_FDCWD;
			err = -errno;
		}
	}
	return err;
}

/* 3.: what it is about. */

static int find_in_twin(void *arg)
{
	struct deed *d = arg;

	return path_find(d->c, true, d->base[d->finding], d->find_path, d->find_how,
			 d->op == GUARD_OPEN ? d->how.how.resolve : 0, &d->found[d->finding]);
}

static void forget_found(struct found *f)
{
	if (f->file >= 0)
		close(f->file);
	if (f->dir >= 0)
		close(f->dir);
	f->file = f->dir = -1;
}

static int find(struct deed *d, int which, char *path, unsigned int how)
{
	uint64_t resolve = d->op == GUARD_OPEN ? d->how.how.resolve : 0;
	int err = -PATH_TO_TWIN;

	if (!d->twin)
		err = path_find(d->c, false, d->base[which], path, how, resolve, &d->found[which]);
	if (err != -PATH_TO_TWIN)
		return err;
	forget_found(&d->found[which]);
	d->finding = which;
	d->find_how = how;
	d->find_path = path;
	return twin_run(d->c, find_in_twin, d, &d->result);
}

/* Is the last name none that something could be made or removed by? Such calls fail, whatever is there. */
static bool is_special(const char *last)
{
	size_t n = strcspn(last, "/");

	return !n || (n == 1 && *last == '.') || (n == 2 && last[0] == '.' && last[1] == '.');
}

/* A path's folder, and the name in it. */
static int find_folder(struct deed *d, int which)
{
	struct found *f = &d->found[which];
	char *path = d->path[which];
	size_t end = strlen(path), from;
	int err;

	if (!end)
		return -ENOENT;
	while (end > 1 && path[end - 1] == '/')
		end--;
	for (from = end; from && path[from - 1] != '/';)
		from--;
	d->last[which] = end == 1 && *path == '/' ? path : path + from;
	/* With the dot it must be one that may be searched. */
	snprintf(d->parent, sizeof(d->parent), "%.*s.", (int)from, path);
	err = find(d, which, d->parent, PATH_FOLDER);
	if (!err)
		f->dir = STEAL_FD(f->file);
	return err;
}

/* What has the name. */
static int find_name(struct deed *d, int which)
{
	struct found *f = &d->found[which];
	size_t len = strcspn(d->last[which], "/");

	if (len > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(f->name, d->last[which], len);
	f->name[len] = 0;
	f->file = openat(f->dir, f->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return f->file < 0 && errno != ENOENT ? -errno : 0;
}

/* fs/namei.c, may_create_in_sticky(): what others have put into a shared folder is not opened by who means to make it. */
static int may_open_there(const struct found *f, const struct stat *st, uid_t uid)
{
	char level = S_ISFIFO(st->st_mode)  ? guard_self.protected_fifos
		     : S_ISREG(st->st_mode) ? guard_self.protected_regular
					    : '0';
	struct stat dir;

	if (f->dir < 0 || level == '0' || fstat(f->dir, &dir) || !(dir.st_mode & S_ISVTX) || dir.st_uid == st->st_uid ||
	    st->st_uid == uid)
		return 0;
	return dir.st_mode & S_IWOTH || (dir.st_mode & S_IWGRP && level == '2') ? -EACCES : 0;
}

static int access_of(uint64_t flags)
{
	static const int of[] = {[O_RDONLY] = R_OK, [O_WRONLY] = W_OK, [O_RDWR] = R_OK | W_OK, [3] = R_OK | W_OK};

	return of[flags & O_ACCMODE] | (flags & O_TRUNC ? W_OK : 0);
}

/* The guard may do more in /proc than a tree to which it is closed (init.c). */
static int may_reach(const struct deed *d, int access)
{
	uint8_t want = (uint8_t)((access & R_OK ? TREE_READ : 0) | (access & W_OK ? TREE_WRITE : 0));

	for (uint8_t bit = TREE_READ; guard_self.files && bit <= TREE_WRITE; bit = (uint8_t)(bit << 1))
		if (want & bit && !files_is_open(guard_self.files, "/proc", bit))
			return -EACCES;
	return 0;
}

/* What an open finds, and what the kernel says of it before it asks (do_open(), may_open()). */
static int check_open(struct deed *d)
{
	const struct found *f = &d->found[0];
	uint64_t flags = d->how.how.flags;
	int access = access_of(flags);
	struct stat st;

	if (f->file < 0) {
		/* Of what is to be made: may it be, there? /proc says of what it does not have that it is not there. */
		if (f->proc)
			return -ENOENT;
		return syscall(SYS_faccessat2, f->dir, "", W_OK | X_OK, AT_EMPTY_PATH | AT_EACCESS) ? -errno : 0;
	}
	if (fstat(f->file, &st))
		return -errno;
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (S_ISDIR(st.st_mode) && (flags & O_CREAT || (access & W_OK && (flags & O_TMPFILE) != O_TMPFILE)))
		return -EISDIR;
	if (flags & O_CREAT) {
		int err = may_open_there(f, &st, d->c->uid);

		if (err)
			return err;
	}
	if (f->proc)
		return may_reach(d, access);
	if (!d->twin && !S_ISSOCK(st.st_mode) &&
	    syscall(SYS_faccessat2, f->file, "", access, AT_EMPTY_PATH | AT_EACCESS))
		return -errno;
	return 0;
}

static int find_open(struct deed *d)
{
	uint64_t flags = d->how.how.flags;
	bool create = flags & O_CREAT, only_new = create && flags & O_EXCL;
	size_t n = strlen(d->path[0]);
	int err;

	if (d->how.how.resolve & RESOLVE_CACHED)
		return -EAGAIN;
	if (flags & O_PATH)
		return -ENOSYS;
	err = find(d, 0, d->path[0],
		   (create ? PATH_CREATE : 0) | (flags & O_NOFOLLOW || only_new ? PATH_NOFOLLOW : 0) |
			   (flags & O_DIRECTORY ? PATH_FOLDER : 0));
	/* A name with a slash behind it is a folder's, and open makes none. */
	if (create && (!err || err == -ENOENT || err == -ENOTDIR) && d->path[0][n - 1] == '/' &&
	    strspn(d->path[0], "/") < n)
		err = -EISDIR;
	return err ? err : check_open(d);
}

/* Of what there must be, and what must not be there yet. */
static int check_named(const struct deed *d)
{
	const struct found *f = d->found;

	switch (d->op) {
	case GUARD_UNLINK:
	case GUARD_RMDIR:
		return f[0].file < 0 ? -ENOENT : 0;
	case GUARD_MKDIR:
	case GUARD_MKNOD:
	case GUARD_SYMLINK:
		return f[0].file >= 0 ? -EEXIST : 0;
	case GUARD_LINK:
		return f[1].file >= 0 ? -EEXIST : 0;
	case GUARD_RENAME:
		if (f[0].file < 0 || (f[1].file < 0 && d->flags & RENAME_EXCHANGE))
			return -ENOENT;
		return f[1].file >= 0 && d->flags & RENAME_NOREPLACE ? -EEXIST : 0;
	default:
		return 0;
	}
}

static bool same_mount(int a, int b)
{
	struct statx of[2];

	return statx(a, "", AT_EMPTY_PATH, STATX_MNT_ID, &of[0]) || statx(b, "", AT_EMPTY_PATH, STATX_MNT_ID, &of[1]) ||
	       of[0].stx_mnt_id == of[1].stx_mnt_id;
}

/* What the names of a call are about, in the kernel's order: all folders, then what cannot be, then what is there. Return: as find_all(). */
static int find_names(struct deed *d)
{
	int first = d->op == GUARD_LINK, last = d->row->path[1] == NONE ? 0 : 1, err = 0;
	bool special = false;

	for (int i = first; i <= last && !err; i++) {
		err = find_folder(d, i);
		special |= !err && is_special(d->last[i]);
	}
	if (!err && d->op == GUARD_RENAME && !same_mount(d->found[0].dir, d->found[1].dir))
		err = -EXDEV;
	if (err || special)
		return err ? err : 1;
	for (int i = first; i <= last && !err; i++)
		err = find_name(d, i);
	return err ? err : check_named(d);
}

/* Return: 0; 1: nothing needs to be decided, for it fails anyway; a negative errno. */
static int find_all(struct deed *d)
{
	int err = 0;

	if (d->op == GUARD_OPEN)
		return find_open(d);
	if (d->op == GUARD_TRUNCATE)
		return find(d, 0, d->path[0], 0);
	if (d->op == GUARD_LINK)
		err = find(d, 0, d->path[0], d->flags & AT_SYMLINK_FOLLOW ? 0 : PATH_NOFOLLOW);
	return err ? err : find_names(d);
}

/* 4.: the question. */
static int ask(struct deed *d)
{
	struct guard_asked *a = &d->asked;
	int fds[GUARD_FDS] = {-1, -1, -1, -1};

	a->op = d->op;
	a->fds = 0;
	a->flags = d->op == GUARD_OPEN ? (uint32_t)d->how.how.flags : d->flags;
	a->mode = d->op == GUARD_OPEN ? (uint32_t)d->how.how.mode : d->mode;
	a->mode &= ~d->c->umask;
	a->dev = d->op == GUARD_MKNOD ? (uint32_t)d->more : 0;
	for (int i = 0; i < 2; i++) {
		const struct found *f = &d->found[i];
		bool tells = d->op == GUARD_OPEN || d->op == GUARD_TRUNCATE || (d->op == GUARD_LINK && !i);

		fds[2 * i] = f->dir;
		fds[2 * i + 1] = f->file;
		a->fds |= (f->dir >= 0 ? 1u : 0) << 2 * i | (f->file >= 0 ? 2u : 0) << 2 * i;
		/* What is there says its own path, but where the name is what the call is about. */
		snprintf(a->name[i], sizeof(a->name[i]), "%s", tells && f->file >= 0 ? "" : f->name);
	}
	return guard_question_ask(guard_self.notes, guard_self.from, d->call, a, fds);
}

/* 5.: the deed. */

static const char *by_fd(int fd, char name[32])
{
	snprintf(name, 32, "self/fd/%d", fd);
	return name;
}

static int result_of(long ret)
{
	return ret < 0 ? -errno : (int)ret;
}

static int stat_of(const struct caller *c, int *session, int *tty)
{
	char text[1024], *at;
	AUTO_CLOSE int fd = openat(c->dir, "stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	text[MAX(n, (ssize_t)0)] = 0;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	return at && sscanf(at + 1, " %*c %*d %*d %d %d", session, tty) == 2 ? 0 : -EACCES;
}

/* /dev/tty of the caller. */
static int open_own_terminal(struct deed *d)
{
	int session, tty, err = stat_of(d->c, &session, &tty), fd;
	unsigned int from, number;
	char name[32];
	struct stat st;

	if (err || !tty)
		return err ? err : -ENXIO;
	/* As tty_nr has it: the minor's upper bits above the major (kernel: new_encode_dev()). */
	from = (unsigned int)tty >> 8 & 0xfff;
	number = ((unsigned int)tty & 0xff) | ((unsigned int)tty >> 12 & 0xfff00);
	if (from >= PTS_MAJOR && from < PTS_MAJOR + PTS_MAJORS)
		snprintf(name, sizeof(name), "/dev/pts/%u", number + (from - PTS_MAJOR) * PTS_MINORS);
	else if (from == TTY_MAJOR)
		snprintf(name, sizeof(name), number < 64 ? "/dev/tty%u" : "/dev/ttyS%u", number % 64);
	else
		return -EACCES;
	fd = open(name, (int)(d->how.how.flags & ~(uint64_t)(O_CREAT | O_EXCL)) | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -EACCES;
	if (fstat(fd, &st) || major(st.st_rdev) != from || minor(st.st_rdev) != number) {
		close(fd);
		return -EACCES;
	}
	return fd;
}

/* Would the kernel have made it the caller's controlling terminal? */
static int check_terminal(const struct deed *d, int fd)
{
	int session, tty, err;

	if (d->how.how.flags & O_NOCTTY || !isatty(fd))
		return 0;
	err = stat_of(d->c, &session, &tty);
	return err ? err : !tty && session == d->c->tgid ? -EACCES : 0;
}

static int act_open(struct deed *d)
{
	const struct found *f = &d->found[0];
	int flags = (int)d->how.how.flags | O_CLOEXEC, fd, err;
	mode_t mode = (mode_t)d->how.how.mode;
	char name[32];
	struct stat st;

	if (f->file < 0)
		return result_of(openat(f->dir, f->name, flags | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
	if (fstat(f->file, &st))
		return -errno;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(TTYAUX_MAJOR, 0))
		return open_own_terminal(d);
	flags &= ~(O_NOFOLLOW | O_CREAT | (flags & O_CREAT ? O_EXCL : 0));
	fd = openat(guard_self.proc, by_fd(f->file, name), flags | O_NOCTTY, mode);
	if (fd < 0)
		return -errno;
	err = S_ISCHR(st.st_mode) ? check_terminal(d, fd) : 0;
	if (err)
		close(fd);
	return err ? err : fd;
}

/* The caller's limit, for the guard has none (man 2 truncate; the signal is the kernel's way of saying it). */
static int check_length(const struct deed *d)
{
	struct rlimit limit;
	struct stat st;

	if (prlimit(d->c->tgid, RLIMIT_FSIZE, NULL, &limit) || d->more <= limit.rlim_cur ||
	    fstat(d->found[0].file, &st) || !S_ISREG(st.st_mode) || d->more <= (uint64_t)st.st_size)
		return 0;
	syscall(SYS_tgkill, d->c->tgid, d->c->tid, SIGXFSZ);
	return -EFBIG;
}

static int act(void *arg)
{
	struct deed *d = arg;
	const struct found *f = d->found;
	char name[32];
	int err;

	switch (d->op) {
	case GUARD_OPEN:
		return act_open(d);
	case GUARD_UNLINK:
	case GUARD_RMDIR:
		return result_of(unlinkat(f[0].dir, d->last[0], d->op == GUARD_RMDIR ? AT_REMOVEDIR : 0));
	case GUARD_MKDIR:
		return result_of(mkdirat(f[0].dir, d->last[0], d->mode));
	case GUARD_MKNOD:
		return result_of(syscall(SYS_mknodat, f[0].dir, d->last[0], d->mode, (unsigned int)d->more));
	case GUARD_SYMLINK:
		return result_of(symlinkat(d->asked.link, f[0].dir, d->last[0]));
	case GUARD_LINK:
		return result_of(
			linkat(guard_self.proc, by_fd(f[0].file, name), f[1].dir, d->last[1], AT_SYMLINK_FOLLOW));
	case GUARD_RENAME:
		return result_of(syscall(SYS_renameat2, f[0].dir, d->last[0], f[1].dir, d->last[1], d->flags));
	default:
		err = check_length(d);
		if (err)
			return err;
		/* There is no call for it but by a path from here. */
		if (fchdir(guard_self.proc))
			return -errno;
		return result_of(syscall(SYS_truncate, by_fd(f[0].file, name), d->more));
	}
}

/* An open may take as long as a FIFO has no other end, or a terminal no line. */
static bool may_wait(const struct deed *d)
{
	struct stat st;

	return d->op == GUARD_OPEN && d->found[0].file >= 0 && !fstat(d->found[0].file, &st) &&
	       (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode));
}

static int act_as_caller(struct deed *d)
{
	bool twin = d->twin || d->found[0].proc || d->found[1].proc;
	int number = may_wait(d) ? recall_begin(d->c->dir) : -1;
	int result = twin ? twin_run(d->c, act, d, &d->result) : act(d);

	if (number >= 0)
		recall_end(number);
	return result == -EINTR ? -RECALLED : result;
}

/* 3. to 5., in the caller's place. */
static int make(struct deed *d)
{
	int result = -EAGAIN;

	for (int tries = 0; tries < TRIES && result == -EAGAIN; tries++) {
		bool made;

		result = find_all(d);
		if (!result)
			result = ask(d);
		made = d->op == GUARD_OPEN && d->found[0].file < 0;
		if (result >= 0)
			result = act_as_caller(d);
		/* Somebody else made it meanwhile, which is another file than was decided on. */
		if (result == -EEXIST && made && !(d->how.how.flags & O_EXCL))
			result = -EAGAIN;
		else if (result == -EAGAIN)
			tries = TRIES;
		forget_found(&d->found[0]);
		forget_found(&d->found[1]);
	}
	return result;
}

static _Thread_local struct deed *mine;

static struct deed *begin(struct caller *c, const struct guard_call *call)
{
	struct deed *d = mine;

	if (!d) {
		void *p = mmap(NULL, sizeof(*d), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return NULL;
		d = mine = p;
	}
	memset(d, 0, offsetof(struct deed, asked.link));
	d->asked.link[0] = 0;
	d->how.how = (struct open_how){0};
	d->c = c;
	d->call = call;
	d->row = row_of(call->native);
	d->base[0] = d->base[1] = AT_FDCWD;
	d->found[0] = d->found[1] = (struct found){.file = -1, .dir = -1};
	return d;
}

void files_end(void)
{
	if (mine)
		munmap(mine, sizeof(*mine));
	mine = NULL;
}

int files_make(struct caller *c, const struct guard_call *call, int *fd, bool *cloexec)
{
	struct deed *d = begin(c, call);
	int result;

	if (!d)
		return -ENOMEM;
	result = d->row ? read_numbers(d) : -ENOSYS;
	if (!result)
		result = read_paths(d);
	if (result != -ENOSYS && !guard_still_waits(c, call->id))
		result = -ESRCH;
	if (!result) {
		d->twin = twin_needed(c);
		result = guard_enter(c);
		result = result ? result : make(d);
		if (guard_leave())
			_exit(1);
	}
	*cloexec = d->how.how.flags & O_CLOEXEC;
	if (result >= 0 && d->op == GUARD_OPEN) {
		*fd = result;
		result = 0;
	}
	for (int i = 0; i < 2; i++)
		if (d->base[i] >= 0)
			close(d->base[i]);
	return result;
}
