// SPDX-License-Identifier: BSD-2-Clause
/* Calls: helpers, subprogs, callbacks, tail calls, packet access, and how a run ends early. */
#include "both.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum {
	HELPER_SUM = 1, /* r1 + 2 r2 + 3 r3 + 4 r4 + 5 r5 + cpu */
	HELPER_ALIGN, /* rsp modulo 16 where a C function has it right: 0 */
	HELPER_REPEAT, /* calls function r1 with r2, r3 times, whatever it returns */
	HELPER_COUNT_CALL, /* counts in env->user */
	HELPER_MISSING,
	N_HELPERS,
};

static uint64_t helper_sum(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return r1 + 2 * r2 + 3 * r3 + 4 * r4 + 5 * r5 + env->cpu;
}

static __attribute__((noinline)) uint64_t helper_align(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5,
						       struct skep_env *env)
{
	/* The frame address is 16-aligned in a function that was called with rsp aligned. */
	return (uintptr_t)__builtin_frame_address(0) % 16;
}

static uint64_t helper_repeat(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	uint64_t last = 0;

	for (uint64_t i = 0; i < r3; i++)
		last = env->callback(env, r1, r2, i, r4, r5, 99);
	return last;
}

static uint64_t helper_count(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return ++*(uint64_t *)env->user;
}

static const skep_fn helpers[N_HELPERS] = {
	[HELPER_SUM] = helper_sum,
	[HELPER_ALIGN] = helper_align,
	[HELPER_REPEAT] = helper_repeat,
	[HELPER_COUNT_CALL] = helper_count,
};

/* A packet of eight bytes: 0x80, 0x81, ... */
bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	if (off < 0 || off + (int)size > 8)
		return false;
	for (*value = 0; size; size--)
		*value = *value << 8 | (uint64_t)(0x80 + off++);
	return true;
}

static struct both new_both(void)
{
	return (struct both){.code = {.helpers = helpers, .n_helpers = N_HELPERS}};
}

static void make(struct both *p, struct builder *b)
{
	assert_int_equal(both_make(p, b), 0);
	build_free(b);
}

/* Runs in every engine with a fresh environment each; all must agree with @want in r0 and @fault. */
static void expect(const struct both *p, uint64_t r1, uint64_t want, enum skep_fault fault)
{
	for (int e = 0; e < ENGINES; e++) {
		const uint64_t args[5] = {r1, 2, 3, 4, 5};
		uint64_t count = 0;
		struct skep_env env = {.cpu = 1000, .user = &count, .unwind_sp = e ? 0x5a5a : 0};

		assert_int_equal(both_run(p, e, args, &env), want);
		assert_int_equal(env.fault, fault);
		/* Entries nest: what was there before comes back. */
		if (e)
			assert_int_equal(env.unwind_sp, 0x5a5a);
	}
}

static void exit_(struct builder *b)
{
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

static void helpers_get_five_arguments_and_the_environment(void **state)
{
	struct both p = new_both();
	struct builder b = {0};

	/* A division takes every scratch register that there is, so what the helper gets was put there for it. */
	build(&b, INSN_MOV64_K, 6, 0, 0, 30);
	build(&b, INSN_MOV64_K, 7, 0, 0, 7);
	build(&b, INSN_DIV64_X, 6, 7, 0, 0);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_SUM);
	exit_(&b);
	make(&p, &b);
	expect(&p, 10, 10 + 4 + 9 + 16 + 25 + 1000, FAULT_NONE);
	both_free(&p);
}

static void callx_calls_the_helper_that_a_register_names(void **state)
{
	static const struct {
		uint64_t id;
		uint64_t want;
		enum skep_fault fault;
	} cases[] = {
		{HELPER_SUM, 54 + 1000 + 1, FAULT_NONE}, {HELPER_MISSING, 0, FAULT_NO_HELPER},
		{N_HELPERS - 1, 0, FAULT_NO_HELPER},     {N_HELPERS, 0, FAULT_NO_HELPER},
		{N_HELPERS + 1, 0, FAULT_NO_HELPER},     {0x100000001, 0, FAULT_NO_HELPER},
		{UINT64_MAX, 0, FAULT_NO_HELPER},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		for (uint32_t reg = 0; reg < 10; reg++) {
			struct both p = new_both();
			struct builder b = {0};

			if (reg >= 1 && reg <= 5)
				continue; /* holds an argument here */
			build_wide(&b, INSN_LDIMM64, reg, cases[i].id);
			build(&b, INSN_CALLX, reg, 0, 0, 0);
			exit_(&b);
			make(&p, &b);
			expect(&p, 1, cases[i].want, cases[i].fault);
			both_free(&p);
		}
	}
}

