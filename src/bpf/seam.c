/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions that libbpf calls in place of the system's. seam.h has the theory; each follows its own man page. */
#include "bpf/seam.h"

#include "base/sysargs.h"
#include "base/util.h"
#include "bpf/event.h"
#include "bpf/hive.h"
#include "bpf/fd.h"
#include "bpf/pin.h"
#include "bpf/present.h"
#include "bpf/seam_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef BPF_FS_MAGIC
#define BPF_FS_MAGIC 0xcafe4a11
#endif

/* Set only while a call of skep's API is on this thread's stack. */
static _Thread_local struct skep_hive *current;

FILE *skep_seam_stderr; /* libbpf prints there only when no print callback is set; there always is one (api.c) */

struct skep_hive *seam_enter(struct skep_hive *hive)
{
	struct skep_hive *before = current;

	current = hive;
	return before;
}

struct skep_hive *seam_hive(void)
{
	return current;
}

static int result(int ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/* The object behind an fd, if it is one of the current hive's; with a reference that put_object() gives back. */
static struct hive_object *object_of(int fd, int kind)
{
	struct hive_object *o;
	int why;

	if (!current)
		return NULL;
	pthread_mutex_lock(&current->lock);
	o = hive_object_by_fd(current, fd, kind, &why);
	pthread_mutex_unlock(&current->lock);
	return o;
}

/* errno stays what it was: it is the answer of the call that is ending. */
static void put_object(struct hive_object *o)
{
	struct skep_hive *hive = o->hive;
	int err = errno;

	pthread_mutex_lock(&hive->lock);
	hive_object_put(o);
	pthread_mutex_unlock(&hive->lock);
	errno = err;
}

long skep_seam_syscall(long nr, ...)
{
	long a[6];

	SYSARGS_READ(a, nr);
	if (current && nr == SYS_bpf)
		return result(skep_bpf(current, (int)a[0], (union bpf_attr *)a[1], (unsigned int)a[2]));
	if (current && nr == SYS_perf_event_open)
		return result(hive_perf_event_open(current, (uint64_t)a[0], (int)a[1], (int)a[2]));
	return syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Notes a mapping, so that munmap can tell what it takes away. hive->lock is held. */
static int note_mapping(struct skep_hive *hive, struct hive_map *m, void *addr, size_t len)
{
	struct hive_mapping *n = malloc(sizeof(*n));

	if (!n)
		return -ENOMEM;
	*n = (struct hive_mapping){.addr = addr, .len = len, .map = m, .next = hive->mappings};
	hive->mappings = n;
	hive_object_hold(&m->o);
	atomic_fetch_add(&m->write_maps, 1);
	return 0;
}

int seam_may_map(const struct hive_map *m, size_t len, int prot, int flags, off_t off)
{
	bool write = prot & PROT_WRITE;

	if (m->map->type->type == BPF_MAP_TYPE_RINGBUF)
		return write && atomic_load(&m->map->frozen) ? -EPERM : 0;
	if (!m->map->mmap_size)
		return -ENOTSUP;
	if (!(flags & MAP_SHARED) || off < 0 || (size_t)off > m->map->mmap_size ||
	    len > ALIGN_UP(m->map->mmap_size, (size_t)getpagesize()) - (size_t)off)
		return -EINVAL;
	if (write && atomic_load(&m->map->frozen))
		return -EPERM;
	return write && (m->map->flags & BPF_F_RDONLY_PROG) ? -EACCES : 0;
}

/* hive->lock is held: freezing must see either the mapping or no leave to make it. */
static void *map_memory(struct hive_map *m, void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	bool write = prot & PROT_WRITE;
	void *p;
	int err = seam_may_map(m, len, prot, flags, off);

	if (!err && m->map->type->type == BPF_MAP_TYPE_RINGBUF)
		return ringbuf_mmap(m->map, addr, len, prot, flags, off);
	if (err) {
		errno = -err;
		return MAP_FAILED;
	}
	p = mmap(addr, len, prot, flags, fd, off);
	if (p != MAP_FAILED)
		atomic_store(&m->was_mapped, true);
	if (p == MAP_FAILED || !write)
		return p;
	err = note_mapping(m->o.hive, m, p, len);
	if (!err)
		return p;
	munmap(p, len);
	errno = ENOMEM;
	return MAP_FAILED;
}

void *skep_seam_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	struct hive_object *o = fd < 0 ? NULL : object_of(fd, -1);
	void *p;
	int mode;

	if (!o)
		return mmap(addr, len, prot, flags, fd, off);
	mode = fcntl(fd, F_GETFL) & O_ACCMODE;
	pthread_mutex_lock(&o->hive->lock);
	if (mode == O_WRONLY || (mode != O_RDWR && (prot & PROT_WRITE) && (flags & MAP_SHARED))) {
		/* Rings are mapped through the hive's own fd, which may do what this one may not (man 2 mmap). */
		errno = EACCES;
		p = MAP_FAILED;
	} else if (o->kind == HIVE_MAP) {
		p = map_memory(container_of(o, struct hive_map, o), addr, len, prot, flags, fd, off);
	} else if (o->kind == HIVE_PERF) {
		p = perfbuf_mmap(container_of(o, struct hive_perf, o)->buf, addr, len, prot, flags, off);
	} else {
		errno = ENODEV;
		p = MAP_FAILED;
	}
	pthread_mutex_unlock(&o->hive->lock);
	put_object(o);
	return p;
}

int skep_seam_munmap(void *addr, size_t len)
{
	int ret;

	if (!current)
		return munmap(addr, len);
	/* Under the lock: else another thread's mapping may stand at the same address before the note of this one is gone. */
	pthread_mutex_lock(&current->lock);
	ret = munmap(addr, len);
	for (struct hive_mapping **pp = &current->mappings; !ret && *pp; pp = &(*pp)->next) {
		struct hive_mapping *n = *pp;

		if (n->addr != addr)
			continue;
		*pp = n->next;
		atomic_fetch_sub(&n->map->write_maps, 1);
		hive_object_put(&n->map->o);
		free(n);
		break;
	}
	pthread_mutex_unlock(&current->lock);
	return ret;
}

/* Forgets what an epoll instance waits for: one object, or all (@o NULL). hive->lock is held. */
static void forget_polls(struct skep_hive *hive, int epfd, const struct hive_object *o)
{
	for (struct hive_poll **pp = &hive->polls; *pp;) {
		struct hive_poll *p = *pp;

		if (p->epfd != epfd || (o && p->object != o)) {
			pp = &p->next;
			continue;
		}
		*pp = p->next;
		hive_object_put(p->object);
		free(p);
	}
}

int skep_seam_close(int fd)
{
	struct hive_object *o = object_of(fd, -1);
	int ret, err;

	if (current) {
		pthread_mutex_lock(&current->lock);
		forget_polls(current, fd, NULL);
		pthread_mutex_unlock(&current->lock);
	}
	ret = close(fd);
	err = errno;

	/* With the reference goes the object, if that was the last fd. */
	if (o)
		put_object(o);
	errno = err;
	return ret;
}

int seam_wait_fd(const struct hive_object *o)
{
	switch (o->kind) {
	case HIVE_MAP:
		return container_of(o, struct hive_map, o)->map->event_fd;
	case HIVE_PERF:
		return container_of(o, struct hive_perf, o)->buf->event_fd;
	default:
		return -1;
	}
}

/*
 * A ring's eventfd counts wakeups and is never read, so it is waited for by its edges; skep_seam_epoll_wait() adds the level:
 * it looks at the ring itself before it sleeps.
 */
static int poll_ctl(struct hive_object *o, int epfd, int op, int event_fd, struct epoll_event *event)
{
	struct skep_hive *hive = o->hive;
	struct epoll_event edge = {0};
	struct hive_poll *p = NULL;
	int ret;

	if (event) {
		edge = *event;
		edge.events |= EPOLLET;
	}
	if (op != EPOLL_CTL_DEL) {
		p = calloc(1, sizeof(*p));
		if (!p || !event) {
			free(p);
			return result(p ? -EFAULT : -ENOMEM);
		}
		*p = (struct hive_poll){.epfd = epfd, .object = o, .event = *event};
	}
	ret = epoll_ctl(epfd, op, event_fd, &edge);
	if (ret) {
		free(p);
		return ret;
	}
	pthread_mutex_lock(&hive->lock);
	forget_polls(hive, epfd, o);
	if (p) {
		hive_object_hold(o);
		p->next = hive->polls;
		hive->polls = p;
	}
	pthread_mutex_unlock(&hive->lock);
	return 0;
}

int skep_seam_epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct hive_object *o = object_of(fd, -1);
	int event_fd = o ? seam_wait_fd(o) : -1;
	int ret = event_fd >= 0 ? poll_ctl(o, epfd, op, event_fd, event) : epoll_ctl(epfd, op, fd, event);

	if (o) {
		int err = errno;

		put_object(o);
		errno = err;
	}
	return ret;
}

