/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scalars against the numbers that they stand for. A scalar is built around a few numbers; operations are applied to both, and
 * the numbers must stay inside. Numbers lie where ranges break: around 0, the two signs, the halves.
 *
 * Sharpness is not this test's affair, but the kernel's: kernel_scalar.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/uapi.h"
#include "verify/scalar.h"
#include "../random.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { POINTS = 6 };

static const uint8_t alu_ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_AND,
				  BPF_OR,  BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH};
static const uint8_t jump_ops[] = {BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				   BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};

static uint64_t state = 1;

static uint64_t rnd(void)
{
	return splitmix64(&state);
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(((rnd() >> 32) * n) >> 32);
}

static uint64_t some_number(void)
{
	static const uint64_t edges[] = {0,
					 0x7f,
					 0xff,
					 0x7fff,
					 0xffff,
					 0x7fffffff,
					 0xffffffff,
					 0x17fffffff,
					 INT64_MAX,
					 UINT64_MAX,
					 0xffffffff7fffffff,
					 0x7fffffff7fffffff,
					 0xfffffffeffffffff};

	switch (below(4)) {
	case 0:
		return edges[below(COUNT(edges))] + below(5) - 2;
	case 1:
		return (1ull << below(64)) + below(5) - 2;
	case 2:
		return (uint64_t)((int64_t)rnd() >> below(64));
	default:
		return below(80);
	}
}

/* holds - x is in every view of s. */
static bool holds(const struct scalar *s, uint64_t x)
{
	return tnum_has(s->bits, x) && s->umin <= x && x <= s->umax && s->smin <= (int64_t)x && (int64_t)x <= s->smax &&
	       s->umin32 <= (uint32_t)x && (uint32_t)x <= s->umax32 && s->smin32 <= (int32_t)x &&
	       (int32_t)x <= s->smax32;
}

static void expect_holds(const struct scalar *s, uint64_t x, const char *what, uint8_t op, uint64_t from, uint64_t with)
{
	char text[512];

	if (holds(s, x))
		return;
	scalar_format(s, text, sizeof(text));
	fail_msg("%s 0x%x of 0x%" PRIx64 ", 0x%" PRIx64 ": 0x%" PRIx64 " is not in scalar(%s)", what, op, from, with, x,
		 text);
}

/* hull - what the views say, each on its own, of some numbers; not synced. */
static struct scalar hull(const uint64_t *x, uint32_t n)
{
	struct scalar s = scalar_const(x[0]);

	for (uint32_t i = 1; i < n; i++) {
		struct scalar c = scalar_const(x[i]);

		s.bits = tnum_union(s.bits, c.bits);
		s.umin = c.umin < s.umin ? c.umin : s.umin;
		s.umax = c.umax > s.umax ? c.umax : s.umax;
		s.smin = c.smin < s.smin ? c.smin : s.smin;
		s.smax = c.smax > s.smax ? c.smax : s.smax;
		s.umin32 = c.umin32 < s.umin32 ? c.umin32 : s.umin32;
		s.umax32 = c.umax32 > s.umax32 ? c.umax32 : s.umax32;
		s.smin32 = c.smin32 < s.smin32 ? c.smin32 : s.smin32;
		s.smax32 = c.smax32 > s.smax32 ? c.smax32 : s.smax32;
	}
	return s;
}

/* blur - some views forget what they know. */
static void blur(struct scalar *s)
{
	uint32_t what = (uint32_t)rnd();
	struct scalar u = scalar_unknown();

	if (what & 1)
		s->bits = u.bits;
	if (what & 2)
		s->bits.mask |= rnd() & rnd() & rnd(), s->bits.value &= ~s->bits.mask;
	if (what & 4)
		s->umin = u.umin;
	if (what & 8)
		s->umax = u.umax;
	if (what & 16)
		s->smin = u.smin;
	if (what & 32)
		s->smax = u.smax;
	if (what & 64)
		s->umin32 = u.umin32, s->umax32 = u.umax32;
	if (what & 128)
		s->smin32 = u.smin32, s->smax32 = u.smax32;
}

/* some_scalar - one that holds @n numbers, stored in @x. */
static struct scalar some_scalar(uint64_t *x, uint32_t n)
{
	struct scalar s;
	uint32_t near = below(3);

	x[0] = some_number();
	for (uint32_t i = 1; i < n; i++)
		x[i] = near == 0 ? x[0] : near == 1 ? x[0] + below(16) : some_number();
	s = hull(x, n);
	if (near)
		blur(&s);
	scalar_sync(&s);
	for (uint32_t i = 0; i < n; i++)
		expect_holds(&s, x[i], "sync", 0, 0, 0);
	assert_true(scalar_valid(&s));
	return s;
}

