/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynptrs (linux/bpf.h at bpf_dynptr_from_mem() and the following; Documentation/bpf/kfuncs.rst). dynptr.h says what one is.
 *
 * A frame is in one piece here, so a slice of one is always the frame itself: the buffer that callers bring for frames in
 * pieces stays as it is. Data of a frame may move (bpf_xdp_adjust_head()); offsets then count from its new start, as in the kernel.
 */
#include "helper/dynptr.h"

#include "base/uapi.h"
#include "helper/impl.h"
#include "map/map.h"

#include <string.h>

enum { BYTES_MAX = 0xffff }; /* offset and length of what is read from or written to an XDP frame */

static int64_t make(struct dynptr *d, void *data, enum dynptr_type type, uint32_t size)
{
	*d = (struct dynptr){.data = data, .size = size & DYNPTR_MAX_SIZE, .type = (uint8_t)type & 0x7f};
	return 0;
}

static int64_t make_null(struct dynptr *d, int64_t err)
{
	*d = (struct dynptr){0};
	return err;
}

static bool reaches(const struct dynptr *d, uint32_t offset, uint32_t len)
{
	return len <= d->size && offset <= d->size - len;
}

/* Where @len bytes at @offset are, NULL when the frame has become shorter than the dynptr says. */
static uint8_t *place(const struct dynptr *d, uint32_t offset, uint32_t len)
{
	uint64_t at = (uint64_t)d->offset + offset;
	const struct packet *pkt = d->data;

	if (d->type != DYNPTR_SKB && d->type != DYNPTR_XDP)
		return (uint8_t *)d->data + at;
	return at + len > packet_len(pkt) ? NULL : pkt->data + at;
}

/* The errors of frames: of an skb everything that is not there is -EFAULT; of XDP what is there but ends early is -EINVAL. */
static int frame_error(const struct dynptr *d, uint32_t offset, uint32_t len)
{
	return d->type == DYNPTR_SKB || (uint64_t)d->offset + offset > BYTES_MAX || len > BYTES_MAX ? -EFAULT : -EINVAL;
}

static bool beyond_limits(const struct dynptr *d, uint32_t offset, uint32_t len)
{
	return d->type == DYNPTR_XDP && ((uint64_t)d->offset + offset > BYTES_MAX || len > BYTES_MAX);
}

static int64_t read_out(void *to, uint32_t len, const struct dynptr *d, uint32_t offset, uint64_t flags)
{
	const uint8_t *from;

	if (!d->data || flags)
		return -EINVAL;
	if (!reaches(d, offset, len))
		return -E2BIG;
	from = beyond_limits(d, offset, len) ? NULL : place(d, offset, len);
	if (from) {
		memmove(to, from, len);
		return 0;
	}
	if (d->type == DYNPTR_SKB)
		memset(to, 0, len);
	return frame_error(d, offset, len);
}

static int64_t write_in(const struct dynptr *d, uint32_t offset, const void *from, uint32_t len, uint64_t flags)
{
	uint64_t known = d->type == DYNPTR_SKB ? BPF_F_RECOMPUTE_CSUM | BPF_F_INVALIDATE_HASH : 0;
	struct packet *pkt = d->data;
	uint8_t *to;

	if (!d->data || d->readonly)
		return -EINVAL;
	if (!reaches(d, offset, len))
		return -E2BIG;
	if (flags & ~known)
		return -EINVAL;
	to = beyond_limits(d, offset, len) ? NULL : place(d, offset, len);
	if (!to)
		return frame_error(d, offset, len);
	memmove(to, from, len);
	if (flags & BPF_F_INVALIDATE_HASH) {
		pkt->has_hash = false;
		pkt->ctx.skb.hash = 0;
	}
	return 0;
}

HELPER(dynptr_from_mem)
{
	struct dynptr *d = helper_ptr(r4);

	if ((uint32_t)r2 > DYNPTR_MAX_SIZE)
		return helper_result(make_null(d, -E2BIG));
	if (r3)
		return helper_result(make_null(d, -EINVAL));
	return helper_result(make(d, helper_ptr(r1), DYNPTR_LOCAL, (uint32_t)r2));
}

HELPER(dynptr_read)
{
	return helper_result(read_out(helper_ptr(r1), (uint32_t)r2, helper_ptr(r3), (uint32_t)r4, r5));
}

HELPER(dynptr_write)
{
	return helper_result(write_in(helper_ptr(r1), (uint32_t)r2, helper_ptr(r3), (uint32_t)r4, r5));
}

HELPER(dynptr_data)
{
	const struct dynptr *d = helper_ptr(r1);

	if (!d->data || d->readonly || !reaches(d, (uint32_t)r2, (uint32_t)r3) || d->type == DYNPTR_SKB ||
	    d->type == DYNPTR_XDP)
		return 0;
	return (uintptr_t)place(d, (uint32_t)r2, (uint32_t)r3);
}

HELPER(ringbuf_reserve_dynptr)
{
	struct dynptr *d = helper_ptr(r4);
	void *sample;

	if (r3)
		return helper_result(make_null(d, -EINVAL));
	if ((uint32_t)r2 > DYNPTR_MAX_SIZE)
		return helper_result(make_null(d, -E2BIG));
	sample = ringbuf_reserve(helper_ptr(r1), (uint32_t)r2);
	return helper_result(sample ? make(d, sample, DYNPTR_RINGBUF, (uint32_t)r2) : make_null(d, -EINVAL));
}

