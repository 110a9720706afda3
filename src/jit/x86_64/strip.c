// SPDX-License-Identifier: BSD-2-Clause
/*
 * Strips: loops over arrays, sixteen bytes at a time. This file finds them, with strip_follow.c.
 *
 * Theory of operation
 *
 * A loop stays what it is; in front of it comes code that does some of its iterations at once, as long as it can, and then goes on in the loop
 * itself. Whenever a program is at the head of the loop, a strip does exactly what the next 16 / size iterations would have done, so it is
 * right to do any number of strips, or none.
 *
 * strip_follow() runs through the body once with symbols for what the registers hold at the head. A register holds a sum of up to two of those
 * and a constant; or an element that was loaded, or was computed from such; or what it held with elements gathered in it. Everything else
 * is refused. At the end of the body a register either moves by a constant (the next iteration finds it so much further),
 * gathers elements (a reduction), is as it was, or is not wanted any more at the head (liveness). So all that iteration k does is known:
 *
 *   addresses    move by an element's size each iteration, so an access of 16 / size iterations is one of 16 bytes
 *   limits       exits that compare something that moves with something that does not: how many iterations stay within is computed
 *                in front, and only so many are done in strips; so no strip takes such an exit
 *   tests        exits that compare elements: a strip in which one would be taken is not done, the loop does it. What a strip loads beyond
 *                the element that ends the loop might not be there: it is loaded only from within the page of the first one.
 *                (There is nothing more to prove then: the first element's load is the program's own.)
 *   one store    behind the last load. What it writes must not be read by a later iteration of the same strip: known when both have the same
 *                registers, else asked in front
 *
 * The last exit may be a limit that the last iteration of the last strip takes: then strip_emit.c emits that jump once more behind
 * the strips, and the loop need not do a last round. But only if nobody asks then for the registers that the body leaves behind
 * (an element, a sum); those the strips do not set.
 *
 * Widths: sums in 32 bits are the sums in 64 as long as they do not wrap. Registers from which an address is made that way are "narrow": the code
 * in front sees to it that they are below 2^31 and that the strips move them by less than 2^30.
 *
 * Invariants
 *  - Only loads and stores that the loop would do are done, but for those of tests, which stay within a page. What is loaded and stored
 *    plainly may be accessed in any order and in one (the memory model does not order plain accesses).
 *  - Within the loop no jump lands but at its head, no other loop is inside, nothing is called.
 *  - Code for strips uses r9 to r11 of x86 and vector registers, which hold nothing across instructions.
 */
#include "jit/x86_64/strip.h"

/* What becomes of each register in one iteration. Return: false when it is nothing that strips can do. */
static bool settle_registers(struct strip_finder *f)
{
	const struct jx *j = f->j;
	struct strip *s = f->s;
	uint16_t gathered = 0, gathering = 0, left = 0, read = f->fixed;

	for (int i = 0; i < s->n_reductions; i++)
		gathering |= (uint16_t)(1u << s->reductions[i].reg);
	for (unsigned r = 0; r < STRIP_REGS; r++) {
		const struct strip_held *h = &f->held[r];

		if (h->kind == HELD_GATHERED && h->reg == r && h->n == strip_gathered_in(s, r)) {
			gathered |= (uint16_t)(1u << r);
		} else if (h->kind == HELD_SUM && h->sum.a == r && h->sum.b == STRIP_NO_REG &&
			   !(h->sum.low && h->sum.c == 0)) {
			if (h->sum.c > STRIP_NARROW_STEP || h->sum.c < -STRIP_NARROW_STEP)
				return false;
			s->step[r] = (int32_t)h->sum.c;
			s->moves32 |= (uint16_t)((uint32_t)h->sum.low << r);
		} else {
			left |= (uint16_t)(1u << r);
		}
	}
	for (int i = 0; i < s->n_limits; i++)
		read |= strip_regs(&s->limits[i].v) | strip_regs(&s->limits[i].n);
	for (int i = 0; i < s->n_values; i++)
		if (s->values[i].kind == STRIP_LOAD)
			read |= strip_regs(&s->values[i].at);
	if (s->stores)
		read |= strip_regs(&s->to);
	for (unsigned r = 0; r < STRIP_REGS; r++)
		if ((f->fixed & 1u << r) && s->step[r])
			return false;
	/* Somebody who asks for what the last iteration leaves behind gets it from the loop. */
	if (s->last && (j->live[s->out] & left))
		s->last = 0;
	return gathered == gathering && !(read & (gathered | left)) && !(j->live[s->head] & left);
}

int32_t strip_step(const struct strip *s, const struct strip_sum *sum)
{
	return (sum->a != STRIP_NO_REG ? s->step[sum->a] : 0) + (sum->b != STRIP_NO_REG ? s->step[sum->b] : 0);
}

