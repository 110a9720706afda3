/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a path of a caller's leads to. The kernel finds it, in one openat2(2), wherever it may: in the caller's root, from its working directory, with its rights
 * to files, all of which this thread has then. /proc is the exception: there `self` is whoever looks, links lead where no name does, and what may be opened
 * depends on who opens it. So the kernel is told to follow no such link, and whatever then fails, or ends in /proc, is looked up again name by name. That
 * stops at the door of /proc, and is done over by a twin of the caller (guard_twin.c), which goes through:
 *
 *   self, thread-self   become the caller's numbers
 *   links of /proc      followed by the kernel, with the twin's rights, which are the caller's
 *
 * Looked up so, links elsewhere are read, not followed by the kernel: what it minds at them (protected_symlinks, nosymfollow) is minded here.
 */
#include "hook/tree/guard_inside.h"

#include "base/util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000 /* Linux 5.10 */
#endif

enum { LINKS = 40 /* as in the kernel */, PROC_ROOT = 1 /* its inode */ };

/* A walk: where it is, and what is left of the path. */
struct walk {
	const struct caller *c;
	bool twin;
	uint64_t resolve;
	unsigned int how;
	int at;
	struct stat at_st;
	bool at_proc;
	int links;
	size_t next; /* in rest */
	char rest[2 * PATH_MAX];
};

static long open_how(int at, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
	long fd = syscall(SYS_openat2, at, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static bool on_proc(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && fs.f_type == PROC_SUPER_MAGIC;
}

/* Goes on at @fd, which the walk has from here on. */
static int go(struct walk *w, int fd)
{
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		close(fd);
		return -errno;
	}
	if (w->at < 0 || st.st_dev != w->at_st.st_dev)
		w->at_proc = on_proc(fd);
	if (w->at >= 0)
		close(w->at);
	w->at = fd;
	w->at_st = st;
	return w->at_proc && !w->twin ? -PATH_TO_TWIN : 0;
}

/* What is to come before the rest. */
static int put_before(struct walk *w, const char *text)
{
	size_t len = strlen(text), rest = strlen(w->rest + w->next) + 1;

	if (!len)
		return -ENOENT;
	if (len + rest > sizeof(w->rest))
		return -ENAMETOOLONG;
	memmove(w->rest + len, w->rest + w->next, rest);
	memcpy(w->rest, text, len);
	w->next = 0;
	return *text == '/' ? go(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC)) : 0;
}

/* May the caller follow a link of the folder that the walk is at? fs/namei.c, may_follow_link(). */
static int may_follow(const struct walk *w, int link, const struct stat *st)
{
	const mode_t shared = S_ISVTX | S_IWOTH;
	struct statfs fs;

	if (w->resolve & RESOLVE_NO_SYMLINKS)
		return -ELOOP;
	if (!fstatfs(link, &fs) && fs.f_flags & ST_NOSYMFOLLOW)
		return -ELOOP;
	if (guard_self.protected_links == '0' || st->st_uid == w->c->uid || (w->at_st.st_mode & shared) != shared ||
	    st->st_uid == w->at_st.st_uid)
		return 0;
	return -EACCES;
}

/* /proc/self and /proc/thread-self, of the caller. */
static void own_number(const struct walk *w, bool thread, char *to, size_t size)
{
	bool trees = w->at_st.st_dev == guard_self.proc_dev;
	int tgid = trees ? w->c->tgid : w->c->own_tgid, tid = trees ? w->c->tid : w->c->own_tid;

	if (thread)
		snprintf(to, size, "%d/task/%d", tgid, tid);
	else
		snprintf(to, size, "%d", tgid);
}

