/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host of a thread of the tree. Memory is read by one process_vm_readv(2) a question; what /proc says is asked for at most once an event, and only when a
 * program wants to know.
 *
 * System calls: process_vm_readv, process_vm_writev, openat, read, readlinkat, newfstatat, close, pidfd_getfd, getsockopt, getsockname, getpeername, pread64,
 * pidfd_send_signal, kill, ioctl on a pidfd, tgkill, ptrace (registers).
 */
#include "base/clock.h"
#include "base/util.h"
#include "helper/who.h"
#include "hook/task/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { PAGE = 4096, CGROUP_AGE = 100000000 /* ns */, PIDFD_GROUP = 2 /* PIDFD_SIGNAL_THREAD_GROUP, Linux 6.9 */ };

static struct view *view_of(const struct skep_env *env)
{
	return container_of(env->task, struct view, task);
}

static const struct thread *thread_of(const struct skep_env *env)
{
	return view_of(env)->event->thread;
}

static int read_user(struct skep_env *env, void *to, uint64_t from, size_t len)
{
	struct iovec mine = {to, len}, theirs = {(void *)(uintptr_t)from, len};

	if (!len)
		return 0;
	return process_vm_readv(thread_of(env)->tid, &mine, 1, &theirs, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

static int write_user(struct skep_env *env, uint64_t to, const void *from, size_t len)
{
	struct iovec mine = {(void *)(uintptr_t)from, len}, theirs = {(void *)(uintptr_t)to, len};

	if (!len)
		return 0;
	return process_vm_writev(thread_of(env)->tid, &mine, 1, &theirs, 1, 0) == (ssize_t)len ? 0 : -EFAULT;
}

/* As many bytes as there are, up to @len, which spans two pages at most: the call reads whole pieces, so there is one for each page. */
static size_t read_some(pid_t tid, char *to, uint64_t from, size_t len)
{
	size_t first = MIN(len, PAGE - (size_t)(from % PAGE));
	struct iovec mine = {to, len},
		     theirs[2] = {{(void *)(uintptr_t)from, first}, {(void *)(uintptr_t)(from + first), len - first}};
	ssize_t n = process_vm_readv(tid, &mine, 1, theirs, len > first ? 2 : 1, 0);

	return n < 0 ? 0 : (size_t)n;
}

static int read_string(pid_t tid, char *to, uint64_t from, size_t size)
{
	char piece[PAGE];
	size_t done = 0, step = 512;

	while (done < size) {
		size_t want = MIN(size - done, step), got = read_some(tid, piece, from + done, want);
		const char *end = memchr(piece, 0, got);

		memcpy(to + done, piece, end ? (size_t)(end - piece) + 1 : got);
		if (end)
			return (int)(done + (size_t)(end - piece));
		if (got < want)
			return -EFAULT;
		done += got;
		step = sizeof(piece);
	}
	return -EINVAL;
}

static int read_user_string(struct skep_env *env, char *to, uint64_t from, size_t size)
{
	return read_string(thread_of(env)->tid, to, from, size);
}

int view_string(struct view *v, char *to, uint64_t from, size_t size)
{
	return read_string(v->event->thread->tid, to, from, size);
}

static int read_kernel(struct skep_env *env, void *to, uint64_t from, size_t len)
{
	return objects_read(view_of(env), to, from, len);
}

/* The numbers of the task whose task_struct an address is; false: of none. */
static bool task_at(struct view *v, uint64_t address, uint32_t *tid, uint32_t *tgid, uint64_t *regs)
{
	struct objects *o = v->o;
	const struct slot *s;
	uint32_t offset;
	bool is;

	pthread_mutex_lock(&o->lock);
	s = objects_at(o, address, &offset);
	is = s && s->bundle == BUNDLE_TASK && address == objects_address(o, s, PART_TASK, 0);
	if (is) {
		*tid = s->tid;
		*tgid = s->tgid;
		*regs = objects_address(o, s, PART_REGS, 0);
	}
	pthread_mutex_unlock(&o->lock);
	return is;
}

static int read_task(struct skep_env *env, uint64_t task, void *to, uint64_t from, size_t len)
{
	struct view *v = view_of(env);
	char name[PROC_NAME];
	AUTO_CLOSE int mem = -1;
	uint32_t tid, tgid;
	uint64_t regs;

	if (!task_at(v, task, &tid, &tgid, &regs))
		return -ESRCH;
	if (tid == v->task.tid)
		return read_user(env, to, from, len);
	mem = openat(v->o->proc, task_proc(tid, tgid, "mem", name), O_RDONLY | O_CLOEXEC);
	return mem >= 0 && from <= INT64_MAX && pread(mem, to, len, (off_t)from) == (ssize_t)len ? 0 : -EFAULT;
}

static int host_identify(struct skep_env *env, uint64_t task, uint64_t *start, uint32_t *tid)
{
	struct objects *o = view_of(env)->o;
	struct slot *s;
	uint32_t offset;
	int err = -ESRCH;

	pthread_mutex_lock(&o->lock);
	s = objects_at(o, task, &offset);
	if (s && !s->gone && s->bundle == BUNDLE_TASK && task == objects_address(o, s, PART_TASK, 0) &&
	    task_start(o, s)) {
		*start = s->start;
		*tid = s->tid;
		err = 0;
	}
	pthread_mutex_unlock(&o->lock);
	return err;
}

/*
 * The kernel's own walk (arch/x86/events/core.c): the instruction, then by frame pointers. Those are known at stops of ptrace, on the thread that has them; of a
 * notification the kernel tells the instruction alone.
 */
static uint32_t host_stack(struct skep_env *env, uint64_t *ips, uint32_t room)
{
	enum { CODE_32 = 0x23 };
	const struct task_event *e = view_of(env)->event;
	struct user_regs_struct regs;
	uint64_t at, frame[2];
	uint32_t n = 0, small[2];
	bool known = !ptrace(PTRACE_GETREGS, e->thread->tid, NULL, &regs), is_32;

	if (room && (known || e->ip))
		ips[n++] = known ? regs.rip : e->ip;
	is_32 = known && regs.cs == CODE_32;
	for (at = known ? regs.rbp : 0; at && n < room; at = frame[0]) {
		if (read_user(env, is_32 ? (void *)small : frame, at, is_32 ? sizeof(small) : sizeof(frame)))
			break;
		if (is_32) {
			frame[0] = small[0];
			frame[1] = small[1];
		}
		ips[n++] = frame[1];
	}
	return MIN(n, room);
}

static uint64_t host_task(struct skep_env *env)
{
	return view_task(view_of(env), thread_of(env));
}

uint64_t view_find(struct view *v, uint32_t tid)
{
	char name[PROC_NAME], text[4096], *at;
	uint64_t address = 0;

	/* By its number a thread is found, too, though no list of /proc has it. */
	snprintf(name, sizeof(name), "%u/status", tid);
	proc_text(v->o->proc, name, text, sizeof(text));
	at = strstr(text, "\nTgid:");
	if (!at)
		return 0;
	pthread_mutex_lock(&v->o->lock);
	address = objects_address(v->o, task_slot(v->o, tid, (uint32_t)strtoul(at + 6, NULL, 10), 0), PART_TASK, 0);
	pthread_mutex_unlock(&v->o->lock);
	return address;
}

static uint64_t host_find(struct skep_env *env, uint32_t tid)
{
	return view_find(view_of(env), tid);
}

static uint64_t host_regs(struct skep_env *env, uint64_t task)
{
	uint32_t tid, tgid;
	uint64_t regs;

	return task_at(view_of(env), task, &tid, &tgid, &regs) ? regs : 0;
}

/* The current task's bundle. o->lock is held. */
static struct slot *current_slot(struct view *v)
{
	const struct thread *t = v->event->thread;

	return task_slot(v->o, (uint32_t)t->own_tid, (uint32_t)t->own_tgid, t->start);
}

static size_t current_text(struct view *v, enum task_file file, char *to, size_t size)
{
	struct slot *s;
	size_t n = 0;

	pthread_mutex_lock(&v->o->lock);
	s = current_slot(v);
	*to = 0;
	if (s)
		n = task_text(v->o, s, file, to, size);
	pthread_mutex_unlock(&v->o->lock);
	return n;
}

/* Linux 6.13: what a pidfd knows (include/uapi/linux/pidfd.h). */
struct pidfd_info_v1 {
	uint64_t mask, cgroup;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};
#define GET_PIDFD_INFO _IOWR(0xff, 11, struct pidfd_info_v1)
enum { PIDFD_CREDS = 2 };

/* A tenth of the time that the status file takes. False: the kernel is older, or the pidfd is of the process and this another thread. */
static bool ask_pidfd(const struct thread *t, uint64_t *uid_gid)
{
	struct pidfd_info_v1 info = {.mask = PIDFD_CREDS};

	if (ioctl(t->pidfd, GET_PIDFD_INFO, &info) || !(info.mask & PIDFD_CREDS) || (pid_t)info.pid != t->tid)
		return false;
	*uid_gid = (uint64_t)info.rgid << 32 | info.ruid;
	return true;
}

static uint64_t host_uid_gid(struct skep_env *env)
{
	struct view *v = view_of(env);
	char text[4096], *at;

	if (v->ids_for == v->number)
		return v->uid_gid;
	if (ask_pidfd(thread_of(env), &v->uid_gid)) {
		v->ids_for = v->number;
		return v->uid_gid;
	}
	current_text(v, TASK_FILE_STATUS, text, sizeof(text));
	at = strstr(text, "\nUid:");
	v->uid_gid = at ? (uint32_t)strtoul(at + 5, NULL, 10) : 0;
	at = strstr(text, "\nGid:");
	v->uid_gid |= at ? strtoull(at + 5, NULL, 10) << 32 : 0;
	v->ids_for = v->number;
	return v->uid_gid;
}

void view_comm(struct view *v, char comm[16])
{
	if (v->comm_for != v->number) {
		size_t n = current_text(v, TASK_FILE_COMM, v->comm, sizeof(v->comm));

		/* It ends with a line's end that is not of it, unless it has taken all the room. */
		if (n && v->comm[n - 1] == '\n')
			v->comm[n - 1] = 0;
		v->comm_for = v->number;
	}
	memcpy(comm, v->comm, sizeof(v->comm));
}

static void host_comm(struct skep_env *env, char comm[16])
{
	view_comm(view_of(env), comm);
}

static uint32_t host_cgroups(struct skep_env *env, uint64_t *ids, uint32_t room)
{
	struct view *v = view_of(env);
	uint64_t now = clock_ns(CLOCK_MONOTONIC_COARSE);
	char name[PROC_NAME];
	struct slot_cgroups *c;
	struct slot *s;
	uint32_t n = 0;

	pthread_mutex_lock(&v->o->lock);
	s = task_slot(v->o, v->task.tgid, v->task.tgid, thread_of(env)->start);
	if (s && !s->cgroups)
		s->cgroups = calloc(1, sizeof(*s->cgroups));
	c = s ? s->cgroups : NULL;
	if (c && now >= c->until) {
		c->n = who_cgroups(v->o->proc, task_proc(v->task.tid, v->task.tgid, "cgroup", name), c->ids,
				   ARRAY_SIZE(c->ids), NULL);
		c->until = now + CGROUP_AGE;
	}
	if (c) {
		n = MIN(c->n, room);
		memcpy(ids, c->ids, n * sizeof(*ids));
	}
	pthread_mutex_unlock(&v->o->lock);
	return n;
}

/* The tree's own namespace, whose numbers programs see anyway; and skep's, where a program's user side looks up its own. */
static int host_pid_ns(struct skep_env *env, uint64_t dev, uint64_t ino, uint32_t *tid, uint32_t *tgid)
{
	struct view *v = view_of(env);
	char name[PROC_NAME];
	struct stat st;

	if (!fstatat(v->o->proc, task_proc(v->task.tid, v->task.tgid, "ns/pid", name), &st, 0) && st.st_dev == dev &&
	    st.st_ino == ino) {
		*tid = v->task.tid;
		*tgid = v->task.tgid;
		return 0;
	}
	if (stat("/proc/self/ns/pid", &st) || st.st_dev != dev || st.st_ino != ino)
		return -EINVAL;
	*tid = (uint32_t)thread_of(env)->tid;
	*tgid = (uint32_t)thread_of(env)->tgid;
	return 0;
}

static int host_signal(struct skep_env *env, uint32_t sig, bool whole_process)
{
	struct task_event *e = view_of(env)->event;
	const struct thread *t = e->thread;
	long ret;

	if (whole_process && t->pidfd < 0) {
		/* Its number is its own: it stands still, so it cannot end meanwhile but by a kill. */
		ret = kill(t->tgid, (int)sig);
	} else if (whole_process) {
		/* Before 6.9 there are pidfds of processes only, and no flag. */
		ret = syscall(SYS_pidfd_send_signal, t->pidfd, (int)sig, NULL, PIDFD_GROUP);
		if (ret && errno == EINVAL)
			ret = syscall(SYS_pidfd_send_signal, t->pidfd, (int)sig, NULL, 0);
	} else {
		ret = syscall(SYS_tgkill, t->tgid, t->tid, (int)sig);
	}
	if (ret)
		return -errno;
	if (sig == SIGKILL)
		e->verdict = TASK_KILL; /* and nothing of the call happens before it lands */
	return 0;
}

static int host_override(struct skep_env *env, uint64_t value)
{
	struct task_event *e = view_of(env)->event;

	if (e->kind != TASK_CALL)
		return -EPERM;
	if (e->verdict == TASK_KILL)
		return 0;
	e->verdict = TASK_DENY;
	e->answer = (int64_t)value;
	return 0;
}

/* The text of the file's path, without its last @n components. */
static int write_path(const char *path, uint32_t n, char *buf, uint32_t size)
{
	size_t len = strlen(path);

	for (; n && *path == '/' && len > 1; n--) {
		while (len > 1 && path[len - 1] != '/')
			len--;
		while (len > 1 && path[len - 1] == '/')
			len--;
	}
	if (len + 1 > size)
		return -ENAMETOOLONG;
	memcpy(buf, path, len);
	buf[len] = 0;
	return (int)len + 1;
}

static int host_d_path(struct skep_env *env, uint64_t path, char *buf, uint32_t size)
{
	struct view *v = view_of(env);
	struct objects *o = v->o;
	uint64_t dentry = 0, first;
	uint32_t offset, step;
	int ret = -EFAULT;
	struct slot *s;

	if (o->layout->path_dentry == UINT32_MAX ||
	    objects_read(v, &dentry, path + o->layout->path_dentry, sizeof(dentry)))
		return -EFAULT;
	pthread_mutex_lock(&o->lock);
	s = objects_at(o, dentry, &offset);
	first = objects_address(o, s, PART_DENTRY, 0);
	step = o->layout->parts[PART_DENTRY].size;
	if (s && first && s->bundle == BUNDLE_FILE && dentry >= first &&
	    dentry - first < (uint64_t)step * FILE_DENTRIES) {
		const char *text = file_text(v, s);

		if (text)
			ret = write_path(text, (uint32_t)((dentry - first) / step), buf, size);
	}
	pthread_mutex_unlock(&o->lock);
	return ret;
}

static const struct task_host host = {
	.read_user = read_user,
	.write_user = write_user,
	.read_user_string = read_user_string,
	.read_task = read_task,
	.read_kernel = read_kernel,
	.task = host_task,
	.regs = host_regs,
	.find = host_find,
	.uid_gid = host_uid_gid,
	.comm = host_comm,
	.cgroups = host_cgroups,
	.pid_ns = host_pid_ns,
	.signal = host_signal,
	.override = host_override,
	.identify = host_identify,
	.stack = host_stack,
	.d_path = host_d_path,
};

struct view *view_new(struct objects *o)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->o = o;
	v->task = (struct env_task){.host = &host, .arg = v};
	v->borrowed.fd = -1;
	return v;
}

void view_free(struct view *v)
{
	if (v)
		view_return_fd(v);
	free(v);
}

void view_enter(struct view *v, struct skep_env *env, struct task_event *e)
{
	v->event = e;
	v->number = atomic_fetch_add_explicit(&v->o->events, 1, memory_order_relaxed) + 1;
	v->task.tid = (uint32_t)e->thread->own_tid;
	v->task.tgid = (uint32_t)e->thread->own_tgid;
	env->task = &v->task;
}

void view_leave(struct view *v, struct skep_env *env)
{
	view_return_fd(v);
	env->task = NULL;
	v->event = NULL;
}

void view_forget(struct objects *o, const struct thread *t)
{
	struct slot *s;

	pthread_mutex_lock(&o->lock);
	s = objects_find(o, BUNDLE_TASK, (uint32_t)t->own_tid, 0);
	if (s && s->tgid == (uint32_t)t->own_tgid) {
		task_close(o, s);
		s->gone = true;
	}
	pthread_mutex_unlock(&o->lock);
}

uint64_t view_task(struct view *v, const struct thread *t)
{
	uint64_t address;

	pthread_mutex_lock(&v->o->lock);
	address = objects_address(v->o, task_slot(v->o, (uint32_t)t->own_tid, (uint32_t)t->own_tgid, t->start),
				  PART_TASK, 0);
	pthread_mutex_unlock(&v->o->lock);
	return address;
}

uint64_t view_regs(struct view *v)
{
	uint64_t address;

	pthread_mutex_lock(&v->o->lock);
	address = objects_address(v->o, current_slot(v), PART_REGS, 0);
	pthread_mutex_unlock(&v->o->lock);
	return address;
}

static uint64_t sock_part(struct view *v, int fd, enum part part)
{
	uint64_t address;

	pthread_mutex_lock(&v->o->lock);
	address = objects_address(v->o, sock_slot(v, fd), part, 0);
	pthread_mutex_unlock(&v->o->lock);
	return address;
}

uint64_t view_sock(struct view *v, int fd)
{
	return sock_part(v, fd, PART_SOCK);
}

uint64_t view_socket(struct view *v, int fd)
{
	return sock_part(v, fd, PART_SOCKET);
}

uint64_t view_file(struct view *v, int fd)
{
	uint64_t address = 0;
	struct slot *s;

	if (fd < 0)
		return 0;
	pthread_mutex_lock(&v->o->lock);
	s = file_slot(v->o, v->task.tgid, v->event->thread->start, FILE_OF_FD, fd);
	if (s) {
		s->tid = v->task.tid;
		if (file_text(v, s))
			address = objects_address(v->o, s, PART_FILE, 0);
	}
	pthread_mutex_unlock(&v->o->lock);
	return address;
}

/* A bundle that is found by its address only. o->lock is held. */
static struct slot *make_nameless(struct objects *o, enum bundle bundle)
{
	return objects_make(o, bundle, ++o->made, UINT64_MAX);
}

/* What skep has open itself, in a new bundle or an old one. The fd is the caller's, and the event's: what it tells is looked at now. o->lock is held. */
static uint64_t present_ours(struct view *v, struct slot *s, int fd, const char *name, uint32_t flags)
{
	if (!s)
		return 0;
	s->file = FILE_OF_OURS;
	s->fd = fd;
	s->event = v->number;
	s->flags = flags;
	if (!s->text)
		s->text = strdup(name);
	objects_fill(v, s, GROUP_FILE_PATH);
	objects_fill(v, s, GROUP_FILE_STAT);
	return objects_address(v->o, s, PART_FILE, 0);
}

uint64_t view_open_file(struct view *v, int fd, const char *name, uint32_t flags)
{
	char link[32], text[PATH_MAX];
	uint64_t address;
	ssize_t n = 0;

	if (!name) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, text, sizeof(text) - 1);
		text[MAX(n, (ssize_t)0)] = 0;
		name = text;
	}
	pthread_mutex_lock(&v->o->lock);
	address = present_ours(v, make_nameless(v->o, BUNDLE_FILE), fd, name, flags);
	pthread_mutex_unlock(&v->o->lock);
	return address;
}

