/* SPDX-License-Identifier: BSD-2-Clause */
#include "preload/rings.h"

#include "base/clock.h"
#include "base/util.h"
#include "hive/client.h"
#include "preload/hive.h"
#include "preload/next.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { OUT_OF_THE_WAY = 200 }; /* programs like to know what their low fds are */

/* poll(2)'s own epoll instance is no program's: its entries have this for one. */
enum { FOR_POLL = -1, POLLED = 64 /* buffers in one poll(2) */ };

/* An entry's state: flags, and how many look at it just now. Without a flag it is free. */
enum {
	LOOKING = (1 << 24) - 1,
	TAKEN = 1 << 24, /* being filled or emptied by one */
	LIVE = 1 << 25,
	DYING = 1 << 26, /* who looks last empties it */
};

struct watch {
	atomic_uint state;
	pid_t pid; /* who made it: a child of fork(2) does not end it for its parent, nor does one of vfork(2) */
	int epfd, fd;
	int wait_fd; /* of the hive */
	int edge_fd; /* FOR_POLL: an epoll instance with wait_fd */
	ino_t ino; /* of the buffer's memory */
	struct epoll_event event; /* as the program gave it */
	struct msg_memory memory;
	_Atomic(void *) mem; /* its positions; NULL: a perf buffer that nobody has mapped yet */
	size_t mapped;
};

static struct watch watches[RINGS_WATCHES];
static atomic_uint n_watches;
static fd_set_bits buffers;

void rings_note(int fd)
{
	fd_bit_set(&buffers, fd);
}

static void empty(struct watch *w)
{
	void *mem = atomic_exchange(&w->mem, NULL);

	if (mem)
		munmap(mem, w->mapped);
	NEXT(close)(w->wait_fd);
	if (w->edge_fd >= 0)
		NEXT(close)(w->edge_fd);
	atomic_fetch_sub(&n_watches, 1);
	atomic_fetch_sub(&w->state, TAKEN);
}

/* Begins to look at an entry. Return: false: there is none. */
static bool look(struct watch *w)
{
	if (atomic_fetch_add(&w->state, 1) & LIVE)
		return true;
	atomic_fetch_sub(&w->state, 1);
	return false;
}

static void look_away(struct watch *w)
{
	unsigned int last = DYING;

	if (atomic_fetch_sub(&w->state, 1) == (DYING | 1) && atomic_compare_exchange_strong(&w->state, &last, TAKEN))
		empty(w);
}

/* Ends an entry; the caller looks at it. */
static void end(struct watch *w)
{
	unsigned int state = atomic_load(&w->state);

	while ((state & LIVE) &&
	       !atomic_compare_exchange_weak(&w->state, &state, (state & ~(unsigned int)LIVE) | DYING))
		;
}

/* The entry of a buffer in an epoll instance, looked at. NULL: there is none. @i: where to begin, and where it was found */
static struct watch *next_watch(int epfd, uint32_t *i)
{
	for (; *i < RINGS_WATCHES; ++*i) {
		struct watch *w = &watches[*i];

		if (!(atomic_load_explicit(&w->state, memory_order_relaxed) & LIVE) || !look(w))
			continue;
		if (w->epfd == epfd)
			return w;
		look_away(w);
	}
	return NULL;
}

static struct watch *find(int epfd, int fd)
{
	struct watch *w;
	uint32_t i = 0;

	if (!atomic_load_explicit(&n_watches, memory_order_relaxed))
		return NULL;
	for (; (w = next_watch(epfd, &i)); i++) {
		if (w->fd == fd)
			return w;
		look_away(w);
	}
	return NULL;
}

void rings_close(int fd)
{
	fd_bit_clear(&buffers, fd);
	if (fd < 0 || !atomic_load_explicit(&n_watches, memory_order_relaxed))
		return;
	for (uint32_t i = 0; i < RINGS_WATCHES; i++) {
		struct watch *w = &watches[i];

		if (!(atomic_load_explicit(&w->state, memory_order_relaxed) & LIVE) || !look(w))
			continue;
		if ((w->fd == fd || w->epfd == fd) && w->pid == getpid())
			end(w);
		look_away(w);
	}
}

/* The positions of a buffer. NULL: it has no memory yet, or it may not be read. */
static void *positions(struct watch *w)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *mem = atomic_load(&w->mem), *none = NULL;
	struct stat st;

	if (mem)
		return mem;
	w->mapped = w->memory.layout == MEMORY_RING ? 2 * page : page;
	if (fstat(w->fd, &st) || st.st_ino != w->ino || st.st_size < (off_t)w->mapped)
		return NULL;
	mem = (void *)NEXT(syscall)(SYS_mmap, NULL, w->mapped, PROT_READ, MAP_SHARED, w->fd, 0);
	if (mem == MAP_FAILED)
		return NULL;
	if (atomic_compare_exchange_strong(&w->mem, &none, mem))
		return mem;
	munmap(mem, w->mapped);
	return none;
}

