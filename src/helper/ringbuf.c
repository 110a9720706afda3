/* SPDX-License-Identifier: BSD-2-Clause */
/* Output to user space: ring buffers and perf buffers. */
#include "base/util.h"
#include "helper/impl.h"
#include "map/map.h"
#include "map/perfbuf.h"

#include <errno.h>
#include <string.h>

HELPER(ringbuf_output)
{
	if (r4 & ~(uint64_t)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return helper_result(-EINVAL);
	return helper_result(ringbuf_output(helper_ptr(r1), helper_ptr(r2), r3, r4));
}

HELPER(ringbuf_reserve)
{
	return r3 ? 0 : (uintptr_t)ringbuf_reserve(helper_ptr(r1), r2);
}

HELPER(ringbuf_submit)
{
	ringbuf_submit(helper_ptr(r1), r2);
	return 0;
}

HELPER(ringbuf_discard)
{
	ringbuf_discard(helper_ptr(r1), r2);
	return 0;
}

HELPER(ringbuf_query)
{
	return ringbuf_query(helper_ptr(r1), r2);
}

/*
 * bpf_perf_event_output(ctx, map, flags, data, size). Programs with a frame may ask for @ctx's first bytes behind the
 * data (BPF_F_CTXLEN_MASK): they are the frame's.
 */
HELPER(perf_event_output)
{
	struct skep_map *map = helper_ptr(r2);
	uint64_t index = r3 & BPF_F_INDEX_MASK;
	uint64_t more = (r3 & BPF_F_CTXLEN_MASK) >> 32;
	const struct packet *pkt = env->pkt;
	const uint8_t *from = NULL;
	struct perfbuf *b;

	if (r3 & ~(uint64_t)(BPF_F_INDEX_MASK | (pkt ? BPF_F_CTXLEN_MASK : 0)))
		return helper_result(-EINVAL);
	if (pkt && more) {
		if (more > packet_len(pkt))
			return helper_result(-EFAULT);
		from = pkt->data;
	}
	if (index == BPF_F_CURRENT_CPU)
		index = env->cpu;
	if (index >= map->max_entries)
		return helper_result(-E2BIG);
	b = atomic_load_explicit(&map->objs[index], memory_order_acquire);
	if (!b)
		return helper_result(-ENOENT);
	if (b->cpu != env->cpu)
		return helper_result(-EOPNOTSUPP);
	return helper_result(perfbuf_output(b, helper_ptr(r4), (size_t)r5, from, (size_t)more));
}