uint64_t view_new_file(struct view *v, int dir, const char *path, uint32_t flags, uint32_t mode)
{
	struct objects *o = v->o;
	uint64_t address;
	struct slot *s;

	pthread_mutex_lock(&o->lock);
	s = make_nameless(o, BUNDLE_FILE);
	address = present_ours(v, s, dir, path, flags);
	if (address) {
		put(o, s, M_INODE_INO, 0);
		put(o, s, M_INODE_MODE, mode);
		put(o, s, M_INODE_SIZE, 0);
		put(o, s, M_INODE_NLINK, 1);
		/* Its owner is who makes it; v->env's host tells programs who that is. */
		put(o, s, M_INODE_UID, 0);
		put(o, s, M_INODE_GID, 0);
	}
	pthread_mutex_unlock(&o->lock);
	return address;
}

static uint64_t hash_text(const char *text)
{
	uint64_t h = 0xcbf29ce484222325; /* FNV-1a */

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3;
	return h;
}

uint64_t view_named_file(struct view *v, int fd, const char *path)
{
	const uint64_t key0 = (uint64_t)FILE_OF_OURS << 32, key1 = hash_text(path);
	struct objects *o = v->o;
	uint64_t address;
	struct slot *s;

	pthread_mutex_lock(&o->lock);
	s = objects_find(o, BUNDLE_FILE, key0, key1);
	if (s && (!s->text || strcmp(s->text, path))) {
		s->gone = true;
		s = NULL;
	}
	if (!s)
		s = objects_make(o, BUNDLE_FILE, key0, key1);
	address = present_ours(v, s, fd, path, 0);
	pthread_mutex_unlock(&o->lock);
	return address;
}

