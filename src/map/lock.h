/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writers' lock of a map: one word in the memfd that holds its owner's thread id.
 *
 * Theory of operation
 *
 * Taking a free lock is one compare-and-swap, giving it back one store. Who waits spins, yields, then
 * sleeps in short steps; nobody is woken, so the release stays a plain store. A waiter that has
 * slept looks whether the owner still lives. If not (its process was killed), the waiter takes
 * the lock over and runs the family's recover(), which makes good whatever the dead one left halfway: every
 * change of structure becomes visible by one atomic store, so only the free lists can be wrong, and
 * an element may be marked as being written.
 *
 * Thread ids are recycled and a corrupt word may name anybody, so a lock that has not moved for
 * MAP_LOCK_PATIENCE_MS is taken over as well: holders keep it for microseconds.
 *
 * The locks in values (struct bpf_spin_lock) hold their owner's thread id as well, and are taken over from the dead in
 * the same way; there is nothing to repair behind them.
 *
 * System calls: gettid once a thread; when waiting sched_yield, clock_nanosleep, kill with signal 0, pidfd_open,
 * poll, close.
 */
#ifndef SKEP_MAP_LOCK_H
#define SKEP_MAP_LOCK_H

#include "base/util.h"
#include "map/ops.h"

enum { MAP_LOCK_PATIENCE_MS = 10000 };

/*
 * The calling thread's id, asked from the kernel once a thread (and again after fork()). This cache is the
 * floor's one variable outside of a map.
 */
extern _Thread_local uint32_t map_own_tid __attribute__((tls_model("initial-exec")));

uint32_t map_learn_tid(void);
void map_lock_wait(struct skep_map *map, uint32_t tid);

/* map_lock - take the writers' lock. */
static inline void map_lock(struct skep_map *map)
{
	uint32_t tid = map_own_tid, free_word = 0;

	if (unlikely(!tid))
		tid = map_learn_tid();
	if (unlikely(!atomic_compare_exchange_strong_explicit(&map->ctl->lock, &free_word, tid, memory_order_acquire,
							      memory_order_relaxed)))
		map_lock_wait(map, tid);
}

/* map_unlock - give it back. */
static inline void map_unlock(struct skep_map *map)
{
	struct map_ctl *ctl = map->ctl;

	atomic_store_explicit(&ctl->lock_turns, atomic_load_explicit(&ctl->lock_turns, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&ctl->lock, 0, memory_order_release);
}

#endif
