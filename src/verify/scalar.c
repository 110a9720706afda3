/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scalars: making them, letting their views sharpen each other, changing their width. Contract: scalar.h.
 *
 * Theory of operation
 *
 * scalar_sync() runs a fixed schedule, not a fixed point: ranges from bits, three rounds of ranges from ranges, bits from ranges,
 * ranges from bits. The order of the steps is observable, since what a later round would find stays unfound. It is the
 * kernel's order; each step on its own is a true statement about numbers and explained where it stands.
 */
#include "verify/scalar_views.h"

#include <string.h>

static const uint64_t HIGH = ~0ull << 32;

struct scalar scalar_unknown(void)
{
	return (struct scalar){.bits = TNUM_UNKNOWN,
			       .smin = INT64_MIN,
			       .smax = INT64_MAX,
			       .umax = UINT64_MAX,
			       .smin32 = INT32_MIN,
			       .smax32 = INT32_MAX,
			       .umax32 = UINT32_MAX};
}

struct scalar scalar_const(uint64_t v)
{
	struct scalar s;

	set_const(&s, v);
	return s;
}

/*
 * low_from_range - what a 64-bit range says of the low half when its bounds' high halves follow on each other.
 *
 * The numbers from ...0001'ffffffff to ...0002'00000001 have low halves that are -1 to 1 as int32.
 */
static inline void low_across(struct scalar *s, uint64_t min, uint64_t max)
{
	if ((uint32_t)(min >> 32) + 1 == (uint32_t)(max >> 32) && (int32_t)min < 0 && (int32_t)max >= 0)
		narrow_s32(s, (int32_t)min, (int32_t)max);
}

/* deduce32 - sharpen the 32-bit ranges from the 64-bit ones and from each other. */
static inline void deduce32(struct scalar *s)
{
	uint64_t smin = (uint64_t)s->smin, smax = (uint64_t)s->smax;

	/* One high half for all: the low halves run from the lower bound's to the upper's. */
	if (s->umin >> 32 == s->umax >> 32) {
		narrow_u32(s, (uint32_t)s->umin, (uint32_t)s->umax);
		if ((int32_t)s->umin <= (int32_t)s->umax)
			narrow_s32(s, (int32_t)s->umin, (int32_t)s->umax);
	}
	if (smin >> 32 == smax >> 32) {
		if ((uint32_t)smin <= (uint32_t)smax)
			narrow_u32(s, (uint32_t)smin, (uint32_t)smax);
		if ((int32_t)smin <= (int32_t)smax)
			narrow_s32(s, (int32_t)smin, (int32_t)smax);
	}
	low_across(s, s->umin, s->umax);
	low_across(s, smin, smax);

	/* A range that does not cross the other one's wrap-around is a range there too. */
	if ((int32_t)s->umin32 <= (int32_t)s->umax32)
		narrow_s32(s, (int32_t)s->umin32, (int32_t)s->umax32);
	if ((uint32_t)s->smin32 <= (uint32_t)s->smax32) {
		narrow_u32(s, (uint32_t)s->smin32, (uint32_t)s->smax32);
	} else if (s->umax32 < (uint32_t)s->smin32) {
		/* The signed range is two pieces, unsigned: from 0 on, and up to the maximum. Only the first can hold it. */
		s->smin32 = (int32_t)s->umin32;
		narrow_u32(s, 0, (uint32_t)s->smax32);
	} else if ((uint32_t)s->smax32 < s->umin32) {
		/* Only the second. */
		s->smax32 = (int32_t)s->umax32;
		narrow_u32(s, (uint32_t)s->smin32, UINT32_MAX);
	}
}

