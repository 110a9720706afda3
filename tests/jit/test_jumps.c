// SPDX-License-Identifier: BSD-2-Clause
/* Jumps: the short form exactly where it reaches, and the right target whatever the form. */
#include "both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

enum { SHORT_JMP = 2, LONG_JMP = 5, SHORT_JCC = 2, LONG_JCC = 6 };

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

/* Bytes of code for no effect: r5 = 0 (xor, 3 bytes), or r2 = 0 (2 bytes). */
static void filler(struct builder *b, uint32_t bytes)
{
	if (bytes % 2) {
		build(b, INSN_MOV64_K, 5, 0, 0, 0);
		bytes -= 3;
	}
	for (; bytes; bytes -= 2)
		build(b, INSN_MOV64_K, 2, 0, 0, 0);
}

static uint32_t code_size(const struct both *p, uint32_t insn)
{
	const uint32_t *offset = p->objs[ENGINE_JIT_PLAIN]->insn_offset;

	return offset[insn + 1] - offset[insn];
}

static uint64_t run_all(struct both *p, uint64_t r1)
{
	const uint64_t args[5] = {r1};
	struct skep_env env = {0};
	uint64_t want = both_run(p, ENGINE_VM, args, &env);

	for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++)
		assert_int_equal(both_run(p, e, args, &env), want);
	return want;
}

static void forward_jumps_are_short_up_to_127_bytes(void **state)
{
	for (uint32_t bytes = 110; bytes < 145; bytes++) {
		struct builder b = {0};
		struct both p = {0};
		uint32_t jump;

		build(&b, INSN_MOV64_K, 0, 0, 0, 1);
		jump = build(&b, INSN_JEQ64_K, 1, 0, 0, 0);
		filler(&b, bytes - 2);
		build(&b, INSN_MOV64_K, 0, 0, 0, 0);
		build_land(&b, jump);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		/* test rdi, rdi takes three bytes before the jump itself. */
		assert_int_equal(code_size(&p, jump), 3 + (bytes <= 127 ? SHORT_JCC : LONG_JCC));
		assert_int_equal(run_all(&p, 0), 1);
		assert_int_equal(run_all(&p, 1), 0);
		both_free(&p);
		build_free(&b);
	}
}

static void backward_jumps_are_short_down_to_128_bytes(void **state)
{
	for (uint32_t bytes = 100; bytes < 145; bytes++) {
		struct builder b = {0};
		struct both p = {0};
		uint32_t head, jump;

		build(&b, INSN_MOV64_K, 0, 0, 0, 0);
		head = build(&b, INSN_ADD64_K, 0, 0, 0, 3);
		filler(&b, bytes);
		build(&b, INSN_ADD64_K, 1, 0, 0, -1);
		jump = b.n;
		build(&b, INSN_JSGT64_K, 1, 0, (int64_t)head - jump - 1, 0);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		/* Two additions of four bytes, a test of three, and the jump itself lie between. */
		assert_int_equal(code_size(&p, jump),
				 3 + (bytes + 4 + 4 + 3 + SHORT_JCC <= 128 ? SHORT_JCC : LONG_JCC));
		assert_int_equal(run_all(&p, 7), 21);
		both_free(&p);
		build_free(&b);
	}
}

static void unconditional_jumps_too(void **state)
{
	static const enum insn_op ops[] = {INSN_JA, INSN_GOTOL};

	for (uint32_t n = 0; n < 2 * 40; n++) {
		uint32_t bytes = 105 + n / 2, jump;
		struct builder b = {0};
		struct both p = {0};

		build(&b, INSN_MOV64_K, 0, 0, 0, 5);
		jump = build(&b, ops[n % 2], 0, 0, 0, 0);
		filler(&b, bytes - 2);
		build(&b, INSN_MOV64_K, 0, 0, 0, 0);
		build_land(&b, jump);
		build(&b, INSN_ADD64_K, 0, 0, 0, 1);
		build(&b, INSN_EXIT, 0, 0, 0, 0);
		assert_int_equal(both_make(&p, &b), 0);
		assert_int_equal(code_size(&p, jump), bytes <= 127 ? SHORT_JMP : LONG_JMP);
		assert_int_equal(run_all(&p, 0), 6);
		both_free(&p);
		build_free(&b);
	}
}

/* Each jump comes into reach only once the one within it has shrunk. */
static void jumps_shrink_in_turn(void **state)
{
	enum { NESTED = 20 };
	uint32_t jumps[NESTED];
	struct builder b = {0};
	struct both p = {0};

	build(&b, INSN_MOV64_K, 0, 0, 0, 1);
	for (int i = 0; i < NESTED; i++)
		jumps[i] = build(&b, i % 2 ? INSN_JEQ64_K : INSN_JEQ32_K, 1, 0, 0,
				 i); /* of one width they were a switch */
	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	for (int i = NESTED; i-- > 0;)
		build_land(&b, jumps[i]);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	for (int i = 0; i < NESTED; i++) {
		/* cmp edi, imm8 is three bytes, test edi, edi two, and either has a prefix for 64 bits. */
		assert_int_equal(code_size(&p, jumps[i]), (i ? 3 : 2) + i % 2 + SHORT_JCC);
		assert_int_equal(run_all(&p, (uint64_t)i), 1);
	}
	assert_int_equal(run_all(&p, NESTED), 0);
	both_free(&p);
	build_free(&b);
}

static void jumps_reach_across_a_large_program(void **state)
{
	struct builder b = {0};
	struct both p = {0};
	uint32_t far, back;

	far = build(&b, INSN_GOTOL, 0, 0, 0, 0);
	back = build(&b, INSN_MOV64_K, 0, 0, 0, 77);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	for (int i = 0; i < 200000; i++)
		build(&b, INSN_ADD64_K, 1, 0, 0, 1000);
	build_land(&b, far);
	build(&b, INSN_GOTOL, 0, 0, 0, (int64_t)back - b.n - 1);
	assert_int_equal(both_make(&p, &b), 0);
	assert_int_equal(run_all(&p, 0), 77);
	both_free(&p);
	build_free(&b);
}

static void may_goto_jumps_once_the_budget_is_used_up(void **state)
{
	struct builder b = {0};
	struct both p = {0};
	uint32_t out;

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	out = build(&b, INSN_MAY_GOTO, 0, 0, 0, 0);
	build(&b, INSN_ADD64_K, 0, 0, 0, 1);
	build(&b, INSN_JA, 0, 0, -3, 0);
	build_land(&b, out);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	for (int e = 0; e < ENGINES; e++) {
		const uint64_t args[5] = {0};
		struct skep_env env = {0};

		assert_int_equal(both_run(&p, e, args, &env), SKEP_MAY_GOTO_BUDGET);
		assert_int_equal(env.loop_budget, 0);
	}
	both_free(&p);
	build_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forward_jumps_are_short_up_to_127_bytes),
		cmocka_unit_test(backward_jumps_are_short_down_to_128_bytes),
		cmocka_unit_test(unconditional_jumps_too),
		cmocka_unit_test(jumps_shrink_in_turn),
		cmocka_unit_test(jumps_reach_across_a_large_program),
		cmocka_unit_test(may_goto_jumps_once_the_budget_is_used_up),
	};

	return cmocka_run_group_tests_name("jit: jumps", tests, NULL, NULL);
}
