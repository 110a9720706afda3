/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "insn/check.h"
#include "insn/encode.h"
#include "insn/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint32_t assemble(const char *text, struct bpf_insn **insns)
{
	struct insn_asm_error e;
	uint32_t n;

	if (insn_asm(text, strlen(text), NULL, insns, &n, &e))
		fail_msg("'%s': line %u, column %u: %s", text, e.line, e.column, e.message);
	return n;
}

/* expect - check a program given as text. @reason NULL: it must pass. */
static void expect(const char *text, uint32_t flags, uint32_t insn, const char *reason)
{
	struct insn_shape shape;
	struct bpf_insn *insns;
	uint32_t n = assemble(text, &insns);
	int err = insn_check(insns, n, flags, &shape);

	if (err != (reason ? -EINVAL : 0) || (reason && (shape.insn != insn || strcmp(shape.reason, reason))))
		fail_msg("'%s': %d, instruction %u: %s", text, err, shape.insn, shape.reason);
	if (reason)
		assert_null(shape.subprogs);
	insn_shape_free(&shape);
	free(insns);
}

static void jumps_and_calls_must_land_on_an_instruction_of_their_own(void **state)
{
	expect("r0 = 0\nexit", 0, 0, NULL);
	expect("goto +1\nexit", 0, 0, "jump to 2 is outside of the program (0 to 1)");
	expect("goto -2\nexit", 0, 0, "jump to -1 is outside of the program (0 to 1)");
	expect("if r1 == 0 goto +1\nr0 = 5 ll\nexit", 0, 0, "jump to 2 lands in the middle of a 64-bit immediate");
	expect("may_goto +1\nr0 = 5 ll\nexit", 0, 0, "jump to 2 lands in the middle of a 64-bit immediate");
	expect("gotol +0x7fffffff\nexit", 0, 0, "jump to 2147483648 is outside of the program (0 to 1)");
	expect("call pc+1\nexit", 0, 0, "call to 2 is outside of the program (0 to 1)");
	expect("call pc+1\nr0 = 5 ll\nexit", 0, 0, "call to 2 lands in the middle of a 64-bit immediate");
	expect("r2 = subprog[+7]\nexit", 0, 0, "callback to 8 is outside of the program (0 to 2)");
	expect("call f\ngoto f\nf: r0 = 0\nexit", 0, 1, "jump to 2 leaves its function (0 to 1)");
	expect("s: call f\nexit\nf: if r0 == 0 goto s\nexit", 0, 2, "jump to 0 leaves its function (2 to 3)");
}

static void functions_must_end_in_an_exit_or_a_jump(void **state)
{
	expect("r0 = 0", 0, 0, "function at 0 must end in exit or an unconditional jump");
	expect("call helper#1", 0, 0, "function at 0 must end in exit or an unconditional jump");
	expect("s: if r0 == 0 goto s", 0, 0, "function at 0 must end in exit or an unconditional jump");
	expect("s: may_goto s", 0, 0, "function at 0 must end in exit or an unconditional jump");
	expect("s: r0 = 1\ngoto s", 0, 0, NULL);
	expect("s: r0 = 1\ngotol s", 0, 0, NULL);
	expect("call f\nr0 = 0\nf: exit", 0, 1, "function at 0 must end in exit or an unconditional jump");
	expect("call f\nexit\nf: r0 = 5 ll", 0, 2, "function at 2 must end in exit or an unconditional jump");
}

static void sixty_four_bit_immediates_must_be_whole(void **state)
{
	struct bpf_insn insns[3] = {{.code = 0x18, .imm = 1}, {.imm = 2}, {.code = 0x95}};
	struct insn_shape shape;

	assert_int_equal(insn_check(insns, 3, 0, &shape), 0);
	insn_shape_free(&shape);
	assert_int_equal(insn_check(insns, 1, 0, &shape), -EINVAL);
	assert_string_equal(shape.reason, "64-bit immediate lacks its second slot: the program ends here");
	insns[1].src_reg = 1;
	assert_int_equal(insn_check(insns, 3, 0, &shape), -EINVAL);
	assert_string_equal(shape.reason, "second slot of a 64-bit immediate must be zero but for its immediate");
	insns[1].src_reg = 0;
	insns[0].src_reg = BPF_PSEUDO_MAP_FD;
	assert_int_equal(insn_check(insns, 3, 0, &shape), -EINVAL);
	assert_string_equal(shape.reason, "reference to a map must have 0 in its second slot, not 2");
	insns[0].src_reg = BPF_PSEUDO_MAP_VALUE;
	assert_int_equal(insn_check(insns, 3, 0, &shape), 0);
	insn_shape_free(&shape);
}

