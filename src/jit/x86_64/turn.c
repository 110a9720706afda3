// SPDX-License-Identifier: BSD-2-Clause
/*
 * Turned loops: the end of a loop's body stands in front of its head, too.
 *
 * Theory of operation
 *
 * Programs say "continue" in many ways, and compilers lay them all out as branches to the end of the body, where the counter moves on and the
 * loop goes back to its head: two jumps taken in a round that does not need more than one. Native compilers put that end in front of
 * the head, so that a round that is left early jumps back to it and runs on into the next:
 *
 *     head: ... if a goto end; ... if b goto end; ...       before: jmp head
 *     end:  i += 1; if i != n goto head                     end:    i += 1; if i == n goto out
 *                                                           head:   ... if a goto end; ... if b goto end; ...
 *
 * The order of instructions is what line tables follow, so nothing is moved: the end is emitted a second time, in front of the head, and
 * branches from within the body go to that copy (place_of() in compile.c). Where the body runs on into its end, it uses the original.
 *
 * An end is straight code: it begins where a jump lands, and up to the jump back no other lands and none is taken, but for choices between
 * constants, which are no jumps in machine code (jx_fuse_select()).
 *
 * Invariants
 *  - While the copy is emitted (j->turning), j->places are not set, and what falls through to the head does not jump there.
 *  - No sunk sum (sink.c) survives the copy: their ends count in instructions behind the head.
 */
#include "jit/x86_64/jx.h"

enum {
	MAX_BODY = 256,
	MAX_END = 12,
};

static bool jumps_to(const struct jx *j, uint32_t at, uint32_t target)
{
	const struct bpf_insn *in = &j->code->insns[at];

	return (j->flags[at] & JX_JUMPS) && jx_target(at, j->ops[at] == INSN_GOTOL ? in->imm : in->off) == target;
}

/* Whether instruction @at may stand in an end: anything that goes on with the next one and needs nothing set up. */
static bool is_plain(const struct jx *j, uint32_t at)
{
	unsigned class = BPF_CLASS(j->code->insns[at].code);

	return j->ops[at] != JX_NO_OP &&
	       (class == BPF_ALU || class == BPF_ALU64 || class == BPF_LDX ||
		((class == BPF_ST || class == BPF_STX) && BPF_MODE(j->code->insns[at].code) == BPF_MEM));
}

/* The first instruction of the end whose last is @back, or @back when there is none. */
static uint32_t find_end(const struct jx *j, uint32_t head, uint32_t back)
{
	uint32_t at = back;

	/* A way out right before the jump back is part of it. */
	if (j->ops[back] == INSN_JA && back > head && !(j->flags[back] & JX_TARGET) &&
	    (j->flags[back - 1] & JX_JUMPS) && !(j->flags[back - 1] & JX_ENDS) && j->ops[back - 1] != INSN_MAY_GOTO)
		at--;
	while (back - at < MAX_END) {
		if (at >= head + 3 && jx_is_select(j, at - 3))
			at -= 3;
		else if (j->flags[at] & JX_TARGET)
			return at;
		else if (at > head + 1 && is_plain(j, at - 1))
			at--;
		else
			return back;
	}
	return back;
}

/* How many branches within the loop lead to the end that begins at @from. */
static uint32_t branches_to(const struct jx *j, uint32_t head, uint32_t from)
{
	uint32_t n = 0;

	for (uint32_t at = head; at < from; at++)
		n += jumps_to(j, at, from);
	return n;
}

bool jx_find_turn(const struct jx *j, uint32_t head, struct jx_turn *t)
{
	uint32_t most = 0;

	/* An inner loop and the one around it may have the same head: the end that more lead to is the one to have in front. */
	for (uint32_t back = j->backs[head].last; back; back = j->backs[back].before) {
		uint32_t from, n;

		if (back - head >= MAX_BODY || j->ops[back] == INSN_GOTOL || j->ops[back] == INSN_MAY_GOTO)
			continue;
		from = find_end(j, head, back);
		n = from < back ? branches_to(j, head, from) : 0;
		if (n > most) {
			most = n;
			*t = (struct jx_turn){.head = head, .end = back, .from = from};
		}
	}
	return most > 0;
}

bool jx_emit_turn(struct jx *j, bool falls_in)
{
	uint32_t head = j->at, after;
	struct jx_turn *t = &j->turns[j->n_turns % JX_TURNS];

	if (!jx_find_turn(j, head, t)) {
		*t = (struct jx_turn){0};
		return false;
	}
	t->place = jx_new_place(j);
	after = jx_new_place(j);
	if (j->e.err)
		return true;
	j->n_turns++;
	if (falls_in)
		jx_jmp(j, after);
	jx_align(j);
	jx_land(j, t->place);
	j->turning = t;
	for (j->at = t->from; j->at <= t->end; j->at = j->next)
		jx_emit_insn(j);
	j->turning = NULL;
	j->at = head;
	for (unsigned r = 0; r < ARRAY_SIZE(j->sunk); r++)
		j->sunk[r].end = 0;
	jx_land(j, after);
	return true;
}
