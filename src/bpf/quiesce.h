/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Quiescence: when may memory go that a running program might still see?
 *
 * Each worker owns a reader. While it runs programs, its reader holds the epoch in which it began; otherwise
 * 0. Retiring something advances the epoch; the thing is freed once every reader is idle or
 * has begun in that epoch or later.
 */
#ifndef SKEP_BPF_QUIESCE_H
#define SKEP_BPF_QUIESCE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct quiesce_reader {
	_Atomic uint64_t epoch; /* 0: idle */
} __attribute__((aligned(64)));

struct quiesce_item {
	uint64_t epoch;
	void (*fn)(void *arg);
	void *arg;
	struct quiesce_item *next;
};

struct quiesce {
	_Atomic uint64_t epoch;
	struct quiesce_item *items; /* newest first */
};

static inline void quiesce_begin(struct quiesce *q, struct quiesce_reader *r)
{
	/* seq_cst: the store must be seen before this reader's first look at shared pointers. */
	atomic_store(&r->epoch, atomic_load(&q->epoch));
}

static inline void quiesce_end(struct quiesce_reader *r)
{
	atomic_store_explicit(&r->epoch, 0, memory_order_release);
}

/*
 * quiesce_retire - free something when no reader can see it any more.
 * @reader, @n, @stride: all readers: the first, how many, bytes from one to the next
 * Runs what is due before it returns. The caller serialises calls. Without memory for the note the caller waits for
 * the readers here.
 */
void quiesce_retire(struct quiesce *q, struct quiesce_reader *reader, uint32_t n, size_t stride, void (*fn)(void *),
		    void *arg);
/* quiesce_run - run what is due now. */
void quiesce_run(struct quiesce *q, struct quiesce_reader *reader, uint32_t n, size_t stride);

#endif
