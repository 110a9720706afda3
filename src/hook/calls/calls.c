/* SPDX-License-Identifier: BSD-2-Clause */
/* Who makes the calls: threads, one for each call that is being made; and what is kept of sockets. */
#include "hook/calls/calls_inside.h"

#include "base/util.h"
#include "hook/tree/recall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { SPARE = 4 /* threads that wait; more end */, STACK = 256 << 10, TICK_MS = 20 };

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

bool call_read(const struct job *j, void *to, uint64_t from, size_t len)
{
	struct iovec here = {to, len}, there = {(void *)(uintptr_t)from, len}; /* NOLINT(performance-no-int-to-ptr) */

	return !len || process_vm_readv(j->call.thread->tid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

bool call_write(const struct job *j, uint64_t to, const void *from, size_t len)
{
	struct iovec here = {(void *)from, len},
		     there = {(void *)(uintptr_t)to, len}; /* NOLINT(performance-no-int-to-ptr) */

	return !len || process_vm_writev(j->call.thread->tid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

uint32_t call_inode(struct job *j, uint64_t fd)
{
	char path[32], link[64];
	unsigned int inode = 0;
	ssize_t n;

	if (!j->c->parked || j->call.sock >= 0)
		return call_socket(j, fd) < 0 ? 0 : sock_inode(j->call.sock);
	snprintf(path, sizeof(path), "fd/%d", (int)fd);
	n = call_folder(j) < 0 ? -1 : readlinkat(j->dir, path, link, sizeof(link) - 1);
	link[MAX(n, (ssize_t)0)] = 0;
	if (n < 0)
		errno = EBADF;
	else if (sscanf(link, "socket:[%u]", &inode) != 1)
		errno = ENOTSOCK;
	return inode;
}

int call_socket(struct job *j, uint64_t fd)
{
	uint32_t inode;

	if (j->call.sock >= 0) /* once */
		return j->call.sock;
	if (!j->c->parked) {
		j->call.sock = (int)syscall(SYS_pidfd_getfd, j->call.thread->pidfd, (int)fd, 0);
		return j->call.sock < 0 ? -errno : j->call.sock;
	}
	inode = call_inode(j, fd);
	if (!inode)
		return -errno;
	fd = (uint64_t)parked_copy(j->c, inode);
	if ((int)fd >= 0)
		j->call.sock = (int)fd;
	return (int)fd;
}

int call_address(struct job *j)
{
	int64_t len = (int32_t)j->call.args[2];

	if (j->call.has_address)
		return 0;
	memset(&j->call.address, 0, sizeof(j->call.address));
	if (len < 0 || len > (int64_t)sizeof(j->call.address))
		return -EINVAL;
	if (!call_read(j, &j->call.address, j->call.args[1], (size_t)len))
		return -EFAULT;
	j->call.address_len = (socklen_t)len;
	return 0;
}

int call_waits(const struct job *j)
{
	return engine_call_stands(&j->call) ? 0 : -ESRCH;
}

int call_folder(struct job *j)
{
	char name[32];

	if (j->dir >= 0)
		return j->dir;
	snprintf(name, sizeof(name), "%d", (int)j->call.thread->tid);
	j->dir = openat(j->c->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return j->dir < 0 ? -errno : j->dir;
}

bool call_signalled(struct job *j)
{
	return call_folder(j) < 0 || caller_signalled(j->dir) || call_waits(j);
}

int call_poll(struct job *j, int fd, short events, int ms)
{
	struct pollfd p = {.fd = fd, .events = events};

	for (;;) {
		int slice = ms < 0 ? TICK_MS : MIN(ms, TICK_MS), n = poll(&p, 1, slice);

		if (n > 0)
			return 0;
		if (ms >= 0) {
			ms -= slice;
			if (!ms)
				return -EAGAIN;
		}
		if (j->c->stop || call_signalled(j))
			return CALLS_RESTART;
	}
}

int sock_option(int sock, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	return getsockopt(sock, level, name, &value, &len) ? -1 : value;
}

uint32_t sock_inode(int sock)
{
	struct stat st;

	return fstat(sock, &st) ? 0 : (uint32_t)st.st_ino;
}

uint64_t sock_cookie(int sock)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(sock, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

bool sock_blocks(int sock)
{
	int flags = fcntl(sock, F_GETFL);

	return flags >= 0 && !(flags & O_NONBLOCK);
}

socklen_t sock_name(int sock, struct sockaddr_storage *at)
{
	socklen_t len = sizeof(*at);

	memset(at, 0, sizeof(*at));
	return getsockname(sock, (struct sockaddr *)at, &len) ? 0 : len;
}

int sock_patience(int sock, int name)
{
	struct timeval t = {0};
	socklen_t len = sizeof(t);

	if (getsockopt(sock, SOL_SOCKET, name, &t, &len) || (!t.tv_sec && !t.tv_usec))
		return -1;
	return t.tv_sec > INT32_MAX / 1000 - 1 ? INT32_MAX : (int)(t.tv_sec * 1000 + t.tv_usec / 1000 + 1);
}

/* With the lock held. */
static struct known *known_find(struct calls *c, uint32_t inode)
{
	struct known *k = c->known[inode % CALLS_BUCKETS];

	while (k && k->inode != inode)
		k = k->next;
	return k;
}

/* With the lock held. */
static void known_drop(struct calls *c, struct known *k)
{
	struct known **at = &c->known[k->inode % CALLS_BUCKETS];

	while (*at != k)
		at = &(*at)->next;
	*at = k->next;
	*(k->older ? &k->older->newer : &c->oldest) = k->newer;
	*(k->newer ? &k->newer->older : &c->newest) = k->older;
	c->n_known--;
	if (k->datagrams)
		atomic_fetch_sub(&c->n_datagrams, 1);
	relay_put(k->conn);
	free(k);
}

bool known_get(struct calls *c, uint32_t inode, struct known *out)
{
	const struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k) {
		*out = *k;
		relay_hold(out->conn);
	}
	pthread_mutex_unlock(&c->lock);
	return k != NULL;
}

void known_put(struct calls *c, uint32_t inode, const struct known *k)
{
	struct known *mine = malloc(sizeof(*mine)), *old;

	pthread_mutex_lock(&c->lock);
	old = known_find(c, inode);
	if (old)
		known_drop(c, old);
	if (mine) {
		*mine = *k;
		mine->inode = inode;
		relay_hold(mine->conn);
		mine->next = c->known[inode % CALLS_BUCKETS];
		c->known[inode % CALLS_BUCKETS] = mine;
		mine->newer = NULL;
		mine->older = c->newest;
		*(c->newest ? &c->newest->newer : &c->oldest) = mine;
		c->newest = mine;
		if (mine->datagrams)
			atomic_fetch_add(&c->n_datagrams, 1);
		if (++c->n_known > CALLS_KNOWN)
			known_drop(c, c->oldest);
	}
	pthread_mutex_unlock(&c->lock);
}

void known_forget(struct calls *c, uint32_t inode)
{
	struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k)
		known_drop(c, k);
	pthread_mutex_unlock(&c->lock);
}

void known_unheard(struct calls *c, uint32_t inode, bool unheard)
{
	struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k)
		k->unheard = unheard;
	pthread_mutex_unlock(&c->lock);
}

void known_told(struct calls *c, uint32_t inode)
{
	struct known *k;

	pthread_mutex_lock(&c->lock);
	k = known_find(c, inode);
	if (k) {
		relay_put(k->conn);
		k->conn = NULL;
		k->has_names = false;
	}
	pthread_mutex_unlock(&c->lock);
}

/* What kind of IP's sockets there are. Return: 0 or the kernel's word for those that there are not. */
static int check_kind(int kind, int protocol)
{
	if (kind == SOCK_RAW)
		return -EPERM;
	if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	/* The echo of ping: the kernel says the same to users who may not. */
	if (kind == SOCK_DGRAM && (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6))
		return -EACCES;
	return protocol && protocol != (kind == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP) ? -EPROTONOSUPPORT : 0;
}

/* Makes one that stays on this machine. Return: it, or a negative errno. */
static int new_socket(struct calls *c, int domain, int type, int protocol)
{
	int kind = type & 0xf, lo = RELAY_LO, mark = (int)relay_mark(c->relay), err = check_kind(kind, protocol), fd;

	if (err)
		return err;
	fd = socket(domain, type | SOCK_CLOEXEC, kind == SOCK_DGRAM && c->parked ? IPPROTO_UDPLITE : protocol);
	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &lo, sizeof(lo)) &&
	    (kind != SOCK_STREAM || !setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mark, sizeof(mark))))
		return fd;
	close(fd);
	return -EPERM;
}

