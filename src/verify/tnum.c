/* SPDX-License-Identifier: BSD-2-Clause */
/* Tristate numbers: the operations that are more than a few instructions. Contract: tnum.h. */
#include "verify/tnum.h"

/*
 * tnum_mul - long multiplication, bit by bit of a.
 *
 * A known 1 adds b at its place. An unknown bit may or may not: what has been summed up so far, or that plus b. Their
 * union keeps the bits on which both agree, which is what makes the order of the bits matter: low ones first.
 * Bits of a that are a known 0 add nothing, so the loop goes from one other bit to the next. It ends when all that could still
 * change is unknown already, or has been shifted out.
 */
struct tnum tnum_mul(struct tnum a, struct tnum b)
{
	uint64_t lowest = (b.value | b.mask) & -(b.value | b.mask);
	struct tnum sum = {0, 0};

	if (!(a.mask | b.mask))
		return tnum_const(a.value * b.value);
	for (uint64_t left = a.value | a.mask; left; left &= left - 1) {
		uint8_t place = (uint8_t)__builtin_ctzll(left);
		struct tnum more;

		if (!(~sum.mask & -(lowest << place)))
			break;
		more = tnum_add(sum, tnum_lshift(b, place));
		sum = a.mask >> place & 1 ? tnum_union(sum, more) : more;
	}
	return sum;
}

struct tnum tnum_bswap(struct tnum a, uint8_t bytes)
{
	uint8_t gone = (uint8_t)(64 - bytes * 8);

	return (struct tnum){__builtin_bswap64(a.value) >> gone, __builtin_bswap64(a.mask) >> gone};
}

/*
 * tnum_step - look for the smallest member from x + 1 on.
 *
 * That number is a member, or the highest known bit that it has wrong decides. A 0 that must be 1: set it, and all below may
 * be as small as possible. A 1 that must be 0: the unknown bits above it must count one further.
 */
uint64_t tnum_step(struct tnum a, uint64_t x)
{
	uint64_t from = x + 1, wrong, below;

	if (x >= (a.value | a.mask))
		return a.value | a.mask;
	wrong = (from ^ a.value) & ~a.mask;
	if (!wrong)
		return from;
	below = ~0ull >> __builtin_clzll(wrong);
	/* The highest bit of below is the wrong one itself. */
	if (a.value & (below ^ below >> 1))
		return (from & a.mask & ~below) | a.value;
	/* Filled with ones between the unknown bits, the carry passes from one to the next. */
	return (((from | ~a.mask | below) + 1) & a.mask) | a.value;
}
