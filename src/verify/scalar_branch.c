/* SPDX-License-Identifier: BSD-2-Clause */
/* Scalars: comparisons, decided and learnt from. Contract: scalar.h. */
#include "verify/scalar_views.h"

#include "base/uapi.h"

/* One operand as a comparison of one width sees it. */
struct side {
	struct tnum bits;
	int64_t smin, smax;
	uint64_t umin, umax;
};

static inline struct side side_of(const struct scalar *s, bool is32)
{
	if (is32)
		return (struct side){tnum_subreg(s->bits), s->smin32, s->smax32, s->umin32, s->umax32};
	return (struct side){s->bits, s->smin, s->smax, s->umin, s->umax};
}

/* Is x less than y (1), not less (0), or either (-1)? Less or equal? */
#define LESS(a, b, min, max)          ((a).max < (b).min ? 1 : (a).min >= (b).max ? 0 : -1)
#define LESS_OR_EQUAL(a, b, min, max) ((a).max <= (b).min ? 1 : (a).min > (b).max ? 0 : -1)

/* equal - 1, 0 or -1. A comparison of 64 bits may also be decided by the low halves' ranges. */
static inline int equal(const struct scalar *a, const struct scalar *b, bool is32)
{
	struct side x = side_of(a, is32), y = side_of(b, is32);

	if (tnum_is_const(x.bits) && tnum_is_const(y.bits))
		return x.bits.value == y.bits.value;
	if (!tnum_overlap(x.bits, y.bits) || x.umin > y.umax || x.umax < y.umin || x.smin > y.smax || x.smax < y.smin)
		return 0;
	if (!is32 && (a->umin32 > b->umax32 || a->umax32 < b->umin32 || a->smin32 > b->smax32 || a->smax32 < b->smin32))
		return 0;
	return -1;
}

/* common_bits - JSET against a constant: 1 when a known 1 meets one of its, 0 when no bit can. */
static inline int common_bits(struct tnum a, struct tnum b)
{
	if (!tnum_is_const(b)) {
		struct tnum t = a;

		a = b;
		b = t;
	}
	if (!tnum_is_const(b))
		return -1;
	if (a.value & b.value)
		return 1;
	return (a.value | a.mask) & b.value ? -1 : 0;
}

int scalar_branch(const struct scalar *a, const struct scalar *b, uint8_t op, bool is32)
{
	struct side x = side_of(a, is32), y = side_of(b, is32);
	int eq;

	switch (op) {
	case BPF_JEQ:
		return equal(a, b, is32);
	case BPF_JNE:
		eq = equal(a, b, is32);
		return eq < 0 ? eq : !eq;
	case BPF_JSET:
		return common_bits(x.bits, y.bits);
	case BPF_JLT:
		return LESS(x, y, umin, umax);
	case BPF_JGT:
		return LESS(y, x, umin, umax);
	case BPF_JLE:
		return LESS_OR_EQUAL(x, y, umin, umax);
	case BPF_JGE:
		return LESS_OR_EQUAL(y, x, umin, umax);
	case BPF_JSLT:
		return LESS(x, y, smin, smax);
	case BPF_JSGT:
		return LESS(y, x, smin, smax);
	case BPF_JSLE:
		return LESS_OR_EQUAL(x, y, smin, smax);
	case BPF_JSGE:
		return LESS_OR_EQUAL(y, x, smin, smax);
	default:
		return -1;
	}
}

/* refine_equal - both have what both had in common. */
static inline void refine_equal(struct scalar *a, struct scalar *b, bool is32)
{
	if (is32) {
		struct tnum low = tnum_intersect(tnum_subreg(a->bits), tnum_subreg(b->bits));

		narrow_u32(a, b->umin32, b->umax32);
		narrow_s32(a, b->smin32, b->smax32);
		b->umin32 = a->umin32;
		b->umax32 = a->umax32;
		b->smin32 = a->smin32;
		b->smax32 = a->smax32;
		a->bits = tnum_with_subreg(a->bits, low);
		b->bits = tnum_with_subreg(b->bits, low);
	} else {
		narrow_u64(a, b->umin, b->umax);
		narrow_s64(a, b->smin, b->smax);
		b->umin = a->umin;
		b->umax = a->umax;
		b->smin = a->smin;
		b->smax = a->smax;
		a->bits = b->bits = tnum_intersect(a->bits, b->bits);
	}
}

