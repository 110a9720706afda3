/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tristate numbers against the sets that they stand for. All pairs of 4-bit tnums are tried with all their members, at places
 * where carries, halves and signs are at stake, the bits around them known and at random. The smallest tnum that holds a set
 * of results is what is common to all of them; where tnum.h promises the smallest, this is what must come out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "verify/tnum.h"
#include "../random.h"

#include <inttypes.h>

enum { WIDTH = 4, MEMBERS = 1 << WIDTH, TNUMS = 81 };

static uint64_t state = 1;

static uint64_t rnd(void)
{
	return splitmix64(&state);
}

/* A tnum and all its members, in ascending order. */
struct set {
	struct tnum t;
	uint32_t n;
	uint64_t x[MEMBERS];
};

/* set_at - the @number-th 4-bit tnum (a digit of base 3 for each bit) at bit @place, between the bits of @around. */
static struct set set_at(uint32_t number, uint32_t place, uint64_t around)
{
	struct set s = {.t = {around & ~((uint64_t)(MEMBERS - 1) << place), 0}};

	for (uint32_t bit = 0; bit < WIDTH; bit++, number /= 3) {
		s.t.value |= (uint64_t)(number % 3 == 1) << (place + bit);
		s.t.mask |= (uint64_t)(number % 3 == 2) << (place + bit);
	}
	for (uint64_t i = 0; i < MEMBERS; i++)
		if (!((i << place) & ~s.t.mask))
			s.x[s.n++] = s.t.value | i << place;
	return s;
}

/* Results gathered; the smallest tnum around them. */
struct hull {
	uint64_t all, any;
};

static const struct hull nothing = {~0ull, 0};

static void gather(struct hull *h, uint64_t x)
{
	h->all &= x;
	h->any |= x;
}

static void expect_smallest(struct tnum t, struct hull h, const char *what)
{
	if (t.value != h.all || t.mask != (h.all ^ h.any))
		fail_msg("%s: (0x%" PRIx64 "; 0x%" PRIx64 ") instead of (0x%" PRIx64 "; 0x%" PRIx64 ")", what, t.value,
			 t.mask, h.all, h.all ^ h.any);
}

static uint64_t add(uint64_t x, uint64_t y)
{
	return x + y;
}

static uint64_t sub(uint64_t x, uint64_t y)
{
	return x - y;
}

static uint64_t and (uint64_t x, uint64_t y)
{
	return x & y;
}

static uint64_t or (uint64_t x, uint64_t y)
{
	return x | y;
}

static uint64_t xor (uint64_t x, uint64_t y) { return x ^ y; }

	static uint64_t low_of(uint64_t x, uint64_t y)
{
	return (x >> 32 << 32) | (uint32_t)y;
}

static const struct {
	const char *name;
	struct tnum (*abstract)(struct tnum a, struct tnum b);
	uint64_t (*concrete)(uint64_t x, uint64_t y);
} operations[] = {
	{"add", tnum_add, add}, {"sub", tnum_sub, sub}, {"and", tnum_and, and},
	{"or", tnum_or, or },   {"xor", tnum_xor, xor}, {"with_subreg", tnum_with_subreg, low_of},
};

/* visit - all pairs of tnums at all places. */
static void visit(void (*check)(const struct set *a, const struct set *b))
{
	static const uint8_t places[] = {0, 1, 5, 12, 28, 30, 31, 32, 47, 59, 60};

	for (uint32_t p = 0; p < sizeof(places); p++)
		for (uint32_t i = 0; i < TNUMS; i++)
			for (uint32_t j = 0; j < TNUMS; j++) {
				struct set a = set_at(i, places[p], p & 1 ? rnd() : 0);
				struct set b = set_at(j, p & 2 ? places[p] : places[(p + 1) % sizeof(places)],
						      p & 1 ? rnd() : 0);

				check(&a, &b);
			}
}

static void check_smallest(const struct set *a, const struct set *b)
{
	for (uint32_t op = 0; op < sizeof(operations) / sizeof(operations[0]); op++) {
		struct hull h = nothing;

		for (uint32_t i = 0; i < a->n; i++)
			for (uint32_t j = 0; j < b->n; j++)
				gather(&h, operations[op].concrete(a->x[i], b->x[j]));
		expect_smallest(operations[op].abstract(a->t, b->t), h, operations[op].name);
	}
}

