/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tristate numbers: what is known of each bit of a 64-bit value.
 *
 * A bit of mask says "unknown"; where it is clear, value holds the bit. Invariant: value & mask == 0.
 * The set that {value, mask} stands for is every x with (x & ~mask) == value. Each operation returns a
 * tnum that holds every result of the operation on members of its arguments (soundness). All but mul return
 * the smallest such tnum; mul is as sharp as Linux 6.18's.
 *
 * The short ones are inline: they are a handful of instructions, and the innermost of the verifier.
 */
#ifndef SKEP_VERIFY_TNUM_H
#define SKEP_VERIFY_TNUM_H

#include <stdbool.h>
#include <stdint.h>

struct tnum {
	uint64_t value, mask;
};

#define TNUM_UNKNOWN ((struct tnum){0, ~0ull})

static inline struct tnum tnum_const(uint64_t v)
{
	return (struct tnum){v, 0};
}

static inline bool tnum_is_const(struct tnum a)
{
	return !a.mask;
}

/* tnum_range - smallest tnum that holds @min to @max, unsigned: their common leading bits, the rest unknown. */
static inline struct tnum tnum_range(uint64_t min, uint64_t max)
{
	uint64_t unlike = min ^ max, low = unlike ? ~0ull >> __builtin_clzll(unlike) : 0;

	return (struct tnum){min & ~low, low};
}

/*
 * Sum and difference lie between the two extremes that arise when all unknown bits are 0 and when all are 1. A carry can
 * differ from one pair of members to another exactly where the extremes differ.
 */
static inline struct tnum tnum_add(struct tnum a, struct tnum b)
{
	uint64_t low = a.value + b.value, high = low + a.mask + b.mask;
	uint64_t mask = (low ^ high) | a.mask | b.mask;

	return (struct tnum){low & ~mask, mask};
}

static inline struct tnum tnum_sub(struct tnum a, struct tnum b)
{
	uint64_t mid = a.value - b.value;
	uint64_t mask = ((mid + a.mask) ^ (mid - b.mask)) | a.mask | b.mask;

	return (struct tnum){mid & ~mask, mask};
}

static inline struct tnum tnum_neg(struct tnum a)
{
	return tnum_sub(tnum_const(0), a);
}

static inline struct tnum tnum_and(struct tnum a, struct tnum b)
{
	uint64_t ones = a.value & b.value;

	return (struct tnum){ones, (a.value | a.mask) & (b.value | b.mask) & ~ones};
}

static inline struct tnum tnum_or(struct tnum a, struct tnum b)
{
	uint64_t ones = a.value | b.value;

	return (struct tnum){ones, (a.mask | b.mask) & ~ones};
}

static inline struct tnum tnum_xor(struct tnum a, struct tnum b)
{
	uint64_t mask = a.mask | b.mask;

	return (struct tnum){(a.value ^ b.value) & ~mask, mask};
}

/* Shifts: @n below 64; tnum_arshift() with @width 32: below 32. */
static inline struct tnum tnum_lshift(struct tnum a, uint8_t n)
{
	return (struct tnum){a.value << n, a.mask << n};
}

static inline struct tnum tnum_rshift(struct tnum a, uint8_t n)
{
	return (struct tnum){a.value >> n, a.mask >> n};
}

/* tnum_arshift - @width 64; or 32: the low half shifts as int32, the high half becomes 0. */
static inline struct tnum tnum_arshift(struct tnum a, uint8_t n, uint8_t width)
{
	if (width == 32)
		return (struct tnum){(uint32_t)((int32_t)a.value >> n), (uint32_t)((int32_t)a.mask >> n)};
	return (struct tnum){(uint64_t)((int64_t)a.value >> n), (uint64_t)((int64_t)a.mask >> n)};
}

/* tnum_intersect - both hold. Where they contradict each other the bit becomes a known 1, as in the kernel. */
static inline struct tnum tnum_intersect(struct tnum a, struct tnum b)
{
	uint64_t mask = a.mask & b.mask;

	return (struct tnum){(a.value | b.value) & ~mask, mask};
}

/* tnum_union - either holds. */
static inline struct tnum tnum_union(struct tnum a, struct tnum b)
{
	uint64_t mask = (a.value ^ b.value) | a.mask | b.mask;

	return (struct tnum){a.value & b.value & ~mask, mask};
}

/* tnum_cast - the low @bytes (1 to 8), zero-extended. */
static inline struct tnum tnum_cast(struct tnum a, uint8_t bytes)
{
	uint64_t keep = ~0ull >> (64 - bytes * 8);

	return (struct tnum){a.value & keep, a.mask & keep};
}

/* tnum_subreg - low 32 bits, high ones 0. */
static inline struct tnum tnum_subreg(struct tnum a)
{
	return (struct tnum){(uint32_t)a.value, (uint32_t)a.mask};
}

/* tnum_with_subreg - a's high half, low's low half. */
static inline struct tnum tnum_with_subreg(struct tnum a, struct tnum low)
{
	const uint64_t high = ~0ull << 32;

	return (struct tnum){(a.value & high) | (uint32_t)low.value, (a.mask & high) | (uint32_t)low.mask};
}

/* tnum_in - every member of b is one of a. */
static inline bool tnum_in(struct tnum a, struct tnum b)
{
	return !((b.mask | (a.value ^ b.value)) & ~a.mask);
}

/* tnum_has - x is a member of a. */
static inline bool tnum_has(struct tnum a, uint64_t x)
{
	return !((a.value ^ x) & ~a.mask);
}

/* tnum_overlap - they have a member in common. */
static inline bool tnum_overlap(struct tnum a, struct tnum b)
{
	return !((a.value ^ b.value) & ~a.mask & ~b.mask);
}

/* tnum_is_aligned - every member is a multiple of @size, a power of two (0: true). */
static inline bool tnum_is_aligned(struct tnum a, uint64_t size)
{
	return !size || !((a.value | a.mask) & (size - 1));
}

struct tnum tnum_mul(struct tnum a, struct tnum b);

/* tnum_bswap - the low @bytes (2, 4, 8) in reverse order, the others 0. */
struct tnum tnum_bswap(struct tnum a, uint8_t bytes);

/* tnum_step - the smallest member of a that is greater than @x; the greatest member when there is none. */
uint64_t tnum_step(struct tnum a, uint64_t x);

#endif