static bool has_data(const struct hive_object *o)
{
	return o->kind == HIVE_MAP ? ringbuf_ready(container_of(o, struct hive_map, o)->map)
				   : perfbuf_ready(container_of(o, struct hive_perf, o)->buf);
}

int skep_seam_epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	int n = 0;

	if (current) {
		pthread_mutex_lock(&current->lock);
		for (struct hive_poll *p = current->polls; p && n < max; p = p->next)
			if (p->epfd == epfd && has_data(p->object)) {
				events[n] = p->event;
				events[n++].events = EPOLLIN;
			}
		pthread_mutex_unlock(&current->lock);
	}
	return n ? n : epoll_wait(epfd, events, max, timeout);
}

int skep_seam_ioctl(int fd, unsigned long request, ...)
{
	struct hive_object *o = object_of(fd, -1);
	va_list ap;
	void *arg;
	int ret;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!o && current && current->far && _IOC_TYPE(request) == _IOC_TYPE(PERF_EVENT_IOC_ENABLE))
		return result(current->far->ioctl(current->far->arg, fd, request, (uintptr_t)arg));
	if (!o)
		return ioctl(fd, request, arg);
	ret = hive_event_ioctl(o, request, (int)(intptr_t)arg);
	put_object(o);
	return result(ret);
}