/* deduce64 - signed and unsigned 64-bit range, as the end of deduce32(). */
static inline void deduce64(struct scalar *s)
{
	if ((int64_t)s->umin <= (int64_t)s->umax)
		narrow_s64(s, (int64_t)s->umin, (int64_t)s->umax);
	if ((uint64_t)s->smin <= (uint64_t)s->smax) {
		narrow_u64(s, (uint64_t)s->smin, (uint64_t)s->smax);
	} else if (s->umax < (uint64_t)s->smin) {
		s->smin = (int64_t)s->umin;
		narrow_u64(s, 0, (uint64_t)s->smax);
	} else if ((uint64_t)s->smax < s->umin) {
		s->smax = (int64_t)s->umax;
		narrow_u64(s, (uint64_t)s->smin, UINT64_MAX);
	}
}

/* narrow_by_low - at best the lower bound's low half is min, the upper's max: the high halves of the bounds stay. */
static inline void narrow_by_low(struct scalar *s, uint32_t min, uint32_t max)
{
	narrow_u64(s, (s->umin & HIGH) | min, (s->umax & HIGH) | max);
	narrow_s64(s, (int64_t)(((uint64_t)s->smin & HIGH) | min), (int64_t)(((uint64_t)s->smax & HIGH) | max));
}

/* deduce_mixed - sharpen the 64-bit ranges from the 32-bit ones. */
static inline void deduce_mixed(struct scalar *s)
{
	narrow_by_low(s, s->umin32, s->umax32);
	if ((uint32_t)s->smin32 <= (uint32_t)s->smax32)
		narrow_by_low(s, (uint32_t)s->smin32, (uint32_t)s->smax32);
	/* An int32 whose low half is not negative has a high half of 0. */
	if (s->smin32 >= 0 && s->smin >= INT32_MIN && s->smax <= INT32_MAX) {
		s->smin = s->smin32;
		s->smax = s->smax32;
		s->umin = (uint64_t)s->smin;
		s->umax = (uint64_t)s->smax;
		s->bits = tnum_intersect(s->bits, tnum_range(s->umin, s->umax));
	}
}

static inline void deduce(struct scalar *s)
{
	deduce32(s);
	deduce64(s);
	deduce_mixed(s);
}

static inline void bits_from_ranges(struct scalar *s)
{
	struct tnum bits = tnum_intersect(s->bits, tnum_range(s->umin, s->umax));

	s->bits = tnum_with_subreg(bits, tnum_intersect(tnum_subreg(bits), tnum_range(s->umin32, s->umax32)));
}

static inline bool same_ranges(const struct scalar *a, const struct scalar *b)
{
	uint64_t unlike = (a->umin ^ b->umin) | (a->umax ^ b->umax) | (uint64_t)(a->smin ^ b->smin) |
			  (uint64_t)(a->smax ^ b->smax) | (a->umin32 ^ b->umin32) | (a->umax32 ^ b->umax32) |
			  (uint32_t)(a->smin32 ^ b->smin32) | (uint32_t)(a->smax32 ^ b->smax32);

	return !unlike;
}

void scalar_sync(struct scalar *s)
{
	struct scalar c, was;

	/* A constant that all views agree on has nothing to learn. */
	if (scalar_is_const(s)) {
		set_const(&c, s->bits.value);
		if (same_ranges(s, &c))
			return;
	}
	ranges_from_bits(s);
	/* A round that changes no range would do so again: most often the first one is it. */
	for (int round = 0; round < 3; round++) {
		was = *s;
		deduce(s);
		if (same_ranges(s, &was))
			break;
	}
	bits_from_ranges(s);
	ranges_from_bits(s);
}

bool scalar_valid(const struct scalar *s)
{
	if (s->umin > s->umax || s->smin > s->smax || s->umin32 > s->umax32 || s->smin32 > s->smax32)
		return false;
	if (scalar_is_const(s) && (s->umin != s->bits.value || s->umax != s->bits.value ||
				   s->smin != (int64_t)s->bits.value || s->smax != (int64_t)s->bits.value))
		return false;
	if (scalar_is_const32(s)) {
		uint32_t v = (uint32_t)s->bits.value;

		return s->umin32 == v && s->umax32 == v && s->smin32 == (int32_t)v && s->smax32 == (int32_t)v;
	}
	return true;
}

void scalar_forget_ranges(struct scalar *s)
{
	forget_64(s);
	forget_32(s);
}