static void kfuncs_are_called_through_their_reference(void **state)
{
	const struct code_ref refs[] = {
		{.kind = REF_KFUNC, .addr = (uintptr_t)helper_sum},
		{.kind = REF_KFUNC, .addr = 0},
	};

	for (int i = 0; i < 2; i++) {
		struct both p = new_both();
		struct builder b = {0};

		p.code.refs = refs;
		p.code.n_refs = 2;
		build(&b, INSN_CALL_KFUNC, 0, 0, 0, i);
		exit_(&b);
		make(&p, &b);
		expect(&p, 1, i ? 0 : 1055, i ? FAULT_NO_HELPER : FAULT_NONE);
		both_free(&p);
	}
}

static void references_load_their_addresses(void **state)
{
	const struct code_ref refs[] = {
		{.kind = REF_MAP, .addr = 0x123456789abc},
		{.kind = REF_VALUE, .addr = 0x7f0000001000},
		{.kind = REF_KSYM, .addr = 0xfffffffffffffff0},
	};
	struct both p = new_both();
	struct builder b = {0};

	p.code.refs = refs;
	p.code.n_refs = 3;
	build_wide(&b, INSN_LD_MAP_FD, 0, 0);
	build_wide(&b, INSN_LD_MAP_VALUE, 9, 1 | 0xf0000000ull << 32);
	build(&b, INSN_ADD64_X, 0, 9, 0, 0);
	build_wide(&b, INSN_LD_VAR, 1, 2);
	build(&b, INSN_ADD64_X, 0, 1, 0, 0);
	exit_(&b);
	make(&p, &b);
	expect(&p, 0, 0x123456789abc + 0x7f0000001000 + 0xf0000000 - 16, FAULT_NONE);
	both_free(&p);
}

/* Frames of every kind: with and without a stack, with any set of saved registers, main and subprog. */
static void the_stack_is_aligned_at_every_call(void **state)
{
	for (uint32_t set = 0; set < 16 * 4; set++) {
		struct both p = new_both();
		struct builder b = {0};
		uint32_t call;

		for (int func = 0; func < 2; func++) {
			if (func)
				build_land(&b, call), build_func(&b);
			if (set & 16)
				build(&b, INSN_STDW, 10, 0, set & 32 ? -16 : -8, 1);
			for (uint32_t r = 6; r < 10; r++) {
				if (set & 1u << (r - 6))
					build(&b, INSN_MOV64_K, r, 0, 0, 7);
			}
			build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_ALIGN);
			build(&b, INSN_JNE64_K, 0, 0, func ? 0 : 1, 0);
			if (!func)
				call = build(&b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
			exit_(&b);
		}
		make(&p, &b);
		for (int e = 1; e < ENGINES; e++) {
			struct skep_env env = {0};

			assert_int_equal(both_run(&p, e, (uint64_t[5]){0}, &env), 0);
		}
		both_free(&p);
	}
}

