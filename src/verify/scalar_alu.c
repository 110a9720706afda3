/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scalars: arithmetic. Contract: scalar.h.
 *
 * Theory of operation
 *
 * The low half of a sum, difference, product or bitwise result depends on the operands' low halves only. So these
 * operations compute the 32-bit views from 32-bit views, the 64-bit ones from 64-bit ones and the bits from the bits, each
 * on its own, and scalar_sync() brings them together. A 32-bit operation throws the 64-bit views away afterwards: zero_high().
 * Shifts move bits from one half to the other; there the 32-bit ranges are forgotten and come back from the bits.
 *
 * Ranges are computed at 32 and 64 bits by the same rule. RANGES() writes it down once, for one width.
 */
#include "verify/scalar_views.h"

#include "base/uapi.h"

/*
 * The rules of one width. @n: 32 or 64; @sfx: the suffix of the fields.
 *
 * Sum and difference, unsigned: when the smallest and the largest both wrap, or neither does, everything in between is in
 * order. Signed: neither may overflow. Product: neither bound may overflow; signed, the extremes are among the four
 * products of the bounds.
 * Bitwise: the unsigned bounds are the caller's; they bound the signed value as well if both have one sign.
 */
#define RANGES(n, sfx)                                                                                                 \
	static inline void add_##n(struct scalar *d, const struct scalar *s)                                           \
	{                                                                                                              \
		bool low, high;                                                                                        \
                                                                                                                       \
		low = __builtin_add_overflow(d->smin##sfx, s->smin##sfx, &d->smin##sfx);                               \
		high = __builtin_add_overflow(d->smax##sfx, s->smax##sfx, &d->smax##sfx);                              \
		if (low || high)                                                                                       \
			forget_s##n(d);                                                                                \
		low = __builtin_add_overflow(d->umin##sfx, s->umin##sfx, &d->umin##sfx);                               \
		high = __builtin_add_overflow(d->umax##sfx, s->umax##sfx, &d->umax##sfx);                              \
		if (!low && high)                                                                                      \
			forget_u##n(d);                                                                                \
	}                                                                                                              \
                                                                                                                       \
	static inline void sub_##n(struct scalar *d, const struct scalar *s)                                           \
	{                                                                                                              \
		bool low, high;                                                                                        \
                                                                                                                       \
		low = __builtin_sub_overflow(d->smin##sfx, s->smax##sfx, &d->smin##sfx);                               \
		high = __builtin_sub_overflow(d->smax##sfx, s->smin##sfx, &d->smax##sfx);                              \
		if (low || high)                                                                                       \
			forget_s##n(d);                                                                                \
		low = __builtin_sub_overflow(d->umin##sfx, s->umax##sfx, &d->umin##sfx);                               \
		high = __builtin_sub_overflow(d->umax##sfx, s->umin##sfx, &d->umax##sfx);                              \
		if (low && !high)                                                                                      \
			forget_u##n(d);                                                                                \
	}                                                                                                              \
                                                                                                                       \
	static inline void mul_##n(struct scalar *d, const struct scalar *s)                                           \
	{                                                                                                              \
		int##n##_t p[4], min, max;                                                                             \
		bool over;                                                                                             \
                                                                                                                       \
		over = __builtin_mul_overflow(d->umax##sfx, s->umax##sfx, &d->umax##sfx);                              \
		over |= __builtin_mul_overflow(d->umin##sfx, s->umin##sfx, &d->umin##sfx);                             \
		if (over)                                                                                              \
			forget_u##n(d);                                                                                \
		over = __builtin_mul_overflow(d->smin##sfx, s->smin##sfx, &p[0]);                                      \
		over |= __builtin_mul_overflow(d->smin##sfx, s->smax##sfx, &p[1]);                                     \
		over |= __builtin_mul_overflow(d->smax##sfx, s->smin##sfx, &p[2]);                                     \
		over |= __builtin_mul_overflow(d->smax##sfx, s->smax##sfx, &p[3]);                                     \
		if (over) {                                                                                            \
			forget_s##n(d);                                                                                \
			return;                                                                                        \
		}                                                                                                      \
		min = max = p[0];                                                                                      \
		for (int i = 1; i < 4; i++) {                                                                          \
			min = p[i] < min ? p[i] : min;                                                                 \
			max = p[i] > max ? p[i] : max;                                                                 \
		}                                                                                                      \
		d->smin##sfx = min;                                                                                    \
		d->smax##sfx = max;                                                                                    \
	}                                                                                                              \
                                                                                                                       \
	static inline void bitwise_##n(struct scalar *d, uint##n##_t min, uint##n##_t max)                             \
	{                                                                                                              \
		d->umin##sfx = min;                                                                                    \
		d->umax##sfx = max;                                                                                    \
		if ((int##n##_t)min <= (int##n##_t)max) {                                                              \
			d->smin##sfx = (int##n##_t)min;                                                                \
			d->smax##sfx = (int##n##_t)max;                                                                \
		} else {                                                                                               \
			forget_s##n(d);                                                                                \
		}                                                                                                      \
	}                                                                                                              \
                                                                                                                       \
	static inline uint##n##_t min_u##n(uint##n##_t a, uint##n##_t b)                                               \
	{                                                                                                              \
		return a < b ? a : b;                                                                                  \
	}                                                                                                              \
                                                                                                                       \
	static inline uint##n##_t max_u##n(uint##n##_t a, uint##n##_t b)                                               \
	{                                                                                                              \
		return a > b ? a : b;                                                                                  \
	}

RANGES(32, 32)
RANGES(64, )

/*
 * and_or_xor - a bitwise operation whose bits are in d->bits already.
 *
 * AND is at most the smaller operand, OR at least the greater one; the other bound, and both of XOR's, are the bits' own.
 */
static inline void and_or_xor(uint8_t op, struct scalar *d, const struct scalar *s)
{
	uint64_t low = d->bits.value, high = d->bits.value | d->bits.mask;

	if (scalar_is_const32(d) && scalar_is_const32(s))
		set_const32(d, (uint32_t)low);
	else
		bitwise_32(d, op == BPF_OR ? max_u32(d->umin32, s->umin32) : (uint32_t)low,
			   op == BPF_AND ? min_u32(d->umax32, s->umax32) : (uint32_t)high);
	if (scalar_is_const(d) && scalar_is_const(s)) {
		set_const(d, low);
		return;
	}
	bitwise_64(d, op == BPF_OR ? max_u64(d->umin, s->umin) : low, op == BPF_AND ? min_u64(d->umax, s->umax) : high);
	ranges_from_bits(d);
}

/* What the shift by n does to the unsigned range of a low half: it stays a range unless the top bit may fall out. */
static inline void lsh_u32(struct scalar *d, uint8_t n)
{
	if (n > 31 || d->umax32 > 1u << (31 - n)) {
		forget_u32(d);
	} else {
		d->umin32 <<= n;
		d->umax32 <<= n;
	}
}

static inline void lsh64(struct scalar *d, uint8_t n)
{
	forget_s64(d);
	/* Compilers sign-extend with <<= 32, s>>= 32: the low half's sign becomes the sign. */
	if (n == 32) {
		d->smin = (int64_t)((uint64_t)d->smin32 << 32);
		d->smax = (int64_t)((uint64_t)d->smax32 << 32);
	}
	if (d->umax > 1ull << (63 - n)) {
		forget_u64(d);
	} else {
		d->umin <<= n;
		d->umax <<= n;
	}
	forget_s32(d);
	lsh_u32(d, n);
	d->bits = tnum_lshift(d->bits, n);
	ranges_from_bits(d);
}

static inline void rsh64(struct scalar *d, uint8_t n)
{
	forget_s64(d);
	forget_32(d);
	d->umin >>= n;
	d->umax >>= n;
	d->bits = tnum_rshift(d->bits, n);
	ranges_from_bits(d);
}

static inline void arsh64(struct scalar *d, uint8_t n)
{
	forget_u64(d);
	forget_32(d);
	d->smin >>= n;
	d->smax >>= n;
	d->bits = tnum_arshift(d->bits, n, 64);
	ranges_from_bits(d);
}

/* shift32 - only the low half's views; the rest is zero_high()'s. */
static inline void shift32(uint8_t op, struct scalar *d, uint8_t n)
{
	struct tnum low = tnum_subreg(d->bits);

	if (op == BPF_LSH) {
		forget_s32(d);
		lsh_u32(d, n);
		d->bits = tnum_subreg(tnum_lshift(low, n));
	} else if (op == BPF_RSH) {
		forget_s32(d);
		d->umin32 >>= n;
		d->umax32 >>= n;
		d->bits = tnum_rshift(low, n);
	} else {
		forget_u32(d);
		d->smin32 >>= n;
		d->smax32 >>= n;
		d->bits = tnum_arshift(low, n, 32);
	}
	ranges32_from_bits(d);
}

/* shift_count - the count of a shift if the kernel computes it: a constant below the width. The whole source counts, even in ALU32. */
static inline bool shift_count(const struct scalar *src, bool is64, uint8_t *n)
{
	if (is64 ? !scalar_is_const(src) : !scalar_is_const32(src))
		return false;
	*n = (uint8_t)src->bits.value;
	return src->umax < (is64 ? 64 : 32);
}

void scalar_alu(uint8_t op, int16_t off, bool is64, struct scalar *dst, const struct scalar *src)
{
	const struct scalar s = *src; /* may be dst */
	uint8_t n;

	switch (op) {
	case BPF_ADD:
		add_32(dst, &s);
		if (is64)
			add_64(dst, &s);
		dst->bits = tnum_add(dst->bits, s.bits);
		break;
	case BPF_SUB:
		sub_32(dst, &s);
		if (is64)
			sub_64(dst, &s);
		dst->bits = tnum_sub(dst->bits, s.bits);
		break;
	case BPF_MUL:
		/* No bit of a product depends on higher ones of the factors. */
		if (is64)
			dst->bits = tnum_mul(dst->bits, s.bits);
		else
			dst->bits = tnum_mul(tnum_subreg(dst->bits), tnum_subreg(s.bits));
		mul_32(dst, &s);
		if (is64)
			mul_64(dst, &s);
		break;
	case BPF_AND:
		dst->bits = tnum_and(dst->bits, s.bits);
		and_or_xor(BPF_AND, dst, &s);
		break;
	case BPF_OR:
		dst->bits = tnum_or(dst->bits, s.bits);
		and_or_xor(BPF_OR, dst, &s);
		break;
	case BPF_XOR:
		dst->bits = tnum_xor(dst->bits, s.bits);
		and_or_xor(BPF_XOR, dst, &s);
		break;
	case BPF_LSH:
	case BPF_RSH:
	case BPF_ARSH:
		if (!shift_count(&s, is64, &n)) {
			*dst = scalar_unknown();
			return;
		}
		if (!is64)
			shift32(op, dst, n);
		else if (op == BPF_LSH)
			lsh64(dst, n);
		else if (op == BPF_RSH)
			rsh64(dst, n);
		else
			arsh64(dst, n);
		break;
	default:
		*dst = scalar_unknown();
		return;
	}
	if (!is64)
		zero_high(dst);
	scalar_sync(dst);
}

void scalar_neg(bool is64, struct scalar *dst)
{
	const struct scalar s = *dst;

	*dst = scalar_const(0);
	scalar_alu(BPF_SUB, 0, is64, dst, &s);
}

void scalar_end(bool to_be, bool unconditional, uint32_t bits, struct scalar *dst)
{
	/* Both engines and the kernel here are little-endian: to_le only cuts. */
	if (unconditional || to_be) {
		dst->bits = tnum_bswap(dst->bits, (uint8_t)(bits / 8));
		forget_64(dst);
		forget_32(dst);
	}
	if (bits < 64)
		scalar_cast(dst, bits / 8);
	scalar_sync(dst);
}
