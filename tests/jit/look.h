/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests that look at the code which the JIT makes, and at what it does beside the interpreter. */
#ifndef SKEP_TESTS_JIT_LOOK_H
#define SKEP_TESTS_JIT_LOOK_H

#include "both.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

/* Bytes of code that an instruction has; one that was fused with those before it has none. */
static inline uint32_t code_size(const struct both *p, uint32_t insn)
{
	const uint32_t *offset = p->objs[ENGINE_JIT_PLAIN]->insn_offset;

	return offset[insn + 1] - offset[insn];
}

/* Runs it in all engines with r1 and r2. @mem: restored before each run, and what each leaves there is compared. */
static inline uint64_t run_all(const struct both *p, uint64_t r1, uint64_t r2, uint64_t mem[4])
{
	const uint64_t before[4] = {mem ? mem[0] : 0, mem ? mem[1] : 0, mem ? mem[2] : 0, mem ? mem[3] : 0};
	uint64_t after[4] = {0}, want = 0;

	for (int e = ENGINE_VM; e < ENGINES; e++) {
		const uint64_t args[5] = {mem ? (uintptr_t)mem : r1, r2};
		struct skep_env env = {0};
		uint64_t got;

		if (mem)
			memcpy(mem, before, sizeof(before));
		got = both_run(p, e, args, &env);
		if (e == ENGINE_VM) {
			want = got;
			if (mem)
				memcpy(after, mem, sizeof(after));
		}
		assert_int_equal(got, want);
		if (mem)
			assert_memory_equal(mem, after, sizeof(after));
	}
	return want;
}

/* Tries every value around [lo, hi], and those where widths and signs part. */
static inline void sweep(const struct both *p, int64_t lo, int64_t hi)
{
	static const uint64_t far[] = {INT64_MIN,  INT32_MIN,        INT32_MAX,  UINT32_MAX,
				       1ull << 32, (1ull << 32) + 3, UINT64_MAX, INT64_MAX};

	for (int64_t v = lo - 3; v <= hi + 3; v++)
		run_all(p, (uint64_t)v, 0, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(far); i++)
		run_all(p, far[i], 0, NULL);
}

#endif
