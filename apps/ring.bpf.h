/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A ring of events whose losses are counted (ring.h). Who includes it says how many bytes it has: RING_SIZE. */
#ifndef APPS_RING_BPF_H
#define APPS_RING_BPF_H

#include "ring.h"

#include <bpf/bpf_helpers.h>
#include <stddef.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, RING_SIZE);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ring_stats);
} stats SEC(".maps");

static __always_inline void count(_Bool told)
{
	__u32 zero = 0;
	struct ring_stats *s = bpf_map_lookup_elem(&stats, &zero);

	if (!s)
		return;
	if (told)
		s->told++;
	else
		s->lost++;
}

/* reserve - room for an event of @size bytes, to be submitted or discarded. Return: NULL when there is none, which is counted. */
static __always_inline void *reserve(__u64 size)
{
	void *e = bpf_ringbuf_reserve(&events, size, 0);

	/* Looked at once: Linux 6.1 does not know a second time that it is there, and takes it for lost where it would be NULL. */
	if (!e) {
		count(0);
		return NULL;
	}
	count(1);
	return e;
}

/*
 * submit_later - hands over an event without waking the reader, who looks by himself some times a second; a ring that fills up wakes him. For events
 * that come by the thousand: a wake-up costs more than all else that is done about one.
 */
static __always_inline void submit_later(void *e)
{
	bpf_ringbuf_submit(e, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) < RING_SIZE / 8 ? BPF_RB_NO_WAKEUP
											    : BPF_RB_FORCE_WAKEUP);
}

#endif
