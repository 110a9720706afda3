/* SPDX-License-Identifier: BSD-2-Clause */
#include "hive/serve.h"

#include "base/util.h"
#include "bpf/event.h"
#include "bpf/hive.h"
#include "bpf/ksyms.h"
#include "bpf/pin.h"
#include "bpf/present.h"
#include "bpf/seam.h"
#include "hive/far.h"
#include "hive/fdinfo.h"
#include "map/ringview.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* How long a client that is about to end may take. */
enum { LEAVING_MS = 500, LEAVING_STEP_MS = 20 };

/* What a caller of this process would call, but that the caller is far away. */
static int as_caller(const struct serve *s, struct far *f, int (*fn)(const struct serve *s, struct far *f))
{
	const struct usermem *before = user_enter(&f->mem);
	struct hive_caller *self = caller_enter(&f->caller);
	int ret = fn(s, f);

	caller_enter(self);
	user_enter(before);
	return ret;
}

static int bpf(const struct serve *s, struct far *f)
{
	return skep_bpf(s->hive, f->call.value, (union bpf_attr *)(uintptr_t)f->call.addr, f->call.len);
}

static int call(const struct serve *s, struct far *f)
{
	int ret = as_caller(s, f, bpf);
	int fd = ret >= 0 && ret == f->caller.opened ? ret : -1;

	ret = far_done(f, fd >= 0 ? 0 : ret, fd);
	if (fd >= 0)
		close(fd);
	return ret;
}

static void count_facts(const struct serve *s, struct msg_facts *facts)
{
	struct skep_hive *hive = s->hive;
	uint32_t *const counts[HIVE_KINDS] = {
		[HIVE_MAP] = &facts->maps,
		[HIVE_PROG] = &facts->programs,
		[HIVE_BTF] = &facts->btfs,
		[HIVE_LINK] = &facts->links,
	};

	*facts = (struct msg_facts){
		.started = s->started, .pid = (uint32_t)getpid(), .clients = s->clients(s->arg), .cpus = hive->n_cpus};
	pthread_mutex_lock(&hive->lock);
	hive_sweep(hive);
	for (int k = 0; k < HIVE_KINDS; k++)
		for (const struct hive_object *o = hive->objects[k]; o && counts[k]; o = o->next)
			++*counts[k];
	for (const struct hive_object *o = hive->objects[HIVE_MAP]; o; o = o->next)
		facts->memory += container_of(o, struct hive_map, o)->map->mem_size;
	for (const struct hive_object *o = hive->objects[HIVE_PROG]; o; o = o->next)
		facts->memory += container_of(o, struct hive_prog, o)->text.size;
	for (const struct hive_pin *p = hive->pins; p; p = p->next)
		facts->pins++;
	pthread_mutex_unlock(&hive->lock);
}

/* The paths of all pins as a file. */
static int list_pins(struct skep_hive *hive)
{
	int fd = memfd_create("skep-pins", MFD_CLOEXEC);
	int err = fd < 0 ? -errno : 0;

	pthread_mutex_lock(&hive->lock);
	for (const struct hive_pin *p = hive->pins; !err && p; p = p->next)
		if (write(fd, p->path, strlen(p->path) + 1) != (ssize_t)strlen(p->path) + 1)
			err = -ENOMEM;
	pthread_mutex_unlock(&hive->lock);
	if (!err)
		lseek(fd, 0, SEEK_SET);
	else if (fd >= 0)
		close(fd);
	return err ? err : fd;
}

static int fdinfo(const struct serve *s, struct far *f)
{
	struct caller_fd file;
	int err = f->call.addr <= INT32_MAX ? far_find(f, (int)f->call.addr, &file) : -EBADF;

	return err ? err : fdinfo_open(s->hive, &file);
}

/* The object behind an fd of the caller's, held by hive->lock, which is held when it is found. */
static struct hive_object *lock_object(const struct serve *s, struct far *f, int *why)
{
	struct caller_fd file;
	struct hive_object *o;

	*why = f->call.addr <= INT32_MAX ? far_find(f, (int)f->call.addr, &file) : -EBADF;
	if (*why)
		return NULL;
	pthread_mutex_lock(&s->hive->lock);
	o = hive_object_by_file(s->hive, &file);
	*why = -ENODEV;
	if (!o)
		pthread_mutex_unlock(&s->hive->lock);
	return o;
}