/* They read what is not there as 0: nothing that a program may ask for by itself. */
static void probing_loads_are_the_loaders_alone(void **state)
{
	static const char *const cases[][2] = {
		{"r1 = *(probe_u8 *)(r2 +0)\nexit", "unknown opcode 0x31"},
		{"r1 = *(probe_u16 *)(r2 +0)\nexit", "unknown opcode 0x29"},
		{"r1 = *(probe_u32 *)(r2 +0)\nexit", "unknown opcode 0x21"},
		{"r1 = *(probe_u64 *)(r2 +0)\nexit", "unknown opcode 0x39"},
		{"r1 = *(probe_s8 *)(r2 +0)\nexit", "unknown opcode 0x51"},
		{"r1 = *(probe_s16 *)(r2 +0)\nexit", "unknown opcode 0x49"},
		{"r1 = *(probe_s32 *)(r2 +0)\nexit", "unknown opcode 0x41"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		expect(cases[i][0], 0, 0, cases[i][1]);
		expect(cases[i][0], INSN_ALLOW_PROBES, 0, NULL);
	}
}

static void constants_without_a_meaning_are_refused_unless_rfc_semantics_are_asked_for(void **state)
{
	static const char *const cases[][2] = {
		{"r1 <<= 64\nexit", "shift by 64: the count must be 0 to 63"},
		{"r1 >>= -1\nexit", "shift by -1: the count must be 0 to 63"},
		{"w1 s>>= 32\nexit", "shift by 32: the count must be 0 to 31"},
		{"r1 /= 0\nexit", "division by zero"},
		{"w1 s/= 0\nexit", "division by zero"},
		{"r1 %= 0\nexit", "modulo by zero"},
		{"w1 s%= 0\nexit", "modulo by zero"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		expect(cases[i][0], 0, 0, cases[i][1]);
		expect(cases[i][0], INSN_ALLOW_RFC_MATH, 0, NULL);
	}
	expect("r1 <<= 63\nw1 >>= 31\nr1 /= -1\nexit", 0, 0, NULL);
	expect("callx r2\nexit", 0, 0, "callx: calls through a register are not allowed");
	expect("callx r2\nexit", INSN_ALLOW_CALLX, 0, NULL);
}

static void an_undecodable_slot_is_named_with_its_reason(void **state)
{
	struct bpf_insn insns[2] = {{.code = 0xb7}, {.code = 0xdb, .imm = 0x30}};
	struct insn_shape shape;

	assert_int_equal(insn_check(insns, 2, 0, &shape), -EINVAL);
	assert_int_equal(shape.insn, 1);
	assert_string_equal(shape.reason, "unknown atomic operation 0x30");
}

static void unreachable_instructions_are_refused_unless_allowed(void **state)
{
	expect("exit\nr0 = 1\nexit", 0, 1, "unreachable instruction");
	expect("exit\nr0 = 1\nexit", INSN_ALLOW_UNREACHABLE, 0, NULL);
	expect("goto a\nr0 = 5 ll\na: exit", 0, 1, "unreachable instruction");
	expect("if r1 == 0 goto a\nexit\na: exit", 0, 0, NULL);
	expect("r2 = subprog[f]\nexit\nf: exit", 0, 0, NULL); /* a callback is reached */
	/* A function that only unreachable code calls. */
	expect("exit\ncall f\nexit\nf: exit", 0, 1, "unreachable instruction");
}

static void a_second_entry_begins_a_function_that_nobody_calls(void **state)
{
	static const struct {
		const char *text;
		uint32_t entry, n_subprogs;
		const char *reason;
	} cases[] = {
		{"r0 = 0\nexit\nr0 = 1\nexit", 2, 2, NULL},
		{"call f\nexit\nf: exit", 2, 2, NULL}, /* called as well */
		{"r0 = 0\nexit\nr0 = 1\nexit", 0, 0, "unreachable instruction"},
		{"r0 = 0\nexit\nr0 = 1\nexit\nexit", 2, 0, "unreachable instruction"},
		{"goto +1\nexit\nr0 = 1\nexit", 2, 0, "jump to 2 leaves its function (0 to 1)"},
		{"r0 = 0\nr0 = 0\nr0 = 1\nexit", 2, 0, "function at 0 must end in exit or an unconditional jump"},
		{"r0 = 5 ll\nexit", 1, 0, "entry to 1 lands in the middle of a 64-bit immediate"},
		{"exit", 1, 0, "entry to 1 is outside of the program (0 to 0)"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct insn_shape shape;
		struct bpf_insn *insns;
		uint32_t n = assemble(cases[i].text, &insns);
		int err = insn_check_entry(insns, n, 0, cases[i].entry, &shape);

		if (err != (cases[i].reason ? -EINVAL : 0) || shape.n_subprogs != cases[i].n_subprogs ||
		    (cases[i].reason && strcmp(shape.reason, cases[i].reason)))
			fail_msg("case %zu: %d: %s", i, err, shape.reason);
		insn_shape_free(&shape);
		free(insns);
	}
}

static void recursion_and_chains_deeper_than_eight_frames_are_refused(void **state)
{
	char text[1024] = "";

	expect("s: call s\nexit", 0, 0, "recursion: the function at 0 calls itself");
	expect("call f\nexit\nf: call g\nexit\ng: call f\nexit", 0, 4,
	       "recursion: the function at 2 calls itself through others");
	expect("r2 = subprog[f]\nexit\nf: r2 = subprog[f]\nexit", 0, 3, "recursion: the function at 3 calls itself");
	expect("r2 = subprog[f]\nexit\nf: r2 = subprog[f]\nexit", INSN_LOOSE_CALLBACKS, 0, NULL);
	/* A diamond is no recursion. */
	expect("call f\ncall g\nexit\nf: call g\nexit\ng: exit", 0, 0, NULL);
	for (int frames = 8; frames <= 9; frames++) {
		text[0] = 0;
		for (int f = 1; f <= frames; f++) {
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "f%d: ", f);
			if (f < frames)
				snprintf(text + strlen(text), sizeof(text) - strlen(text), "call f%d\nexit\n", f + 1);
			else
				strcat(text, "exit\n");
		}
		expect(text, 0, 0, frames == 8 ? NULL : "calls nest 9 deep, at most 8 are allowed");
	}
}

static void functions_are_found_in_ascending_order(void **state)
{
	static const uint32_t want[] = {0, 6, 8, 9};
	struct insn_shape shape;
	struct bpf_insn *insns;
	uint32_t n = assemble(
		"call h\n r2 = subprog[f]\n call g\n call f\n exit\n f: call h\n exit\n g: exit\n h: exit\n", &insns);

	assert_int_equal(insn_check(insns, n, 0, &shape), 0);
	assert_int_equal(shape.n_subprogs, COUNT(want));
	assert_memory_equal(shape.subprogs, want, sizeof(want));
	insn_shape_free(&shape);
	free(insns);
}

/* A main that calls @count - 1 functions. */
static uint32_t many_functions(struct bpf_insn *insns, uint32_t count)
{
	uint32_t n = 0;

	for (uint32_t f = 1; f < count; f++, n++)
		insn_encode(INSN_CALL_SUBPROG, 0, 0, 0, count - 1 + f - (n + 1), &insns[n]);
	for (uint32_t f = 0; f < count; f++, n++)
		insn_encode(INSN_EXIT, 0, 0, 0, 0, &insns[n]);
	return n;
}

static void limits_are_exact(void **state)
{
	struct bpf_insn *insns = calloc(SKEP_MAX_INSNS + 1, sizeof(*insns));
	struct insn_shape shape;
	uint32_t n;

	assert_non_null(insns);
	assert_int_equal(insn_check(insns, 0, 0, &shape), -E2BIG);
	for (uint32_t i = 0; i < SKEP_MAX_INSNS; i++) /* a chain of jumps: the walk's stack and depth */
		insns[i] = (struct bpf_insn){.code = 0x15, .dst_reg = 1, .off = -1};
	insns[SKEP_MAX_INSNS - 1] = (struct bpf_insn){.code = 0x95};
	assert_int_equal(insn_check(insns, SKEP_MAX_INSNS, 0, &shape), 0);
	assert_int_equal(shape.n_subprogs, 1);
	insn_shape_free(&shape);
	assert_int_equal(insn_check(insns, SKEP_MAX_INSNS + 1, 0, &shape), -E2BIG);
	assert_string_equal(shape.reason, "program has 1000001 instructions; 1 to 1000000 are possible");

	n = many_functions(insns, SKEP_MAX_SUBPROGS);
	assert_int_equal(insn_check(insns, n, 0, &shape), 0);
	assert_int_equal(shape.n_subprogs, SKEP_MAX_SUBPROGS);
	insn_shape_free(&shape);
	n = many_functions(insns, SKEP_MAX_SUBPROGS + 1);
	assert_int_equal(insn_check(insns, n, 0, &shape), -E2BIG);
	assert_string_equal(shape.reason, "more than 256 functions");
	free(insns);
}

/* What every accepted program must hold, said without the check's own marks. */
static void verify_accepted(const struct bpf_insn *insns, uint32_t n, const struct insn_shape *shape)
{
	bool start[64] = {}, function[64] = {};

	for (uint32_t i = 0; i < n; i += insn_is_wide(&insns[i]) ? 2 : 1) {
		assert_non_null(insn_decode(&insns[i], NULL));
		start[i] = true;
	}
	assert_int_equal(shape->subprogs[0], 0);
	for (uint32_t f = 0; f < shape->n_subprogs; f++) {
		assert_true(shape->subprogs[f] < n && (!f || shape->subprogs[f] > shape->subprogs[f - 1]));
		function[shape->subprogs[f]] = true;
	}
	for (uint32_t i = 0; i < n; i += insn_is_wide(&insns[i]) ? 2 : 1) {
		const struct insn_desc *d = insn_decode(&insns[i], NULL);
		bool calls = d->op == INSN_CALL_SUBPROG || d->op == INSN_LD_FUNC;
		int64_t to;

		if (!calls && d->off != FORM_JUMP && d->imm != FORM_JUMP)
			continue;
		to = (int64_t)i + 1 + (calls ? insns[i].imm : insn_jump_dist(d, &insns[i]));
		assert_true(to >= 0 && to < n && start[to]);
		assert_true(!calls || function[to]);
	}
	uint8_t code = insns[n - 1].code;

	assert_true(code == 0x95 || code == 0x05 || code == 0x06);
}

static void a_million_mutations_are_answered_without_harm(void **state)
{
	static const char *const seeds[] = {
		"r1 = 5 ll\nif r1 == 0 goto a\nr0 = 1\na: exit",
		"call f\nr2 = subprog[g]\ncall helper#181\nexit\nf: if r1 > 5 goto b\nr0 = 2\nexit\nb: call "
		"g\nexit\ng: exit",
		"r1 = map[id:3]\nr2 = r10\nr2 += -8\n*(u64 *)(r10 -8) = 0\ncall helper#1\nif r0 == 0 goto e\n"
		"lock *(u64 *)(r0 +0) += r6\ne: r0 = 0\nexit",
		"s: r0 += 1\nmay_goto e\ngotol s\ne: exit",
	};
	struct bpf_insn *seed[COUNT(seeds)];
	uint32_t n_seed[COUNT(seeds)], accepted = 0;
	uint64_t rng = 42;

	for (size_t i = 0; i < COUNT(seeds); i++)
		n_seed[i] = assemble(seeds[i], &seed[i]);
#define RANDOM(m) ((rng = rng * 6364136223846793005ull + 1442695040888963407ull) >> 33) % (m)
	for (int round = 0; round < 1000000; round++) {
		size_t which = RANDOM(COUNT(seeds));
		uint32_t n = n_seed[which] - (RANDOM(8) ? 0 : RANDOM(n_seed[which]));
		struct bpf_insn *insns = malloc(n * sizeof(*insns)); /* exact: AddressSanitizer sees a read beyond */
		struct insn_shape shape;
		char text[160];

		memcpy(insns, seed[which], n * sizeof(*insns));
		for (size_t k = RANDOM(4); k; k--) {
			uint8_t *byte = (uint8_t *)insns + RANDOM(n * sizeof(*insns));

			*byte = RANDOM(2)   ? RANDOM(256)
				: RANDOM(3) ? (uint8_t)(RANDOM(16))
					    : insn_descs[RANDOM(INSN_OP_COUNT)].code;
		}
		if (!insn_check(insns, n, RANDOM(16), &shape)) {
			verify_accepted(insns, n, &shape);
			accepted++;
			insn_shape_free(&shape);
		} else {
			assert_true(shape.reason[0] && shape.insn < n && !shape.subprogs);
		}
		insn_text(insns, n, RANDOM(n), NULL, text, sizeof(text));
		free(insns);
	}
	assert_true(accepted > 100000 && accepted < 900000);
	for (size_t i = 0; i < COUNT(seeds); i++)
		free(seed[i]);
}

/* The calls of the cycle, or of the chain that is too deep, in the order in which they happen. */
static void expect_chain(const char *text, enum insn_fault fault, const uint32_t *chain, uint32_t n_chain)
{
	struct insn_shape shape;
	struct bpf_insn *insns;
	uint32_t n = assemble(text, &insns);

	assert_int_equal(insn_check(insns, n, 0, &shape), -EINVAL);
	assert_int_equal(shape.fault, fault);
	assert_int_equal(shape.n_chain, n_chain);
	for (uint32_t i = 0; i < n_chain; i++)
		assert_int_equal(shape.chain[i], chain[i]);
	free(insns);
}

static void the_calls_of_a_cycle_and_of_a_chain_that_is_too_deep_are_named(void **state)
{
	static const uint32_t itself[] = {2}, through[] = {2, 4}, deep[] = {0, 2, 4, 6, 8, 10, 12, 14};

	expect_chain("call f\nexit\nf: call f\nexit", INSN_FAULT_RECURSION, itself, 1);
	expect_chain("call f\nexit\nf: call g\nexit\ng: call f\nexit", INSN_FAULT_RECURSION, through, 2);
	expect_chain(
		"call a\nexit\na: call b\nexit\nb: call c\nexit\nc: call d\nexit\nd: call e\nexit\ne: call f\nexit\n"
		"f: call g\nexit\ng: call h\nexit\nh: exit",
		INSN_FAULT_DEPTH, deep, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jumps_and_calls_must_land_on_an_instruction_of_their_own),
		cmocka_unit_test(functions_must_end_in_an_exit_or_a_jump),
		cmocka_unit_test(sixty_four_bit_immediates_must_be_whole),
		cmocka_unit_test(probing_loads_are_the_loaders_alone),
		cmocka_unit_test(constants_without_a_meaning_are_refused_unless_rfc_semantics_are_asked_for),
		cmocka_unit_test(an_undecodable_slot_is_named_with_its_reason),
		cmocka_unit_test(unreachable_instructions_are_refused_unless_allowed),
		cmocka_unit_test(a_second_entry_begins_a_function_that_nobody_calls),
		cmocka_unit_test(recursion_and_chains_deeper_than_eight_frames_are_refused),
		cmocka_unit_test(functions_are_found_in_ascending_order),
		cmocka_unit_test(limits_are_exact),
		cmocka_unit_test(a_million_mutations_are_answered_without_harm),
		cmocka_unit_test(the_calls_of_a_cycle_and_of_a_chain_that_is_too_deep_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
