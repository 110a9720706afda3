/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory runs out: for each allocation of the assembler, the shape check and the interpreter's preparation, that one
 * fails. Linked with --wrap, so that the floors' calls of malloc() and kin arrive here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "insn/check.h"
#include "insn/text.h"
#include "vm/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static int until_failure = -1; /* allocations that still succeed; below 0: all do */

static bool fails(void)
{
	return until_failure >= 0 && until_failure-- == 0;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	return false;
}

static uint64_t helper(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	return 40 + r1;
}

/*
 * pipeline - text to result, with allocation number @failing failing.
 * Return: the first error, or 0 with *r0.
 */
static int pipeline(const char *text, int failing, uint64_t *r0)
{
	static const skep_fn helpers[] = {[1] = helper};
	struct bpf_insn *insns = NULL;
	struct insn_shape shape = {};
	struct vm_prog *prog = NULL;
	struct insn_asm_error e;
	struct skep_env env = {};
	uint32_t n;
	int err;

	until_failure = failing;
	err = insn_asm(text, strlen(text), NULL, &insns, &n, &e);
	if (!err)
		err = insn_check(insns, n, INSN_ALLOW_CALLX, &shape);
	if (!err) {
		struct skep_code code = {.insns = insns,
					 .n_insns = n,
					 .helpers = helpers,
					 .n_helpers = 2,
					 .subprogs = shape.subprogs,
					 .n_subprogs = shape.n_subprogs};

		err = vm_prepare(&code, &prog);
	}
	if (!err)
		*r0 = vm_run(prog, NULL, &env);
	until_failure = -1;
	vm_free(prog);
	insn_shape_free(&shape);
	free(insns);
	return err;
}

static void each_allocation_that_fails_is_reported_and_nothing_leaks(void **state)
{
	char text[4096] = "r1 = 2\ncall f\n";
	uint64_t r0 = 0;
	int failing;

	for (int i = 0; i < 100; i++) /* the arrays grow more than once */
		strcat(text, "if r1 == 0x0 goto out\n");
	strcat(text, "out: exit\nf: r3 = 1\ncallx r3\nexit\n");
	for (failing = 0; failing < 100; failing++) {
		int err = pipeline(text, failing, &r0);

		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
	}
	assert_int_equal(r0, 42);
	assert_true(failing >= 10 && failing < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_that_fails_is_reported_and_nothing_leaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