static void sums_differences_and_bitwise_results_are_the_smallest_tnums(void **unused)
{
	visit(check_smallest);
}

static void check_mul(const struct set *a, const struct set *b)
{
	struct tnum t = tnum_mul(a->t, b->t);

	assert_int_equal(t.value & t.mask, 0);
	for (uint32_t i = 0; i < a->n; i++)
		for (uint32_t j = 0; j < b->n; j++)
			if (!tnum_has(t, a->x[i] * b->x[j]))
				fail_msg("0x%" PRIx64 " * 0x%" PRIx64 " is not in (0x%" PRIx64 "; 0x%" PRIx64 ")",
					 a->x[i], b->x[j], t.value, t.mask);
	if (a->n == 1 && b->n == 1)
		assert_true(tnum_is_const(t));
}

static void a_product_of_members_is_in_the_product(void **unused)
{
	struct tnum t;

	visit(check_mul);
	/* Linux 6.18's: (10x) * (10x) is 1xxxx with bit 1 and 3 known; 6.17's knew less. */
	t = tnum_mul((struct tnum){4, 1}, (struct tnum){4, 1});
	assert_int_equal(t.value, 16);
	assert_int_equal(t.mask, 13);
}

/* Sets: what is in both, in either; whether they meet, and whether one lies in the other. */
static void check_sets(const struct set *a, const struct set *b)
{
	struct hull both = nothing, either = nothing;
	uint32_t common = 0;

	for (uint32_t i = 0; i < a->n; i++) {
		gather(&either, a->x[i]);
		for (uint32_t j = 0; j < b->n; j++)
			if (a->x[i] == b->x[j]) {
				gather(&both, a->x[i]);
				common++;
			}
	}
	for (uint32_t j = 0; j < b->n; j++)
		gather(&either, b->x[j]);
	expect_smallest(tnum_union(a->t, b->t), either, "union");
	assert_int_equal(tnum_overlap(a->t, b->t), common > 0);
	assert_int_equal(tnum_in(a->t, b->t), common == b->n);
	for (uint32_t j = 0; j < b->n; j++)
		assert_int_equal(tnum_has(a->t, b->x[j]), tnum_in(a->t, tnum_const(b->x[j])));
	if (common) {
		expect_smallest(tnum_intersect(a->t, b->t), both, "intersect");
	} else {
		struct tnum t = tnum_intersect(a->t, b->t);

		/* A contradiction becomes a known 1. */
		assert_int_equal(t.mask, a->t.mask & b->t.mask);
		assert_int_equal(t.value, (a->t.value | b->t.value) & ~t.mask);
	}
}

static void sets_meet_unite_and_contain_each_other_exactly(void **unused)
{
	visit(check_sets);
	/* The same place and surroundings, so that they do meet. */
	for (uint32_t place = 0; place <= 60; place += 12)
		for (uint32_t i = 0; i < TNUMS; i++)
			for (uint32_t j = 0; j < TNUMS; j++) {
				uint64_t around = rnd();
				struct set a = set_at(i, place, around), b = set_at(j, place, around);

				check_sets(&a, &b);
			}
}

static uint64_t reversed(uint64_t x, uint32_t bytes)
{
	uint64_t r = 0;

	for (uint32_t i = 0; i < bytes; i++)
		r |= (x >> i * 8 & 0xff) << (bytes - 1 - i) * 8;
	return r;
}

#define UNARY(what, abstract, concrete)                                                                                \
	do {                                                                                                           \
		struct hull h_ = nothing;                                                                              \
                                                                                                                       \
		for (uint32_t i_ = 0; i_ < a->n; i_++) {                                                               \
			uint64_t x = a->x[i_];                                                                         \
                                                                                                                       \
			gather(&h_, (concrete));                                                                       \
		}                                                                                                      \
		expect_smallest((abstract), h_, what);                                                                 \
	} while (0)

