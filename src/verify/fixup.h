/* SPDX-License-Identifier: BSD-2-Clause */
/* What an accepted program becomes for the engine: without the instructions that no path reaches. */
#ifndef SKEP_VERIFY_FIXUP_H
#define SKEP_VERIFY_FIXUP_H

#include "verify/verify.h"

/* A program's instructions and everything that names them by number. */
struct fixup_code {
	struct bpf_insn *insns;
	uint32_t n_insns;
	uint32_t *subprogs;
	uint32_t n_subprogs;
	struct bpf_func_info *func_info; /* n_subprogs of them, or NULL */
	struct bpf_line_info *line_info;
	uint32_t n_line_info;
};

/*
 * fixup_dead_code - remove what verification never reached, as the kernel does for those who may load anything.
 * @code:  changed in place; arrays keep their memory, counts shrink
 * @facts: of verify(), n_insns of them; changed along with the instructions
 * A branch that always goes one way becomes a jump, or nothing. Functions that are never called go whole. Calls that CO-RE poisoned go
 * with the code that guards them.
 * Return: 0, or -ENOMEM with nothing changed.
 */
int fixup_dead_code(struct fixup_code *code, struct verify_insn *facts);

#endif