/* What the instruction computes (RFC 9669, 4.1), from the definition. */
static uint64_t concrete_alu(uint8_t op, bool is_signed, bool is64, uint64_t x, uint64_t y)
{
	uint32_t width = is64 ? 64 : 32;
	int64_t sx, sy;

	if (!is64) {
		x = (uint32_t)x;
		y = (uint32_t)y;
	}
	sx = is64 ? (int64_t)x : (int32_t)x;
	sy = is64 ? (int64_t)y : (int32_t)y;
	switch (op) {
	case BPF_ADD:
		x += y;
		break;
	case BPF_SUB:
		x -= y;
		break;
	case BPF_MUL:
		x *= y;
		break;
	case BPF_DIV:
		if (is_signed)
			x = sy == 0 ? 0 : sy == -1 ? -(uint64_t)sx : (uint64_t)(sx / sy);
		else
			x = y ? x / y : 0;
		break;
	case BPF_MOD:
		if (is_signed)
			x = sy == 0 ? x : sy == -1 ? 0 : (uint64_t)(sx % sy);
		else
			x = y ? x % y : x;
		break;
	case BPF_AND:
		x &= y;
		break;
	case BPF_OR:
		x |= y;
		break;
	case BPF_XOR:
		x ^= y;
		break;
	case BPF_LSH:
		x <<= y & (width - 1);
		break;
	case BPF_RSH:
		x >>= y & (width - 1);
		break;
	case BPF_ARSH:
		x = (uint64_t)(sx >> (y & (width - 1)));
		break;
	default:
		fail();
	}
	return is64 ? x : (uint32_t)x;
}

static bool concrete_jump(uint8_t op, bool is32, uint64_t x, uint64_t y)
{
	int64_t sx = is32 ? (int32_t)x : (int64_t)x, sy = is32 ? (int32_t)y : (int64_t)y;

	if (is32) {
		x = (uint32_t)x;
		y = (uint32_t)y;
	}
	switch (op) {
	case BPF_JEQ:
		return x == y;
	case BPF_JNE:
		return x != y;
	case BPF_JGT:
		return x > y;
	case BPF_JGE:
		return x >= y;
	case BPF_JLT:
		return x < y;
	case BPF_JLE:
		return x <= y;
	case BPF_JSGT:
		return sx > sy;
	case BPF_JSGE:
		return sx >= sy;
	case BPF_JSLT:
		return sx < sy;
	case BPF_JSLE:
		return sx <= sy;
	default:
		return (x & y) != 0;
	}
}

static uint64_t swapped(uint64_t x, uint32_t bits)
{
	return __builtin_bswap64(x) >> (64 - bits);
}

static uint64_t cut(uint64_t x, uint32_t bits)
{
	return bits == 64 ? x : x & ((1ull << bits) - 1);
}

/* try_alu - every operation of two scalars, with all pairs of their numbers. */
static void try_alu(const struct scalar *a, const uint64_t *x, uint32_t nx, const struct scalar *b, const uint64_t *y,
		    uint32_t ny)
{
	for (uint32_t k = 0; k < COUNT(alu_ops) * 4; k++) {
		uint8_t op = alu_ops[k / 4];
		bool is64 = k & 1, is_signed = k & 2;
		struct scalar d = *a;

		if (is_signed && op != BPF_DIV && op != BPF_MOD)
			continue;
		scalar_alu(op, is_signed, is64, &d, b);
		for (uint32_t i = 0; i < nx; i++)
			for (uint32_t j = 0; j < ny; j++)
				expect_holds(&d, concrete_alu(op, is_signed, is64, x[i], y[j]),
					     is64 ? "alu64" : "alu32", op, x[i], y[j]);
	}
}