static void check_unary(const struct set *a)
{
	uint64_t bits = 0;

	UNARY("neg", tnum_neg(a->t), -x);
	UNARY("subreg", tnum_subreg(a->t), (uint32_t)x);
	for (uint8_t bytes = 1; bytes <= 8; bytes++)
		UNARY("cast", tnum_cast(a->t, bytes), bytes == 8 ? x : x & ((1ull << bytes * 8) - 1));
	for (uint8_t bytes = 2; bytes <= 8; bytes *= 2)
		UNARY("bswap", tnum_bswap(a->t, bytes), reversed(x, bytes));
	for (uint8_t n = 0; n < 64; n++) {
		UNARY("lshift", tnum_lshift(a->t, n), x << n);
		UNARY("rshift", tnum_rshift(a->t, n), x >> n);
		UNARY("arshift", tnum_arshift(a->t, n, 64), (uint64_t)((int64_t)x >> n));
		if (n < 32)
			UNARY("arshift of 32 bits", tnum_arshift(a->t, n, 32), (uint32_t)((int32_t)x >> n));
	}
	for (uint32_t i = 0; i < a->n; i++)
		bits |= a->x[i];
	assert_true(tnum_is_aligned(a->t, 0));
	for (uint32_t i = 0; i < 64; i++)
		assert_int_equal(tnum_is_aligned(a->t, 1ull << i), !(bits & ((1ull << i) - 1)));
	assert_int_equal(tnum_is_const(a->t), a->n == 1);
}

static void shifts_casts_and_swaps_are_the_smallest_tnums(void **unused)
{
	for (uint32_t place = 0; place <= 60; place++)
		for (uint32_t i = 0; i < TNUMS; i++) {
			struct set a = set_at(i, place, place & 1 ? rnd() : 0);

			check_unary(&a);
		}
}

static void a_range_becomes_the_smallest_tnum_around_it(void **unused)
{
	for (uint32_t place = 0; place < 64; place++)
		for (uint32_t i = 0; i < 64; i++)
			for (uint32_t length = 0; length < 40; length++) {
				/* Ranges around a power of two. */
				uint64_t min = (1ull << place) + i - 32, max = min + length;
				struct hull h = nothing;

				if (max < min)
					continue;
				for (uint64_t x = min;; x++) {
					gather(&h, x);
					if (x == max)
						break;
				}
				expect_smallest(tnum_range(min, max), h, "range");
			}
	assert_int_equal(tnum_range(0, ~0ull).mask, ~0ull);
	assert_int_equal(tnum_range(5, 1ull << 63).mask, ~0ull);
}

static void check_step(const struct set *a, uint64_t x)
{
	uint64_t next = a->x[a->n - 1];

	for (uint32_t i = a->n; i-- > 0 && a->x[i] > x;)
		next = a->x[i];
	if (tnum_step(a->t, x) != next)
		fail_msg("(0x%" PRIx64 "; 0x%" PRIx64 ") goes from 0x%" PRIx64 " to 0x%" PRIx64 ", not 0x%" PRIx64,
			 a->t.value, a->t.mask, x, tnum_step(a->t, x), next);
}

static void a_step_leads_to_the_next_member(void **unused)
{
	for (uint32_t place = 0; place <= 60; place++)
		for (uint32_t i = 0; i < TNUMS; i++) {
			struct set a = set_at(i, place, place & 1 ? rnd() : 0);

			for (uint32_t j = 0; j < a.n; j++)
				for (uint64_t near = 0; near < 3; near++) {
					check_step(&a, a.x[j] + near - 1);
					check_step(&a, a.x[j] ^ 1ull << (rnd() & 63));
				}
			check_step(&a, 0);
			check_step(&a, ~0ull);
			check_step(&a, rnd());
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_differences_and_bitwise_results_are_the_smallest_tnums),
		cmocka_unit_test(a_product_of_members_is_in_the_product),
		cmocka_unit_test(sets_meet_unite_and_contain_each_other_exactly),
		cmocka_unit_test(shifts_casts_and_swaps_are_the_smallest_tnums),
		cmocka_unit_test(a_range_becomes_the_smallest_tnum_around_it),
		cmocka_unit_test(a_step_leads_to_the_next_member),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