/* Is there data? As ringbuf_ready() and perfbuf_ready(). */
static bool ready(struct watch *w)
{
	uint8_t *mem = positions(w);

	if (!mem)
		return false;
	/* The consumer's stores before its look at the producer. */
	atomic_thread_fence(memory_order_seq_cst);
	if (w->memory.layout == MEMORY_RING)
		return atomic_load((_Atomic uint64_t *)mem) != atomic_load((_Atomic uint64_t *)(mem + w->mapped / 2));
	return atomic_load((_Atomic uint64_t *)(mem + offsetof(struct perf_event_mmap_page, data_tail))) !=
	       atomic_load((_Atomic uint64_t *)(mem + offsetof(struct perf_event_mmap_page, data_head)));
}

/* A free entry, taken. NULL: there is none. */
static struct watch *take(void)
{
	for (uint32_t i = 0; i < RINGS_WATCHES; i++) {
		unsigned int none = 0;

		if (atomic_compare_exchange_strong(&watches[i].state, &none, TAKEN)) {
			atomic_fetch_add(&n_watches, 1);
			return &watches[i];
		}
	}
	return NULL;
}

/* An entry that is to be filled; its wait_fd is there. Return: NULL with errno. */
static struct watch *make(int epfd, int fd)
{
	struct watch *w = take();
	char why[256] = "";
	struct stat st;
	int wait_fd;

	if (!w) {
		errno = ENOSPC;
		return NULL;
	}
	w->wait_fd = w->edge_fd = -1;
	wait_fd = preload_result(client_wait_fd(&preload_hive, fd, &w->memory, why, sizeof(why)), why);
	if (wait_fd < 0 || fstat(fd, &st)) {
		int saved = errno;

		empty(w);
		errno = saved;
		return NULL;
	}
	w->wait_fd = fcntl(wait_fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	if (w->wait_fd >= 0)
		NEXT(close)(wait_fd);
	else
		w->wait_fd = wait_fd;
	w->pid = getpid();
	w->epfd = epfd;
	w->fd = fd;
	w->ino = st.st_ino;
	return w;
}

/* The taken entry is one that others find, and is looked at. */
static void go_live(struct watch *w)
{
	atomic_fetch_add(&w->state, (unsigned int)LIVE - TAKEN + 1);
}

/* epoll. */

static int add(int epfd, int fd, const struct epoll_event *event)
{
	struct watch *w = find(epfd, fd);
	struct epoll_event edge = *event;
	struct stat st;
	int ret, saved;

	if (w) {
		bool same = !fstat(fd, &st) && st.st_ino == w->ino;

		if (!same)
			end(w);
		look_away(w);
		if (same) {
			errno = EEXIST;
			return -1;
		}
	}
	w = make(epfd, fd);
	if (!w)
		return -1;
	edge.events |= EPOLLET;
	w->event = *event;
	ret = NEXT(epoll_ctl)(epfd, EPOLL_CTL_ADD, w->wait_fd, &edge);
	saved = errno;
	if (ret) {
		empty(w);
	} else {
		go_live(w);
		look_away(w);
	}
	errno = saved;
	return ret;
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct watch *w;
	struct epoll_event edge;
	int ret, saved = errno;

	if (op == EPOLL_CTL_ADD && event && (preload_is_object(fd, "map") || preload_is_object(fd, "perf"))) {
		errno = saved;
		return add(epfd, fd, event);
	}
	errno = saved;
	w = op == EPOLL_CTL_ADD ? NULL : find(epfd, fd);
	if (!w)
		return NEXT(epoll_ctl)(epfd, op, fd, event);
	if (event) {
		edge = *event;
		edge.events |= EPOLLET;
	}
	ret = NEXT(epoll_ctl)(epfd, op, w->wait_fd, event ? &edge : NULL);
	saved = errno;
	if (!ret && op == EPOLL_CTL_DEL)
		end(w);
	else if (!ret && event)
		w->event = *event;
	look_away(w);
	errno = saved;
	return ret;
}

/* Buffers with data that an epoll instance waits for by their level. Return: how many. */
static int level(int epfd, struct epoll_event *events, int max)
{
	struct watch *w;
	uint32_t i = 0;
	int n = 0;

	if (!atomic_load_explicit(&n_watches, memory_order_relaxed))
		return 0;
	for (; n < max && (w = next_watch(epfd, &i)); i++) {
		if ((w->event.events & EPOLLIN) && !(w->event.events & (EPOLLET | EPOLLONESHOT)) && ready(w)) {
			events[n] = w->event;
			events[n++].events = EPOLLIN;
		}
		look_away(w);
	}
	return n;
}

/* What other files have, behind @n events that are there; an edge of a buffer that is there already is not told twice. */
static int others(int epfd, struct epoll_event *events, int n, int max)
{
	int more = n < max ? NEXT(epoll_wait)(epfd, events + n, max - n, 0) : 0;
	int all = n;

	for (int i = n; i < n + more; i++) {
		bool told = false;

		for (int k = 0; k < n; k++)
			told |= events[k].data.u64 == events[i].data.u64;
		if (!told)
			events[all++] = events[i];
	}
	return all;
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	int saved = errno, n = level(epfd, events, max);

	errno = saved;
	if (!n)
		return NEXT(epoll_wait)(epfd, events, max, timeout);
	n = others(epfd, events, n, max);
	errno = saved;
	return n;
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	int saved = errno, n = level(epfd, events, max);

	errno = saved;
	if (!n)
		return NEXT(epoll_pwait)(epfd, events, max, timeout, mask);
	n = others(epfd, events, n, max);
	errno = saved;
	return n;
}

/* poll. */

/* The entry that poll(2) waits by for a buffer, looked at; NULL with errno. */
static struct watch *for_poll(int fd)
{
	struct epoll_event edge = {.events = EPOLLIN | EPOLLET};
	struct watch *w = find(FOR_POLL, fd);