/* try_jumps - every comparison: what is decided is true of all pairs, what is learnt excludes none. */
static void try_jumps(const struct scalar *a, const uint64_t *x, uint32_t nx, const struct scalar *b, const uint64_t *y,
		      uint32_t ny)
{
	for (uint32_t k = 0; k < COUNT(jump_ops) * 2; k++) {
		uint8_t op = jump_ops[k / 2];
		bool is32 = k & 1;
		int verdict = scalar_branch(a, b, op, is32);
		struct scalar sides[2][2] = {{*a, *b}, {*a, *b}};

		for (uint32_t taken = 0; verdict < 0 && taken < 2; taken++)
			scalar_refine(&sides[taken][0], &sides[taken][1], op, is32, taken);
		for (uint32_t i = 0; i < nx; i++)
			for (uint32_t j = 0; j < ny; j++) {
				bool taken = concrete_jump(op, is32, x[i], y[j]);

				if (verdict >= 0) {
					if (verdict != taken)
						fail_msg("jump%s 0x%x of 0x%" PRIx64 ", 0x%" PRIx64
							 " is decided wrongly",
							 is32 ? "32" : "", op, x[i], y[j]);
					continue;
				}
				expect_holds(&sides[taken][0], x[i], taken ? "jump taken" : "jump not taken", op, x[i],
					     y[j]);
				expect_holds(&sides[taken][1], y[j], taken ? "jump taken" : "jump not taken", op, x[i],
					     y[j]);
			}
	}
}

/* try_unary - everything that changes one scalar. */
static void try_unary(const struct scalar *a, const uint64_t *x, uint32_t n)
{
	struct scalar d;

#define TRY(what, call, result)                                                                                        \
	do {                                                                                                           \
		d = *a;                                                                                                \
		call;                                                                                                  \
		for (uint32_t i = 0; i < n; i++)                                                                       \
			expect_holds(&d, (result), what, 0, x[i], 0);                                                  \
	} while (0)

	TRY("neg64", scalar_neg(true, &d), -x[i]);
	TRY("neg32", scalar_neg(false, &d), (uint32_t)-x[i]);
	TRY("zext32", scalar_zext32(&d), (uint32_t)x[i]);
	for (uint32_t bits = 16; bits <= 64; bits *= 2) {
		TRY("le", scalar_end(false, false, bits, &d), cut(x[i], bits));
		TRY("be", scalar_end(true, false, bits, &d), swapped(x[i], bits));
		TRY("bswap", scalar_end(false, true, bits, &d), swapped(x[i], bits));
	}
	for (uint32_t bytes = 1; bytes <= 8; bytes *= 2)
		TRY("cast", scalar_cast(&d, bytes), cut(x[i], bytes * 8));
	TRY("sext8", scalar_sext(&d, 1, true), (uint64_t)(int8_t)x[i]);
	TRY("sext16", scalar_sext(&d, 2, true), (uint64_t)(int16_t)x[i]);
	TRY("sext32", scalar_sext(&d, 4, true), (uint64_t)(int32_t)x[i]);
	TRY("sext8 to 32", scalar_sext(&d, 1, false), (uint32_t)(int8_t)x[i]);
	TRY("sext16 to 32", scalar_sext(&d, 2, false), (uint32_t)(int16_t)x[i]);
	TRY("sext32 to 32", scalar_sext(&d, 4, false), (uint32_t)x[i]);
#undef TRY
}

static void random_numbers_stay_inside_whatever_is_done(void **unused)
{
	for (uint32_t round = 0; round < 60000; round++) {
		uint64_t x[POINTS], y[POINTS];
		uint32_t nx = below(POINTS) + 1, ny = below(POINTS) + 1;
		struct scalar a = some_scalar(x, nx), b = some_scalar(y, ny);

		try_alu(&a, x, nx, &b, y, ny);
		try_jumps(&a, x, nx, &b, y, ny);
		try_unary(&a, x, nx);
	}
}

/* Shift counts are small constants, which random numbers hardly ever are. */
static void shifts_by_every_count_keep_the_numbers_inside(void **unused)
{
	for (uint32_t round = 0; round < 2000; round++) {
		uint64_t x[POINTS];
		uint32_t nx = below(POINTS) + 1;
		struct scalar a = some_scalar(x, nx);

		for (uint64_t count = 0; count < 64; count++)
			for (uint32_t k = 0; k < 6; k++) {
				static const uint8_t ops[] = {BPF_LSH, BPF_RSH, BPF_ARSH};
				struct scalar d = a, c = scalar_const(count);

				scalar_alu(ops[k / 2], 0, k & 1, &d, &c);
				for (uint32_t i = 0; i < nx; i++)
					expect_holds(&d, concrete_alu(ops[k / 2], false, k & 1, x[i], count), "shift",
						     ops[k / 2], x[i], count);
			}
	}
}