/* refine_unequal - a bound that a must not be moves by one. */
static inline void refine_unequal(struct scalar *a, uint64_t v, bool is32)
{
	if (is32) {
		a->umin32 += a->umin32 == (uint32_t)v;
		a->umax32 -= a->umax32 == (uint32_t)v;
		a->smin32 = (int32_t)((uint32_t)a->smin32 + (a->smin32 == (int32_t)v));
		a->smax32 = (int32_t)((uint32_t)a->smax32 - (a->smax32 == (int32_t)v));
	} else {
		a->umin += a->umin == v;
		a->umax -= a->umax == v;
		a->smin = (int64_t)((uint64_t)a->smin + (a->smin == (int64_t)v));
		a->smax = (int64_t)((uint64_t)a->smax - (a->smax == (int64_t)v));
	}
}

/* refine_bits - a & v is not 0: known when v is one bit. Or it is 0: all of v's bits are 0 in a. */
static inline void refine_bits(struct scalar *a, uint64_t v, bool is32, bool set)
{
	struct tnum bits;

	if (is32)
		v = (uint32_t)v;
	if (set) {
		if (__builtin_popcountll(v) != 1)
			return;
		bits = tnum_or(a->bits, tnum_const(v));
	} else {
		/* The ranges come back from the bits alone. */
		forget_64(a);
		forget_32(a);
		bits = tnum_and(a->bits, tnum_const(~v));
	}
	a->bits = bits;
}

/* less - a < b, or a <= b when @over is 0. Bounds move by @over, modulo their width. */
#define REFINE_LESS(a, b, type, min, max, over)                                                                        \
	do {                                                                                                           \
		type most = (type)((uint64_t)(b)->max - (over)), least;                                                \
                                                                                                                       \
		(a)->max = (a)->max < most ? (a)->max : most;                                                          \
		least = (type)((uint64_t)(a)->min + (over));                                                           \
		(b)->min = (b)->min > least ? (b)->min : least;                                                        \
	} while (0)

/* The comparison that holds where @op does not. JSET has none: 0. */
static inline uint8_t negated(uint8_t op)
{
	static const uint8_t not [16] = {
		[BPF_JEQ >> 4] = BPF_JNE,   [BPF_JNE >> 4] = BPF_JEQ,   [BPF_JGT >> 4] = BPF_JLE,
		[BPF_JLE >> 4] = BPF_JGT,   [BPF_JGE >> 4] = BPF_JLT,   [BPF_JLT >> 4] = BPF_JGE,
		[BPF_JSGT >> 4] = BPF_JSLE, [BPF_JSLE >> 4] = BPF_JSGT, [BPF_JSGE >> 4] = BPF_JSLT,
		[BPF_JSLT >> 4] = BPF_JSGE,
	};

	return not [op >> 4];
}

static inline void refine(struct scalar *a, struct scalar *b, uint8_t op, bool is32, bool taken)
{
	struct scalar *t;

	if (op != BPF_JSET && !taken)
		op = negated(op);
	switch (op) {
	case BPF_JSET:
	case BPF_JNE:
		/* Only a constant teaches something, whichever side it is on. */
		if (is32 ? !scalar_is_const32(b) : !scalar_is_const(b)) {
			t = a;
			a = b;
			b = t;
		}
		if (is32 ? !scalar_is_const32(b) : !scalar_is_const(b))
			return;
		if (op == BPF_JNE)
			refine_unequal(a, b->bits.value, is32);
		else
			refine_bits(a, b->bits.value, is32, taken);
		return;
	case BPF_JEQ:
		refine_equal(a, b, is32);
		return;
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSGT:
	case BPF_JSGE:
		t = a;
		a = b;
		b = t;
		break;
	default:
		break;
	}
	switch (op) {
	case BPF_JLT:
	case BPF_JGT:
		if (is32)
			REFINE_LESS(a, b, uint32_t, umin32, umax32, 1);
		else
			REFINE_LESS(a, b, uint64_t, umin, umax, 1);
		break;
	case BPF_JLE:
	case BPF_JGE:
		if (is32)
			REFINE_LESS(a, b, uint32_t, umin32, umax32, 0);
		else
			REFINE_LESS(a, b, uint64_t, umin, umax, 0);
		break;
	case BPF_JSLT:
	case BPF_JSGT:
		if (is32)
			REFINE_LESS(a, b, int32_t, smin32, smax32, 1);
		else
			REFINE_LESS(a, b, int64_t, smin, smax, 1);
		break;
	case BPF_JSLE:
	case BPF_JSGE:
		if (is32)
			REFINE_LESS(a, b, int32_t, smin32, smax32, 0);
		else
			REFINE_LESS(a, b, int64_t, smin, smax, 0);
		break;
	default:
		break;
	}
}

void scalar_refine(struct scalar *a, struct scalar *b, uint8_t op, bool is32, bool taken)
{
	refine(a, b, op, is32, taken);
	scalar_sync(a);
	scalar_sync(b);
}
