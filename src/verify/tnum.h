/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tristate numbers: what is known of each bit of a 64-bit value.
 *
 * A bit of mask says "unknown"; where it is clear, value holds the bit. Invariant: value & mask == 0.
 * The set that {value, mask} stands for is every x with (x & ~mask) == value. Each operation returns a
 * tnum that holds every result of the operation on members of its arguments (soundness); add, sub and the
 * bitwise ones return the smallest such tnum.
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

struct tnum tnum_range(uint64_t min, uint64_t max); /* smallest tnum that holds min..max, unsigned */
struct tnum tnum_add(struct tnum a, struct tnum b);
struct tnum tnum_sub(struct tnum a, struct tnum b);
struct tnum tnum_neg(struct tnum a);
struct tnum tnum_mul(struct tnum a, struct tnum b);
struct tnum tnum_and(struct tnum a, struct tnum b);
struct tnum tnum_or(struct tnum a, struct tnum b);
struct tnum tnum_xor(struct tnum a, struct tnum b);
struct tnum tnum_lshift(struct tnum a, uint8_t n);
struct tnum tnum_rshift(struct tnum a, uint8_t n);
struct tnum tnum_arshift(struct tnum a, uint8_t n, uint8_t width); /* width 32: the low half shifts as int32, the high half becomes 0 */
struct tnum tnum_intersect(struct tnum a, struct tnum b); /* both hold; a conflicting bit takes b's value or a's: the caller keeps them consistent */
struct tnum tnum_union(struct tnum a, struct tnum b); /* either holds */
struct tnum tnum_cast(struct tnum a, uint8_t bytes); /* zero-extends the low bytes */
struct tnum tnum_subreg(struct tnum a); /* low 32 bits, high ones 0 */
struct tnum tnum_with_subreg(struct tnum a, struct tnum low); /* a's high half, low's low half */
bool tnum_in(struct tnum a, struct tnum b); /* every member of b is one of a */
bool tnum_overlap(struct tnum a, struct tnum b); /* they have a member in common */
bool tnum_is_aligned(struct tnum a, uint64_t size); /* every member is a multiple of size, a power of two (0: true) */

#endif