static void subprogs_keep_r6_to_r9_and_have_a_stack_of_their_own(void **state)
{
	struct both p = new_both();
	struct builder b = {0};
	uint32_t call;

	for (uint32_t r = 6; r < 10; r++)
		build(&b, INSN_MOV64_K, r, 0, 0, (int)r);
	build(&b, INSN_STDW, 10, 0, -8, 100);
	call = build(&b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
	for (uint32_t r = 6; r < 10; r++) {
		build(&b, INSN_MUL64_K, 0, 0, 0, 10);
		build(&b, INSN_ADD64_X, 0, r, 0, 0);
	}
	build(&b, INSN_LDXDW, 1, 10, -8, 0);
	build(&b, INSN_MUL64_K, 0, 0, 0, 1000);
	build(&b, INSN_ADD64_X, 0, 1, 0, 0);
	exit_(&b);
	build_land(&b, call);
	build_func(&b);
	build(&b, INSN_STDW, 10, 0, -8, 55);
	/* r6 is written by a fetch, r7 by a load, r8 and r9 by arithmetic. */
	build(&b, INSN_FETCH_ADD64, 10, 6, -8, 0);
	build(&b, INSN_LDXDW, 7, 10, -8, 0);
	build(&b, INSN_MOV32_K, 8, 0, 0, -1);
	build(&b, INSN_XOR64_X, 9, 9, 0, 0);
	build(&b, INSN_MOV64_X, 0, 1, 0, 0);
	exit_(&b);
	make(&p, &b);
	expect(&p, 3, 36789100, FAULT_NONE);
	both_free(&p);
}

/* A function whose only write of a callee-saved register is what an atomic operation fetches. */
static void a_fetch_into_a_saved_register_is_undone(void **state)
{
	static const enum insn_op ops[] = {INSN_FETCH_ADD64, INSN_FETCH_OR64, INSN_FETCH_AND32, INSN_XCHG64};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct both p = new_both();
		struct builder b = {0};
		uint32_t call;

		build(&b, INSN_MOV64_K, 8, 0, 0, 1234);
		call = build(&b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
		build(&b, INSN_MOV64_X, 0, 8, 0, 0);
		exit_(&b);
		build_land(&b, call);
		build_func(&b);
		build(&b, INSN_STDW, 10, 0, -8, 55);
		build(&b, ops[i], 10, 8, -8, 0);
		build(&b, INSN_MOV64_K, 0, 0, 0, 0);
		exit_(&b);
		make(&p, &b);
		expect(&p, 0, 1234, FAULT_NONE);
		both_free(&p);
	}
}

/* Function r1 is called with (r2, i, r4, r5, 99); it must see them all. */
static void callbacks_get_their_arguments(void **state)
{
	struct both p = new_both();
	struct builder b = {0};
	uint32_t func;

	build(&b, INSN_MOV64_K, 6, 0, 0, 600);
	func = build_wide(&b, INSN_LD_FUNC, 1, 0);
	build(&b, INSN_MOV64_K, 2, 0, 0, 10);
	build(&b, INSN_MOV64_K, 3, 0, 0, 8);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_REPEAT);
	build(&b, INSN_ADD64_X, 0, 6, 0, 0);
	exit_(&b);
	build_land(&b, func);
	build_func(&b);
	build(&b, INSN_MOV64_K, 6, 0, 0, 1);
	/* sum(10, 7, 4, 5, 99) + 1000, through a helper, so the environment is in place here as well */
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_SUM);
	exit_(&b);
	make(&p, &b);
	expect(&p, 0, 10 + 14 + 12 + 20 + 495 + 1000 + 600, FAULT_NONE);
	both_free(&p);
}

