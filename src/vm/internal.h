/* SPDX-License-Identifier: BSD-2-Clause */
/* The interpreter's own form of a program: shared by prepare.c (makes it) and interp.c (runs it). */
#ifndef SKEP_VM_INTERNAL_H
#define SKEP_VM_INTERNAL_H

#include "insn/insn.h"
#include "vm/vm.h"

/* Handlers: one per operation, then those that an operation is specialised to. */
enum {
	VM_TAIL_CALL = INSN_OP_COUNT, /* CALL_HELPER of bpf_tail_call */
	VM_NO_HELPER, /* CALL_HELPER, CALL_KFUNC of one that does not exist here */
	VM_HANDLERS,
};

/* A slot of the program in 16 bytes: where to go, and what the handler there needs. */
struct vm_insn {
	const void *handler;
	union {
		struct {
			uint8_t dst, src;
			int16_t off;
			int32_t imm;
		};
		uint64_t value; /* second slot of a 64-bit immediate: the whole value */
		const struct vm_insn *target; /* JA, GOTOL, CALL_SUBPROG */
		skep_fn fn; /* CALL_HELPER, CALL_KFUNC */
		const struct vm_prog *prog; /* slot n_insns + 1: the program itself, for CALLX */
	};
};

_Static_assert(sizeof(struct vm_insn) == 16, "four slots to a cache line");

struct vm_prog {
	const skep_fn *helpers; /* the program's copy, for CALLX only */
	uint32_t n_helpers;
	uint32_t n_insns;
	struct vm_insn insns[]; /* n_insns, then an EXIT that checked code never reaches, then the program */
};

/* vm_handlers - the addresses of the handlers, VM_HANDLERS of them. */
const void *const *vm_handlers(void);

#endif