static void all_short_ranges_at_the_edges_keep_their_numbers_inside(void **unused)
{
	static const uint64_t edges[] = {0, 1ull << 31, 1ull << 32, 1ull << 63, 0xffffffff80000000};
	enum { WINDOW = 5, RANGES = WINDOW * (WINDOW + 1) / 2 };
	static struct {
		struct scalar s;
		uint64_t x[WINDOW];
		uint32_t n;
	} all[COUNT(edges) * RANGES];
	uint32_t n = 0;

	for (uint32_t e = 0; e < COUNT(edges); e++)
		for (uint64_t from = 0; from < WINDOW; from++)
			for (uint64_t to = from; to < WINDOW; to++, n++) {
				for (uint64_t v = from; v <= to; v++)
					all[n].x[all[n].n++] = edges[e] - WINDOW / 2 + v;
				all[n].s = hull(all[n].x, all[n].n);
				scalar_sync(&all[n].s);
			}
	assert_int_equal(n, COUNT(all));
	for (uint32_t i = 0; i < n; i++) {
		try_unary(&all[i].s, all[i].x, all[i].n);
		for (uint32_t j = 0; j < n; j++) {
			try_alu(&all[i].s, all[i].x, all[i].n, &all[j].s, all[j].x, all[j].n);
			try_jumps(&all[i].s, all[i].x, all[i].n, &all[j].s, all[j].x, all[j].n);
		}
	}
}

/* A chain leads to scalars that no hull is: each step takes what the last one left. */
static void chains_of_operations_never_lose_the_number(void **unused)
{
	for (uint32_t round = 0; round < 60000; round++) {
		uint64_t v[3];
		struct scalar s[3];

		for (uint32_t i = 0; i < 3; i++) {
			uint64_t x[POINTS];

			s[i] = some_scalar(x, below(POINTS) + 1);
			v[i] = x[0];
		}
		for (uint32_t step = 0; step < 24; step++) {
			uint32_t i = below(3), j = below(3);
			uint64_t was = v[i], with = v[j];
			uint8_t op = alu_ops[below(COUNT(alu_ops))];
			bool is64 = below(2);

			switch (below(4)) {
			case 0:
				scalar_alu(op, 0, is64, &s[i], &s[j]);
				v[i] = concrete_alu(op, false, is64, was, with);
				break;
			case 1: {
				static const uint32_t bytes[] = {1, 2, 4};
				uint32_t n = bytes[below(3)];

				scalar_sext(&s[i], n, true);
				v[i] = (uint64_t)((int64_t)(was << (64 - n * 8)) >> (64 - n * 8));
				op = 0;
				break;
			}
			default: {
				int verdict;
				bool taken;

				op = jump_ops[below(COUNT(jump_ops))];
				verdict = scalar_branch(&s[i], &s[j], op, !is64);
				taken = concrete_jump(op, !is64, was, with);
				if (verdict >= 0)
					assert_int_equal(verdict, taken);
				else
					scalar_refine(&s[i], &s[j], op, !is64, taken);
				assert_true(scalar_valid(&s[i]) && scalar_valid(&s[j]));
				expect_holds(&s[j], v[j], "chain", op, was, with);
				break;
			}
			}
			expect_holds(&s[i], v[i], "chain", op, was, with);
		}
	}
}

static void within_means_that_no_number_is_lost(void **unused)
{
	uint32_t inside = 0;

	for (uint32_t round = 0; round < 200000; round++) {
		uint64_t x[POINTS], y[POINTS];
		uint32_t nx = below(POINTS) + 1, ny = below(POINTS) + 1;
		struct scalar a = some_scalar(x, nx), b, u = scalar_unknown();

		/* Half of the time a's own numbers, so that one does lie in the other. */
		if (below(2)) {
			for (uint32_t i = 0; i < ny; i++)
				y[i] = x[below(nx)];
			b = hull(y, ny);
			scalar_sync(&b);
		} else {
			b = some_scalar(y, ny);
		}
		assert_true(scalar_within(&a, &a));
		assert_true(scalar_within(&u, &a));
		if (!scalar_within(&a, &b))
			continue;
		inside++;
		for (uint32_t i = 0; i < ny; i++)
			expect_holds(&a, y[i], "within", 0, 0, 0);
	}
	assert_true(inside > 50000);
}

/* Each view alone decides. */
static void a_wider_view_is_not_within(void **unused)
{
	const struct scalar old = {{0, 0xff}, 1, 200, 1, 200, 1, 200, 1, 200};
	struct scalar cur;

	assert_true(scalar_within(&old, &old));
#define WIDER(field, value)                                                                                            \
	do {                                                                                                           \
		cur = old;                                                                                             \
		cur.field = (value);                                                                                   \
		assert_false(scalar_within(&old, &cur));                                                               \
		assert_true(scalar_within(&cur, &old));                                                                \
	} while (0)
	WIDER(smin, -1);
	WIDER(smax, 201);
	WIDER(umin, 0);
	WIDER(umax, 201);
	WIDER(smin32, -1);
	WIDER(smax32, 201);
	WIDER(umin32, 0);
	WIDER(umax32, 201);
	WIDER(bits.mask, 0x1ff);
#undef WIDER
}

