/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signals of callers that cannot hear them. Where skep receives notifications, a task waits for the answer deaf to all but fatal signals
 * (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV), so that no call fails with EINTR that never would by itself. But a connect may take minutes, and there a signal
 * must be heard: a thread looks at the callers of calls that have taken LOOK_MS, and calls back the guard's thread that makes the call; it answers
 * ERESTARTSYS, by which the kernel does what it does for a call of the task's own: a handler runs, and the call fails with EINTR or begins again.
 */
#include "hook/tree/guard_inside.h"

#include "base/clock.h"
#include "base/util.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

enum { LOOK_MS = 10 };

static struct {
	pthread_mutex_t lock;
	pthread_cond_t some;
	bool started;
	uint32_t n;
	struct {
		pthread_t who;
		int dir;
		bool used;
		uint64_t since;
	} of[GUARD_THREADS];
} r = {.lock = PTHREAD_MUTEX_INITIALIZER, .some = PTHREAD_COND_INITIALIZER};

static int signal_number = SIGUSR1;

void recall_by(int number)
{
	signal_number = number;
}

static void called_back(int sig)
{
	(void)sig;
}

static void *look(void *arg)
{
	for (;;) {
		uint64_t now;

		pthread_mutex_lock(&r.lock);
		while (!r.n)
			pthread_cond_wait(&r.some, &r.lock);
		pthread_mutex_unlock(&r.lock);
		poll(NULL, 0, LOOK_MS);
		now = clock_ns(CLOCK_MONOTONIC);
		pthread_mutex_lock(&r.lock);
		/* Again and again: it may come just before the call that it is to end. */
		for (uint32_t i = 0; i < GUARD_THREADS && r.n; i++)
			if (r.of[i].used && now - r.of[i].since >= LOOK_MS * 1000000ull &&
			    caller_signalled(r.of[i].dir))
				pthread_kill(r.of[i].who, signal_number);
		pthread_mutex_unlock(&r.lock);
	}
	return arg;
}

/* With the lock held. Without the thread signals wait until the call has ended. */
static void start(void)
{
	const struct sigaction a = {.sa_handler = called_back};
	pthread_t t;

	if (!sigaction(signal_number, &a, NULL) && !pthread_create(&t, NULL, look, NULL)) {
		pthread_detach(t);
		r.started = true;
	}
}

int recall_begin(int dir)
{
	int i = 0;

	pthread_mutex_lock(&r.lock);
	if (!r.started)
		start();
	while (r.of[i].used) /* there is one for each thread of the guard */
		i++;
	r.of[i].who = pthread_self();
	r.of[i].dir = dir;
	r.of[i].since = clock_ns(CLOCK_MONOTONIC);
	r.of[i].used = true;
	r.n++;
	pthread_cond_signal(&r.some);
	pthread_mutex_unlock(&r.lock);
	return i;
}

void recall_end(int number)
{
	pthread_mutex_lock(&r.lock);
	r.of[number].used = false;
	r.n--;
	pthread_mutex_unlock(&r.lock);
}