/* main -> five subprogs -> missing helper: nothing after any of the calls runs. */
static void a_missing_helper_ends_the_run_from_any_depth(void **state)
{
	static const uint32_t ids[] = {HELPER_MISSING, N_HELPERS, 0x7fffffff, 0xffffffff};

	for (size_t i = 0; i < ARRAY_SIZE(ids) * 6; i++) {
		uint32_t call = 0, depth = (uint32_t)(i % 6);
		struct both p = new_both();
		struct builder b = {0};
		uint8_t touched[8] = {0};

		for (uint32_t f = 0; f <= depth; f++) {
			if (f) {
				build_land(&b, call);
				build_func(&b);
			}
			build(&b, INSN_MOV64_X, 6 + f % 4, 1, 0, 0);
			build(&b, INSN_STXDW, 10, 1, -8 - 8 * (int)f, 0);
			if (f < depth)
				call = build(&b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
			else
				build(&b, INSN_CALL_HELPER, 0, 0, 0, (int32_t)ids[i / 6]);
			build(&b, INSN_STB, 6 + f % 4, 0, (int)f, 1);
			build(&b, INSN_MOV64_K, 0, 0, 0, 5);
			exit_(&b);
		}
		make(&p, &b);
		expect(&p, (uintptr_t)touched, 0, FAULT_NO_HELPER);
		for (size_t k = 0; k < sizeof(touched); k++)
			assert_int_equal(touched[k], 0);
		both_free(&p);
	}
}

/*
 * main -> helper -> callback -> subprog -> missing helper: the helper goes on with its iterations, which
 * must not run the callback again, and when it is done main must not go on.
 */
static void a_missing_helper_in_a_callback_ends_the_run_once_the_helper_returns(void **state)
{
	struct both p = new_both();
	struct builder b = {0};
	uint32_t func, call;

	func = build_wide(&b, INSN_LD_FUNC, 1, 0);
	build(&b, INSN_MOV64_K, 3, 0, 0, 100);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_REPEAT);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_COUNT_CALL);
	build(&b, INSN_MOV64_K, 0, 0, 0, 5);
	exit_(&b);
	build_land(&b, func);
	build_func(&b);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_COUNT_CALL);
	call = build(&b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_COUNT_CALL);
	exit_(&b);
	build_land(&b, call);
	build_func(&b);
	build(&b, INSN_STDW, 10, 0, -8, 0);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_MISSING);
	build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_COUNT_CALL);
	exit_(&b);
	make(&p, &b);
	for (int e = 0; e < ENGINES; e++) {
		uint64_t count = 0;
		struct skep_env env = {.user = &count};

		assert_int_equal(both_run(&p, e, (uint64_t[5]){0}, &env), 0);
		assert_int_equal(env.fault, FAULT_NO_HELPER);
		assert_int_equal(count, 1);
	}
	both_free(&p);
}

