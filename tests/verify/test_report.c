/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of a refusal: the path is found again whatever shape it had, and asking for a report changes nothing else. What reports
 * look like to people is tested with whole programs (tests/check).
 */
#include "base/util.h"
#include "insn/check.h"
#include "insn/text.h"
#include "verify/report.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Verifies a program in assembly; as XDP, by root. */
static void judge(const char *text, bool explain, size_t memory, struct verify_result *out)
{
	struct insn_asm_error error;
	struct insn_shape shape;
	struct bpf_insn *insns = NULL;
	uint32_t n = 0;
	struct verify_input in = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.attach_type = BPF_XDP,
		.caps = VERIFY_CAP_ALL,
		.gpl = true,
		.explain = explain,
		.memory_limit = memory,
	};

	assert_int_equal(insn_asm(text, strlen(text), NULL, &insns, &n, &error), 0);
	assert_int_equal(insn_check(insns, n, INSN_LOOSE_CALLBACKS | INSN_ALLOW_RFC_MATH, &shape), 0);
	in.insns = insns;
	in.n_insns = n;
	in.subprogs = shape.subprogs;
	in.n_subprogs = shape.n_subprogs;
	verify(&in, out);
	insn_shape_free(&shape);
	free(insns);
}

/* The same of one that is refused at an instruction. */
static void refused(const char *text, enum verify_problem problem, uint32_t insn, struct verify_result *out)
{
	judge(text, true, 0, out);
	assert_non_null(out->report);
	assert_int_equal(out->report->problem, problem);
	assert_int_equal(out->report->at.insn, insn);
}

static const struct report_event *event_at(const struct verify_report *r, uint32_t insn)
{
	for (uint32_t i = 0; i < r->n_events; i++)
		if (r->events[i].at.insn == insn)
			return &r->events[i];
	return NULL;
}

static void says(const struct verify_report *r, uint32_t insn, const char *text)
{
	const struct report_event *e = event_at(r, insn);

	if (!e || !strstr(e->text, text))
		fail_msg("instruction %u: '%s', not '%s'", insn, e ? e->text : "(no event)", text);
}

static void an_accepted_program_has_no_report(void **state)
{
	struct verify_result out;

	judge("r0 = 2\nexit\n", true, 0, &out);
	assert_int_equal(out.err, 0);
	assert_null(out.report);
	verify_result_free(&out);
}

static void without_line_information_places_are_instructions(void **state)
{
	struct verify_result out;

	refused("r0 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r0 + 0)\nr0 = *(u8 *)(r0 + 0)\nexit\n", PROBLEM_PACKET_RANGE, 1,
		&out);
	assert_null(out.report->at.file);
	assert_string_equal(out.report->insn, "r0 = *(u8 *)(r0 +0)");
	assert_int_equal(out.report->reg, 0);
	says(out.report, 0, "the packet");
	verify_result_free(&out);
}

static void a_value_is_followed_through_moves_spills_and_functions(void **state)
{
	static const char text[] = "r6 = *(u32 *)(r1 + 16)\n" /* rx_queue_index: a number */
				   "*(u64 *)(r10 - 8) = r6\n"
				   "r1 = r10\n"
				   "r1 += -8\n"
				   "call pc+2\n"
				   "r0 = *(u8 *)(r0 + 0)\n" /* 5: refused */
				   "exit\n"
				   "r2 = *(u64 *)(r1 + 0)\n" /* 7: the function */
				   "r2 += 1\n"
				   "r0 = r2\n"
				   "exit\n";
	struct verify_result out;

	refused(text, PROBLEM_SCALAR_ACCESS, 5, &out);
	says(out.report, 0, "read from the context");
	says(out.report, 8, "a number from 1 to ");
	assert_int_equal(out.report->n_events, 2);
	verify_result_free(&out);
}

static void an_argument_is_followed_to_the_caller(void **state)
{
	static const char text[] = "r6 = *(u32 *)(r1 + 16)\n"
				   "r1 = r6\n"
				   "call pc+2\n"
				   "r0 = 0\n"
				   "exit\n"
				   "r0 = *(u8 *)(r1 + 0)\n" /* 5: refused, in the function */
				   "exit\n";
	struct verify_result out;

	refused(text, PROBLEM_SCALAR_ACCESS, 5, &out);
	says(out.report, 0, "read from the context");
	says(out.report, 2, "calls");
	verify_result_free(&out);
}

/* A call makes packet pointers invalid that it does not even get. */
static void what_a_call_makes_invalid_is_told(void **state)
{
	static const char text[] = "r6 = r1\n"
				   "r7 = *(u32 *)(r1 + 0)\n"
				   "r1 = r6\n"
				   "r2 = 0\n"
				   "call helper#44\n" /* 4: bpf_xdp_adjust_head() */
				   "r0 = *(u8 *)(r7 + 0)\n"
				   "exit\n";
	struct verify_result out;

	refused(text, PROBLEM_SCALAR_ACCESS, 5, &out);
	says(out.report, 4, "makes the pointer invalid");
	assert_non_null(strstr(out.report->suggestion, "again"));
	verify_result_free(&out);
}