static struct msg_memory memory_of(const struct hive_object *o)
{
	const struct hive_map *m = o->kind == HIVE_MAP ? container_of(o, struct hive_map, o) : NULL;

	if (o->kind == HIVE_PERF)
		return (struct msg_memory){.layout = MEMORY_PERF};
	if (m && m->map->type->type == BPF_MAP_TYPE_RINGBUF)
		return (struct msg_memory){.layout = MEMORY_RING, .size = m->map->max_entries};
	return (struct msg_memory){.layout = MEMORY_PLAIN};
}

/* May an object be mapped so, and from which file? Return: an fd, 0: from the caller's own, or a negative errno. */
static int map_object(struct hive_object *o, const struct msg_mapping *want)
{
	struct hive_map *m = container_of(o, struct hive_map, o);
	int err;

	if (o->kind == HIVE_PERF)
		return perfbuf_size(container_of(o, struct hive_perf, o)->buf, want->len, want->flags,
				    (off_t)want->off);
	if (o->kind != HIVE_MAP)
		return -ENODEV;
	err = seam_may_map(m, want->len, want->prot, want->flags, (off_t)want->off);
	if (err || m->map->type->type != BPF_MAP_TYPE_RINGBUF)
		return err;
	err = ringview_check(m->map->max_entries, want->len, want->prot, want->flags, (off_t)want->off);
	return err ? err : hive_object_open(o, O_RDONLY);
}

static int may_map(const struct serve *s, struct far *f)
{
	struct msg_mapping want;
	struct msg_memory memory;
	struct hive_object *o;
	int ret;

	if (far_args(f, &want, sizeof(want)))
		return -EINVAL;
	o = lock_object(s, f, &ret);
	if (!o)
		return ret;
	ret = map_object(o, &want);
	memory = memory_of(o);
	pthread_mutex_unlock(&s->hive->lock);
	if (ret >= 0)
		far_answer(f, &memory, sizeof(memory));
	return ret;
}

/*
 * What to wait on for a buffer's data. The buffer's own event is not given away: who has it could make it one that blocks the programs that raise it. An epoll
 * instance that has it is another file, and as good.
 */
static int wait_for(const struct serve *s, struct far *f)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct msg_memory memory;
	struct hive_object *o;
	int ret, wait_fd;

	o = lock_object(s, f, &ret);
	if (!o)
		return ret;
	memory = memory_of(o);
	wait_fd = seam_wait_fd(o);
	ret = wait_fd < 0 ? -EPERM : epoll_create1(EPOLL_CLOEXEC);
	if (wait_fd >= 0 && ret < 0)
		ret = -errno;
	if (ret >= 0 && epoll_ctl(ret, EPOLL_CTL_ADD, wait_fd, &event)) {
		close(ret);
		ret = -errno;
	}
	pthread_mutex_unlock(&s->hive->lock);
	if (ret >= 0)
		far_answer(f, &memory, sizeof(memory));
	return ret;
}

/* perf_event_open(2) and ioctl(2) on what it gives, as a caller of this process would make them. */
static int perf(const struct serve *s, struct far *f)
{
	struct msg_perf args;

	if (far_args(f, &args, sizeof(args)))
		return -EINVAL;
	return hive_perf_event_open(s->hive, f->call.addr, args.pid, args.cpu);
}

static int perf_ioctl(const struct serve *s, struct far *f)
{
	struct hive_object *o;
	struct msg_ioctl args;
	int ret;

	if (far_args(f, &args, sizeof(args)))
		return -EINVAL;
	o = lock_object(s, f, &ret);
	if (!o)
		return ret == -ENODEV ? -ENOTTY : ret;
	hive_object_hold(o);
	pthread_mutex_unlock(&s->hive->lock);
	ret = hive_event_ioctl(o, args.request, (int)args.arg);
	pthread_mutex_lock(&s->hive->lock);
	hive_object_put(o);
	pthread_mutex_unlock(&s->hive->lock);
	return ret;
}

static void sweep(const struct serve *s)
{
	pthread_mutex_lock(&s->hive->lock);
	hive_sweep(s->hive);
	pthread_mutex_unlock(&s->hive->lock);
}

/* Is a file of the hive's there, may it be read? */
static int may_access(const struct serve *s, const char *path, int mode)
{
	struct skep_hive *before = seam_enter(s->hive);
	int ret = present_access(path, mode);

	seam_enter(before);
	return ret;
}

