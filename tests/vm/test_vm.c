/* SPDX-License-Identifier: BSD-2-Clause */
/* The interpreter beyond single operations, which tests/vectors cover: calls, faults, callbacks, tail calls, refs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "insn/check.h"
#include "insn/text.h"
#include "map/map.h"
#include "vm/vm.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct packet {
	const uint8_t *bytes;
	uint32_t size;
};

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	if (off < 0 || (uint32_t)off + size > env->pkt->size)
		return false;
	*value = 0;
	for (uint32_t i = 0; i < size; i++)
		*value = *value << 8 | env->pkt->bytes[(uint32_t)off + i];
	return true;
}

/* What the helpers below have seen. */
struct seen {
	uint64_t args[5];
	uint32_t calls;
	uint64_t callback_returned;
	uint32_t depth;
};

enum { HELPER_RECORD = 1, HELPER_CALL_BACK = 2, HELPER_FAULT = 3, HELPER_LOOP = 4, HELPER_MISSING = 5 };

static uint64_t record(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	struct seen *seen = env->user;

	memcpy(seen->args, (uint64_t[5]){r1, r2, r3, r4, r5}, sizeof(seen->args));
	seen->calls++;
	seen->depth = env->depth;
	return r1 + 1;
}

/* call_back(fn, r2, r3): fn(r2, r3) */
static uint64_t call_back(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	struct seen *seen = env->user;

	seen->callback_returned = env->callback(env, r1, r2, r3, 0, 0, 0);
	return seen->callback_returned;
}

/* loop(n, fn, ctx): as bpf_loop() */
static uint64_t loop(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	uint64_t i;

	for (i = 0; i < r1; i++)
		if (env->callback(env, r2, i, r3, 0, 0, 0))
			return i + 1;
	return i;
}

static uint64_t fault(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	env->fault = FAULT_NO_HELPER;
	return 5;
}

static const skep_fn helpers[] = {
	[HELPER_RECORD] = record, [HELPER_CALL_BACK] = call_back, [HELPER_FAULT] = fault, [HELPER_LOOP] = loop};

static uint64_t kfunc(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return r1 * 2 + r5;
}

static const uint8_t value[64] = {[16] = 0xaa, [17] = 0xbb};

/*
 * prepare - from text to a program that can run. The text's memory is gone when this returns.
 * "map[id:N]" and kin in the text are indices into refs.
 */
static struct vm_prog *prepare(const char *text)
{
	const struct code_ref refs[] = {
		{.kind = REF_MAP, .addr = 0x1122334455667788},
		{.kind = REF_VALUE, .addr = (uintptr_t)value},
		{.kind = REF_KSYM, .addr = 0xffff000011112222},
		{.kind = REF_KFUNC, .addr = (uintptr_t)kfunc},
		{.kind = REF_KFUNC},
	};
	struct insn_asm_error e;
	struct insn_shape shape;
	struct bpf_insn *insns;
	struct vm_prog *prog;
	uint32_t n;

	if (insn_asm(text, strlen(text), NULL, &insns, &n, &e))
		fail_msg("'%s': line %u, column %u: %s", text, e.line, e.column, e.message);
	if (insn_check(insns, n, INSN_ALLOW_UNREACHABLE | INSN_LOOSE_CALLBACKS | INSN_ALLOW_PROBES, &shape))
		fail_msg("'%s': instruction %u: %s", text, shape.insn, shape.reason);
	struct skep_code code = {.insns = insns,
				 .n_insns = n,
				 .refs = refs,
				 .n_refs = COUNT(refs),
				 .helpers = helpers,
				 .n_helpers = COUNT(helpers),
				 .subprogs = shape.subprogs,
				 .n_subprogs = shape.n_subprogs};

	assert_int_equal(vm_prepare(&code, &prog), 0);
	memset(insns, 0xff, n * sizeof(*insns));
	free(insns);
	insn_shape_free(&shape);
	return prog;
}

/* run - run a program given as text once. */
static uint64_t run(const char *text, struct skep_env *env)
{
	struct vm_prog *prog = prepare(text);
	uint64_t r0 = vm_run(prog, NULL, env);

	vm_free(prog);
	return r0;
}

