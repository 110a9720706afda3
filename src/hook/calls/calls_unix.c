/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets of Unix in a tree without namespaces. As in one that has them (hook/tree/guard.h) it may connect to sockets that it bound itself, and to those that the command
 * line left open; to no others, by whatever name and whenever they come into being. Abstract names, which belong to the machine here, go by the same rule.
 *
 * A path is resolved once, from the caller's working directory, to an O_PATH file. What that is, is looked at, and connected to through it.
 *
 * A socket that was bound is known by the file that it is bound to, which the kernel tells of the very socket (man 7 sock_diag: UNIX_DIAG_VFS): whatever
 * the path leads to by then. As long as that file is held open here its number belongs to no other. An abstract name is known with its socket, and
 * before each connection the kernel is asked whether it is still that socket's.
 *
 * A task that has a root of its own connects to no path: the same path would be another file's here.
 */
#include "hook/calls/calls_inside.h"

#include "base/util.h"
#include "hook/tree/files.h"
#include "hook/tree/recall.h"
#include "hook/unix_diag.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { HEAD = offsetof(struct sockaddr_un, sun_path), KERNEL_MINOR_BITS = 20 };

int unix_keep(struct calls *c, const char *const *paths, uint32_t n)
{
	struct stat st;

	c->keep = calloc(n + 1, sizeof(*c->keep));
	if (!c->keep)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		int fd = open(paths[i], O_PATH | O_CLOEXEC);

		if (fd >= 0 && !fstat(fd, &st))
			c->keep[c->n_keep++] = (struct bound){.dev = st.st_dev, .ino = st.st_ino, .fd = fd};
		else if (fd >= 0)
			close(fd);
	}
	return 0;
}

void unix_free(struct calls *c)
{
	for (size_t i = 0; i < c->n_keep; i++)
		close(c->keep[i].fd);
	for (size_t i = 0; i < c->n_bound; i++)
		if (c->bound[i].fd >= 0)
			close(c->bound[i].fd);
	free(c->keep);
	free(c->bound);
}

static bool is_file(const struct unix_facts *f, const struct stat *st)
{
	return f->has_file && f->file.udiag_vfs_ino == (uint32_t)st->st_ino &&
	       f->file.udiag_vfs_dev == (major(st->st_dev) << KERNEL_MINOR_BITS | minor(st->st_dev));
}

/* Sockets whose name is gone are let go. With the lock held. */
static void sweep(struct calls *c)
{
	struct unix_facts f;
	struct stat st;
	size_t to = 0;

	for (size_t i = 0; i < c->n_bound; i++) {
		struct bound *b = &c->bound[i];
		bool there;

		if (b->fd >= 0) {
			there = !fstat(b->fd, &st) && st.st_nlink;
		} else {
			unix_diag_ask(c->diag, b->sock, &f);
			there = f.there;
		}
		if (there)
			c->bound[to++] = *b;
		else if (b->fd >= 0)
			close(b->fd);
	}
	c->n_bound = to;
}

/* With the lock held. Without room it stays unknown, and nobody can connect to it. */
static bool note(struct calls *c, const struct bound *b)
{
	if (c->n_bound == c->room) {
		sweep(c);
		if (2 * c->n_bound >= c->room) {
			size_t room = MAX(2 * c->room, (size_t)16);
			struct bound *more = realloc(c->bound, room * sizeof(*more));

			if (more) {
				c->bound = more;
				c->room = room;
			}
		}
	}
	if (c->n_bound == c->room)
		return false;
	c->bound[c->n_bound++] = *b;
	return true;
}

static bool is_kept(const struct calls *c, const struct stat *st)
{
	for (size_t i = 0; i < c->n_keep; i++)
		if (c->keep[i].ino == st->st_ino && c->keep[i].dev == st->st_dev)
			return true;
	return false;
}

static bool is_bound(struct calls *c, const struct stat *st)
{
	bool found = false;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->n_bound && !found; i++)
		found = c->bound[i].fd >= 0 && c->bound[i].ino == st->st_ino && c->bound[i].dev == st->st_dev;
	pthread_mutex_unlock(&c->lock);
	return found;
}