/* Counts in r1's first word, then tail calls slot r1[1]; what follows the call adds 1000000. */
static void build_tail_caller(struct builder *b, uint32_t n_subprogs)
{
	uint32_t call = 0;

	for (uint32_t f = 0; f < n_subprogs; f++) {
		if (f) {
			build_land(b, call);
			build_func(b);
		}
		if (f + 1 < n_subprogs) {
			build(b, INSN_MOV64_X, 9, 1, 0, 0);
			build(b, INSN_STDW, 10, 0, -8, 1);
			call = build(b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
			build(b, INSN_ADD64_K, 0, 0, 0, 10000);
			/* r9 and the stack are still ours when a target has returned in our callee's place. */
			build(b, INSN_LDXDW, 2, 10, -8, 0);
			build(b, INSN_ADD64_X, 0, 2, 0, 0);
			build(b, INSN_LDXDW, 2, 9, 16, 0);
			build(b, INSN_ADD64_X, 0, 2, 0, 0);
			exit_(b);
			continue;
		}
		build(b, INSN_MOV64_X, 6, 1, 0, 0);
		build(b, INSN_LDXDW, 7, 6, 0, 0);
		build(b, INSN_ADD64_K, 7, 0, 0, 1);
		build(b, INSN_STXDW, 6, 7, 0, 0);
		build_wide(b, INSN_LD_MAP_FD, 2, 0);
		build(b, INSN_LDXDW, 3, 6, 8, 0);
		build(b, INSN_CALL_HELPER, 0, 0, 0, BPF_FUNC_tail_call);
		build(b, INSN_LDXDW, 0, 6, 0, 0);
		build(b, INSN_ADD64_K, 0, 0, 0, 1000000);
		exit_(b);
	}
}

struct tail_fixture {
	struct skep_map map;
	_Atomic(void *) slots[4]; /* self, small, empty, without code; the map has three */
	struct code_ref ref;
	struct both caller, small;
};

static void tail_setup(struct tail_fixture *t, uint32_t n_subprogs)
{
	struct builder b = {0};

	*t = (struct tail_fixture){.caller = new_both(), .small = new_both()};
	t->map.max_entries = 3;
	t->map.objs = t->slots;
	t->ref = (struct code_ref){.kind = REF_MAP, .addr = (uintptr_t)&t->map};
	t->caller.code.refs = &t->ref;
	t->caller.code.n_refs = 1;
	build_tail_caller(&b, n_subprogs);
	make(&t->caller, &b);
	/* The small one writes every register that it can, and its stack. */
	build(&b, INSN_LDXDW, 0, 1, 0, 0);
	build(&b, INSN_STDW, 10, 0, -8, 0);
	for (uint32_t r = 6; r < 10; r++)
		build(&b, INSN_MOV64_K, r, 0, 0, 0);
	build(&b, INSN_ADD64_K, 0, 0, 0, 500);
	exit_(&b);
	make(&t->small, &b);
}

static void tail_free(struct tail_fixture *t)
{
	both_free(&t->caller);
	both_free(&t->small);
}

static void tail_expect(struct tail_fixture *t, uint64_t slot, uint64_t want, uint32_t want_calls)
{
	static struct skep_target no_code;

	for (int e = 0; e < ENGINES; e++) {
		uint64_t ctx[3] = {0, slot, 7};
		struct skep_env env = {0};

		t->slots[0] = &t->caller.targets[e];
		t->slots[1] = &t->small.targets[e];
		t->slots[2] = NULL;
		t->slots[3] = &t->small.targets[e]; /* beyond max_entries: never to be reached */
		if (slot == 1000) {
			t->slots[2] = &no_code;
			ctx[1] = 2;
		}
		assert_int_equal(both_run(&t->caller, e, (uint64_t[5]){(uintptr_t)ctx}, &env), want);
		assert_int_equal(env.tail_calls, want_calls);
		assert_int_equal(env.fault, FAULT_NONE);
	}
}

static void tail_calls_go_on_in_their_target_or_else_behind_the_call(void **state)
{
	struct tail_fixture t;

	tail_setup(&t, 1);
	tail_expect(&t, 1, 501, 1);
	tail_expect(&t, 2, 1000001, 0);
	tail_expect(&t, 3, 1000001, 0);
	tail_expect(&t, 1000, 1000001, 0);
	tail_expect(&t, UINT32_MAX, 1000001, 0);
	/* The index has 32 bits. */
	tail_expect(&t, 0x700000001, 501, 1);
	tail_free(&t);
}

static void tail_calls_end_at_the_limit(void **state)
{
	struct tail_fixture t;

	tail_setup(&t, 1);
	/* Counted once before each of the 33 calls and once before the one that fails. */
	tail_expect(&t, 0, 1000034, SKEP_MAX_TAIL_CALLS);
	tail_free(&t);
}

static void a_tail_call_in_a_subprog_returns_to_the_subprogs_caller(void **state)
{
	for (uint32_t n = 2; n <= 5; n++) {
		struct tail_fixture t;

		tail_setup(&t, n);
		/* Each caller adds 10000, 1 from its stack and 7 through its r9. */
		tail_expect(&t, 1, 501 + (n - 1) * 10008, 1);
		tail_expect(&t, 2, 1000001 + (n - 1) * 10008, 0);
		tail_free(&t);
	}
}

/* Far more frames than calls alone may nest: each of the 33 targets starts a chain of its own. */
static void chains_of_tail_calls_and_subprogs_go_as_deep_as_the_budget_lets_them(void **state)
{
	struct tail_fixture t;

	tail_setup(&t, 8);
	for (int e = 0; e < ENGINES; e++) {
		uint64_t ctx[3] = {0, 0, 7};
		struct skep_env env = {0};

		t.slots[0] = &t.caller.targets[e];
		/* 34 programs ran, each with seven callers that add their share. */
		assert_int_equal(both_run(&t.caller, e, (uint64_t[5]){(uintptr_t)ctx}, &env), 1000034 + 34 * 7 * 10008);
		assert_int_equal(env.tail_calls, SKEP_MAX_TAIL_CALLS);
	}
	tail_free(&t);
}

static void packet_loads_give_host_order_or_end_the_function(void **state)
{
	static const struct {
		enum insn_op op;
		int64_t imm;
		uint64_t r1, want;
	} cases[] = {
		{INSN_LDABSB, 0, 0, 0x80},
		{INSN_LDABSH, 6, 0, 0x8687},
		{INSN_LDABSW, 4, 0, 0x84858687},
		{INSN_LDABSW, 5, 0, 0},
		{INSN_LDABSB, -1, 0, 0},
		{INSN_LDINDB, -3, 10, 0x87},
		{INSN_LDINDH, 2, 1, 0x8384},
		{INSN_LDINDW, 1, 0xffffffff00000003, 0x84858687},
		{INSN_LDINDB, 1, 0xffffffff, 0x80},
		{INSN_LDINDB, 0x7fffffff, 1, 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool ind = insn_descs[cases[i].op].src == FORM_READ;

		for (uint32_t reg = 0; reg < (ind ? 10 : 1); reg++) {
			struct both p = new_both();
			struct builder b = {0};

			build_wide(&b, INSN_LDIMM64, reg, cases[i].r1);
			build(&b, cases[i].op, 0, ind ? reg : 0, 0, cases[i].imm);
			build(&b, INSN_LSH64_K, 0, 0, 0, 8);
			build(&b, INSN_OR64_K, 0, 0, 0, 1);
			exit_(&b);
			make(&p, &b);
			expect(&p, 0, cases[i].want ? cases[i].want << 8 | 1 : 0, FAULT_NONE);
			both_free(&p);
		}
	}
}

/* As in the kernel, where it is the function at hand that returns. */
static void a_packet_load_that_fails_in_a_subprog_returns_0_to_its_caller(void **state)
{
	struct both p = new_both();
	struct builder b = {0};
	uint32_t call;

	build(&b, INSN_MOV64_K, 7, 0, 0, 40);
	call = build(&b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
	build(&b, INSN_ADD64_X, 0, 7, 0, 0);
	exit_(&b);
	build_land(&b, call);
	build_func(&b);
	build(&b, INSN_MOV64_K, 7, 0, 0, 1);
	build(&b, INSN_LDABSW, 0, 0, 0, 100);
	build(&b, INSN_MOV64_K, 0, 0, 0, 5);
	exit_(&b);
	make(&p, &b);
	expect(&p, 0, 40, FAULT_NONE);
	both_free(&p);
}

/*
 * run_with_marks - jit_run_args() with marks in the registers that a callee must keep.
 * @seen: what stands in them afterwards: 11 to 16 in rbx, r12 to r15, rbp when all is well
 */
uint64_t run_with_marks(skep_fn entry, const uint64_t args[5], struct skep_env *env, uint64_t seen[6]);

__asm__(".text\n"
	".type run_with_marks, @function\n"
	"run_with_marks:\n"
	"	push %rbx\n"
	"	push %rbp\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	push %rcx\n"
	"	mov $11, %ebx\n"
	"	mov $12, %r12d\n"
	"	mov $13, %r13d\n"
	"	mov $14, %r14d\n"
	"	mov $15, %r15d\n"
	"	mov $16, %ebp\n"
	"	call jit_run_args\n"
	"	pop %rcx\n"
	"	mov %rbx, (%rcx)\n"
	"	mov %r12, 8(%rcx)\n"
	"	mov %r13, 16(%rcx)\n"
	"	mov %r14, 24(%rcx)\n"
	"	mov %r15, 32(%rcx)\n"
	"	mov %rbp, 40(%rcx)\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbp\n"
	"	pop %rbx\n"
	"	ret\n");

/* The C ABI: a program that writes all registers leaves those that C code relies on alone, also when it faults. */
static void a_run_keeps_the_registers_that_c_relies_on(void **state)
{
	for (int fault = 0; fault < 2; fault++) {
		struct both p = new_both();
		struct builder b = {0};

		for (uint32_t r = 0; r < 10; r++)
			build(&b, INSN_MOV64_K, r, 0, 0, -1);
		build(&b, INSN_STDW, 10, 0, -8, 0);
		if (fault)
			build(&b, INSN_CALL_HELPER, 0, 0, 0, HELPER_MISSING);
		exit_(&b);
		make(&p, &b);
		for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++) {
			struct skep_env env = {0};
			const uint64_t args[5] = {0};
			uint64_t seen[6];

			assert_int_equal(run_with_marks(p.texts[e].entry, args, &env, seen), fault ? 0 : UINT64_MAX);
			for (uint64_t i = 0; i < ARRAY_SIZE(seen); i++)
				assert_int_equal(seen[i], 11 + i);
			assert_int_equal(env.fault, fault ? FAULT_NO_HELPER : FAULT_NONE);
		}
		both_free(&p);
	}
}

/* One thread's part of the next test. */
struct shared_run {
	const struct both *prog;
	int engine;
	uint64_t *word;
	uint64_t bit;
	pthread_barrier_t *start;
};

static void *toggle(void *arg)
{
	const struct shared_run *run = arg;
	const uint64_t args[5] = {(uintptr_t)run->word, run->bit};
	struct skep_env env = {0};

	pthread_barrier_wait(run->start);
	return (void *)(uintptr_t)both_run(run->prog, run->engine, args, &env);
}

/* Two threads toggle a bit each of one word; a lost update would show in what they fetch. */
static void fetching_operations_lose_nothing_between_threads(void **state)
{
	static const enum insn_op ops[] = {INSN_FETCH_XOR64, INSN_FETCH_XOR32};

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++) {
		struct both p = new_both();
		struct builder b = {0};
		uint32_t head;

		/* r6 rounds; r0 counts how often the fetched bit was not what this thread left there. */
		build(&b, INSN_MOV64_K, 6, 0, 0, 4000000);
		build(&b, INSN_MOV64_K, 0, 0, 0, 0);
		build(&b, INSN_MOV64_K, 7, 0, 0, 0);
		head = build(&b, INSN_MOV64_X, 3, 2, 0, 0);
		build(&b, ops[i], 1, 3, 0, 0);
		build(&b, INSN_AND64_X, 3, 2, 0, 0);
		build(&b, INSN_JEQ64_X, 3, 7, 1, 0);
		build(&b, INSN_ADD64_K, 0, 0, 0, 1);
		build(&b, INSN_XOR64_X, 7, 2, 0, 0);
		build(&b, INSN_ADD64_K, 6, 0, 0, -1);
		build(&b, INSN_JNE64_K, 6, 0, (int64_t)head - b.n - 1, 0);
		exit_(&b);
		make(&p, &b);
		for (int e = ENGINE_JIT_PLAIN; e < ENGINES; e++) {
			uint64_t word = 0;
			pthread_barrier_t start;
			struct shared_run runs[2] = {{&p, e, &word, 1, &start}, {&p, e, &word, 2, &start}};
			pthread_t threads[2];

			assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
			for (int t = 0; t < 2; t++)
				assert_int_equal(pthread_create(&threads[t], NULL, toggle, &runs[t]), 0);
			for (int t = 0; t < 2; t++) {
				void *lost;

				pthread_join(threads[t], &lost);
				assert_null(lost);
			}
			pthread_barrier_destroy(&start);
			assert_int_equal(word, 0);
		}
		both_free(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(helpers_get_five_arguments_and_the_environment),
		cmocka_unit_test(callx_calls_the_helper_that_a_register_names),
		cmocka_unit_test(kfuncs_are_called_through_their_reference),
		cmocka_unit_test(references_load_their_addresses),
		cmocka_unit_test(the_stack_is_aligned_at_every_call),
		cmocka_unit_test(subprogs_keep_r6_to_r9_and_have_a_stack_of_their_own),
		cmocka_unit_test(a_fetch_into_a_saved_register_is_undone),
		cmocka_unit_test(callbacks_get_their_arguments),
		cmocka_unit_test(a_missing_helper_ends_the_run_from_any_depth),
		cmocka_unit_test(a_missing_helper_in_a_callback_ends_the_run_once_the_helper_returns),
		cmocka_unit_test(tail_calls_go_on_in_their_target_or_else_behind_the_call),
		cmocka_unit_test(tail_calls_end_at_the_limit),
		cmocka_unit_test(a_tail_call_in_a_subprog_returns_to_the_subprogs_caller),
		cmocka_unit_test(chains_of_tail_calls_and_subprogs_go_as_deep_as_the_budget_lets_them),
		cmocka_unit_test(packet_loads_give_host_order_or_end_the_function),
		cmocka_unit_test(a_packet_load_that_fails_in_a_subprog_returns_0_to_its_caller),
		cmocka_unit_test(a_run_keeps_the_registers_that_c_relies_on),
		cmocka_unit_test(fetching_operations_lose_nothing_between_threads),
	};

	return cmocka_run_group_tests_name("jit: calls", tests, NULL, NULL);
}