/* After a reservation that failed there is nothing to give back. */
HELPER(ringbuf_submit_dynptr)
{
	struct dynptr *d = helper_ptr(r1);

	if (d->data)
		ringbuf_submit(d->data, r2);
	make_null(d, 0);
	return 0;
}

HELPER(ringbuf_discard_dynptr)
{
	struct dynptr *d = helper_ptr(r1);

	if (d->data)
		ringbuf_discard(d->data, r2);
	make_null(d, 0);
	return 0;
}

/* Program types that may write to their frame directly; to others its dynptr is read-only. */
static bool may_write_frame(uint32_t prog_type)
{
	return prog_type == BPF_PROG_TYPE_SCHED_CLS || prog_type == BPF_PROG_TYPE_SCHED_ACT ||
	       prog_type == BPF_PROG_TYPE_LWT_XMIT || prog_type == BPF_PROG_TYPE_SK_SKB;
}

static uint64_t from_frame(struct skep_env *env, uint64_t ctx, uint64_t flags, struct dynptr *d, enum dynptr_type type)
{
	struct packet *pkt = env->pkt;

	if (flags)
		return helper_result(make_null(d, -EINVAL));
	if (!pkt || ctx != (uintptr_t)&pkt->ctx)
		return helper_result(make_null(d, -EFAULT));
	make(d, pkt, type, packet_len(pkt));
	d->readonly = type == DYNPTR_SKB && !may_write_frame(env->prog_type);
	return 0;
}

KFUNC(bpf_dynptr_from_skb)
{
	return from_frame(env, r1, r2, helper_ptr(r3), DYNPTR_SKB);
}

KFUNC(bpf_dynptr_from_xdp)
{
	return from_frame(env, r1, r2, helper_ptr(r3), DYNPTR_XDP);
}

static void *slice(const struct dynptr *d, uint32_t offset, uint32_t len)
{
	return d->data && reaches(d, offset, len) ? place(d, offset, len) : NULL;
}

KFUNC(bpf_dynptr_slice)
{
	return (uintptr_t)slice(helper_ptr(r1), (uint32_t)r2, (uint32_t)r4);
}

KFUNC(bpf_dynptr_slice_rdwr)
{
	const struct dynptr *d = helper_ptr(r1);

	return d->readonly ? 0 : (uintptr_t)slice(d, (uint32_t)r2, (uint32_t)r4);
}

KFUNC(bpf_dynptr_adjust)
{
	uint32_t start = (uint32_t)r2, end = (uint32_t)r3;
	struct dynptr *d = helper_ptr(r1);

	if (!d->data || start > end)
		return helper_result(-EINVAL);
	if (end > d->size)
		return helper_result(-ERANGE);
	d->offset += start;
	d->size = (end - start) & DYNPTR_MAX_SIZE;
	return 0;
}

KFUNC(bpf_dynptr_is_null)
{
	const struct dynptr *d = helper_ptr(r1);

	return !d->data;
}

KFUNC(bpf_dynptr_is_rdonly)
{
	const struct dynptr *d = helper_ptr(r1);

	return d->data && d->readonly;
}

/* The kernel's function returns 32 bits, its error too. */
KFUNC(bpf_dynptr_size)
{
	const struct dynptr *d = helper_ptr(r1);

	return d->data ? d->size : (uint32_t)-EINVAL;
}

KFUNC(bpf_dynptr_clone)
{
	const struct dynptr *d = helper_ptr(r1);
	struct dynptr *clone = helper_ptr(r2);

	if (!d->data)
		return helper_result(make_null(clone, -EINVAL));
	*clone = *d;
	return 0;
}

/* As the kernel reads and writes in pieces: what neither side can give in one is refused by the side that cannot. */
KFUNC(bpf_dynptr_copy)
{
	const struct dynptr *to = helper_ptr(r1), *from = helper_ptr(r3);
	uint32_t to_off = (uint32_t)r2, from_off = (uint32_t)r4, len = (uint32_t)r5;
	uint8_t *src = slice(from, from_off, len), *dst = to->readonly ? NULL : slice(to, to_off, len);

	if (src && dst) {
		memmove(dst, src, len);
		return 0;
	}
	if (src)
		return helper_result(write_in(to, to_off, src, len, 0));
	if (dst)
		return helper_result(read_out(dst, len, from, from_off, 0));
	if (!reaches(to, to_off, len) || !reaches(from, from_off, len))
		return helper_result(-E2BIG);
	if (!len)
		return 0;
	/* Neither is null then: what is null reaches over nothing. */
	return helper_result(frame_error(from, from_off, len));
}

KFUNC(bpf_dynptr_memset)
{
	const struct dynptr *d = helper_ptr(r1);
	uint32_t offset = (uint32_t)r2, len = (uint32_t)r3;
	uint8_t *at;

	if (d->readonly)
		return helper_result(-EINVAL);
	if (!reaches(d, offset, len))
		return helper_result(-E2BIG);
	/* Of what is null nothing can be set, and that it does. */
	if (!d->data)
		return 0;
	at = place(d, offset, len);
	if (!at)
		return helper_result(frame_error(d, offset, len));
	memset(at, (uint8_t)r4, len);
	return 0;
}
