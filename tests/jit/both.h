/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One program in both engines: the interpreter, which is the specification, and the JIT with
 * every set of CPU features that this machine can run.
 */
#ifndef SKEP_TESTS_JIT_BOTH_H
#define SKEP_TESTS_JIT_BOTH_H

#include "base/util.h"
#include "insn/encode.h"
#include "jit/jit.h"
#include "jit/target.h"
#include "map/map.h"
#include "vm/vm.h"

/* Engines by number: the interpreter, the JIT without optional features, the JIT with what the CPU has. */
enum { ENGINE_VM, ENGINE_JIT_PLAIN, ENGINE_JIT_HOST, ENGINES };

extern const char *const engine_names[ENGINES];

struct both {
	struct skep_code code; /* fields but insns and subprogs may be set before both_make() */
	uint32_t subprogs[SKEP_MAX_SUBPROGS];
	struct vm_prog *vm;
	struct jit_object *objs[ENGINES];
	struct jit_text texts[ENGINES];
	struct skep_target targets[ENGINES]; /* for prog arrays: each knows its own engine only */
};

/* A program under construction. */
struct builder {
	struct bpf_insn *insns;
	uint32_t n, cap;
	uint32_t subprogs[SKEP_MAX_SUBPROGS];
	uint32_t n_subprogs;
};

/* build - append an instruction (insn_encode()); aborts on operands that do not fit. Return: its number. */
uint32_t build(struct builder *b, enum insn_op op, uint32_t dst, uint32_t src, int64_t off, int64_t imm);

/* build_wide - append a 64-bit immediate. */
uint32_t build_wide(struct builder *b, enum insn_op op, uint32_t dst, uint64_t value);

/* build_func - a function begins here. The first one is main and need not be announced. */
uint32_t build_func(struct builder *b);

/* build_land - make the jump, call or LD_FUNC at @insn go to the instruction that comes next. */
void build_land(struct builder *b, uint32_t insn);
void build_free(struct builder *b);

/*
 * both_make - prepare, compile and link a program for all engines.
 * Return: 0, or the first error; nothing is left to free then.
 */
int both_make(struct both *p, const struct builder *b);
void both_free(struct both *p);

/* both_run - run it in one engine, @env as given but for the engine's part. Return: r0. */
uint64_t both_run(const struct both *p, int engine, const uint64_t args[5], struct skep_env *env);

#endif
