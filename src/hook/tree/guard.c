/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: each waits for a call, and carries it out, which may take as long as a connect does. One more is made whenever none is left
 * that waits, up to GUARD_THREADS; beyond that callers wait. Each has a working directory, a root and a umask of its own (CLONE_FS).
 *
 * A signal to the caller ends its wait; the kernel calls again when the handler is through (SA_RESTART), although the deed may be done by
 * then. The result of a call that nobody waited for any more is therefore kept, by its socket, for the next one, which waits until
 * there is one. (In a tree whose calls skep watches, callers wait otherwise: guard_recall.c.)
 */
#include "hook/tree/guard_inside.h"

#include "base/clock.h"
#include "base/fds.h"
#include "base/util.h"
#include "hook/tree/ways_out.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>

enum {
	SPARE = 4, /* waiting threads beyond these end */
	STACK = 128 << 10,
	LATE = 512, /* results that may be asked for again */
	LATE_NS = 1000000000,
	AGAIN_NS = 500000000,
	I386_BIND = 361,
	I386_CONNECT = 362,
};
#ifndef SIOCUNIXFILE
#define SIOCUNIXFILE SIOCPROTOPRIVATE /* linux/un.h, which sys/un.h cannot have beside it */
#endif

/* What is to be done. */
struct job {
	struct seccomp_notif req;
	struct guard_call call; /* handed over by skep, else all zero */
	int sock; /* came with it, or -1 */
};

struct guard_self guard_self;

static struct {
	uint32_t n_keep;
	atomic_int waiting, threads;
	pthread_mutex_t lock; /* of what follows */
	struct bound {
		dev_t dev;
		ino_t ino;
		int fd;
	} * bound, *keep;
	size_t n, room;
	struct late {
		uint64_t key; /* the socket's inode; what was asked for in the lowest bit */
		uint64_t hash; /* of the address */
		uint64_t until;
		int result;
	} late[LATE];
	uint32_t next_late;
	uint64_t busy[GUARD_THREADS]; /* keys of what is being carried out, as in late */
	uint32_t n_busy;
	pthread_cond_t done;
} g = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

struct address {
	union {
		struct sockaddr_storage any;
		struct sockaddr_un un;
	};
	socklen_t len;
	char path[sizeof(struct sockaddr_un) + 1]; /* "": no pathname */
	size_t own; /* how long its /proc/PID/ is in front, where that is the caller's own; else 0 */
};

static int bound_find(const struct stat *st)
{
	int found = 0;

	pthread_mutex_lock(&g.lock);
	for (size_t i = 0; i < g.n && !found; i++)
		found = g.bound[i].ino == st->st_ino && g.bound[i].dev == st->st_dev;
	pthread_mutex_unlock(&g.lock);
	return found;
}

/* Sockets without a name are let go. */
static void bound_sweep(void)
{
	size_t to = 0;
	struct stat st;

	for (size_t i = 0; i < g.n; i++)
		if (!fstat(g.bound[i].fd, &st) && st.st_nlink)
			g.bound[to++] = g.bound[i];
		else
			close(g.bound[i].fd);
	g.n = to;
}

/* Notes what a socket is bound to. Without room for it, it stays unknown, and nobody can connect to it. */
static void bound_add(int sock)
{
	int fd = ioctl(sock, SIOCUNIXFILE);
	struct stat st;

	if (fd < 0)
		return;
	pthread_mutex_lock(&g.lock);
	if (g.n == g.room) {
		bound_sweep();
		if (2 * g.n >= g.room) {
			size_t room = MAX(2 * g.room, (size_t)16);
			struct bound *more = realloc(g.bound, room * sizeof(*more));

			if (more) {
				g.bound = more;
				g.room = room;
			}
		}
	}
	if (g.n < g.room && !fstat(fd, &st)) {
		g.bound[g.n++] = (struct bound){.dev = st.st_dev, .ino = st.st_ino, .fd = fd};
		fd = -1;
	}
	pthread_mutex_unlock(&g.lock);
	if (fd >= 0)
		close(fd);
}

