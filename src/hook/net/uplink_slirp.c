/* SPDX-License-Identifier: BSD-2-Clause */
/* The uplink by libslirp. It wants SIGPIPE to be ignored, which main() sees to. */
#include "hook/net/uplink.h"

#include "base/clock.h"
#include "base/util.h"
#include "hook/net/port.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <slirp/libslirp.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libslirp.so.0"

enum { DATAGRAM_ROOM = 4 << 20 }; /* what is beyond net.core.rmem_max, the kernel cuts */

/* Every function of the library that is used. */
#define FUNCTIONS(X) X(new) X(cleanup) X(pollfds_fill) X(pollfds_poll) X(input) X(add_hostxfwd)

struct functions {
#define X(name) __typeof__(slirp_##name) *name;
	FUNCTIONS(X)
#undef X
};

struct timer {
	SlirpTimerCb fn;
	void *arg;
	int64_t at_ms; /* 0: not set */
	struct timer *next;
};

struct uplink {
	struct uplink_opts opts;
	void *library;
	struct functions f;
	Slirp *slirp;
	struct pollfd *fds;
	uint32_t n, room;
	struct timer *timers;
};

static int load(struct uplink *u, char *why, size_t size)
{
	u->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!u->library) {
		snprintf(why, size,
			 "the network stack is not there (%.120s); on Debian and Ubuntu: apt install libslirp0",
			 dlerror());
		return -ENOENT;
	}
#define X(name)                                                                                                        \
	u->f.name = (__typeof__(u->f.name))dlsym(u->library, "slirp_" #name);                                          \
	if (!u->f.name) {                                                                                              \
		snprintf(why, size, "%s has no slirp_" #name "(); version 4.5 or newer is wanted", LIBRARY);           \
		return -ENOSYS;                                                                                        \
	}
	FUNCTIONS(X)
#undef X
	return 0;
}

static ssize_t send_packet(const void *frame, size_t len, void *arg)
{
	struct uplink *u = arg;

	u->opts.deliver(u->opts.arg, frame, (uint32_t)len);
	return (ssize_t)len;
}

static void guest_error(const char *msg, void *arg)
{
	/* What the tree sends that makes no sense is dropped; the flow log has its frames. */
}

static int64_t now_ns(void *arg)
{
	return (int64_t)clock_ns(CLOCK_MONOTONIC);
}

static void *timer_new(SlirpTimerCb fn, void *fn_arg, void *arg)
{
	struct uplink *u = arg;
	struct timer *t = calloc(1, sizeof(*t));

	if (t) {
		t->fn = fn;
		t->arg = fn_arg;
		t->next = u->timers;
		u->timers = t;
	}
	return t;
}

static void timer_free(void *timer, void *arg)
{
	struct uplink *u = arg;

	for (struct timer **t = &u->timers; *t; t = &(*t)->next)
		if (*t == timer) {
			*t = (*t)->next;
			free(timer);
			return;
		}
}

static void timer_mod(void *timer, int64_t at_ms, void *arg)
{
	if (timer)
		((struct timer *)timer)->at_ms = MAX(at_ms, (int64_t)1);
}

/* A new socket: datagrams that come in bursts want more room than the system's default. TCP's finds its own measure. */
static void new_socket(int fd, void *arg)
{
	const int room = DATAGRAM_ROOM;
	int type = 0;
	socklen_t len = sizeof(type);

	if (!getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
}

static void gone_socket(int fd, void *arg)
{
}

static void nothing(void *arg)
{
}

/*
 * libslirp gives each connection two buffers of 128 KiB and holds them for some seconds after its end. As mappings of their own they cost only what
 * was used of them; its frames, of 64 KiB, come from the heap as ever.
 */
static void size_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 100 << 10);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

int uplink_new(const struct uplink_opts *opts, struct uplink **out, char *why, size_t size)
{
	static const SlirpCb callbacks = {.send_packet = send_packet,
					  .guest_error = guest_error,
					  .clock_get_ns = now_ns,
					  .timer_new = timer_new,
					  .timer_free = timer_free,
					  .timer_mod = timer_mod,
					  .register_poll_fd = new_socket,
					  .unregister_poll_fd = gone_socket,
					  .notify = nothing};
	SlirpConfig c = {.version = 3, .in_enabled = true, .in6_enabled = !opts->no_ipv6, .vprefix_len = 64};
	struct uplink *u = calloc(1, sizeof(*u));
	int err = u ? load(u, why, size) : -ENOMEM;

	if (u)
		u->opts = *opts;
	size_memory();
	inet_pton(AF_INET, "10.0.2.0", &c.vnetwork);
	inet_pton(AF_INET, "255.255.255.0", &c.vnetmask);
	inet_pton(AF_INET, PORT_GATEWAY4, &c.vhost);
	inet_pton(AF_INET, PORT_DNS4, &c.vnameserver);
	inet_pton(AF_INET, PORT_ADDR4, &c.vdhcp_start);
	inet_pton(AF_INET6, "fd00::", &c.vprefix_addr6);
	inet_pton(AF_INET6, PORT_GATEWAY6, &c.vhost6);
	inet_pton(AF_INET6, PORT_DNS6, &c.vnameserver6);
	c.if_mtu = c.if_mru = opts->mtu;
	if (!err) {
		u->slirp = u->f.new(&c, &callbacks, u);
		err = u->slirp ? 0 : -ENOMEM;
		if (err)
			snprintf(why, size, "libslirp does not start");
	}
	if (err) {
		uplink_free(u);
		return err;
	}
	*out = u;
	return 0;
}

void uplink_free(struct uplink *u)
{
	if (!u)
		return;
	if (u->slirp)
		u->f.cleanup(u->slirp);
	while (u->timers)
		timer_free(u->timers, u);
	free(u->fds);
	/* The library stays: GLib, which it brings, cannot be unloaded. */
	free(u);
}

int uplink_publish(struct uplink *u, const struct uplink_publish *p)
{
	struct sockaddr_in6 six = p->host;
	struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = six.sin6_port};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(p->port)};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6, .sin6_port = htons(p->port)};
	bool v4 = IN6_IS_ADDR_V4MAPPED(&six.sin6_addr);
	int flags = p->udp ? SLIRP_HOSTFWD_UDP : 0;

	inet_pton(AF_INET, PORT_ADDR4, &to.sin_addr);
	inet_pton(AF_INET6, PORT_ADDR6, &to6.sin6_addr);
	memcpy(&four.sin_addr, &six.sin6_addr.s6_addr[12], sizeof(four.sin_addr));
	six.sin6_family = AF_INET6;
	errno = 0;
	if (v4 ? u->f.add_hostxfwd(u->slirp, (void *)&four, sizeof(four), (void *)&to, sizeof(to), flags)
	       : u->f.add_hostxfwd(u->slirp, (void *)&six, sizeof(six), (void *)&to6, sizeof(to6),
				   flags | SLIRP_HOSTFWD_V6ONLY))
		return errno ? -errno : -EADDRINUSE;
	return 0;
}

