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

/*
 * fixup_probes - loads through kernel pointers become loads that give 0 where there is nothing (insn_probe()): what they name is presented, not
 * mapped. @facts: as fixup_dead_code() left them
 */
void fixup_probes(struct fixup_code *code, const struct verify_insn *facts);

/* The values of an array: where they begin, as a reference of the code's, and how they lie. */
struct fixup_array {
	int32_t ref; /* LD_MAP_VALUE with it is the address of value 0 */
	uint32_t max_entries, stride;
};

/*
 * fixup_inline_lookups - write look-ups of arrays out as instructions: bpf_map_lookup_elem() on one known array is a comparison and a sum, with a
 * key that is the same constant on all paths a constant.
 * @code:   as above; insns may be reallocated
 * @facts:  of verify(), as fixup_dead_code() left them; they tell nothing about the code afterwards
 * @array:  tells of the map that facts[].map names; false: it is no array, or its values may move
 * Return: 0, or -ENOMEM with nothing changed. A program that would outgrow its jumps stays as it is.
 */
int fixup_inline_lookups(struct fixup_code *code, const struct verify_insn *facts,
			 bool (*array)(void *arg, uint32_t map, struct fixup_array *out), void *arg);

#endif
