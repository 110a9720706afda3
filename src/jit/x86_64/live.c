// SPDX-License-Identifier: BSD-2-Clause
/*
 * Liveness: which registers may still be read, before each instruction.
 *
 * The usual backward analysis on sets of registers as bits. scan.c has noted what each
 * instruction reads and writes; a pass goes from the last instruction to the first, so only
 * jumps back need another one. A register that a call may change (r0 to r5) is dead across it, by the
 * calling convention; r0 alone is read at an exit. r10 is not tracked, for nothing writes it.
 *
 * The sets grow from nothing, so they are right only once they have stopped growing. A program
 * that needs too many passes for that gets the set that is always right: everything is live.
 */
#include "jit/x86_64/jx.h"

/* One for straight code, one for each level of loops, one to see that nothing changes; few need five. */
#define MAX_PASSES 12

/* One pass over all functions; each ends in an exit or a jump, so that they adjoin does not matter. */
static bool pass(struct jx *j)
{
	bool changed = false;

	for (uint32_t i = j->code->n_insns; i-- > 0;) {
		uint16_t live = j->flags[i] & JX_ENDS ? 0 : j->live[i + 1];

		if (j->flags[i] & JX_JUMPS) {
			const struct bpf_insn *in = &j->code->insns[i];

			live |= j->live[jx_target(i, j->ops[i] == INSN_GOTOL ? in->imm : in->off)];
		}
		live = (uint16_t)((live & ~j->effects[i].writes) | j->effects[i].reads);
		changed |= live != j->live[i];
		j->live[i] = live;
	}
	return changed;
}

/* jx_find_live - fill in j->live, allocated and zeroed by the caller. */
void jx_find_live(struct jx *j)
{
	for (int i = 0; i < MAX_PASSES; i++) {
		if (!pass(j) || !j->jumps_back)
			return;
	}
	for (uint32_t i = 0; i <= j->code->n_insns; i++)
		j->live[i] = UINT16_MAX;
}
