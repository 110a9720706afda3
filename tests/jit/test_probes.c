// SPDX-License-Identifier: BSD-2-Clause
/* Loads through kernel pointers: what they give in both engines, where there is something, where there is nothing, and what they leave alone. */
#include "both.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static const uint64_t OBJECT = 0xffff888000010000;
enum { OBJECT_SIZE = 64 };
static uint8_t object[OBJECT_SIZE];

/* The routine that reads an object uses every register that a C function may. */
static int read_kernel(struct skep_env *env, void *to, uint64_t from, size_t len)
{
	bool there = from >= OBJECT && from - OBJECT <= OBJECT_SIZE - len;

	if (there)
		memcpy(to, object + (from - OBJECT), len);
	__asm__ volatile("mov $-1, %%rax; mov %%rax, %%rcx; mov %%rax, %%rdx; mov %%rax, %%rsi; mov %%rax, %%rdi; mov "
			 "%%rax, %%r8;"
			 "mov %%rax, %%r9; mov %%rax, %%r10; mov %%rax, %%r11" ::
				 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory");
	(*(uint32_t *)env->user)++;
	return there && (uintptr_t)__builtin_frame_address(0) % 16 == 0 ? 0 : -EFAULT;
}

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

static const struct task_host host = {.read_kernel = read_kernel};
static const struct env_task task = {.host = &host};

static int setup(void **state)
{
	for (uint32_t i = 0; i < OBJECT_SIZE; i++)
		object[i] = (uint8_t)(0x80 + 5 * i);
	return 0;
}

static const struct {
	enum insn_op op;
	uint32_t size;
	bool sign;
} loads[] = {{INSN_PROBEB, 1, false}, {INSN_PROBEH, 2, false}, {INSN_PROBEW, 4, false}, {INSN_PROBEDW, 8, false},
	     {INSN_PROBESB, 1, true}, {INSN_PROBESH, 2, true}, {INSN_PROBESW, 4, true}};

static uint64_t value_at(const uint8_t *from, uint32_t size, bool sign)
{
	uint64_t v = 0;

	memcpy(&v, from, size);
	if (sign && size < 8 && v >> (size * 8 - 1))
		v |= UINT64_MAX << size * 8;
	return v;
}

/*
 * One load with all registers in use: they are folded into r0 afterwards, so one that changed shows.
 * Return: the same in C.
 */
static uint64_t program(struct builder *b, enum insn_op op, uint32_t dst, uint32_t src, int16_t off, uint64_t address,
			uint64_t gives)
{
	uint64_t regs[10], r0;

	for (uint32_t r = 0; r < 10; r++) {
		regs[r] = r == src ? address : 0x1111111111111111u * (r + 1) + 7 * r;
		build_wide(b, INSN_LDIMM64, r, regs[r]);
	}
	build(b, op, dst, src, off, 0);
	regs[dst] = gives;
	r0 = regs[0];
	for (uint32_t r = 1; r < 10; r++) {
		build(b, INSN_MUL64_K, 0, 0, 0, 31);
		build(b, INSN_XOR64_X, 0, r, 0, 0);
		r0 = r0 * 31 ^ regs[r];
	}
	build(b, INSN_EXIT, 0, 0, 0, 0);
	return r0;
}

static void expect(struct builder *b, uint64_t want, uint32_t reads, const struct env_task *t)
{
	struct both p = {0};

	assert_int_equal(both_make(&p, b), 0);
	for (int e = 0; e < ENGINES; e++) {
		const uint64_t args[5] = {1, 2, 3, 4, 5};
		uint32_t n = 0;
		struct skep_env env = {.user = &n, .task = t};

		assert_int_equal(both_run(&p, e, args, &env), want);
		assert_int_equal(n, reads);
		assert_int_equal(env.fault, FAULT_NONE);
	}
	both_free(&p);
	build_free(b);
}

static void every_load_gives_its_bytes_and_keeps_all_else(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(loads); i++)
		for (uint32_t dst = 0; dst < 10; dst++)
			for (uint32_t src = 0; src < 10; src++) {
				int16_t off = (int16_t)((int)(dst * 3) - 8);
				struct builder b = {0};
				uint64_t want = program(&b, loads[i].op, dst, src, off, OBJECT + 8,
							value_at(object + 8 + off, loads[i].size, loads[i].sign));

				expect(&b, want, 1, &task);
			}
}