static void a_helper_gets_five_arguments_and_the_environment(void **state)
{
	struct seen seen = {};
	struct skep_env env = {.user = &seen};

	assert_int_equal(
		run("r1 = 11\nr2 = 12\nr3 = 13\nr4 = 14\nr5 = -15\nr6 = 6\ncall helper#1\nr0 += r6\nexit", &env), 18);
	assert_int_equal(seen.calls, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(seen.args[i], 11 + i);
	assert_true(seen.args[4] == (uint64_t)-15);
	assert_int_equal(env.fault, FAULT_NONE);
}

static void the_context_arrives_in_r1(void **state)
{
	struct vm_prog *prog = prepare("r0 = *(u32 *)(r1 +4)\nexit");
	uint32_t ctx[2] = {1, 0xdeadbeef};
	struct skep_env env = {};

	assert_int_equal(vm_run(prog, ctx, &env), 0xdeadbeef);
	vm_free(prog);
}

/* What the loader makes of loads through kernel pointers: 0 where there is nothing, and else what a plain load gives. */
static void a_probing_load_gives_zero_for_a_bad_address(void **state)
{
	static const uint8_t own[8] = {0xff, 0xfe, 0xfd, 0xfc, 1, 2, 3, 4};
	struct skep_env env = {};
	char text[128];

	assert_true(run("r1 = 0xffff888000000000 ll\nr0 = 7\nr0 = *(probe_u64 *)(r1 +0)\nexit", &env) == 0);
	assert_true(run("r1 = 16\nr0 = 7\nr0 = *(probe_s32 *)(r1 -4)\nexit", &env) == 0);
	snprintf(text, sizeof(text), "r1 = 0x%llx ll\nr0 = *(probe_u32 *)(r1 +0)\nexit",
		 (unsigned long long)(uintptr_t)own);
	assert_true(run(text, &env) == 0xfcfdfeff);
	snprintf(text, sizeof(text), "r1 = 0x%llx ll\nr0 = *(probe_s16 *)(r1 +2)\nexit",
		 (unsigned long long)(uintptr_t)own);
	assert_true(run(text, &env) == 0xfffffffffffffcfd);
	assert_int_equal(env.fault, FAULT_NONE);
}

static void refs_become_addresses(void **state)
{
	struct skep_env env = {};

	assert_true(run("r0 = map[id:0]\nexit", &env) == 0x1122334455667788);
	assert_true(run("r1 = map[id:1][0]+16\nr0 = *(u16 *)(r1 +0)\nexit", &env) == 0xbbaa);
	assert_true(run("r0 = var[id:2]+0\nexit", &env) == 0xffff000011112222);
	assert_true(run("r1 = 21\nr5 = 7\ncall kernel-function#3\nexit", &env) == 49);
}

static void a_missing_helper_ends_the_run_with_0_from_any_depth(void **state)
{
	static const char *const cases[] = {
		"r0 = 7\ncall helper#5\nr1 = 1\ncall helper#1\nexit",
		"call helper#-1\nr1 = 1\ncall helper#1\nexit",
		"call helper#1000000\nr1 = 1\ncall helper#1\nexit",
		"call kernel-function#4\nr1 = 1\ncall helper#1\nexit",
		"call f\nr1 = 1\ncall helper#1\nexit\nf: call g\nr1 = 1\ncall helper#1\nexit\ng: call helper#5\nexit",
		"r1 = subprog[f]\ncall helper#2\nr1 = 1\ncall helper#1\nexit\nf: r0 = 3\ncall helper#5\nexit",
		"r1 = 10\nr2 = subprog[f]\ncall helper#4\nr1 = 1\ncall helper#1\nexit\nf: r0 = 0\ncall helper#5\nexit",
		"call helper#3\nr1 = 1\ncall helper#1\nexit",
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct seen seen = {};
		struct skep_env env = {.user = &seen};

		assert_int_equal(run(cases[i], &env), 0);
		assert_int_equal(env.fault, FAULT_NO_HELPER);
		assert_int_equal(seen.calls, 0); /* nothing ran after it */
		if (i == 5)
			assert_int_equal(seen.callback_returned, 1); /* "stop" */
		/* The environment is good for the next run. */
		assert_int_equal(run("r0 = 4\nexit", &env), 4);
		assert_int_equal(env.fault, FAULT_NONE);
	}
}

static void callbacks_run_with_their_own_frame_and_return_to_the_helper(void **state)
{
	struct seen seen = {};
	struct skep_env env = {.user = &seen};

	assert_int_equal(
		run("r6 = 60\n*(u64 *)(r10 -8) = 5\nr1 = subprog[f]\nr2 = r10\nr2 += -8\nr3 = 30\ncall helper#2\n"
		    "r1 = *(u64 *)(r10 -8)\nr0 += r1\nr0 += r6\nexit\n"
		    "f: r6 = *(u64 *)(r1 +0)\n*(u64 *)(r10 -8) = 1000\nr6 += 1\n*(u64 *)(r1 +0) = r6\nr0 = r2\nexit",
		    &env),
		30 + 6 + 60);
	/* bpf_loop: sum of 0 to 99 in the caller's frame, then a stop at 10. */
	assert_int_equal(run("*(u64 *)(r10 -8) = 0\nr1 = 100\nr2 = subprog[f]\nr3 = r10\nr3 += -8\ncall helper#4\n"
			     "r0 = *(u64 *)(r10 -8)\nexit\n"
			     "f: r3 = *(u64 *)(r2 +0)\nr3 += r1\n*(u64 *)(r2 +0) = r3\nr0 = 0\nexit",
			     &env),
			 4950);
	assert_int_equal(run("r1 = 100\nr2 = subprog[f]\ncall helper#4\nexit\n"
			     "f: r0 = 0\nif r1 < 0xa goto out\nr0 = 1\nout: exit",
			     &env),
			 11);
	/* A callback calls a helper that calls back, and a function. */
	assert_int_equal(run("r1 = subprog[f]\nr2 = 1\ncall helper#2\nexit\n"
			     "f: r1 += 10\nr2 = r1\nr1 = subprog[g]\ncall helper#2\nr0 += 1000\nexit\n"
			     "g: call h\nr0 += 100\nexit\n"
			     "h: r0 = r1\nexit",
			     &env),
			 1111);
	assert_int_equal(env.depth, 1);
}

static void too_deep_a_chain_ends_the_run(void **state)
{
	struct seen seen = {};
	struct skep_env env = {.user = &seen};

	/* f calls itself back: the shape check cannot know how often (INSN_LOOSE_CALLBACKS). */
	assert_int_equal(
		run("r2 = 0\nr1 = subprog[f]\ncall helper#2\nr0 = 9\nexit\n"
		    "f: r2 = r1\nr2 += 1\nr1 = r2\ncall helper#1\nr2 = r1\nr1 = subprog[f]\ncall helper#2\nexit",
		    &env),
		0);
	assert_int_equal(env.fault, FAULT_DEPTH);
	assert_int_equal(seen.calls, 7); /* main and seven more make eight frames */
	/* Eight frames by calls within a callback are still fine. */
	assert_int_equal(run("r1 = subprog[f]\ncall helper#2\nexit\nf: call a\nexit\na: call b\nexit\nb: call c\nexit\n"
			     "c: call d\nexit\nd: call e\nexit\ne: r1 = 1\ncall helper#1\nr0 = 77\nexit",
			     &env),
			 77);
	assert_int_equal(env.fault, FAULT_NONE);
	assert_int_equal(seen.depth, 7);
	/* Nine are not, and what would have run there has not. */
	seen.calls = 0;
	assert_int_equal(run("r1 = subprog[f]\ncall helper#2\nexit\nf: call a\nexit\na: call b\nexit\nb: call c\nexit\n"
			     "c: call d\nexit\nd: call e\nexit\ne: call g\nexit\ng: call h\nexit\n"
			     "h: r1 = 1\ncall helper#1\nr0 = 77\nexit",
			     &env),
			 0);
	assert_int_equal(env.fault, FAULT_DEPTH);
	assert_int_equal(seen.calls, 0);
}

static void a_packet_load_beyond_the_packet_returns_0_from_its_function(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4};
	struct packet pkt = {bytes, sizeof(bytes)};
	struct skep_env env = {.pkt = &pkt};

	assert_int_equal(run("r0 = *(u32 *)skb[0]\nexit", &env), 0x01020304);
	assert_int_equal(run("r0 = 5\nr0 = *(u32 *)skb[1]\nr0 = 6\nexit", &env), 0);
	assert_int_equal(run("call f\nr0 += 7\nexit\nf: r0 = 5\nr0 = *(u16 *)skb[3]\nr0 = 6\nexit", &env), 7);
	assert_int_equal(env.fault, FAULT_NONE);
}