void scalar_zext32(struct scalar *s)
{
	zero_high(s);
	scalar_sync(s);
}

void scalar_cast(struct scalar *s, uint32_t bytes)
{
	uint64_t keep;

	if (bytes >= 8)
		return;
	keep = ~0ull >> (64 - bytes * 8);
	s->bits = tnum_cast(s->bits, (uint8_t)bytes);
	if ((s->umin ^ s->umax) & ~keep) {
		s->umin = 0;
		s->umax = keep;
	} else {
		s->umin &= keep;
		s->umax &= keep;
	}
	s->smin = (int64_t)s->umin;
	s->smax = (int64_t)s->umax;
	if (bytes < 4)
		forget_32(s);
	scalar_sync(s);
}

static inline int64_t sext(int64_t v, uint32_t bytes)
{
	uint32_t up = 64 - bytes * 8;

	return (int64_t)((uint64_t)v << up) >> up;
}

/*
 * sext64 - a signed range whose members agree in all bits above the new width keeps its order when these bits are replaced
 * by the new sign, as long as that is one sign for all. Else anything of the new width is left.
 */
static inline void sext64(struct scalar *s, uint32_t bytes)
{
	int64_t min = sext(s->smin, bytes), max = sext(s->smax, bytes);

	if (scalar_is_const(s)) {
		set_const(s, (uint64_t)sext((int64_t)s->bits.value, bytes));
		return;
	}
	if (!(((uint64_t)s->smin ^ (uint64_t)s->smax) >> bytes * 8) && (min ^ max) >= 0) {
		s->smin = min < max ? min : max;
		s->smax = min < max ? max : min;
		s->umin = (uint64_t)s->smin;
		s->umax = (uint64_t)s->smax;
		s->smin32 = (int32_t)s->smin;
		s->smax32 = (int32_t)s->smax;
		s->umin32 = (uint32_t)s->smin;
		s->umax32 = (uint32_t)s->smax;
		s->bits = tnum_range(s->umin, s->umax);
		return;
	}
	*s = scalar_unknown();
	s->smax = INT64_MAX >> (64 - bytes * 8);
	s->smin = -s->smax - 1;
	s->smax32 = (int32_t)s->smax;
	s->smin32 = (int32_t)s->smin;
}

/* sext32 - the same within the low half, whose views alone it leaves. */
static inline void sext32(struct scalar *s, uint32_t bytes)
{
	int64_t min = sext(s->smin32, bytes), max = sext(s->smax32, bytes);

	if (scalar_is_const(s)) {
		set_const32(s, (uint32_t)sext((int64_t)s->bits.value, bytes));
		return;
	}
	if (!(((uint32_t)s->smin32 ^ (uint32_t)s->smax32) >> bytes * 8) && (min ^ max) >= 0) {
		s->smin32 = (int32_t)(min < max ? min : max);
		s->smax32 = (int32_t)(min < max ? max : min);
		s->umin32 = (uint32_t)s->smin32;
		s->umax32 = (uint32_t)s->smax32;
		s->bits = tnum_range(s->umin32, s->umax32);
		return;
	}
	s->bits = (struct tnum){0, UINT32_MAX};
	s->smax32 = INT32_MAX >> (32 - bytes * 8);
	s->smin32 = -s->smax32 - 1;
	forget_u32(s);
}

void scalar_sext(struct scalar *s, uint32_t bytes, bool is64)
{
	if (is64) {
		/* No view can sharpen another here. */
		sext64(s, bytes);
		return;
	}
	if (bytes < 4)
		sext32(s, bytes);
	scalar_zext32(s);
}

bool scalar_within(const struct scalar *old, const struct scalar *cur)
{
	return old->umin <= cur->umin && old->umax >= cur->umax && old->smin <= cur->smin && old->smax >= cur->smax &&
	       old->umin32 <= cur->umin32 && old->umax32 >= cur->umax32 && old->smin32 <= cur->smin32 &&
	       old->smax32 >= cur->smax32 && tnum_in(old->bits, cur->bits);
}
