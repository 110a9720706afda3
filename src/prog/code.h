/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resolved code: what the loader hands to the engines.
 *
 * The instructions are the program's own ("xlated"), checked for shape, with every
 * pseudo form resolved to an index into refs[]:
 *
 *   LD_MAP_FD      imm = ref of kind REF_MAP     the value is a struct skep_map *
 *   LD_MAP_VALUE   imm = ref of kind REF_VALUE, second slot's imm = offset into it
 *   LD_VAR         imm = ref of kind REF_KSYM    the value is its address
 *   LD_FUNC        imm = distance to the subprog in slots (as encoded): a callback
 *   CALL_HELPER    imm = the helper's id; its function is helpers[id]
 *   CALL_KFUNC     imm = ref of kind REF_KFUNC
 *
 * LD_MAP_IDX and LD_MAP_IDX_VALUE do not occur any more. Since the instructions name
 * things by index and only refs[].addr holds addresses, code and its compiled form
 * do not depend on where they run.
 */
#ifndef SKEP_PROG_CODE_H
#define SKEP_PROG_CODE_H

#include "base/uapi.h"

#include <stdbool.h>

struct skep_env;
struct vm_prog;

/*
 * Every helper and kfunc, and every compiled program, has this shape: five arguments and the
 * run's environment (prog/env.h). On x86-64 the first five arrive where the JIT keeps r1 to r5.
 */
typedef uint64_t (*skep_fn)(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env);

enum code_ref_kind {
	REF_MAP,
	REF_VALUE,
	REF_KSYM,
	REF_KFUNC,
};

struct code_ref {
	enum code_ref_kind kind;
	uint32_t id; /* map id, or BTF type id: what a dump prints */
	uint64_t addr; /* in this process */
};

struct skep_code {
	struct bpf_insn *insns;
	uint32_t n_insns;
	const struct code_ref *refs;
	uint32_t n_refs;
	const skep_fn *helpers; /* by id; NULL entries and ids from n_helpers on: no such helper here */
	uint32_t n_helpers;
	const uint32_t *subprogs; /* first instruction of each function, ascending; subprogs[0] is 0 */
	uint32_t n_subprogs;
	skep_fn map_lookup; /* the helper that is map_lookup() and nothing else: calls may go to the map's own; NULL: none is */
};

/* What a slot of a prog array holds, and what a link runs: one program, for either engine. */
struct skep_target {
	skep_fn jit; /* compiled entry; NULL when there is none */
	const struct vm_prog *vm; /* for the interpreter */
};

#endif