static void may_goto_has_its_budget_for_each_run(void **state)
{
	struct vm_prog *prog = prepare("r0 = 0\ns: r0 += 1\nmay_goto e\ngoto s\ne: exit");
	struct skep_env env = {};

	for (int i = 0; i < 2; i++)
		assert_int_equal(vm_run(prog, NULL, &env), SKEP_MAY_GOTO_BUDGET + 1);
	assert_int_equal(env.loop_budget, 0);
	vm_free(prog);
}

/* A prog array as the map floor lays it out, for tail calls. */
struct array {
	struct skep_map map;
	_Atomic(void *) objs[4];
};

/* Tail calls slot r3 of the array in r2 with r1; 99 when that falls through. */
#define TAIL "call helper#12\nr0 = 99\nexit\n"

static uint64_t run_tail(const char *text, struct array *array, struct skep_env *env)
{
	struct vm_prog *prog = prepare(text);
	const uint64_t args[5] = {1000, (uintptr_t)&array->map};
	uint64_t r0 = vm_run_args(prog, args, env);

	vm_free(prog);
	return r0;
}

static void a_tail_call_goes_on_in_the_other_program_or_falls_through(void **state)
{
	struct vm_prog *other = prepare("r0 = r1\nr0 += 1\nexit");
	struct skep_target target = {.vm = other}, jit_only = {};
	struct array array = {.map = {.max_entries = 4, .objs = array.objs}};
	struct skep_env env = {};

	array.objs[1] = &target;
	array.objs[2] = &jit_only;
	assert_int_equal(run_tail("r3 = 1\n" TAIL, &array, &env), 1001);
	assert_int_equal(env.tail_calls, 1);
	assert_int_equal(run_tail("r3 = 0\n" TAIL, &array, &env), 99); /* empty */
	assert_int_equal(run_tail("r3 = 2\n" TAIL, &array, &env), 99); /* nothing for the interpreter */
	assert_int_equal(run_tail("r3 = 4\n" TAIL, &array, &env), 99); /* out of range */
	assert_int_equal(run_tail("r3 = -1\n" TAIL, &array, &env), 99);
	assert_int_equal(env.tail_calls, 0);
	assert_int_equal(run_tail("r3 = 0x500000001 ll\n" TAIL, &array, &env), 1001); /* the index has 32 bits */
	/* In a function, the other program takes the function's place and returns to its caller. */
	assert_int_equal(run_tail("call f\nr0 += 5\nexit\nf: r3 = 1\n" TAIL, &array, &env), 1006);
	vm_free(other);
}

