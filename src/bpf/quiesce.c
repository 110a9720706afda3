/* SPDX-License-Identifier: BSD-2-Clause */
#include "bpf/quiesce.h"

#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>

/* The oldest epoch that a reader may still be in; UINT64_MAX when all are idle. */
static uint64_t oldest(struct quiesce_reader *reader, uint32_t n, size_t stride)
{
	uint64_t min = UINT64_MAX;

	for (uint32_t i = 0; i < n; i++) {
		struct quiesce_reader *r = (struct quiesce_reader *)((char *)reader + i * stride);
		uint64_t e = atomic_load(&r->epoch);

		if (e && e < min)
			min = e;
	}
	return min;
}

void quiesce_run(struct quiesce *q, struct quiesce_reader *reader, uint32_t n, size_t stride)
{
	uint64_t min = oldest(reader, n, stride);
	struct quiesce_item **pp = &q->items;
	struct quiesce_item *due = NULL;

	while (*pp) {
		struct quiesce_item *item = *pp;

		if (min >= item->epoch) {
			*pp = item->next;
			item->next = due;
			due = item;
		} else {
			pp = &item->next;
		}
	}
	/* Only now: a freed thing may retire others. */
	while (due) {
		struct quiesce_item *item = due;

		due = item->next;
		item->fn(item->arg);
		free(item);
	}
}

void quiesce_retire(struct quiesce *q, struct quiesce_reader *reader, uint32_t n, size_t stride, void (*fn)(void *),
		    void *arg)
{
	struct quiesce_item *item = malloc(sizeof(*item));
	uint64_t epoch = atomic_fetch_add(&q->epoch, 1) + 1;

	if (!item) {
		while (oldest(reader, n, stride) < epoch)
			sched_yield();
		fn(arg);
		return;
	}
	*item = (struct quiesce_item){.epoch = epoch, .fn = fn, .arg = arg, .next = q->items};
	q->items = item;
	quiesce_run(q, reader, n, stride);
}
