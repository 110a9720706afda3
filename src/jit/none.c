// SPDX-License-Identifier: BSD-2-Clause
/* The target of CPUs that skep has no JIT for: nothing compiles, so nothing is ever entered. */
#include "jit/target.h"

#include <errno.h>

uint32_t jit_host_features(void)
{
	return 0;
}

int jit_compile_for(const struct skep_code *code, uint32_t features, struct jit_object **out)
{
	return -EOPNOTSUPP;
}

uint64_t jit_target_enter(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env,
			  skep_fn entry)
{
	return 0;
}

uint64_t jit_target_subprog(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env,
			    uint64_t fn)
{
	return 0;
}

uint64_t jit_target_no_helper(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	env->fault = FAULT_NO_HELPER;
	return 0;
}

void jit_target_probe(void)
{
}