uint64_t view_bprm(struct view *v, const char *filename, uint64_t file, uint32_t argc, uint32_t envc)
{
	struct objects *o = v->o;
	uint64_t address = 0, text;
	struct slot *s;

	pthread_mutex_lock(&o->lock);
	s = make_nameless(o, BUNDLE_BPRM);
	if (s) {
		text = objects_address(o, s, PART_BPRM_NAME, 0);
		memcpy(s->bytes + o->layout->parts[PART_BPRM_NAME].offset, filename,
		       MIN(strlen(filename), (size_t)VIEW_BYTES));
		put(o, s, M_BPRM_FILENAME, text);
		put(o, s, M_BPRM_INTERP, text);
		put(o, s, M_BPRM_FILE, file);
		put(o, s, M_BPRM_CRED, objects_address(o, current_slot(v), PART_CRED, 0));
		put(o, s, M_BPRM_ARGC, argc);
		put(o, s, M_BPRM_ENVC, envc);
		address = objects_address(o, s, PART_BPRM, 0);
	}
	pthread_mutex_unlock(&o->lock);
	return address;
}

/* o->lock is held. */
static uint64_t give_bytes(struct view *v, const void *bytes, uint32_t len)
{
	struct slot *s = make_nameless(v->o, BUNDLE_BYTES);

	if (s)
		memcpy(s->bytes + v->o->layout->parts[PART_BYTES].offset, bytes, MIN(len, (uint32_t)VIEW_BYTES));
	return objects_address(v->o, s, PART_BYTES, 0);
}

