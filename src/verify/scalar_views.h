/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The views of a scalar, one at a time: what scalar.c, scalar_alu.c and scalar_branch.c share. Nobody else includes it.
 *
 * narrow_*() intersect a range with another; they never widen. A range may come out empty (min > max): the caller finds that
 * with scalar_valid() at the end, not in between.
 */
#ifndef SKEP_VERIFY_SCALAR_VIEWS_H
#define SKEP_VERIFY_SCALAR_VIEWS_H

#include "verify/scalar.h"

static inline void narrow_u64(struct scalar *s, uint64_t min, uint64_t max)
{
	s->umin = s->umin > min ? s->umin : min;
	s->umax = s->umax < max ? s->umax : max;
}

static inline void narrow_s64(struct scalar *s, int64_t min, int64_t max)
{
	s->smin = s->smin > min ? s->smin : min;
	s->smax = s->smax < max ? s->smax : max;
}

static inline void narrow_u32(struct scalar *s, uint32_t min, uint32_t max)
{
	s->umin32 = s->umin32 > min ? s->umin32 : min;
	s->umax32 = s->umax32 < max ? s->umax32 : max;
}

static inline void narrow_s32(struct scalar *s, int32_t min, int32_t max)
{
	s->smin32 = s->smin32 > min ? s->smin32 : min;
	s->smax32 = s->smax32 < max ? s->smax32 : max;
}

static inline void forget_u64(struct scalar *s)
{
	s->umin = 0;
	s->umax = UINT64_MAX;
}

static inline void forget_s64(struct scalar *s)
{
	s->smin = INT64_MIN;
	s->smax = INT64_MAX;
}

static inline void forget_u32(struct scalar *s)
{
	s->umin32 = 0;
	s->umax32 = UINT32_MAX;
}

static inline void forget_s32(struct scalar *s)
{
	s->smin32 = INT32_MIN;
	s->smax32 = INT32_MAX;
}

static inline void forget_64(struct scalar *s)
{
	forget_u64(s);
	forget_s64(s);
}

static inline void forget_32(struct scalar *s)
{
	forget_u32(s);
	forget_s32(s);
}

static inline void set_const32(struct scalar *s, uint32_t v)
{
	s->bits = tnum_with_subreg(s->bits, tnum_const(v));
	s->umin32 = s->umax32 = v;
	s->smin32 = s->smax32 = (int32_t)v;
}

static inline void set_const(struct scalar *s, uint64_t v)
{
	s->bits = tnum_const(v);
	s->umin = s->umax = v;
	s->smin = s->smax = (int64_t)v;
	s->umin32 = s->umax32 = (uint32_t)v;
	s->smin32 = s->smax32 = (int32_t)v;
}

/* The smallest and largest members of the bits are those with all unknown bits 0 or 1; signed, the sign bit counts the other way. */
static inline void ranges32_from_bits(struct scalar *s)
{
	uint32_t value = (uint32_t)s->bits.value, mask = (uint32_t)s->bits.mask;

	narrow_s32(s, (int32_t)(value | (mask & 0x80000000u)), (int32_t)(value | (mask & 0x7fffffffu)));
	narrow_u32(s, value, value | mask);
}

/*
 * ranges64_from_bits - the same for 64 bits; and where bits and unsigned range have one number in common, it is the value.
 *
 * The candidates are umin, the next member of the bits, and the last one.
 */
static inline void ranges64_from_bits(struct scalar *s)
{
	const uint64_t sign = 1ull << 63;
	uint64_t value = s->bits.value, mask = s->bits.mask, next;

	narrow_s64(s, (int64_t)(value | (mask & sign)), (int64_t)(value | (mask & ~sign)));
	narrow_u64(s, value, value | mask);

	next = tnum_step(s->bits, s->umin);
	if (tnum_has(s->bits, s->umin)) {
		if (next > s->umax)
			set_const(s, s->umin);
	} else if (next == (value | mask)) {
		set_const(s, next);
	} else if (next <= s->umax && tnum_step(s->bits, next) > s->umax) {
		set_const(s, next);
	}
}

static inline void ranges_from_bits(struct scalar *s)
{
	ranges32_from_bits(s);
	ranges64_from_bits(s);
}

/* zero_high - the high half becomes 0. The 64-bit ranges are taken from the 32-bit ones; scalar_sync() is the caller's. */
static inline void zero_high(struct scalar *s)
{
	bool positive = s->smin32 >= 0 && s->smax32 >= 0;

	s->bits = tnum_subreg(s->bits);
	s->umin = s->umin32;
	s->umax = s->umax32;
	s->smin = positive ? s->smin32 : 0;
	s->smax = positive ? s->smax32 : (int64_t)UINT32_MAX;
}

#endif