	if (w)
		return w;
	w = make(FOR_POLL, fd);
	if (!w)
		return NULL;
	w->edge_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->edge_fd < 0 || NEXT(epoll_ctl)(w->edge_fd, EPOLL_CTL_ADD, w->wait_fd, &edge)) {
		int saved = errno;

		empty(w);
		errno = saved;
		return NULL;
	}
	go_live(w);
	return w;
}

struct polled {
	struct watch *watches[POLLED];
	nfds_t at[POLLED]; /* in the program's array */
	uint32_t n;
};

/* Puts what can be waited on in place of the buffers' fds. Return: 0 or -1 with errno. */
static int swap_in(struct pollfd *fds, nfds_t n, struct polled *p)
{
	p->n = 0;
	for (nfds_t i = 0; i < n; i++) {
		struct watch *w;

		if (!fd_bit(&buffers, fds[i].fd))
			continue;
		if (p->n == POLLED) {
			errno = EINVAL;
			return -1;
		}
		w = for_poll(fds[i].fd);
		if (!w)
			return -1;
		p->watches[p->n] = w;
		p->at[p->n++] = i;
		fds[i].fd = w->edge_fd;
	}
	return 0;
}

static void swap_out(struct pollfd *fds, struct polled *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		fds[p->at[i]].fd = p->watches[i]->fd;
		look_away(p->watches[i]);
	}
}

/* Takes the edges that have come, and then looks for data. Return: is there any? */
static bool any_data(const struct pollfd *fds, const struct polled *p)
{
	struct epoll_event event;
	bool any = false;

	for (uint32_t i = 0; i < p->n; i++) {
		NEXT(epoll_wait)(p->watches[i]->edge_fd, &event, 1, 0);
		any |= (fds[p->at[i]].events & POLLIN) && ready(p->watches[i]);
	}
	return any;
}

/* What poll(2) says of the buffers: data or none. Return: how many of all have something. */
static int judge(struct pollfd *fds, nfds_t n, const struct polled *p)
{
	int all = 0;

	for (uint32_t i = 0; i < p->n; i++)
		fds[p->at[i]].revents = fds[p->at[i]].events & POLLIN && ready(p->watches[i])
						? fds[p->at[i]].events & (POLLIN | POLLRDNORM)
						: 0;
	for (nfds_t i = 0; i < n; i++)
		all += fds[i].revents != 0;
	return all;
}

static int poll_until(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	const uint64_t second = 1000000000;
	uint64_t until =
		timeout ? clock_ns(CLOCK_MONOTONIC) + (uint64_t)timeout->tv_sec * second + (uint64_t)timeout->tv_nsec
			: 0;
	struct polled p;
	int ret = swap_in(fds, n, &p);

	while (!ret) {
		uint64_t now = timeout ? clock_ns(CLOCK_MONOTONIC) : 0, left = until > now ? until - now : 0;
		struct timespec rest = {.tv_sec = (time_t)(left / second), .tv_nsec = (long)(left % second)};
		bool data = any_data(fds, &p);

		if (data)
			rest = (struct timespec){0};
		ret = NEXT(ppoll)(fds, n, timeout || data ? &rest : NULL, mask);
		if (ret >= 0)
			ret = judge(fds, n, &p);
		if (!data && timeout && !left)
			break;
	}
	swap_out(fds, &p);
	return ret;
}

static bool has_buffers(const struct pollfd *fds, nfds_t n)
{
	if (atomic_load_explicit(&buffers.n, memory_order_relaxed))
		for (nfds_t i = 0; i < n; i++)
			if (fd_bit(&buffers, fds[i].fd))
				return true;
	return false;
}

static int poll_any(struct pollfd *fds, nfds_t n, int timeout)
{
	const struct timespec t = {.tv_sec = timeout / 1000, .tv_nsec = timeout % 1000 * 1000000L};

	return has_buffers(fds, n) ? poll_until(fds, n, timeout < 0 ? NULL : &t, NULL) : NEXT(poll)(fds, n, timeout);
}

EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return poll_any(fds, n, timeout);
}

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t room)
{
	return poll_any(fds, MIN(n, (nfds_t)(room / sizeof(*fds))), timeout);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	return has_buffers(fds, n) ? poll_until(fds, n, timeout, mask) : NEXT(ppoll)(fds, n, timeout, mask);
}