static void what_no_number_can_be_is_not_valid(void **unused)
{
	struct scalar a = scalar_unknown(), b = a;

	a.umax32 = 10;
	b.umin32 = 20;
	b.umax32 = 30;
	scalar_sync(&a);
	scalar_sync(&b);
	assert_true(scalar_valid(&a) && scalar_valid(&b));
	assert_int_equal(scalar_branch(&a, &b, BPF_JEQ, true), 0);
	scalar_refine(&a, &b, BPF_JEQ, true, true);
	assert_false(scalar_valid(&a));
	assert_false(scalar_valid(&b));
	scalar_forget_ranges(&a);
	assert_int_equal(a.umax, UINT64_MAX);
	assert_int_equal(a.smin32, INT32_MIN);

	for (uint32_t i = 0; i < 8; i++) {
		struct scalar s = scalar_unknown();

		s.umin = i == 0 ? 1 : 0;
		s.umax = i == 0 ? 0 : UINT64_MAX;
		s.smin = i == 1 ? 1 : INT64_MIN;
		s.smax = i == 1 ? 0 : INT64_MAX;
		s.umin32 = i == 2 ? 1 : 0;
		s.umax32 = i == 2 ? 0 : UINT32_MAX;
		s.smin32 = i == 3 ? 1 : INT32_MIN;
		s.smax32 = i == 3 ? 0 : INT32_MAX;
		if (i >= 4) {
			/* A constant that a range does not know of. */
			s = scalar_const(7);
			if (i == 4)
				s.umax = 8;
			else if (i == 5)
				s.smin = 6;
			else if (i == 6)
				s.umax32 = 8;
			else
				s.smin32 = 6;
		}
		assert_false(scalar_valid(&s));
	}
}

static void expect_text(struct scalar s, const char *text)
{
	char buf[512];

	scalar_sync(&s);
	assert_int_equal(scalar_format(&s, buf, sizeof(buf)), strlen(text));
	assert_string_equal(buf, text);
}

static void the_text_is_that_of_the_kernels_log(void **unused)
{
	struct scalar s = scalar_unknown(), c = scalar_const(255);
	char buf[512], small[8];

	expect_text(s, "");
	scalar_alu(BPF_AND, 0, true, &s, &c);
	expect_text(s, "smin=smin32=0,smax=umax=smax32=umax32=255,var_off=(0x0; 0xff)");
	s = scalar_unknown();
	scalar_sext(&s, 2, true);
	expect_text(s, "smin=smin32=-32768,smax=smax32=32767");
	s = scalar_unknown();
	scalar_zext32(&s);
	expect_text(s, "smin=0,smax=umax=0xffffffff,var_off=(0x0; 0xffffffff)");
	/* Joined only in the same sign; 32-bit bounds in hexadecimal are not sign-extended. */
	s = scalar_unknown();
	s.smin = s.smin32 = -32769;
	s.smax = s.smax32 = -2;
	expect_text(s, "smin=0xffffffffffff7fff,smax=smax32=-2,umin=0xffffffffffff7fff,umax=0xfffffffffffffffe,"
		       "smin32=umin32=0xffff7fff,umax32=0xfffffffe,var_off=(0xffffffffffff0000; 0xffff)");
	assert_int_equal(scalar_format_const(UINT64_MAX, buf, sizeof(buf)), 2);
	assert_string_equal(buf, "-1");
	scalar_format_const(32768, buf, sizeof(buf));
	assert_string_equal(buf, "0x8000");
	/* A buffer that is too small is filled, and ended. */
	memset(small, 'x', sizeof(small));
	assert_int_equal(scalar_format(&s, small, sizeof(small) - 1), 6);
	assert_string_equal(small, "smin=0");
	assert_int_equal(small[7], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_numbers_stay_inside_whatever_is_done),
		cmocka_unit_test(shifts_by_every_count_keep_the_numbers_inside),
		cmocka_unit_test(all_short_ranges_at_the_edges_keep_their_numbers_inside),
		cmocka_unit_test(chains_of_operations_never_lose_the_number),
		cmocka_unit_test(within_means_that_no_number_is_lost),
		cmocka_unit_test(a_wider_view_is_not_within),
		cmocka_unit_test(what_no_number_can_be_is_not_valid),
		cmocka_unit_test(the_text_is_that_of_the_kernels_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