static bool is_busy(uint64_t key)
{
	for (uint32_t i = 0; i < g.n_busy; i++)
		if (g.busy[i] == key)
			return true;
	return false;
}

static uint64_t hash_of(const struct address *a)
{
	uint64_t h = 0xcbf29ce484222325;

	for (socklen_t i = 0; i < a->len; i++)
		h = (h ^ ((const uint8_t *)&a->any)[i]) * 0x100000001b3;
	return h;
}

/* One call at a time for a socket. Return: true when the result is known: it was the same call, and its caller did not hear of it. */
static bool begin(uint64_t key, uint64_t hash, int *result)
{
	bool found = false;
	uint64_t now;

	pthread_mutex_lock(&g.lock);
	while (is_busy(key))
		pthread_cond_wait(&g.done, &g.lock);
	now = clock_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < LATE && !found; i++)
		if (g.late[i].key == key && g.late[i].hash == hash && now < g.late[i].until) {
			*result = g.late[i].result;
			g.late[i].key = 0;
			found = true;
		}
	g.busy[g.n_busy++] = key; /* each thread has one at most */
	pthread_mutex_unlock(&g.lock);
	return found;
}

/*
 * Keeps the result where it may be asked for again: nobody waited for it any more, or a signal came in the moment in which it was delivered,
 * which the kernel does not tell. Of the latter only success is kept, and not for long: to say it twice does no harm.
 */
static void finish(uint64_t key, uint64_t hash, bool undelivered, int result)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);

	pthread_mutex_lock(&g.lock);
	for (int i = 0; i < LATE; i++)
		if (g.late[i].key == key)
			g.late[i].key = 0;
	if (undelivered || !result)
		g.late[g.next_late++ % LATE] = (struct late){
			.key = key, .hash = hash, .until = now + (undelivered ? LATE_NS : AGAIN_NS), .result = result};
	for (uint32_t i = 0; i < g.n_busy; i++)
		if (g.busy[i] == key) {
			g.busy[i] = g.busy[--g.n_busy];
			break;
		}
	pthread_cond_broadcast(&g.done);
	pthread_mutex_unlock(&g.lock);
}

bool guard_still_waits(const struct caller *c, uint64_t id)
{
	/* In a stop of ptrace it keeps its number until skep has heard of its end; the file says that it is still the one that was looked at. */
	if (guard_self.listener < 0)
		return !syscall(SYS_pidfd_send_signal, c->pidfd, 0, NULL, 0) || errno != ESRCH;
	return !ioctl(guard_self.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id);
}

/* The address, once. */
static int read_address(const struct caller *c, uint64_t from, int64_t len, struct address *a)
{
	struct iovec to = {&a->any, (size_t)len}, there = {(void *)(uintptr_t)from, (size_t)len}; /* NOLINT */

	memset(a, 0, sizeof(*a));
	if (len < 0 || len > (int64_t)sizeof(a->any))
		return -EINVAL;
	a->len = (socklen_t)len;
	if (len && process_vm_readv(c->tid, &to, 1, &there, 1, 0) != len)
		return -EFAULT;
	return 0;
}

/* How long "/proc/PID/" is. */
static size_t skip_proc(const char *path)
{
	size_t n = sizeof("/proc/") - 1;

	return n + strcspn(path + n, "/") + 1;
}

/* /proc/self is whoever looks: here it shall be the caller. */
static void own_self(const struct caller *c, struct address *a)
{
	static const char self[] = "/proc/self/", thread[] = "/proc/thread-self/";
	char with[sizeof(a->un.sun_path)];
	size_t skip = !strncmp(a->path, self, sizeof(self) - 1)       ? sizeof(self) - 1
		      : !strncmp(a->path, thread, sizeof(thread) - 1) ? sizeof(thread) - 1
								      : 0;
	int n = snprintf(with, sizeof(with), "/proc/%d/%s", (int)(skip == sizeof(self) - 1 ? c->own_tgid : c->own_tid),
			 a->path + skip);

	if (!skip || n >= (int)sizeof(with))
		return;
	memcpy(a->path, with, (size_t)n + 1);
	memcpy(a->un.sun_path, with, (size_t)n + 1);
	a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
	a->own = (size_t)n - strlen(a->path + skip_proc(a->path));
}

