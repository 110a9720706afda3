/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements that hold others, or go elsewhere: branches, loops, calls of functions. */
#include "gen_impl.h"

void gen_branch(struct gen *g)
{
	static const uint8_t ops[] = {BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				      BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};
	uint32_t r, jump, over;
	uint8_t class;
	struct view before;

	if (g->depth >= 5)
		return;
	r = gen_pick_num(g);
	class = CHANCE(65) ? BPF_JMP : BPF_JMP32;
	if (CHANCE(30))
		jump = gen_emit(g, class | ops[BELOW(sizeof(ops))] | BPF_X, r, gen_pick_num(g), 0, 0);
	else
		jump = gen_emit(g, class | ops[BELOW(sizeof(ops))] | BPF_K, r, 0, 0,
				CHANCE(60) ? (int32_t)BELOW(64) : gen_corner32(g));
	before = g->v;
	gen_block(g, 1 + BELOW(4));
	if (CHANCE(50)) {
		gen_land(g, jump);
		gen_merge(&g->v, &before);
		return;
	}
	over = gen_emit(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	gen_land(g, jump);
	{
		struct view then = g->v;

		g->v = before;
		gen_block(g, 1 + BELOW(3));
		gen_land(g, over);
		gen_merge(&g->v, &then);
	}
}

/* What a loop's body finds must be there in every round: numbers stay numbers, what is not locked is forgotten. */
static void enter_loop(struct gen *g, uint32_t *locked, uint32_t *num_only)
{
	*locked = g->locked;
	*num_only = g->num_only;
	for (uint32_t r = 0; r < 10; r++) {
		if (r <= 5 || g->v.r[r].kind == K_NONE || g->v.r[r].kind == K_REC) {
			g->v.r[r].kind = K_NONE;
		} else if (g->v.r[r].kind == K_NUM) {
			g->num_only |= 1u << r;
			g->v.r[r].max = 0;
		} else {
			g->locked |= 1u << r;
		}
	}
	g->loops++;
}

static void leave_loop(struct gen *g, uint32_t locked, uint32_t num_only)
{
	g->locked = locked;
	g->num_only = num_only;
	for (uint32_t r = 0; r <= 5; r++)
		g->v.r[r].kind = K_NONE;
	for (uint32_t r = 0; r < 10; r++)
		g->v.r[r].max = 0;
	g->loops--;
}

void gen_loop(struct gen *g)
{
	uint32_t locked, num_only, head, c = 7 + BELOW(3), n = 2 + BELOW(CHANCE(80) ? 6 : 40), jump = 0;
	bool budget = CHANCE(35);

	if (g->depth > 2 || !gen_free_for(g, c, true))
		return;
	gen_clear_spills(g);
	MOVI(c, 0);
	g->v.r[c] = gen_num(0);
	enter_loop(g, &locked, &num_only);
	g->num_only &= ~(1u << c);
	g->locked |= 1u << c;
	head = g->p->n;
	if (budget)
		jump = gen_emit(g, BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
	gen_block(g, 1 + BELOW(3));
	g->v.r[c] = gen_num(0);
	if (g->p->insns[g->p->n - 1].code == 0)
		MOVI(0, 0);
	ALUI(BPF_ADD, c, 1);
	if (CHANCE(60)) {
		gen_emit(g, BPF_JMP | BPF_JLT | BPF_K, c, 0, (int32_t)head - (int32_t)g->p->n - 1, (int32_t)n);
	} else {
		JMPI(BPF_JGE, c, (int32_t)n);
		g->p->insns[g->p->n - 1].off = 1;
		gen_emit(g, BPF_JMP | BPF_JA, 0, 0, (int32_t)head - (int32_t)g->p->n - 1, 0);
	}
	if (budget)
		gen_land(g, jump);
	leave_loop(g, locked, num_only);
	g->v.r[c] = gen_num(budget ? 0 : n);
}

/* r2 to r4 of a call that calls back: the function, its context on the stack, no flags. */
static void callback(struct gen *g, uint32_t to)
{
	gen_call_func(g, to, true, 2);
	MOVR(3, 10);
	ALUI(BPF_ADD, 3, CHANCE(80) ? -BUF - 32 : -64);
	gen_clear_spills(g);
	MOVI(4, 0);
}

void gen_sub_call(struct gen *g)
{
	uint32_t to = g->func + 1 + BELOW(4), skip;
	int base;

	if (to >= g->p->n_funcs || g->locked & 0x3f || g->num_only & 0x3f)
		return;
	switch (g->p->funcs[to].sig) {
	case SIG_NUM:
		skip = gen_pick_num(g);
		MOVR(2, skip == 1 ? 1 : skip);
		MOVI(1, gen_corner32(g));
		break;
	case SIG_CTX:
		if (!g->has_ctx)
			return;
		skip = gen_pick_num(g);
		MOVR(2, skip);
		MOVR(1, 6);
		break;
	case SIG_MEM:
		skip = gen_pick_num(g);
		MOVR(2, skip);
		base = gen_pick_mem(g, true);
		if (base >= 0 && base != 2 && g->v.r[base].room >= 16 && g->v.r[base].kind != K_PKT &&
		    !g->v.r[base].rdonly) {
			MOVR(1, (uint32_t)base);
		} else {
			MOVR(1, 10);
			ALUI(BPF_ADD, 1, -BUF - 16 - (int)BELOW(24));
		}
		break;
	case SIG_PTR:
		skip = gen_pick_num(g);
		MOVR(2, skip);
		if (g->arg[to].kind == K_STACK) {
			MOVR(1, 10);
			ALUI(BPF_ADD, 1, CHANCE(50) ? -BUF - 32 : -64);
			gen_clear_spills(g);
		} else {
			gen_load_map(g, 1, M_ONE, true, 16);
		}
		break;
	case SIG_LOOP:
		skip = gen_pick_num(g);
		if (CHANCE(70) || (skip >= 1 && skip <= 3)) {
			MOVI(1, (int32_t)BELOW(12));
		} else {
			MOVR(1, skip);
			ALUI(BPF_AND, 1, 15);
		}
		callback(g, to);
		CALL(BPF_FUNC_loop);
		gen_lost(g);
		return;
	case SIG_EACH:
		gen_load_map(g, 1, CHANCE(70) ? M_ARRAY : M_HASH, false, 0);
		callback(g, to);
		CALL(BPF_FUNC_for_each_map_elem);
		gen_lost(g);
		return;
	default:
		return;
	}
	gen_call_func(g, to, false, 0);
	gen_lost(g);
}