static int file(const struct serve *s, struct far *f, const char *path)
{
	struct hive_caller *self;
	struct skep_hive *before;
	int fd;

	if (!strcmp(path, "/proc/kallsyms"))
		return ksyms_open(s->hive);
	before = seam_enter(s->hive);
	self = caller_enter(&f->caller); /* why there is no such tracepoint is for the caller */
	fd = present_open(path);
	if (fd < 0)
		fd = -errno;
	caller_enter(self);
	seam_enter(before);
	return fd;
}

/* Answers that are files give an fd, others 0; or a negative errno. */
static int answer(const struct serve *s, struct far *f, bool *is_fd)
{
	struct msg_facts facts;
	char text[PATH_MAX];
	int ret;

	*is_fd = false;
	switch (f->call.value) {
	case ASK_HELLO:
		return f->call.len == MSG_VERSION ? 0 : -EPROTONOSUPPORT;
	case ASK_FACTS:
		count_facts(s, &facts);
		far_answer(f, &facts, sizeof(facts));
		return 0;
	case ASK_STOP:
		return 0;
	case ASK_UNLINK:
		return far_text(f, text, sizeof(text)) ? -EINVAL : pin_remove(s->hive, text);
	case ASK_FDINFO:
		*is_fd = true;
		return fdinfo(s, f);
	case ASK_FILE:
		*is_fd = true;
		return far_text(f, text, sizeof(text)) ? -EINVAL : file(s, f, text);
	case ASK_MMAP:
		ret = may_map(s, f);
		*is_fd = ret > 0;
		return ret;
	case ASK_PINS:
		*is_fd = true;
		return list_pins(s->hive);
	case ASK_ACCESS:
		return far_text(f, text, sizeof(text)) ? -EINVAL : may_access(s, text, (int)f->call.addr);
	case ASK_PERF:
		*is_fd = true;
		return as_caller(s, f, perf);
	case ASK_IOCTL:
		return as_caller(s, f, perf_ioctl);
	case ASK_WAIT:
		*is_fd = true;
		return wait_for(s, f);
	case ASK_SWEEP:
		sweep(s);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static int ask(const struct serve *s, struct far *f)
{
	bool is_fd;
	int ret = answer(s, f, &is_fd);
	int fd = is_fd && ret >= 0 ? ret : -1;

	ret = far_done(f, fd >= 0 ? 0 : ret, fd);
	if (fd >= 0)
		close(fd);
	if (f->call.value == ASK_STOP)
		s->stop(s->arg); /* who asked has heard the answer */
	return ret;
}

/* The process at the other end; 0: it cannot be told. */
static pid_t peer_of(int sock)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	return getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) ? 0 : peer.pid;
}

/* Is a process about to end, so that it has files no more in a moment? */
static bool is_leaving(pid_t pid)
{
	const unsigned int exiting = 4; /* PF_EXITING */
	char path[32], text[512];
	const char *at;
	unsigned int flags;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return false;
	text[n] = 0;
	at = strrchr(text, ')'); /* its name may hold anything */
	return at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & exiting);
}

/*
 * What the client alone held goes. A process that ends gives its files back in no order that one could rely on, the connection among the first: then it is
 * waited for. One that goes on has closed what it has closed.
 */
static void sweep_after(const struct serve *s, pid_t peer)
{
	bool leaving = peer > 0 && is_leaving(peer);
	AUTO_CLOSE int fd = leaving ? (int)syscall(SYS_pidfd_open, peer, 0) : -1;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	sweep(s);
	for (int i = 0; i < LEAVING_MS / LEAVING_STEP_MS && fd >= 0 && !atomic_load(s->ending); i++)
		if (poll(&p, 1, LEAVING_STEP_MS))
			break;
	if (leaving)
		sweep(s);
}

void serve_client(const struct serve *s, int sock)
{
	pid_t peer = peer_of(sock);
	struct far f;
	bool greeted = false;

	if (far_init(&f, sock))
		return;
	while (!far_next(&f)) {
		bool hello = f.call.type == MSG_ASK && f.call.value == ASK_HELLO;

		/* Who does not greet speaks some other language. */
		if (!greeted && !hello)
			break;
		greeted = true;
		if (f.call.type == MSG_CALL ? call(s, &f) : ask(s, &f))
			break;
	}
	far_free(&f);
	sweep_after(s, peer);
}