static void find_path(const struct caller *c, struct address *a)
{
	size_t head = offsetof(struct sockaddr_un, sun_path);

	if (a->len <= head || a->len > sizeof(a->un) || a->un.sun_family != AF_UNIX || !a->un.sun_path[0])
		return;
	memcpy(a->path, a->un.sun_path, a->len - head);
	own_self(c, a);
}

int guard_enter(struct caller *c)
{
	c->root = openat(c->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	c->cwd = openat(c->dir, "cwd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->root < 0 || c->cwd < 0 || fchdir(c->root) || chroot(".") || fchdir(c->cwd))
		return -EACCES;
	umask(c->umask);
	if (guard_self.root)
		syscall(SYS_setgroups, c->n_groups, c->groups);
	setfsgid(c->gid);
	setfsuid(c->uid);
	return 0;
}

int guard_leave(void)
{
	setfsuid(geteuid());
	setfsgid(getegid());
	umask(0077);
	return fchdir(guard_self.home) || chroot(".") ? -errno : 0;
}

/*
 * A socket that was left open: the one that had the path when the tree began. Under its name the tree may have put another one since.
 */
static bool kept(const struct stat *st)
{
	for (uint32_t i = 0; i < g.n_keep; i++)
		if (g.keep[i].fd >= 0 && g.keep[i].ino == st->st_ino && g.keep[i].dev == st->st_dev)
			return true;
	return false;
}

static void pin_kept(const char *const *paths, uint32_t n)
{
	struct stat st;

	g.keep = calloc(n + 1, sizeof(*g.keep));
	if (!g.keep)
		_exit(1);
	for (uint32_t i = 0; i < n; i++) {
		int fd = open(paths[i], O_PATH | O_CLOEXEC);

		g.keep[i].fd = -1;
		if (fd >= 0 && !fstat(fd, &st))
			g.keep[i] = (struct bound){.dev = st.st_dev, .ino = st.st_ino, .fd = fd};
	}
	g.n_keep = n;
}

/*
 * What a path leads to, without the links of /proc that the guard may follow and the caller may not (another process's root, say). Its
 * own ones it may: "/proc/self/fd/3/name" is how long names are spelled.
 */
static int open_path(const struct address *a)
{
	struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
	char link[sizeof(a->path)];
	const char *rest = a->path;
	AUTO_CLOSE int base = -1;
	long fd;

	if (a->own) {
		rest += a->own;
		rest += strncmp(rest, "fd/", 3) ? strcspn(rest, "/") : 3 + strspn(rest + 3, "0123456789");
		snprintf(link, sizeof(link), "%.*s", (int)(rest - a->path), a->path);
		base = open(link, O_PATH | O_CLOEXEC);
		if (base < 0)
			return -errno;
		rest += strspn(rest, "/");
		if (!*rest)
			return STEAL_FD(base);
	}
	fd = syscall(SYS_openat2, base < 0 ? AT_FDCWD : base, rest, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

static int connect_path(struct caller *c, int sock, const struct address *a)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;
	struct stat st;
	int err = guard_enter(c);

	if (!err) {
		fd = open_path(a);
		err = fd < 0 ? fd : 0;
	}
	if (guard_leave())
		_exit(1); /* not fit to go on */
	if (!err && fstat(fd, &st))
		err = -errno;
	if (!err && !S_ISSOCK(st.st_mode))
		err = -ECONNREFUSED;
	if (!err && !bound_find(&st) && !kept(&st))
		err = -EACCES;
	if (err)
		return err;
	/* By this fd and nothing else; with the caller's rights to it. */
	snprintf(to.sun_path, sizeof(to.sun_path), "self/fd/%d", fd);
	if (fchdir(guard_self.proc))
		return -errno;
	if (guard_self.root)
		syscall(SYS_setgroups, c->n_groups, c->groups);
	setfsgid(c->gid);
	setfsuid(c->uid);
	err = connect(sock, (struct sockaddr *)&to, sizeof(to)) ? -errno : 0;
	if (guard_leave())
		_exit(1);
	return err;
}

static int bind_path(struct caller *c, int sock, const struct address *a)
{
	int err = guard_enter(c);

	if (!err)
		err = bind(sock, (const struct sockaddr *)&a->any, a->len) ? -errno : 0;
	if (guard_leave())
		_exit(1);
	if (!err)
		bound_add(sock);
	return err;
}

static bool is_bind(const struct seccomp_data *d)
{
	return d->arch == AUDIT_ARCH_I386 ? d->nr == I386_BIND : d->nr == SYS_bind;
}

static int take_address(const struct job *j, const struct caller *c, struct address *a)
{
	const struct seccomp_data *d = &j->req.data;

	if (!j->call.has_address)
		return read_address(c, d->args[1], (int32_t)d->args[2], a);
	memset(a, 0, sizeof(*a));
	a->any = j->call.address;
	a->len = MIN(j->call.address_len, (uint32_t)sizeof(a->any));
	return 0;
}

/* The call itself. It may take long. */
static int make(struct caller *c, const struct seccomp_data *d, int sock, const struct address *a)
{
	/* Where skep receives, callers do not hear signals by themselves (guard_recall.c). */
	int number = guard_self.from >= 0 ? recall_begin(c->dir) : -1;
	int result;

	if (is_bind(d))
		result = *a->path                                               ? bind_path(c, sock, a)
			 : bind(sock, (const struct sockaddr *)&a->any, a->len) ? -errno
										: 0;
	else if (*a->path)
		result = connect_path(c, sock, a);
	else
		result = connect(sock, (const struct sockaddr *)&a->any, a->len) ? -errno : 0;
	if (number >= 0)
		recall_end(number);
	return number >= 0 && result == -EINTR ? -RECALLED : result;
}

/* Carries a call out. *flags: SECCOMP_USER_NOTIF_FLAG_CONTINUE when the caller is to do it. Return: its result. */
static int carry_out(const struct job *j, uint32_t *flags, uint64_t *key, uint64_t *hash)
{
	const struct seccomp_notif *req = &j->req;
	const struct seccomp_data *d = &req->data;
	struct address a;
	struct caller c;
	socklen_t size = sizeof(int);
	int err = caller_open(guard_self.proc, (pid_t)req->pid, &c), domain, result = 0;
	AUTO_CLOSE int sock = j->sock >= 0 ? fcntl(j->sock, F_DUPFD_CLOEXEC, 0)
			      : err        ? -1
					   : (int)syscall(SYS_pidfd_getfd, c.pidfd, (int)d->args[0], 0);
	struct stat st;

	if (!err && sock < 0)
		err = -errno;
	if (!err && getsockopt(sock, SOL_SOCKET, SO_DOMAIN, &domain, &size))
		err = -errno;
	/* Where skep wants its end, or gave its address, it is made here: without the guard's powers (drop_powers()). */
	if (!err && is_bind(d) && domain != AF_UNIX && !j->call.report && !j->call.has_address) {
		*flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		goto out;
	}
	if (!err)
		err = take_address(j, &c, &a);
	/* All of this was the caller's, if it is still there. */
	if (!err && !guard_still_waits(&c, req->id))
		err = -ESRCH;
	if (!err && fstat(sock, &st))
		err = -errno;
	if (err)
		goto out;
	*key = (uint64_t)st.st_ino << 1 | is_bind(d);
	*hash = hash_of(&a);
	if (begin(*key, *hash, &result))
		goto out;
	if (domain == AF_UNIX)
		find_path(&c, &a);
	else
		guard_note(guard_self.notes, &c, &st, (int)d->args[0]);
	result = make(&c, d, sock, &a);
out:
	caller_close(&c);
	return err ? err : result;
}

static void *work(void *arg);

static void one_more(void)
{
	pthread_attr_t attr;
	pthread_t t;

	if (atomic_fetch_add(&g.threads, 1) >= GUARD_THREADS) {
		atomic_fetch_sub(&g.threads, 1);
		return;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&t, &attr, work, NULL))
		atomic_fetch_sub(&g.threads, 1);
	pthread_attr_destroy(&attr);
}

/* The next call, from the listener. Return: 0 or a negative errno. */
static int receive(struct job *j)
{
	union { /* room for what kernels to come add */
		struct seccomp_notif req;
		char bytes[1024];
	} in;

	memset(&in, 0, sizeof(in));
	if (ioctl(guard_self.listener, SECCOMP_IOCTL_NOTIF_RECV, &in))
		return -errno;
	j->req = in.req;
	return 0;
}

/* The next call, from skep. */
static int receive_handed(struct job *j)
{
	ssize_t n = guard_receive(guard_self.from, &j->call, sizeof(j->call), &j->sock);
	const struct guard_call *call = &j->call;

	if (!n)
		_exit(0); /* skep is gone */
	if (n != sizeof(*call))
		return n < 0 ? (int)n : -EPROTO;
	j->req = (struct seccomp_notif){.id = call->id, .pid = call->tid, .data = {.nr = call->nr, .arch = call->arch}};
	for (size_t i = 0; i < ARRAY_SIZE(call->args); i++)
		j->req.data.args[i] = call->args[i];
	return 0;
}

/* A file into the caller's table. Return: its number there, or a negative errno. @send: it is the answer, too */
static int give(const struct job *j, int fd, bool cloexec, bool send)
{
	struct seccomp_notif_addfd add = {
		.id = j->req.id,
		.flags = send ? SECCOMP_ADDFD_FLAG_SEND : 0,
		.srcfd = (uint32_t)fd,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};
	int got = ioctl(guard_self.listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);

	return got < 0 ? -errno : got;
}

/* A call that programs decide on. Return: whether it has been answered. */
static bool make_decided(const struct job *j, struct seccomp_notif_resp *resp)
{
	bool cloexec = false, go_on = false;
	struct caller c;
	int fd = -1, result = caller_open(guard_self.proc, (pid_t)j->req.pid, &c);

	if (!result)
		result = guard_send_is(j->call.native)   ? sends_make(&c, &j->call)
			 : guard_kill_is(j->call.native) ? kills_make(&c, &j->call, &go_on)
							 : files_make(&c, &j->call, &fd, &cloexec);
	caller_close(&c);
	resp->flags = go_on ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0;
	if (fd >= 0) {
		/*
		 * In two steps where that can be: a copy that were closed after the answer would be felt (a FIFO that still has a reader, a program that cannot be
		 * executed yet because it is open for writing).
		 */
		result = j->call.report || guard_self.deaf ? -EINVAL : give(j, fd, cloexec, true);
		if (result >= 0 || result == -ENOENT) {
			close(fd);
			return true;
		}
		if (result == -EINVAL)
			result = give(j, fd, cloexec, false);
		close(fd);
	}
	resp->error = MIN(result, 0);
	resp->val = MAX(result, 0);
	return false;
}

static void serve_one(void)
{
	union {
		struct seccomp_notif_resp resp;
		char bytes[1024];
	} out;
	struct job j = {.sock = -1};
	uint64_t key = 0, hash = 0;
	int got;

	memset(&out, 0, sizeof(out));
	atomic_fetch_add(&g.waiting, 1);
	got = guard_self.from < 0 ? receive(&j) : receive_handed(&j);
	if (atomic_fetch_sub(&g.waiting, 1) == 1)
		one_more();
	if (got) {
		if (got != -EINTR && got != -ENOENT)
			poll(NULL, 0, 10);
		return;
	}
	out.resp.id = j.req.id;
	if (!j.call.decide)
		out.resp.error = carry_out(&j, &out.resp.flags, &key, &hash);
	else if (make_decided(&j, &out.resp))
		return;
	if (j.call.report) {
		int result = guard_ask(guard_self.notes, guard_self.from, j.req.id,
				       out.resp.error ? out.resp.error : (int)out.resp.val);

		out.resp.error = MIN(result, 0);
		out.resp.val = MAX(result, 0);
	}
	got = 0;
	/* Before the answer: once it has it, the caller may close its own and expect the port to be free. */
	if (j.sock >= 0)
		close(j.sock);
	if (guard_self.listener < 0)
		guard_answer(guard_self.from, &j.call, out.resp.flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE,
			     out.resp.error ? out.resp.error : (int)out.resp.val);
	else
		got = ioctl(guard_self.listener, SECCOMP_IOCTL_NOTIF_SEND, &out);
	if (key)
		finish(key, hash, got && errno == ENOENT, out.resp.error);
}

static void *work(void *arg)
{
	if (unshare(CLONE_FS))
		_exit(1);
	umask(0077);
	do
		serve_one();
	while (atomic_load(&g.waiting) < SPARE);
	files_end();
	atomic_fetch_sub(&g.threads, 1);
	return NULL;
}

/*
 * A user's guard looks at files as the user does: its powers over the namespace are for the rest. The command has none over the network (its
 * user namespace is another than the network's), so a bind is made without them whoever the user is.
 */
static void drop_powers(void)
{
	static const int gone[] = {
		CAP_NET_BIND_SERVICE, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER,    CAP_CHOWN,
		CAP_NET_RAW,          CAP_FSETID,       CAP_MKNOD,           CAP_IPC_OWNER, CAP_KILL};
	const size_t n = guard_self.root ? 1 : ARRAY_SIZE(gone);
	struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct d[2];

	if (syscall(SYS_capget, &h, d))
		_exit(1);
	for (size_t i = 0; i < n; i++)
		d[gone[i] / 32].effective &= ~(1u << gone[i] % 32);
	if (syscall(SYS_capset, &h, d))
		_exit(1);
}

/* One of the kernel's settings of one digit; '1' where it cannot be read, for that is the stricter one. */
static char setting(const char *name)
{
	AUTO_CLOSE int fd = openat(guard_self.proc, name, O_RDONLY | O_CLOEXEC);
	char byte;

	return fd >= 0 && read(fd, &byte, 1) == 1 ? byte : '1';
}

void guard_main(int from, bool handed, const char *const *keep, uint32_t n_keep, const struct tree_files *files,
		struct guard_notes *notes)
{
	struct rlimit limit;
	struct stat st;
	char byte;

	prctl(PR_SET_NAME, "skep-guard", 0, 0, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	setsid(); /* the terminal's signals are the command's */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	if (dup3(from, 3, O_CLOEXEC) < 0 && errno != EINVAL)
		_exit(1);
	/* The standard three too: whoever waits for a pipe's end waits for the command's, not for the guard's. */
	fds_close(4, UINT32_MAX, false);
	fds_close(0, 2, false);
	for (int i = 0; i < 3; i++)
		if (open("/dev/null", O_RDWR) < 0)
			_exit(1);
	guard_self.notes = notes;
	guard_self.files = files && files->closed ? files : NULL;
	pin_kept(keep, n_keep);
	guard_self.root = !geteuid();
	guard_self.deaf = ways_out_deaf();
	guard_self.home = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	guard_self.proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (guard_receive(3, &byte, 1, &guard_self.listener) < 1)
		_exit(0);
	guard_self.from = handed ? 3 : -1;
	if (!handed)
		close(3);
	if (guard_self.home < 0 || guard_self.proc < 0 || (guard_self.listener < 0 && !handed))
		_exit(0);
	if (fstat(guard_self.proc, &st))
		_exit(1);
	guard_self.proc_dev = st.st_dev;
	guard_self.protected_links = setting("sys/fs/protected_symlinks");
	guard_self.protected_regular = setting("sys/fs/protected_regular");
	guard_self.protected_fifos = setting("sys/fs/protected_fifos");
	drop_powers();
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (unshare(CLONE_FS))
		_exit(1);
	umask(0077);
	atomic_store(&g.threads, 1);
	for (;;)
		serve_one();
}
