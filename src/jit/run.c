// SPDX-License-Identifier: BSD-2-Clause
/*
 * Running compiled programs: what C does around the target's entry code.
 *
 * A fault ends a run from any depth, yet never by jumping over C frames, for a helper may
 * hold locks. Compiled frames are unwound to the innermost border with C, where
 * env->unwind_sp points:
 *
 *     jit_run | main -> subprog -> helper with a callback | callback -> missing helper
 *             ^ border 1                                  ^ border 2: unwound to here first
 *
 * The helper gets 1 from its callback, which every iterating helper takes as "stop", and
 * further calls of the callback do nothing. When it returns to compiled code, the check of
 * env->fault there (emitted in programs that have callbacks) unwinds to the next border.
 *
 * A program in which nothing can end early (no callbacks, no tail calls, every helper there) needs no border; most are like that. The compiler marks
 * them with a byte before their entry, and jit_run() calls them as what they are then, functions by the C ABI.
 */
#include "jit/jit.h"
#include "jit/target.h"

#include "base/util.h"

/* What bpf_loop() and the like take from a callback as the wish to stop. */
#define CALLBACK_STOP 1

/* jit_callback - env->callback of a compiled run. @fn: what LD_FUNC gave, the subprog's address. */
static uint64_t jit_callback(struct skep_env *env, uint64_t fn, uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4,
			     uint64_t r5)
{
	uint64_t ret;

	if (env->fault != FAULT_NONE)
		return CALLBACK_STOP;
	ret = jit_target_subprog(r1, r2, r3, r4, r5, env, fn);
	return env->fault != FAULT_NONE ? CALLBACK_STOP : ret;
}

static inline void env_reset(struct skep_env *env)
{
	env->tail_calls = 0;
	env->fault = FAULT_NONE;
	env->loop_budget = SKEP_MAY_GOTO_BUDGET;
	env->callback = jit_callback;
}

/* What stands before the entry says whether the run may end from within; if it cannot, it is a function like any other. */
static inline bool is_direct(skep_fn entry)
{
	return ((const uint8_t *)(uintptr_t)entry)[-1] == JIT_DIRECT;
}

uint64_t jit_run(skep_fn entry, void *ctx, struct skep_env *env)
{
	env_reset(env);
	if (likely(is_direct(entry)))
		return entry((uintptr_t)ctx, 0, 0, 0, 0, env);
	return jit_target_enter((uintptr_t)ctx, 0, 0, 0, 0, env, entry);
}

uint64_t jit_run_args(skep_fn entry, const uint64_t args[5], struct skep_env *env)
{
	env_reset(env);
	return jit_target_enter(args[0], args[1], args[2], args[3], args[4], env, entry);
}
