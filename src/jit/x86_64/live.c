// SPDX-License-Identifier: BSD-2-Clause
/*
 * Liveness: which registers may still be read, before each instruction.
 *
 * The usual backward analysis on sets of registers as bits. scan.c has noted what each
 * instruction reads and writes, and which jumps lead back to which heads; a pass goes from the last instruction to the first, so only
 * jumps back need another one, and only from the last of those on whose head has changed since. A register that a call may change (r0 to r5) is dead
 * across it, by the calling convention; r0 alone is read at an exit. r10 is not tracked, for nothing writes it.
 *
 * The sets grow from nothing, so they are right only once they have stopped growing. A program
 * that needs too many passes for that gets the set that is always right: everything is live.
 */
#include "jit/x86_64/jx.h"

/* One for straight code, one for each level of loops; few need five. */
#define MAX_PASSES 12

/*
 * One pass over the first @n instructions of all functions; each ends in an exit or a jump, so that they adjoin does not matter.
 * Return: how many the next pass has to look at.
 */
static uint32_t pass(struct jx *j, uint32_t n)
{
	uint32_t again = 0;

	for (uint32_t i = n; i-- > 0;) {
		uint16_t live = j->flags[i] & JX_ENDS ? 0 : j->live[i + 1];

		if (j->flags[i] & JX_JUMPS) {
			const struct bpf_insn *in = &j->code->insns[i];

			live |= j->live[jx_target(i, j->ops[i] == INSN_GOTOL ? in->imm : in->off)];
		}
		live = (uint16_t)((live & ~j->effects[i].writes) | j->effects[i].reads);
		if (live != j->live[i] && j->backs[i].last)
			again = MAX(again, j->backs[i].last + 1);
		j->live[i] = live;
	}
	return again;
}

/* jx_find_live - fill in j->live, allocated and zeroed by the caller. */
void jx_find_live(struct jx *j)
{
	uint32_t n = j->code->n_insns;

	for (int i = 0; i < MAX_PASSES; i++) {
		n = pass(j, n);
		if (!n)
			return;
	}
	for (uint32_t i = 0; i <= j->code->n_insns; i++)
		j->live[i] = UINT16_MAX;
}
