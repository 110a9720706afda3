// SPDX-License-Identifier: BSD-2-Clause
/*
 * The shape of loops and of choices: that loops begin on a line and have their end in front where they may (x86_64/turn.c), that choices between constants
 * are no jumps, seen in the code; and that it makes no difference, seen in the results.
 */
#include "look.h"

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

static uint64_t helper_seven(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return 7;
}

static const skep_fn helpers[] = {NULL, helper_seven};

static void loops_begin_on_a_line(void **state)
{
	struct builder b = {0};
	struct both p = {0};
	uint32_t head;

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_MOV64_K, 2, 0, 0, 5);
	head = build(&b, INSN_ADD64_K, 0, 0, 0, 3);
	build(&b, INSN_ADD64_K, 2, 0, 0, -1);
	build(&b, INSN_JNE64_K, 2, 0, -3, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++)
		assert_int_equal(p.objs[e]->insn_offset[head] % 16, 0);
	assert_int_equal(run_all(&p, 0, 0, NULL), 15);
	both_free(&p);
	build_free(&b);
}

/* How often a constant of 32 bits stands in the code. */
static uint32_t occurrences(const struct both *p, uint32_t imm)
{
	const struct jit_object *o = p->objs[ENGINE_JIT_PLAIN];
	uint32_t n = 0;

	for (uint32_t i = 0; i + 4 <= o->size; i++)
		n += !memcmp(o->bytes + i, &imm, sizeof(imm));
	return n;
}

/*
 * for (r2 = 0; r2 < 20; r2++) { if (r2 & r1) continue; r0 += r2; if (r2 == 7) continue; r0 *= 3; } with a call, a branch or nothing in
 * what is done each time, which also adds 0x01234567.
 */
static struct both turned_program(enum insn_op in_end, bool by_goto)
{
	struct builder b = {0};
	struct both p = {.code = {.helpers = helpers, .n_helpers = 2}};
	uint32_t head, ends[2], out;

	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_MOV64_X, 6, 1, 0, 0);
	build(&b, INSN_MOV64_K, 7, 0, 0, 0);
	build(&b, INSN_MOV64_K, 8, 0, 0, 0);
	head = ends[0] = build(&b, INSN_JSET64_X, 7, 6, 0, 0);
	build(&b, INSN_ADD64_X, 8, 7, 0, 0);
	ends[1] = build(&b, INSN_JEQ64_K, 7, 0, 0, 7);
	build(&b, INSN_MUL64_K, 8, 0, 0, 3);
	build_land(&b, ends[0]);
	build_land(&b, ends[1]);
	build(&b, INSN_ADD64_K, 8, 0, 0, 0x01234567);
	if (in_end == INSN_CALL_HELPER)
		build(&b, INSN_CALL_HELPER, 0, 0, 0, 1);
	else if (in_end == INSN_JEQ64_K)
		build(&b, INSN_JEQ64_K, 8, 0, 1, 5);
	if (in_end != INSN_CALL_HELPER)
		build(&b, INSN_ADD64_K, 0, 0, 0, 7);
	build(&b, INSN_ADD64_K, 7, 0, 0, 1);
	if (by_goto) {
		out = build(&b, INSN_JSGE64_K, 7, 0, 0, 20);
		build(&b, INSN_JA, 0, 0, (int64_t)head - b.n - 1, 0);
		build_land(&b, out);
	} else {
		build(&b, INSN_JLT64_K, 7, 0, (int64_t)head - b.n - 1, 20);
	}
	build(&b, INSN_LSH64_K, 0, 0, 0, 40);
	build(&b, INSN_XOR64_X, 0, 8, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	build_free(&b);
	return p;
}

static void a_loops_end_stands_in_front_of_it_too(void **state)
{
	for (int by_goto = 0; by_goto < 2; by_goto++) {
		struct both p = turned_program(INSN_ADD64_K, by_goto);

		assert_int_equal(occurrences(&p, 0x01234567), 2);
		sweep(&p, 0, 31);
		both_free(&p);
	}
}

static void an_end_with_calls_or_branches_stands_where_it_is(void **state)
{
	static const uint8_t ops[] = {INSN_CALL_HELPER, INSN_JEQ64_K};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct both p = turned_program((enum insn_op)ops[i], i);

		assert_int_equal(occurrences(&p, 0x01234567), 1);
		sweep(&p, 0, 31);
		both_free(&p);
	}
}

static void a_choice_between_constants_is_no_jump(void **state)
{
	static const int64_t constants[][2] = {{1, 0}, {0, 1}, {0, 0}, {-1, 5}, {7, INT32_MIN}};
	static const uint8_t conds[] = {INSN_JEQ64_K,  INSN_JNE64_K,  INSN_JGT64_K,  INSN_JGE64_K,  INSN_JLT64_K,
					INSN_JLE64_K,  INSN_JSGT64_K, INSN_JSGE64_K, INSN_JSLT64_K, INSN_JSLE64_K,
					INSN_JSET64_K, INSN_JEQ32_K,  INSN_JGT32_K,  INSN_JSLT32_K, INSN_JSET32_K};

	for (size_t c = 0; c < ARRAY_SIZE(conds); c++) {
		for (size_t k = 0; k < ARRAY_SIZE(constants) * 4; k++) {
			struct builder b = {0};
			struct both p = {0};
			bool other = k & 1; /* the comparison reads what is chosen: not the same then */
			uint32_t choice;

			build(&b, INSN_MOV64_X, 0, 1, 0, 0);
			choice = build(&b, k & 2 ? INSN_MOV32_K : INSN_MOV64_K, 0, 0, 0, constants[k / 4][0]);
			build(&b, (enum insn_op)conds[c], other ? 0 : 1, 0, 1, 5);
			build(&b, k & 2 ? INSN_MOV64_K : INSN_MOV32_K, 0, 0, 0, constants[k / 4][1]);
			build(&b, INSN_EXIT, 0, 0, 0, 0);
			assert_int_equal(both_make(&p, &b), 0);
			assert_int_equal(code_size(&p, choice + 1) == 0, !other);
			sweep(&p, 0, 10);
			both_free(&p);
			build_free(&b);
		}
	}
}

static void a_choice_that_is_jumped_into_keeps_its_jump(void **state)
{
	struct builder b = {0};
	struct both p = {0};
	uint32_t in, choice;

	build(&b, INSN_MOV64_K, 0, 0, 0, 3);
	in = build(&b, INSN_JGT64_K, 1, 0, 0, 8);
	choice = build(&b, INSN_MOV64_K, 0, 0, 0, 1);
	build(&b, INSN_JGT64_K, 1, 0, 1, 5);
	build_land(&b, in);
	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	assert_int_equal(both_make(&p, &b), 0);
	assert_int_not_equal(code_size(&p, choice + 1), 0);
	sweep(&p, 0, 10);
	both_free(&p);
	build_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops_begin_on_a_line),
		cmocka_unit_test(a_loops_end_stands_in_front_of_it_too),
		cmocka_unit_test(an_end_with_calls_or_branches_stands_where_it_is),
		cmocka_unit_test(a_choice_between_constants_is_no_jump),
		cmocka_unit_test(a_choice_that_is_jumped_into_keeps_its_jump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