/* A link of /proc, in a twin. *@jumped: what it leads to, when no name does. */
static int follow_proc(struct walk *w, int link, const char *name, int *jumped)
{
	bool self = !strcmp(name, "self"), thread = !strcmp(name, "thread-self");
	char text[PATH_MAX];
	long probe;
	ssize_t n;

	if (w->at_st.st_ino == PROC_ROOT && (self || thread)) {
		own_number(w, thread, text, sizeof(text));
		return put_before(w, text);
	}
	probe = open_how(w->at, name, O_PATH, RESOLVE_NO_MAGICLINKS);
	if (probe >= 0)
		close((int)probe);
	if (probe == -ELOOP) {
		if (w->resolve & RESOLVE_NO_MAGICLINKS)
			return -ELOOP;
		*jumped = openat(w->at, name, O_PATH | O_CLOEXEC);
		return *jumped < 0 ? -errno : 0;
	}
	n = readlinkat(link, "", text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = 0;
	return put_before(w, text);
}

static int follow(struct walk *w, int link, const struct stat *st, const char *name, int *jumped)
{
	char text[PATH_MAX];
	ssize_t n;
	int err;

	if (w->links++ == LINKS)
		return -ELOOP;
	err = may_follow(w, link, st);
	if (err)
		return err;
	if (on_proc(link))
		return w->twin ? follow_proc(w, link, name, jumped) : -PATH_TO_TWIN;
	n = readlinkat(link, "", text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = 0;
	return put_before(w, text);
}

/* The next name of the path. @last: nothing but slashes follows; @slashed: one does. Return: false at the end. */
static bool next_name(struct walk *w, char name[NAME_MAX + 1], bool *last, bool *slashed, int *err)
{
	size_t n;

	w->next += strspn(w->rest + w->next, "/");
	n = strcspn(w->rest + w->next, "/");
	*err = 0;
	if (!n)
		return false;
	if (n > NAME_MAX) {
		*err = -ENAMETOOLONG;
		return false;
	}
	memcpy(name, w->rest + w->next, n);
	name[n] = 0;
	w->next += n;
	*slashed = w->rest[w->next] == '/';
	*last = !w->rest[w->next + strspn(w->rest + w->next, "/")];
	return true;
}

/* The end of the path: a thing that has a name in a folder. */
static int arrive(struct walk *w, int fd, const char *name, struct found *f)
{
	bool dots = !strcmp(name, ".") || !strcmp(name, "..");
	int dir = w->how & PATH_CREATE && !dots ? fcntl(w->at, F_DUPFD_CLOEXEC, 0) : -1, err;

	err = fd < 0 ? 0 : go(w, fd);
	f->dir = dir;
	if (dir >= 0)
		snprintf(f->name, sizeof(f->name), "%s", name);
	if (err)
		return err;
	if (fd >= 0) {
		f->file = STEAL_FD(w->at);
		f->proc = w->at_proc;
	} else {
		f->proc = w->at_proc;
	}
	return 0;
}

/* One name. Return: 1: on; 0: arrived; a negative errno. */
static int step(struct walk *w, const char *name, bool last, bool slashed, struct found *f)
{
	AUTO_CLOSE int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int jumped = -1, err;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT && last && !slashed && w->how & PATH_CREATE ? arrive(w, -1, name, f) : -errno;
	if (fstat(fd, &st))
		return -errno;
	if (S_ISLNK(st.st_mode) && !(last && !slashed && w->how & PATH_NOFOLLOW)) {
		err = follow(w, fd, &st, name, &jumped);
		if (err || jumped < 0)
			return err ? err : 1;
		err = go(w, jumped);
		if (err)
			return err;
		if ((!last || slashed) && !S_ISDIR(w->at_st.st_mode))
			return -ENOTDIR;
		return 1;
	}
	if ((!last || slashed) && !S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (last)
		return arrive(w, STEAL_FD(fd), name, f);
	err = go(w, STEAL_FD(fd));
	return err ? err : 1;
}

static int walk(struct walk *w, int base, const char *path, struct found *f)
{
	char name[NAME_MAX + 1];
	bool last, slashed;
	int err;

	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	snprintf(w->rest, sizeof(w->rest), "%s", path);
	if (*path == '/')
		err = go(w, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
	else if (base == AT_FDCWD)
		err = go(w, open(".", O_PATH | O_DIRECTORY | O_CLOEXEC));
	else
		err = go(w, fcntl(base, F_DUPFD_CLOEXEC, 0));
	if (!err && *path != '/' && !S_ISDIR(w->at_st.st_mode))
		err = -ENOTDIR;
	while (!err && next_name(w, name, &last, &slashed, &err)) {
		err = step(w, name, last, slashed, f);
		if (!err)
			return 0;
		err = MIN(err, 0);
	}
	/* The path ended where it had led to already: "/", or a link of /proc. */
	if (!err) {
		f->file = STEAL_FD(w->at);
		f->proc = w->at_proc;
	}
	return err;
}

static int is_folder(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

static int find_by_walk(const struct caller *c, bool twin, int base, const char *path, unsigned int how,
			uint64_t resolve, struct found *f)
{
	struct walk w = {.c = c, .twin = twin, .resolve = resolve, .how = how, .at = -1};
	int err = walk(&w, base, path, f);

	if (w.at >= 0)
		close(w.at);
	if (!err && f->file >= 0 && how & PATH_FOLDER)
		err = is_folder(f->file);
	return err;
}

/* Where the kernel alone can say what the scope is: it does, or it is refused. */
static int find_in_scope(int base, const char *path, unsigned int how, uint64_t resolve, struct found *f)
{
	uint64_t flags = O_PATH | (how & PATH_NOFOLLOW ? O_NOFOLLOW : 0) | (how & PATH_FOLDER ? O_DIRECTORY : 0);
	long fd = open_how(base, path, flags, resolve | RESOLVE_NO_MAGICLINKS);
	char parent[PATH_MAX];
	const char *name = strrchr(path, '/');
	size_t n;

	if (fd >= 0) {
		f->file = (int)fd;
		f->proc = on_proc(f->file);
		return f->proc ? -EACCES : 0;
	}
	if (fd != -ENOENT || !(how & PATH_CREATE))
		return (int)fd;
	name = name ? name + 1 : path;
	n = (size_t)(name - path);
	if (!*name || strlen(name) > NAME_MAX || n >= sizeof(parent))
		return -ENOENT;
	snprintf(parent, sizeof(parent), "%.*s", n ? (int)n : 1, n ? path : ".");
	fd = open_how(base, parent, O_PATH | O_DIRECTORY, resolve | RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		return (int)fd;
	f->dir = (int)fd;
	f->proc = on_proc(f->dir);
	fd = openat(f->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		close((int)fd);
		return -EACCES; /* a link that leads nowhere: where to, the kernel does not say */
	}
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f->proc ? -EACCES : 0;
}

int path_find(const struct caller *c, bool twin, int base, const char *path, unsigned int how, uint64_t resolve,
	      struct found *f)
{
	uint64_t flags = O_PATH | (how & PATH_NOFOLLOW ? O_NOFOLLOW : 0) | (how & PATH_FOLDER ? O_DIRECTORY : 0);
	long fd;

	*f = (struct found){.file = -1, .dir = -1};
	if (!*path)
		return -ENOENT;
	if (resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_NO_XDEV))
		return find_in_scope(base, path, how, resolve, f);
	if (!twin && !(how & PATH_CREATE)) {
		fd = open_how(base, path, flags, resolve | RESOLVE_NO_MAGICLINKS);
		if (fd >= 0) {
			if (on_proc((int)fd)) {
				close((int)fd);
				return -PATH_TO_TWIN;
			}
			f->file = (int)fd;
			return 0;
		}
	}
	return find_by_walk(c, twin, base, path, how, resolve, f);
}
