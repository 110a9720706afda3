/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the common part of the JIT asks of a target (x86_64/, ...). One target is built in,
 * chosen by meson from the host's CPU family; none.c stands in where there is none.
 */
#ifndef SKEP_JIT_TARGET_H
#define SKEP_JIT_TARGET_H

#include "jit/jit.h"

/* CPU features that change which instructions the compiler picks, never what a program does. */
enum jit_feature {
	JIT_FEATURE_BMI2 = 1u << 0, /* x86-64: shlx, shrx, sarx, rorx */
	JIT_FEATURE_BMI1 = 1u << 1, /* x86-64: andn */
	JIT_FEATURE_ALL = JIT_FEATURE_BMI2 | JIT_FEATURE_BMI1,
};

/* What RELOC_RUNTIME's index stands for: the routines that compiled code calls for itself. */
enum jit_runtime {
	RUNTIME_PACKET_LOAD, /* packet_load() */
	RUNTIME_PROBE, /* jit_target_probe() */
	RUNTIME_COUNT,
};

/* The byte before a program's entry, when C may call it without jit_target_enter(). */
#define JIT_DIRECT 0xd1

/* jit_host_features - the features that this CPU has, as a set of enum jit_feature. */
uint32_t jit_host_features(void);

/*
 * jit_compile_for - jit_compile() for a CPU with exactly these features.
 * @features:  set of enum jit_feature; more than jit_host_features() gives code that may not run here
 */
int jit_compile_for(const struct skep_code *code, uint32_t features, struct jit_object **out);

/*
 * jit_target_enter - the border from C into compiled code.
 * @r1 to @r5:  the argument registers
 * @entry:      the program
 *
 * Saves all that the C ABI wants kept, since a run may be cut short from any depth, and makes
 * env->unwind_sp a place to return to; the former value is restored, so entries nest. The other
 * registers of the program start as 0.
 */
uint64_t jit_target_enter(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env,
			  skep_fn entry);

/* jit_target_subprog - the same for a subprog at native address @fn, which is no skep_fn of its own. */
uint64_t jit_target_subprog(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env,
			    uint64_t fn);

/*
 * jit_target_no_helper - what a call to a helper that does not exist is linked to.
 *
 * Called from compiled code only. Sets FAULT_NO_HELPER and ends the innermost
 * jit_target_enter() or jit_target_subprog() with 0. It never jumps over a C frame.
 */
uint64_t jit_target_no_helper(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env);

/*
 * jit_target_probe - env_probe() for compiled code, by a convention of the target's own: it keeps all registers of the program.
 * Called from compiled code only.
 */
void jit_target_probe(void);

#endif