/* Is an abstract name a socket's of the tree now? */
static bool is_own_name(struct calls *c, const char *name, size_t len)
{
	bool found = false;
	struct unix_facts f;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < c->n_bound && !found; i++) {
		const struct bound *b = &c->bound[i];

		if (b->fd >= 0 || b->len != len || memcmp(b->name, name, len))
			continue;
		unix_diag_ask(c->diag, b->sock, &f);
		found = f.there && f.name_len == len && !memcmp(f.name, name, len);
	}
	pthread_mutex_unlock(&c->lock);
	return found;
}

/* Has the task the root that skep has? */
static bool shares_root(struct job *j)
{
	int dir = call_folder(j);
	struct stat own, its;

	return dir >= 0 && !stat("/", &own) && !fstatat(dir, "root", &its, 0) && own.st_dev == its.st_dev &&
	       own.st_ino == its.st_ino;
}

/* What a path begins with that means the task itself, as skep is to say it. Return: how long that is; 0: it is none. */
static size_t own_link(const struct job *j, const char *path, char *link, size_t size)
{
	static const char self[] = "/proc/self/", thread[] = "/proc/thread-self/";
	size_t skip = !strncmp(path, self, sizeof(self) - 1)       ? sizeof(self) - 1
		      : !strncmp(path, thread, sizeof(thread) - 1) ? sizeof(thread) - 1
								   : 0;
	const char *rest = path + skip;
	size_t n;

	if (!skip)
		return 0;
	n = strncmp(rest, "fd/", 3) ? strcspn(rest, "/") : 3 + strspn(rest + 3, "0123456789");
	snprintf(link, size, "/proc/%d/%.*s",
		 (int)(skip == sizeof(self) - 1 ? j->call.thread->tgid : j->call.thread->tid), (int)n, rest);
	return skip + n;
}

/*
 * What a path leads to, without links of /proc that skep may follow and the task may not; its own it may: "/proc/self/fd/3/name" is how long names are
 * spelled.
 */