int64_t make_socket(struct job *j, bool *answered)
{
	const uint64_t *a = j->call.args;
	int domain = (int)a[0], type = (int)a[1];
	bool ip = domain == AF_INET || domain == AF_INET6;
	int64_t result;

	*answered = false;
	/* Others come where programs want to see them, Unix's where they are parked. */
	if (!ip && (domain != AF_UNIX || !j->c->parked))
		return CALLS_GO_ON;
	if (type & ~(0xf | SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	AUTO_CLOSE int fd =
		ip ? new_socket(j->c, domain, type, (int)a[2]) : socket(domain, type | SOCK_CLOEXEC, (int)a[2]);

	if (fd < 0)
		return ip ? fd : -errno;
	parked_add(j->c, fd);
	result = engine_call_give(&j->call, fd, type & SOCK_CLOEXEC);
	*answered = result >= 0;
	if (result < 0)
		parked_drop(j->c, sock_inode(fd));
	return result;
}

int64_t make_name(struct job *j, bool peer)
{
	struct sockaddr_storage name = {0};
	socklen_t len = sizeof(name), room;
	uint32_t inode = call_inode(j, j->call.args[0]);
	struct known k;
	bool there;
	int err;

	if (!inode || !known_get(j->c, inode, &k))
		return CALLS_GO_ON;
	there = k.has_names && (!k.conn || relay_wait(j->c->relay, k.conn, 0, &err) != RELAY_FAILED);
	if (there && j->call.sock >= 0)
		there = !(peer ? getpeername(j->call.sock, (struct sockaddr *)&name, &len)
			       : getsockname(j->call.sock, (struct sockaddr *)&name, &len));
	else if (there && peer && k.conn)
		there = relay_wait(j->c->relay, k.conn, 0, &err) == RELAY_JOINED;
	relay_put(k.conn);
	if (!there)
		return CALLS_GO_ON;
	if (!call_read(j, &room, j->call.args[2], sizeof(room)))
		return -EFAULT;
	if ((int)room < 0)
		return -EINVAL;
	name = peer ? k.peer : k.local;
	len = name.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
	if (call_waits(j))
		return -ESRCH;
	return call_write(j, j->call.args[1], &name, MIN(room, len)) &&
			       call_write(j, j->call.args[2], &len, sizeof(len))
		       ? 0
		       : -EFAULT;
}

int64_t make_listen(struct job *j)
{
	parked_drop(j->c, call_inode(j, j->call.args[0]));
	return CALLS_GO_ON;
}

int64_t make_error(struct job *j)
{
	uint32_t inode = call_inode(j, j->call.args[0]);
	int err = 0, told = 0, sock;
	socklen_t len;
	struct known k;

	if (!inode || !known_get(j->c, inode, &k))
		return CALLS_GO_ON;
	if (k.conn && relay_wait(j->c->relay, k.conn, 0, &err) == RELAY_FAILED)
		told = -err;
	relay_put(k.conn);
	if (!told)
		return CALLS_GO_ON;
	if (!call_read(j, &len, j->call.args[4], sizeof(len)))
		return -EFAULT;
	if ((int)len < 0)
		return -EINVAL;
	if (call_waits(j))
		return -ESRCH;
	known_told(j->c, inode);
	sock = call_socket(j, j->call.args[0]);
	if (sock >= 0)
		sock_option(sock, SOL_SOCKET, SO_ERROR); /* the kernel's own word for it is not told again */
	len = MIN(len, (socklen_t)sizeof(told));
	return call_write(j, j->call.args[3], &told, len) && call_write(j, j->call.args[4], &len, sizeof(len))
		       ? 0
		       : -EFAULT;
}

static int64_t make(struct job *j)
{
	switch (j->call.native) {
	case SYS_connect:
		return make_connect(j);
	case SYS_bind:
		return make_bind(j);
	case SYS_listen:
		return make_listen(j);
	case SYS_getpeername:
		return make_name(j, true);
	case SYS_getsockname:
		return make_name(j, false);
	case SYS_getsockopt:
		return make_error(j);
	case SYS_sendto:
		return make_sendto(j);
	case SYS_sendmsg:
		return make_sendmsg(j);
	case SYS_sendmmsg:
		return make_sendmmsg(j);
	case SYS_recvfrom:
		return make_recvfrom(j);
	case SYS_recvmsg:
		return make_recvmsg(j);
	case SYS_recvmmsg:
		return make_recvmmsg(j);
	default:
		return CALLS_GO_ON;
	}
}

static void job_end(struct job *j)
{
	if (j->dir >= 0)
		close(j->dir);
	engine_call_end(&j->call);
	free(j);
}

static void run_job(struct job *j)
{
	int64_t result;
	bool heard;

	if (j->refused) {
		closed_tell(j->c, j->refused);
		free(j);
		return;
	}
	result = make(j);
	/* The kernel would make it with what it finds then: only where that decides nothing. */
	heard = engine_call_answer(&j->call, result == CALLS_GO_ON, result);

	if (!heard && j->joined)
		known_unheard(j->c, j->joined, true);
	job_end(j);
}

static void *work(void *arg)
{
	struct calls *c = arg;
	uint32_t me = 0;

	prctl(PR_SET_NAME, "skep-call", 0, 0, 0);
	pthread_mutex_lock(&c->lock);
	while (me < CALLS_THREADS - 1 && c->busy[me])
		me++;
	c->ids[me] = pthread_self();
	c->busy[me] = true;
	while (!c->stop) {
		struct job *j = c->jobs;

		if (!j) {
			if (c->waiting >= SPARE)
				break;
			c->waiting++;
			pthread_cond_wait(&c->more, &c->lock);
			c->waiting--;
			continue;
		}
		c->jobs = j->next;
		c->queued--;
		if (!c->jobs)
			c->jobs_end = &c->jobs;
		pthread_mutex_unlock(&c->lock);
		run_job(j);
		pthread_mutex_lock(&c->lock);
	}
	c->busy[me] = false;
	c->threads--;
	pthread_cond_broadcast(&c->fewer);
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

/* With the lock held. */
static void one_more(struct calls *c)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t id;

	if (c->threads == CALLS_THREADS)
		return;
	sigfillset(&all);
	sigdelset(&all, CALLS_NUDGE);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!pthread_create(&id, &attr, work, c))
		c->threads++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

/* Calls that need no thread of their own. Return: true: it is done with. */
static bool make_at_once(struct job *j)
{
	bool answered = false;
	int64_t result;

	switch (j->call.native) {
	case SYS_socket:
		result = make_socket(j, &answered);
		break;
	case SYS_recvfrom:
	case SYS_recvmsg:
	case SYS_recvmmsg:
		if (atomic_load(&j->c->n_datagrams))
			return false;
		result = CALLS_GO_ON;
		break;
	default:
		return false;
	}
	if (!answered)
		engine_call_answer(&j->call, result == CALLS_GO_ON, result);
	job_end(j);
	return true;
}

static void enqueue(struct calls *c, struct job *j)
{
	pthread_mutex_lock(&c->lock);
	*c->jobs_end = j;
	c->jobs_end = &j->next;
	c->queued++;
	if (c->waiting < c->queued)
		one_more(c);
	pthread_cond_signal(&c->more);
	pthread_mutex_unlock(&c->lock);
}

/* What is connected needs no copy any more. */
static void joined(void *arg, uint32_t inode)
{
	parked_drop(arg, inode);
}

/* A datagram that a connected socket has sent by itself. */
static void refused(void *arg, uint32_t inode)
{
	struct job *j = malloc(sizeof(*j));

	if (!j)
		return;
	*j = (struct job){.c = arg, .refused = inode};
	enqueue(arg, j);
}

static void take(void *arg, const struct engine_call *call)
{
	struct calls *c = arg;
	struct job *j;

	j = malloc(sizeof(*j));
	if (!j) {
		struct engine_call mine = *call;

		engine_call_answer(&mine, false, -ENOMEM);
		engine_call_end(&mine);
		return;
	}
	*j = (struct job){.c = c, .call = *call, .dir = -1};
	if (!make_at_once(j))
		enqueue(c, j);
}

/* What has to come here, for it decides; and what does so that the task sees what it would see without skep. */
static const int deciding[] = {SYS_socket, SYS_connect, SYS_bind, SYS_sendto, SYS_sendmsg, SYS_sendmmsg},
		 seeing[] = {SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg};

void calls_plan(const struct calls *c, struct task_plan *plan)
{
	if (c->parked)
		plan->calls[SYS_listen] |= PLAN_SOCKET;
	for (size_t i = 0; i < ARRAY_SIZE(deciding); i++)
		plan->calls[deciding[i]] |= PLAN_SOCKET;
	/* Most of these are let through, and their ends not heard of then: who wants these gets them as everywhere else. */
	for (size_t i = 0; i < ARRAY_SIZE(seeing); i++)
		if (!(plan->calls[seeing[i]] & PLAN_RETURN))
			plan->calls[seeing[i]] |= PLAN_SOCKET;
}

const struct engine_maker *calls_maker(struct calls *c)
{
	return &c->maker;
}

static void nudged(int sig)
{
	(void)sig;
}

static int check(bool *parks, char why[CALLS_WHY])
{
	AUTO_CLOSE int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int lo = RELAY_LO;

	if (sock < 0) {
		snprintf(why, CALLS_WHY, "no IP socket can be made: %s", strerror(errno));
		return -errno;
	}
	if (setsockopt(sock, SOL_SOCKET, SO_BINDTOIFINDEX, &lo, sizeof(lo))) {
		int err = -errno;

		snprintf(why, CALLS_WHY, "sockets cannot be bound to the loopback device: %s; that needs Linux 5.7",
			 strerror(-err));
		return err;
	}
	return parked_needed(parks, why);
}

int calls_check(char why[CALLS_WHY])
{
	bool parks;

	return check(&parks, why);
}

int calls_new(const struct calls_opts *opts, struct calls **out, char why[CALLS_WHY])
{
	const struct sigaction nudge = {.sa_handler = nudged};
	bool parks = false;
	struct relay_ears ears = {.joined = joined, .refused = refused};
	struct calls *c;
	int err = check(&parks, why);

	*out = NULL;
	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c) {
		snprintf(why, CALLS_WHY, "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	c->relay = opts->relay;
	c->proc = opts->tree->proc;
	c->maker = (struct engine_maker){.take = take, .arg = c};
	c->jobs_end = &c->jobs;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->more, NULL);
	pthread_cond_init(&c->fewer, NULL);
	c->n_resolvers = opts->resolvers->n_servers;
	memcpy(c->resolvers, opts->resolvers->servers, sizeof(c->resolvers));
	c->diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	err = parks ? parked_new(c) : 0;
	closed_make(c);
	recall_by(CALLS_NUDGE);
	if (!err && sigaction(CALLS_NUDGE, &nudge, NULL))
		err = -errno;
	err = err ? err : owners_new(opts->tree->diag, opts->tree->proc, opts->tree->notes, &c->owners);
	if (!err && opts->tree->top)
		owners_below(c->owners, (uint32_t)opts->tree->top);
	err = err ? err : unix_keep(c, opts->sockets, opts->n_sockets);
	if (err) {
		snprintf(why, CALLS_WHY, "%s", strerror(-err));
		calls_free(c);
		return err;
	}
	ears.arg = c;
	relay_tell(c->relay, &ears);
	*out = c;
	return 0;
}

void calls_stop(struct calls *c)
{
	struct timespec moment;

	if (!c)
		return;
	relay_tell(c->relay, NULL);
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->more);
	while (c->threads) {
		for (uint32_t i = 0; i < CALLS_THREADS; i++)
			if (c->busy[i])
				pthread_kill(c->ids[i], CALLS_NUDGE);
		clock_gettime(CLOCK_REALTIME, &moment);
		moment.tv_nsec += 2000000;
		moment.tv_sec += moment.tv_nsec / 1000000000;
		moment.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&c->fewer, &c->lock, &moment);
	}
	pthread_mutex_unlock(&c->lock);
	while (c->jobs) {
		struct job *j = c->jobs;

		c->jobs = j->next;
		if (j->refused)
			free(j);
		else
			job_end(j);
	}
	c->jobs_end = &c->jobs;
}

void calls_free(struct calls *c)
{
	if (!c)
		return;
	calls_stop(c);
	while (c->oldest)
		known_drop(c, c->oldest);
	unix_free(c);
	parked_free(c);
	owners_free(c->owners);
	if (c->diag >= 0)
		close(c->diag);
	for (size_t i = 0; i < ARRAY_SIZE(c->closers); i++)
		if (c->closers[i] >= 0)
			close(c->closers[i]);
	pthread_cond_destroy(&c->more);
	pthread_cond_destroy(&c->fewer);
	pthread_mutex_destroy(&c->lock);
	free(c);
}