/* Both ways of a branch lead to a refusal of their own: the report tells the way that was taken. */
static void branches_went_where_the_path_went(void **state)
{
	static const char falls[] = "r2 = *(u32 *)(r1 + 16)\nif r2 > 7 goto pc+1\nr2 = *(u8 *)(r2 + 0)\nr0 = 0\nexit\n";
	static const char jumps[] = "r2 = *(u32 *)(r1 + 16)\nif r2 < 8 goto pc+1\nr2 = *(u8 *)(r2 + 0)\nr0 = 0\nexit\n";
	struct verify_result out;

	judge(falls, true, 0, &out);
	says(out.report, 1, "r2 <= 7: r2 is a number from 0 to 7");
	verify_result_free(&out);
	judge(jumps, true, 0, &out);
	says(out.report, 1, "r2 >= 8: r2 is a number from 8 to");
	verify_result_free(&out);
}

/* The refusal is many cached states away from what it is about. */
static void the_path_goes_back_through_loops(void **state)
{
	static const char text[] = "r6 = *(u32 *)(r1 + 16)\n"
				   "r7 = 0\n"
				   "r7 += 1\n" /* 2: a loop of 100 rounds */
				   "r8 = *(u32 *)(r1 + 12)\n"
				   "if r8 > 5 goto pc+1\n"
				   "r8 = 3\n"
				   "if r7 < 100 goto pc-5\n"
				   "r0 = *(u8 *)(r6 + 0)\n" /* 7: refused */
				   "r0 = 0\n"
				   "exit\n";
	struct verify_result out;

	refused(text, PROBLEM_SCALAR_ACCESS, 7, &out);
	says(out.report, 0, "read from the context");
	assert_int_equal(out.report->n_events, 1);
	verify_result_free(&out);
}

static void a_report_changes_no_verdict(void **state)
{
	static const char *const programs[] = {
		"r0 = *(u32 *)(r1 + 0)\nr0 = *(u8 *)(r0 + 0)\nexit\n",
		"r0 = r2\nexit\n",
		"r0 = 0\nr0 /= 0\nexit\n",
		"r1 = r10\nr1 += -600\n*(u8 *)(r1 + 0) = 0\nr0 = 0\nexit\n",
		"r2 = *(u32 *)(r1 + 16)\nr1 += r2\nr0 = *(u32 *)(r1 + 0)\nexit\n",
		"r0 = 0\nr0 += 1\nif r0 != 0 goto pc-1\nexit\n",
		"r6 = r1\nr7 = 0\nr7 = 0\nr2 = *(u32 *)(r6 + 16)\nif r2 != 5 goto pc-2\nr0 = 0\nexit\n",
		"call 99999\nr0 = 0\nexit\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(programs); i++) {
		struct verify_result with, without;

		judge(programs[i], true, 0, &with);
		judge(programs[i], false, 0, &without);
		assert_int_equal(with.err, without.err);
		assert_string_equal(with.message, without.message);
		assert_int_equal(with.insn, without.insn);
		assert_int_equal(with.insns_processed, without.insns_processed);
		assert_null(without.report);
		assert_true(!with.err == !with.report);
		verify_result_free(&with);
		verify_result_free(&without);
	}
}

/* Whatever allocation of the verifier's fails, there is a refusal, with a report or without. */
static void memory_may_end_at_any_point(void **state)
{
	static const char text[] =
		"r6 = *(u32 *)(r1 + 16)\n*(u64 *)(r10 - 8) = r6\nr7 = 0\nr7 += 1\nr8 = *(u32 *)(r1 + 12)\n"
		"if r8 > 5 goto pc+1\nr8 = 3\nif r7 < 9 goto pc-5\nr6 = *(u64 *)(r10 - 8)\n"
		"r0 = *(u8 *)(r6 + 0)\nr0 = 0\nexit\n";
	struct verify_result whole;
	uint32_t short_of = 0;

	judge(text, true, 0, &whole);
	for (size_t memory = 256; memory < whole.peak_memory + 16384; memory += 512) {
		struct verify_result out;

		judge(text, true, memory, &out);
		assert_true(out.err == -ENOMEM || out.err == whole.err);
		short_of += out.err == -ENOMEM;
		if (out.report)
			assert_string_equal(out.report->insn, whole.report->insn);
		verify_result_free(&out);
	}
	assert_true(short_of > 2);
	verify_result_free(&whole);
}

static void every_category_has_a_name_and_a_title(void **state)
{
	for (int p = 0; p < PROBLEM_COUNT; p++) {
		assert_string_not_equal(problem_name((enum verify_problem)p), "unknown");
		assert_string_not_equal(problem_title((enum verify_problem)p), "unknown problem");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_accepted_program_has_no_report),
		cmocka_unit_test(without_line_information_places_are_instructions),
		cmocka_unit_test(a_value_is_followed_through_moves_spills_and_functions),
		cmocka_unit_test(an_argument_is_followed_to_the_caller),
		cmocka_unit_test(what_a_call_makes_invalid_is_told),
		cmocka_unit_test(branches_went_where_the_path_went),
		cmocka_unit_test(the_path_goes_back_through_loops),
		cmocka_unit_test(a_report_changes_no_verdict),
		cmocka_unit_test(memory_may_end_at_any_point),
		cmocka_unit_test(every_category_has_a_name_and_a_title),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