static void what_is_not_there_is_zero(void **state)
{
	const uint64_t bad[] = {0,
				8,
				OBJECT - 8,
				OBJECT + OBJECT_SIZE,
				OBJECT + OBJECT_SIZE - 7,
				TASK_OBJECTS,
				UINT64_MAX,
				0x7fffffffffffffff,
				0x00007ffffffff000,
				0xdead000000000100};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct builder b = {0};
		uint64_t want = program(&b, INSN_PROBEDW, 3, 4, 0, bad[i], 0);

		expect(&b, want, bad[i] >= TASK_OBJECTS, &task);
		/* Nor without a task. */
		want = program(&b, INSN_PROBESW, 4, 4, 0, bad[i], 0);
		expect(&b, want, 0, NULL);
	}
}

/* Addresses wrap as sums do: from the very end of the address space to its start, where nothing is. */
static void a_sum_that_wraps_is_an_address_like_others(void **state)
{
	struct builder b = {0};
	uint64_t want = program(&b, INSN_PROBEDW, 0, 1, 32, UINT64_MAX - 8, 0);

	expect(&b, want, 0, &task);
}

static void memory_of_the_programs_own_is_read_too(void **state)
{
	static const uint8_t own[8] = {1, 2, 3, 4, 5, 6, 7, 0x88};

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		struct builder b = {0};
		uint64_t want = program(&b, loads[i].op, 5, 9, -4, (uintptr_t)own + 4,
					value_at(own, loads[i].size, loads[i].sign));

		expect(&b, want, 0, i % 2 ? &task : NULL);
	}
}

/* In a function of its own, with a frame, in a loop: the stack is aligned, the environment at hand, and sums are computed before. */
static void a_function_may_probe_in_a_loop(void **state)
{
	struct builder b = {0};
	uint64_t want = 0;
	uint32_t call, head;

	build_wide(&b, INSN_LDIMM64, 1, OBJECT);
	build(&b, INSN_MOV64_K, 6, 0, 0, 77);
	call = build(&b, INSN_CALL_SUBPROG, 0, 0, 0, 0);
	build(&b, INSN_ADD64_X, 0, 6, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	build_func(&b);
	build_land(&b, call);
	build(&b, INSN_MOV64_K, 0, 0, 0, 0);
	build(&b, INSN_MOV64_K, 2, 0, 0, 0);
	build(&b, INSN_STXDW, 10, 1, -8, 0);
	head = b.n;
	/* r3 = r1 + 4 r2, a sum that an access could compute */
	build(&b, INSN_MOV64_X, 3, 2, 0, 0);
	build(&b, INSN_LSH64_K, 3, 0, 0, 2);
	build(&b, INSN_ADD64_X, 3, 1, 0, 0);
	build(&b, INSN_PROBEW, 4, 3, 4, 0);
	build(&b, INSN_ADD64_X, 0, 4, 0, 0);
	build(&b, INSN_PROBESB, 5, 3, 0, 0);
	build(&b, INSN_ADD64_X, 0, 5, 0, 0);
	build(&b, INSN_ADD64_K, 2, 0, 0, 1);
	build(&b, INSN_JLT64_K, 2, 0, (int64_t)head - b.n - 1, 12);
	build(&b, INSN_LDXDW, 1, 10, -8, 0);
	build(&b, INSN_PROBEDW, 1, 1, 0, 0);
	build(&b, INSN_ADD64_X, 0, 1, 0, 0);
	build(&b, INSN_EXIT, 0, 0, 0, 0);
	for (uint32_t i = 0; i < 12; i++)
		want += value_at(object + i * 4 + 4, 4, false) + value_at(object + i * 4, 1, true);
	expect(&b, want + value_at(object, 8, false) + 77, 25, &task);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_load_gives_its_bytes_and_keeps_all_else),
		cmocka_unit_test(what_is_not_there_is_zero),
		cmocka_unit_test(a_sum_that_wraps_is_an_address_like_others),
		cmocka_unit_test(memory_of_the_programs_own_is_read_too),
		cmocka_unit_test(a_function_may_probe_in_a_loop),
	};

	return cmocka_run_group_tests_name("loads through kernel pointers", tests, setup, NULL);
}