int skep_seam_statfs(const char *path, struct statfs *st)
{
	if (!current || !pin_path_is_ours(path))
		return statfs(path, st);
	memset(st, 0, sizeof(*st));
	st->f_type = BPF_FS_MAGIC;
	return 0;
}

/* Directories of the hive's bpf file system need not be made: a pin brings its own. */
int skep_seam_mkdir(const char *path, mode_t mode)
{
	return current && pin_path_is_ours(path) ? 0 : mkdir(path, mode);
}

int skep_seam_unlink(const char *path)
{
	return current && pin_path_is_ours(path) ? result(pin_remove(current, path)) : unlink(path);
}

/* The hive takes its memory as any process does; RLIMIT_MEMLOCK is the embedder's own affair. */
int skep_seam_setrlimit(int resource, const struct rlimit *limit)
{
	return current ? 0 : setrlimit((__rlimit_resource_t)resource, limit);
}

/* Netlink: attaching to interfaces of the machine is not the hive's. */
int skep_seam_socket(int domain, int type, int protocol)
{
	if (current) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return socket(domain, type, protocol);
}

int skep_seam_uname(struct utsname *buf)
{
	int ret = uname(buf);

	if (!ret && current)
		present_uname(buf);
	return ret;
}

int skep_seam_faccessat(int dir, const char *path, int mode, int flags)
{
	if (current && present_has(path))
		return result(present_access(path, mode));
	return faccessat(dir, path, mode, flags);
}

/*
 * Growing an array to none must not free it: libbpf (1.1: append_subprog_relos()) takes the NULL for a failure and
 * frees the array again when the object is closed. Two functions without relocations are enough to get there.
 */
void *skep_seam_realloc(void *p, size_t size)
{
	return realloc(p, MAX(size, (size_t)1));
}

int skep_seam_open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list ap;

	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE) {
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (!current || !present_has(path))
		return open(path, flags, mode);
	/* Nothing that is presented can be written: an event that libbpf would add to tracefs is none of the machine's. */
	if ((flags & O_ACCMODE) != O_RDONLY)
		return result(present_access(path, F_OK) ? -ENOENT : -EACCES);
	return present_open(path);
}

FILE *skep_seam_fopen(const char *path, const char *mode)
{
	return current && present_has(path) ? present_fopen(path) : fopen(path, mode);
}

gzFile skep_seam_gzopen(const char *path, const char *mode)
{
	int fd;

	if (!current || !present_has(path))
		return gzopen(path, mode);
	fd = present_open(path);
	return fd < 0 ? NULL : gzdopen(fd, mode);
}

/* libbpf is built with 64-bit file offsets; on x86-64 both spellings are one function. */
#define ALIAS(name) extern __typeof__(skep_seam_##name) skep_seam_##name##64 __attribute__((alias("skep_seam_" #name)))
ALIAS(mmap);
ALIAS(statfs);
ALIAS(setrlimit);
ALIAS(open);
ALIAS(fopen);
ALIAS(gzopen);