static void tail_calls_end_at_thirty_three(void **state)
{
	struct array array = {.map = {.max_entries = 4, .objs = array.objs}};
	struct seen seen = {};
	struct skep_env env = {.user = &seen};
	struct vm_prog *self = prepare("r6 = r1\nr7 = r2\ncall helper#1\nr1 = r6\nr2 = r7\nr3 = 0\n" TAIL);
	struct skep_target target = {.vm = self};
	const uint64_t args[5] = {1000, (uintptr_t)&array.map};

	array.objs[0] = &target;
	assert_int_equal(vm_run_args(self, args, &env), 99);
	assert_int_equal(seen.calls, 34);
	assert_int_equal(env.tail_calls, SKEP_MAX_TAIL_CALLS);
	vm_free(self);
}

static void *hammer(void *arg)
{
	const struct vm_prog *prog = ((void **)arg)[0];
	struct skep_env env = {};

	return (void *)(uintptr_t)vm_run(prog, ((void **)arg)[1], &env);
}

static void atomics_lose_nothing_between_threads(void **state)
{
	struct vm_prog *prog = prepare("r6 = 100000\ns: r2 = 1\nlock *(u64 *)(r1 +0) += r2\nr3 = 3\n"
				       "r3 = atomic_fetch_add((u32 *)(r1 +8), r3)\n"
				       "again: r0 = *(u64 *)(r1 +16)\nr4 = r0\nr4 += 2\nr5 = r0\n"
				       "r0 = atomic64_cmpxchg((u64 *)(r1 +16), r0, r4)\nif r0 != r5 goto again\n"
				       "r6 += -1\nif r6 != 0x0 goto s\nr0 = 0\nexit");
	uint64_t shared[3] = {};
	void *arg[2] = {prog, shared};
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, arg), 0);
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(shared[0], 400000);
	assert_int_equal(shared[1], 1200000);
	assert_int_equal(shared[2], 800000);
	vm_free(prog);
}