static int open_path(struct job *j, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	char link[128];
	size_t skip = own_link(j, path, link, sizeof(link));
	AUTO_CLOSE int base = -1;
	long fd;

	if (skip)
		base = open(link, O_PATH | O_CLOEXEC);
	else if (*path != '/')
		base = openat(call_folder(j), "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	else
		base = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (base < 0)
		return -errno;
	path += skip;
	path += strspn(path, "/");
	if (!*path)
		return STEAL_FD(base);
	fd = syscall(SYS_openat2, base, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

/* connect(2) may wait for a listener that does not accept: its signals call the task back (guard_recall.c). */
static int connect_plainly(struct job *j, const void *at, socklen_t len)
{
	struct rights rights;
	int err = rights_take(j, &rights), number;

	if (err)
		return err;
	number = recall_begin(call_folder(j));
	err = connect(j->call.sock, at, len) ? -errno : 0;
	recall_end(number);
	rights_return(&rights);
	if (!err)
		parked_drop(j->c, sock_inode(j->call.sock));
	return err == -EINTR ? CALLS_RESTART : err;
}

int unix_connect(struct job *j, const struct sockaddr_storage *at, socklen_t len)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	char path[sizeof(to.sun_path) + 1] = "";
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (len <= HEAD || len > sizeof(to) || at->ss_family != AF_UNIX) /* the kernel says what that is */
		return len > HEAD && at->ss_family == AF_UNIX ? -EINVAL : connect_plainly(j, at, len);
	memcpy(&to, at, len);
	if (!to.sun_path[0])
		return is_own_name(j->c, to.sun_path, len - HEAD) ? connect_plainly(j, at, len) : -ECONNREFUSED;
	memcpy(path, to.sun_path, len - HEAD);
	if (!shares_root(j))
		return -EACCES;
	fd = open_path(j, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ECONNREFUSED;
	if (!is_bound(j->c, &st) && !is_kept(j->c, &st))
		return -EACCES;
	if (call_waits(j))
		return -ESRCH;
	/* By this file and nothing else. */
	snprintf(to.sun_path, sizeof(to.sun_path), "/proc/self/fd/%d", fd);
	return connect_plainly(j, &to, sizeof(to));
}

/* In the child. Return: 0 or a negative errno. */
static int bind_as_task(struct job *j, int cwd, const struct sockaddr_storage *at, socklen_t len, unsigned int mask)
{
	struct rights rights;
	int err = rights_take(j, &rights);

	umask(mask);
	/* It makes a file, and only where the tree may. */
	if (!err && j->c->files->closed)
		err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : files_restrict(j->c->files, false);
	if (err)
		return err;
	return fchdir(cwd) || bind(j->call.sock, (const struct sockaddr *)at, len) ? -errno : 0;
}

/*
 * In a child, which can have a working directory, a umask and rights of the task's: the socket is to know the path as the task said it.
 * (Out of a process with threads: nothing here takes a lock.)
 */
static int bind_in_child(struct job *j, const struct sockaddr_storage *at, socklen_t len, unsigned int mask)
{
	AUTO_CLOSE int cwd = openat(call_folder(j), "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int status = 0;
	pid_t pid;

	if (cwd < 0)
		return -errno;
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
	if (!pid) {
		syscall(SYS_exit_group, -bind_as_task(j, cwd, at, len, mask));
	}
	if (pid < 0)
		return -errno;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

static unsigned int umask_of(struct job *j)
{
	char text[4096], *at = call_status(j, text, sizeof(text)) ? strstr(text, "\nUmask:") : NULL;

	return at ? (unsigned int)strtoul(at + 7, NULL, 8) : 077;
}

static int bind_path(struct job *j, const struct sockaddr_storage *at, socklen_t len, const char *path)
{
	struct bound b = {.fd = -1};
	struct unix_facts f;
	struct stat st, sock;
	int err;

	if (!shares_root(j))
		return -EACCES;
	/* It would be skep's own, and is nobody's habit. */
	if (!strncmp(path, "/proc/", 6))
		return -EACCES;
	err = bind_in_child(j, at, len, umask_of(j));
	if (err)
		return err;
	b.fd = open_path(j, path);
	if (b.fd < 0 || fstat(b.fd, &st) || fstat(j->call.sock, &sock)) {
		if (b.fd >= 0)
			close(b.fd);
		return 0;
	}
	b.dev = st.st_dev;
	b.ino = st.st_ino;
	pthread_mutex_lock(&j->c->lock);
	unix_diag_ask(j->c->diag, (uint32_t)sock.st_ino, &f);
	if (!is_file(&f, &st) || !note(j->c, &b))
		close(b.fd);
	pthread_mutex_unlock(&j->c->lock);
	return 0;
}

int unix_bind(struct job *j, const struct sockaddr_storage *at, socklen_t len)
{
	char path[sizeof(struct sockaddr_un) + 1] = "";
	struct bound b = {.fd = -1};
	struct sockaddr_un now = {0};
	socklen_t now_len = sizeof(now);
	struct stat st;

	if (at->ss_family == AF_UNIX && len > HEAD && len <= sizeof(struct sockaddr_un)) {
		memcpy(path, (const char *)at + HEAD, len - HEAD);
		if (*path)
			return bind_path(j, at, len, path);
	}
	if (bind(j->call.sock, (const struct sockaddr *)at, len))
		return -errno;
	if (getsockname(j->call.sock, (struct sockaddr *)&now, &now_len) || fstat(j->call.sock, &st) ||
	    now_len <= HEAD || now_len > sizeof(now) || now.sun_path[0])
		return 0;
	b.sock = (uint32_t)st.st_ino;
	b.len = now_len - HEAD;
	memcpy(b.name, now.sun_path, b.len);
	pthread_mutex_lock(&j->c->lock);
	note(j->c, &b);
	pthread_mutex_unlock(&j->c->lock);
	return 0;
}