/* Whether an address moves by one element; what moves in 32 bits must be small then. */
static bool settle_stream(struct strip *s, const struct strip_sum *at)
{
	s->narrow |= strip_regs(at) & s->moves32;
	return strip_step(s, at) == (int32_t)s->size;
}

/* The value of register @reg at the head, when the instructions before say so. */
static bool starts_with(const struct jx *j, uint32_t head, unsigned reg, int64_t *value)
{
	for (uint32_t at = head, n = 0; at > j->fn->start && n < 8; n++) {
		if (j->flags[at] & JX_TARGET && at != head)
			return false;
		at--;
		if (j->flags[at] & (JX_JUMPS | JX_ENDS) || j->ops[at] == JX_NO_OP)
			return false;
		if (j->effects[at].writes & 1u << reg) {
			*value = j->code->insns[at].imm;
			return j->ops[at] == INSN_MOV64_K || j->ops[at] == INSN_MOV32_K;
		}
	}
	return false;
}

static bool settle_limit(const struct jx *j, struct strip *s, struct strip_limit *l)
{
	int32_t step = strip_step(s, &l->v);
	int64_t start;

	if (step == 0) {
		struct strip_sum v = l->n;

		l->n = l->v;
		l->v = v;
		l->cc = (uint8_t)strip_mirrored((enum x86_cond)l->cc);
		step = strip_step(s, &l->v);
	}
	if (step == 0 || strip_step(s, &l->n) != 0)
		return false;
	l->down = step < 0;
	step = l->down ? -step : step;
	/* The sum with a step taken off it must be one that code can have, too. */
	if ((step & (step - 1)) || l->v.c > INT32_MAX / 2 || l->v.c < INT32_MIN / 2)
		return false;
	l->shift = (uint8_t)__builtin_ctz((unsigned)step);
	if (l->width == W64)
		s->narrow |= (strip_regs(&l->v) & s->moves32);
	switch (l->down ? strip_mirrored((enum x86_cond)l->cc) : (enum x86_cond)l->cc) {
	case CC_E:
	case CC_AE:
		break;
	case CC_A:
		l->extra = 1;
		break;
	case CC_GE:
		l->is_signed = true;
		break;
	case CC_G:
		l->extra = 1;
		l->is_signed = true;
		break;
	default: /* it would be left at once or never */
		return false;
	}
	/* Loops that are known to be short do without. */
	return !(l->n.a == STRIP_NO_REG && l->v.b == STRIP_NO_REG && !l->down &&
		 starts_with(j, s->head, l->v.a, &start) &&
		 (l->n.c - l->v.c - start) >> l->shift < 2 * STRIP_BYTES / (int64_t)s->size);
}

bool strip_same_regs(const struct strip_sum *x, const struct strip_sum *y)
{
	return (x->a == y->a && x->b == y->b) || (x->a == y->b && x->b == y->a);
}

/* What can be known in advance of where the store and a load meet. Return: false when they meet in a way that strips do not allow. */
static bool settle_overlap(const struct strip *s, const struct strip_sum *from)
{
	int64_t ahead = s->to.c - from->c;

	return !strip_same_regs(&s->to, from) || ahead <= 0 || ahead >= STRIP_BYTES;
}

bool jx_find_strip(const struct jx *j, uint32_t head, struct strip *s)
{
	struct strip_finder f = {.j = j, .s = s, .nearest = UINT32_MAX};
	uint32_t first = j->backs[head].last;

	while (j->backs[first].before)
		first = j->backs[first].before;
	if (first <= head || first - head >= STRIP_MAX_BODY)
		return false;
	*s = (struct strip){.head = head};
	for (unsigned r = 0; r < STRIP_REGS; r++)
		f.held[r].sum = (struct strip_sum){.a = (uint8_t)r, .b = STRIP_NO_REG};
	if (!strip_follow(&f) || !s->size || !s->n_limits || !settle_registers(&f))
		return false;
	for (int i = 0; i < s->n_values; i++) {
		const struct strip_value *v = &s->values[i];

		if (v->kind == STRIP_LOAD && (!settle_stream(s, &v->at) || (s->stores && !settle_overlap(s, &v->at))))
			return false;
	}
	if (s->stores && !settle_stream(s, &s->to))
		return false;
	for (int i = 0; i < s->n_limits; i++)
		if (!settle_limit(j, s, &s->limits[i]))
			return false;
	for (unsigned r = 0; r < STRIP_REGS; r++)
		if ((s->narrow & 1u << r) && s->step[r] < 0)
			return false;
	/* Only what is worth it: something is loaded and used, or stored. */
	return s->stores || s->n_reductions || s->n_tests;
}