static void code_that_cannot_be_run_is_refused(void **state)
{
	const struct code_ref refs[] = {{.kind = REF_MAP}};
	static const struct bpf_insn cases[][3] = {
		{{.code = 0xff}},
		{{.code = 0x05, .off = 3}},
		{{.code = 0x05, .off = -2}},
		{{.code = 0x06, .imm = INT32_MAX}},
		{{.code = 0x15, .off = 2}},
		{{.code = 0xe5, .off = -2}},
		{{.code = 0x85, .src_reg = 1, .imm = 2}},
		{{.code = 0x85, .src_reg = 2, .imm = 1}}, /* no such ref */
		{{.code = 0x85, .src_reg = 2, .imm = 0}}, /* a ref of another kind */
		{{.code = 0x18, .src_reg = BPF_PSEUDO_MAP_FD, .imm = 1}},
		{{.code = 0x18, .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = 0}},
		{{.code = 0x18, .src_reg = BPF_PSEUDO_MAP_IDX, .imm = 0}},
		{{.code = 0x18, .src_reg = BPF_PSEUDO_MAP_IDX_VALUE, .imm = 0}},
		{{.code = 0x18, .src_reg = BPF_PSEUDO_FUNC, .imm = 7}},
		{{.code = 0x95}, {.code = 0x95}, {.code = 0x18}}, /* second slot missing */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bpf_insn insns[3];
		struct skep_code code = {.insns = insns, .n_insns = 3, .refs = refs, .n_refs = COUNT(refs)};
		struct vm_prog *prog = NULL;

		memcpy(insns, cases[i], sizeof(insns));
		if (insns[1].code == 0 && !insn_is_wide(&insns[0]))
			insns[1].code = 0x95;
		if (insns[2].code == 0)
			insns[2].code = 0x95;
		assert_int_equal(vm_prepare(&code, &prog), -EINVAL);
		assert_null(prog);
	}
	assert_int_equal(vm_prepare(&(struct skep_code){}, &(struct vm_prog *){NULL}), -EINVAL);
	vm_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_probing_load_gives_zero_for_a_bad_address),
		cmocka_unit_test(a_helper_gets_five_arguments_and_the_environment),
		cmocka_unit_test(the_context_arrives_in_r1),
		cmocka_unit_test(refs_become_addresses),
		cmocka_unit_test(a_missing_helper_ends_the_run_with_0_from_any_depth),
		cmocka_unit_test(callbacks_run_with_their_own_frame_and_return_to_the_helper),
		cmocka_unit_test(too_deep_a_chain_ends_the_run),
		cmocka_unit_test(a_packet_load_beyond_the_packet_returns_0_from_its_function),
		cmocka_unit_test(may_goto_has_its_budget_for_each_run),
		cmocka_unit_test(a_tail_call_goes_on_in_the_other_program_or_falls_through),
		cmocka_unit_test(tail_calls_end_at_thirty_three),
		cmocka_unit_test(atomics_lose_nothing_between_threads),
		cmocka_unit_test(code_that_cannot_be_run_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