uint64_t view_bytes(struct view *v, const void *bytes, uint32_t len)
{
	uint64_t address;

	pthread_mutex_lock(&v->o->lock);
	address = give_bytes(v, bytes, len);
	pthread_mutex_unlock(&v->o->lock);
	return address;
}

/* A struct path of the directory that a file is in. o->lock is held. */
static uint64_t dir_path(struct view *v, const struct slot *s)
{
	const struct layout *l = v->o->layout;
	uint64_t dentry = objects_address(v->o, s, PART_DENTRY, 1), mnt = objects_address(v->o, s, PART_MOUNT, 0);
	uint8_t path[64] = {0};

	if (l->path_dentry > sizeof(path) - 8 || l->path_mnt > sizeof(path) - 8)
		return 0;
	memcpy(path + l->path_dentry, &dentry, sizeof(dentry));
	memcpy(path + l->path_mnt, &mnt, sizeof(mnt));
	return give_bytes(v, path, sizeof(path));
}

uint64_t view_part(struct view *v, uint64_t file, enum view_part part)
{
	struct objects *o = v->o;
	uint64_t address = 0;
	uint32_t offset;
	struct slot *s;

	pthread_mutex_lock(&o->lock);
	s = objects_at(o, file, &offset);
	if (!s || s->bundle != BUNDLE_FILE)
		s = NULL;
	switch (part) {
	case VIEW_PATH:
		address = s && o->layout->f_path != UINT32_MAX ? file + o->layout->f_path : 0;
		break;
	case VIEW_POSITION:
		address = s && o->layout->members[M_FILE_POS].size ? file + o->layout->members[M_FILE_POS].offset : 0;
		break;
	case VIEW_DENTRY:
		address = objects_address(o, s, PART_DENTRY, 0);
		break;
	case VIEW_INODE:
		address = objects_address(o, s, PART_INODE, 0);
		break;
	case VIEW_DIR_DENTRY:
		address = objects_address(o, s, PART_DENTRY, 1);
		break;
	case VIEW_DIR_PATH:
		address = s ? dir_path(v, s) : 0;
		break;
	}
	pthread_mutex_unlock(&o->lock);
	return address;
}

size_t view_filename(struct view *v, char *to, size_t size)
{
	const char *text = NULL;
	struct slot *s;
	size_t len;

	pthread_mutex_lock(&v->o->lock);
	s = file_slot(v->o, v->task.tgid, v->event->thread->start, FILE_OF_EXE, 0);
	if (s)
		text = file_text(v, s);
	len = text ? MIN(strlen(text), size - 1) : 0;
	if (len)
		memcpy(to, text, len);
	to[len] = 0;
	pthread_mutex_unlock(&v->o->lock);
	return len;
}
