/* SPDX-License-Identifier: BSD-2-Clause */
/* The slow side of the writers' lock: waiting, and taking over from the dead. See lock.h. */
#include "map/lock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>

_Thread_local uint32_t map_own_tid __attribute__((tls_model("initial-exec")));

enum { VALUE_LOCK_CHECK = 2048 }; /* rounds of waiting for a value's lock between two looks at its holder */

static pthread_once_t fork_handler = PTHREAD_ONCE_INIT;

static void forget_tid(void)
{
	map_own_tid = 0;
}

static void register_fork_handler(void)
{
	pthread_atfork(NULL, NULL, forget_tid);
}

/* map_learn_tid - ask the kernel for the thread's id and remember it until the thread forks. Return: the id. */
uint32_t map_learn_tid(void)
{
	pthread_once(&fork_handler, register_fork_handler);
	map_own_tid = (uint32_t)gettid();
	return map_own_tid;
}

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/*
 * thread_is_dead - whether no thread of that id can run any more.
 *
 * A killed process that its parent has not reaped still takes signals; its pidfd is readable then.
 */
static bool thread_is_dead(uint32_t tid)
{
	struct pollfd p = {.events = POLLIN};
	bool dead;

	if (kill((pid_t)tid, 0) < 0 && errno == ESRCH)
		return true;
	p.fd = (int)syscall(SYS_pidfd_open, (pid_t)tid, 0);
	if (p.fd < 0)
		return false;
	dead = poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
	close(p.fd);
	return dead;
}

/*
 * map_lock_wait - take a lock that another holds, or held when it died.
 * @tid: the caller's
 */
void map_lock_wait(struct skep_map *map, uint32_t tid)
{
	struct map_ctl *ctl = map->ctl;
	uint32_t holder = 0, turns, last_holder = 0, last_turns = 0;
	int saved = errno;

	/* Each round is a little slower than the one before; from round 300 on one round is a millisecond. */
	for (uint32_t round = 0, still = 0;; round++) {
		holder = atomic_load_explicit(&ctl->lock, memory_order_relaxed);
		if (!holder && atomic_compare_exchange_weak_explicit(&ctl->lock, &holder, tid, memory_order_acquire,
								     memory_order_relaxed))
			break;
		if (round < 200) {
			relax();
			continue;
		}
		if (round < 300) {
			sched_yield();
			continue;
		}
		turns = atomic_load_explicit(&ctl->lock_turns, memory_order_relaxed);
		still = holder && holder == last_holder && turns == last_turns ? still + 1 : 0;
		last_holder = holder;
		last_turns = turns;
		if (holder && (still >= MAP_LOCK_PATIENCE_MS || thread_is_dead(holder)) &&
		    atomic_compare_exchange_strong_explicit(&ctl->lock, &holder, tid, memory_order_acquire,
							    memory_order_relaxed)) {
			if (map->ops->recover)
				map->ops->recover(map);
			break;
		}
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	errno = saved;
}

void map_value_lock(uint32_t *lock)
{
	uint32_t tid = map_own_tid ? map_own_tid : map_learn_tid(), holder = 0;

	for (uint32_t round = 1;
	     !__atomic_compare_exchange_n(lock, &holder, tid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED); round++) {
		/* Now and then: has the holder died? If so the lock is free for who sees it first. */
		if (holder && round % VALUE_LOCK_CHECK == 0 && thread_is_dead(holder) &&
		    __atomic_compare_exchange_n(lock, &holder, tid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
		holder = 0;
		if (round < 1000)
			relax();
		else
			sched_yield();
	}
}

void map_value_unlock(uint32_t *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}