/* libslirp's own names for poll(2)'s bits, both ways. */
static const struct {
	int theirs;
	short ours;
} bits[] = {{SLIRP_POLL_IN, POLLIN},
	    {SLIRP_POLL_OUT, POLLOUT},
	    {SLIRP_POLL_PRI, POLLPRI},
	    {SLIRP_POLL_ERR, POLLERR},
	    {SLIRP_POLL_HUP, POLLHUP}};

static int add_poll(int fd, int events, void *arg)
{
	struct uplink *u = arg;
	struct pollfd p = {.fd = fd};

	if (u->n == u->room) {
		uint32_t room = MAX(2 * u->room, 64u);
		struct pollfd *more = realloc(u->fds, room * sizeof(*more));

		if (!more)
			return -1; /* it is asked about again next time */
		u->fds = more;
		u->room = room;
	}
	for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
		if (events & bits[i].theirs)
			p.events |= bits[i].ours;
	u->fds[u->n] = p;
	return (int)u->n++;
}

struct answers {
	const struct pollfd *fds;
	uint32_t n;
};

static int get_events(int index, void *arg)
{
	const struct answers *a = arg;
	int events = 0;

	for (size_t i = 0; index >= 0 && (uint32_t)index < a->n && i < ARRAY_SIZE(bits); i++)
		if (a->fds[index].revents & bits[i].ours)
			events |= bits[i].theirs;
	return events;
}

const struct pollfd *uplink_fill(struct uplink *u, uint32_t *n, int *timeout)
{
	uint32_t ms = *timeout < 0 ? UINT32_MAX : (uint32_t)*timeout;
	int64_t now = now_ns(NULL) / 1000000;

	u->n = 0;
	u->f.pollfds_fill(u->slirp, &ms, add_poll, u);
	for (struct timer *t = u->timers; t; t = t->next)
		if (t->at_ms)
			ms = (uint32_t)MIN((int64_t)ms, MAX(t->at_ms - now, (int64_t)0));
	*timeout = ms == UINT32_MAX ? -1 : (int)MIN(ms, (uint32_t)INT32_MAX);
	*n = u->n;
	return u->fds;
}

void uplink_work(struct uplink *u, const struct pollfd *fds, bool failed)
{
	struct answers a = {.fds = fds, .n = u->n};
	int64_t now = now_ns(NULL) / 1000000;
	struct timer *next;

	u->f.pollfds_poll(u->slirp, failed, get_events, &a);
	for (struct timer *t = u->timers; t; t = next) {
		next = t->next;
		if (t->at_ms && t->at_ms <= now) {
			t->at_ms = 0;
			t->fn(t->arg);
		}
	}
}

void uplink_input(struct uplink *u, const uint8_t *frame, uint32_t len)
{
	u->f.input(u->slirp, frame, (int)len);
}
