/* SPDX-License-Identifier: BSD-2-Clause */
/* Who makes the calls: threads, one for each call that is being made. */
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

enum { SPARE = 4 /* threads that wait; more end */, STACK = 256 << 10 };

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif

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
	/* Before the answer: once it has it, the task may close its own and expect the port to be free. */
	if (j->call.sock >= 0)
		close(j->call.sock);
	j->call.sock = -1;
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
static const int always[] = {SYS_socket,  SYS_connect,  SYS_bind,        SYS_sendto,
			     SYS_sendmsg, SYS_sendmmsg, SYS_getsockname, SYS_getpeername},
		 seeing[] = {SYS_getsockopt, SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg};

void calls_plan(const struct calls *c, struct task_plan *plan)
{
	if (c->parked)
		plan->calls[SYS_listen] |= PLAN_SOCKET;
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		plan->calls[always[i]] |= PLAN_SOCKET;
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
	c->files = opts->files;
	c->proc = opts->tree->proc;
	c->maker = (struct engine_maker){.take = take, .file = calls_file, .name = calls_name, .arg = c};
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
	known_free(c);
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
