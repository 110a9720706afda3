/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about memory: accesses at fixed and at variable offsets, the stack and its spills, the packet, the context. */
#include "gen_impl.h"

void gen_access_at(struct gen *g, uint32_t base, const struct val *v, int32_t first, int32_t room)
{
	uint32_t size = v->odd ? 1 : gen_fit_size(g, room), r;
	int32_t off = gen_fit_off(g, room, size);

	if (v->kind == K_STACK && CHANCE(96))
		off = off / (int32_t)size * (int32_t)size;
	off += first;
	if (v->rdonly || CHANCE(50)) {
		r = gen_pick_other(g, true, base, base);
		if (!gen_free_for(g, r, true))
			return;
		LOAD(gen_size_code(size), r, base, off);
		g->v.r[r] = gen_num(0);
	} else if (CHANCE(30)) {
		STOREI(gen_size_code(size), base, off, gen_corner32(g));
	} else {
		r = gen_pick_num(g);
		STORE(gen_size_code(size), base, r, off);
	}
}

void gen_fixed_access(struct gen *g)
{
	int base = gen_pick_mem(g, CHANCE(50));

	if (base >= 0 && g->v.r[base].room > 0)
		gen_access_at(g, (uint32_t)base, &g->v.r[base], 0, g->v.r[base].room + (CHANCE(3) ? 1 : 0));
}

void gen_var_access(struct gen *g)
{
	int base = gen_pick_mem(g, false);
	uint32_t jumps[8], n = 0, t, q, lim, real, shift = 0, locked = g->locked;
	struct val v;
	struct view before;
	int32_t slack;

	if (base < 0 || g->v.r[base].room < 2 || (g->v.r[base].kind == K_PKT && CHANCE(95)))
		return;
	v = g->v.r[base];
	t = gen_pick_num(g);
	if ((int)t == base)
		return;
	if (!gen_free_for(g, t, true) || CHANCE(50)) {
		uint32_t c = gen_pick_other(g, true, (uint32_t)base, t);

		if (c == t || (int)c == base || !gen_free_for(g, c, true))
			return;
		MOVR(c, t);
		g->v.r[c] = gen_num(g->v.r[t].max);
		t = c;
	}
	before = g->v;
	slack = v.room - (int32_t)(1u << BELOW(4));
	if (slack < 1)
		slack = 1;
	lim = 1 + BELOW((uint32_t)slack);
	if (g->v.r[t].max && g->v.r[t].max <= lim && CHANCE(70)) {
		real = g->v.r[t].max;
	} else {
		if (lim > 8 && CHANCE(v.kind == K_STACK ? 60 : 25)) {
			shift = v.kind == K_STACK ? 3 : 1 + BELOW(3);
			lim >>= shift;
		}
		g->locked |= 1u << base;
		real = gen_bound(g, t, lim, jumps, &n);
		g->locked = locked;
		if (shift) {
			ALUI(BPF_LSH, t, (int32_t)shift);
			real <<= shift;
		}
		if (CHANCE(15)) {
			uint32_t c = v.kind == K_STACK ? 0 : BELOW(8);

			ALUI(BPF_ADD, t, (int32_t)c);
			real += c;
		}
	}
	if (v.kind == K_STACK && shift != 3 && CHANCE(90))
		v.odd = true;
	g->v.r[t] = gen_num(real);
	q = gen_pick_other(g, false, t, (uint32_t)base);
	if (q == t || !gen_free_for(g, q, false))
		goto out;
	if ((int)q == base || CHANCE(15)) {
		if (!gen_free_for(g, (uint32_t)base, false))
			goto out;
		q = (uint32_t)base;
		ALUR(BPF_ADD, q, t);
	} else if (CHANCE(15)) {
		/* number += pointer */
		if (!gen_free_for(g, t, false))
			goto out;
		ALUR(BPF_ADD, t, base);
		q = t;
	} else if (CHANCE(15) && v.kind != K_PKT && v.kind != K_STACK) {
		/* From the end, downwards. */
		MOVR(q, base);
		ALUI(BPF_ADD, q, v.room);
		ALUR(BPF_SUB, q, t);
		g->v.r[q] = (struct val){.kind = v.kind, .room = 0, .rdonly = v.rdonly};
		gen_access_at(g, q, &v, -MIN(8, v.room - (int32_t)real), MIN(8, v.room - (int32_t)real));
		g->v.r[q].kind = K_NONE;
		goto out;
	} else {
		MOVR(q, base);
		ALUR(BPF_ADD, q, t);
	}
	slack = v.room - (int32_t)real;
	if (CHANCE(6))
		slack++;
	g->v.r[q] = (struct val){.kind = v.kind, .room = MAX(slack, 0), .rdonly = v.rdonly, .odd = v.odd};
	if (slack > 0) {
		gen_access_at(g, q, &v, 0, slack);
		if (CHANCE(40))
			gen_access_at(g, q, &v, 0, slack);
	}
out:
	for (uint32_t i = 0; i < n; i++)
		gen_land(g, jumps[i]);
	if (n)
		gen_merge(&g->v, &before);
}

void gen_clear_spills(struct gen *g)
{
	for (int i = 1; i <= SLOTS; i++) {
		if (g->v.slot[i].kind != K_NUM)
			STOREI(BPF_DW, 10, -8 * i, CHANCE(60) ? 0 : (int32_t)BELOW(100));
		g->v.slot[i] = gen_num(0);
	}
}

void gen_stack_ptr(struct gen *g)
{
	uint32_t r = gen_pick_dst(g, false);
	int n = 8 * (int)(1 + BELOW(7));

	if (!gen_free_for(g, r, false))
		return;
	MOVR(r, 10);
	ALUI(BPF_ADD, r, -BUF - n);
	g->v.r[r] = (struct val){.kind = K_STACK, .room = n};
	if (CHANCE(15)) {
		/* Over the spill slots. */
		ALUI(BPF_ADD, r, BUF - 64 + n);
		g->v.r[r].room = 64;
		gen_clear_spills(g);
	}
}

void gen_spill_fill(struct gen *g)
{
	uint32_t r = BELOW(10), n = 1 + BELOW(SLOTS), size = 1u << BELOW(4);
	struct val *slot = &g->v.slot[n];
	int at = -8 * (int)n;

	if (CHANCE(45)) {
		if (g->v.r[r].kind == K_NONE || g->v.r[r].kind == K_REC)
			return;
		if (g->loops && g->v.r[r].kind != K_NUM)
			return;
		if (CHANCE(70)) {
			STORE(BPF_DW, 10, r, at);
			*slot = g->v.r[r];
		} else if (g->v.r[r].kind == K_NUM) {
			/* A part of one. */
			STORE(gen_size_code(size), 10, r, at + (int)(BELOW(8 / size) * size));
			*slot = gen_num(0);
		}
		return;
	}
	if (CHANCE(15)) {
		STOREI(gen_size_code(size), 10, at + (int)(BELOW(8 / size) * size), CHANCE(50) ? 0 : gen_corner32(g));
		*slot = gen_num(0);
		return;
	}
	if (slot->kind == K_NONE) {
		STOREI(BPF_DW, 10, at, gen_corner32(g));
		*slot = gen_num(0);
	}
	r = gen_pick_dst(g, slot->kind == K_NUM);
	if (!gen_free_for(g, r, slot->kind == K_NUM))
		return;
	if (slot->kind <= K_NUM && CHANCE(40)) {
		LOAD(gen_size_code(size), r, 10, at + (int)(BELOW(8 / size) * size));
		g->v.r[r] = gen_num(0);
		return;
	}
	LOAD(BPF_DW, r, 10, at);
	g->v.r[r] = slot->kind ? *slot : gen_num(0);
}

void gen_copy_reg(struct gen *g)
{
	uint32_t s = BELOW(10), d;

	if (g->v.r[s].kind == K_NONE || g->v.r[s].kind == K_REC)
		return;
	d = gen_pick_dst(g, g->v.r[s].kind == K_NUM);
	if (!gen_free_for(g, d, g->v.r[s].kind == K_NUM))
		return;
	MOVR(d, s);
	g->v.r[d] = g->v.r[s];
	if (g->v.r[s].kind == K_NUM && CHANCE(40)) {
		ALUI(BPF_ADD, d, (int32_t)BELOW(20) - 5);
		g->v.r[d] = gen_num(0);
	} else if (gen_is_mem(&g->v.r[s]) && g->v.r[s].room > 8 && CHANCE(40)) {
		int32_t c = (int32_t)BELOW((uint32_t)g->v.r[s].room - 1);

		ALUI(BPF_ADD, d, c);
		g->v.r[d].room -= c;
	}
}

void gen_atomic(struct gen *g)
{
	static const int ops[] = {BPF_ADD,
				  BPF_OR,
				  BPF_AND,
				  BPF_XOR,
				  BPF_ADD | BPF_FETCH,
				  BPF_OR | BPF_FETCH,
				  BPF_AND | BPF_FETCH,
				  BPF_XOR | BPF_FETCH,
				  BPF_XCHG,
				  BPF_CMPXCHG};
	int base = gen_pick_mem(g, true);
	uint32_t s = gen_pick_num(g), size = CHANCE(50) ? 8 : 4;
	int32_t off;

	if (base < 0 || g->v.r[base].kind == K_PKT || g->v.r[base].room < (int32_t)size)
		return;
	off = (int32_t)(BELOW((uint32_t)g->v.r[base].room / size) * size);
	if (CHANCE(15)) {
		if (CHANCE(50)) {
			uint32_t d = gen_pick_other(g, true, (uint32_t)base, s);

			if (!gen_free_for(g, d, true))
				return;
			gen_emit(g, (uint8_t)(BPF_STX | BPF_ATOMIC | gen_size_code(size)), d, (uint32_t)base, off,
				 BPF_LOAD_ACQ);
			g->v.r[d] = gen_num(0);
		} else {
			gen_emit(g, (uint8_t)(BPF_STX | BPF_ATOMIC | gen_size_code(size)), (uint32_t)base, s, off,
				 BPF_STORE_REL);
		}
		return;
	}
	int op = ops[BELOW(ARRAY_SIZE(ops))];

	if (op == BPF_CMPXCHG) {
		if (base == 0 || !gen_free_for(g, 0, true))
			return;
		if (g->v.r[0].kind != K_NUM) {
			MOVI(0, gen_corner32(g));
			g->v.r[0] = gen_num(0);
		}
		s = gen_pick_num(g);
		if (g->v.r[0].kind != K_NUM)
			return;
	} else if ((op & BPF_FETCH) && !gen_free_for(g, s, true)) {
		return;
	}
	if ((int)s == base)
		return;
	gen_emit(g, (uint8_t)(BPF_STX | BPF_ATOMIC | gen_size_code(size)), (uint32_t)base, s, off, op);
	if (op == BPF_CMPXCHG)
		g->v.r[0] = gen_num(0);
	else if (op & BPF_FETCH)
		g->v.r[s] = gen_num(0);
}

void gen_packet(struct gen *g)
{
	uint32_t d, e, t, x = g->p->type == BPF_PROG_TYPE_XDP, skip, jumps[8], n = 0;
	int32_t len = 1 + (int32_t)BELOW(CHANCE(70) ? 40 : 200);
	struct view before;
	bool out = CHANCE(60), var = CHANCE(50);

	if (!gen_has_packet(g))
		return;
	d = gen_pick_dst(g, false);
	e = gen_pick_other(g, false, d, d);
	t = gen_pick_other(g, false, d, e);
	if (d == e || t == d || t == e || !gen_free_for(g, d, false) || !gen_free_for(g, e, false) ||
	    !gen_free_for(g, t, false))
		return;
	before = g->v;
	if (x && CHANCE(10)) {
		/* Metadata instead. */
		LOAD(BPF_W, d, 6, 8);
		LOAD(BPF_W, e, 6, 0);
	} else {
		LOAD(BPF_W, d, 6, x ? 0 : 76);
		LOAD(BPF_W, e, 6, x ? 4 : 80);
	}
	g->v.r[d].kind = g->v.r[e].kind = g->v.r[t].kind = K_NONE;
	if (var) {
		uint32_t s = gen_pick_other(g, true, d, e);

		if (s == d || s == e || s == t || !gen_free_for(g, s, true))
			return;
		gen_new_number(g, s);
		if (CHANCE(90))
			gen_bound(g, s, CHANCE(80) ? 63 : 0xffff, jumps, &n);
		g->v.r[s] = gen_num(0);
		ALUR(BPF_ADD, d, s);
	}
	MOVR(t, d);
	ALUI(BPF_ADD, t, len);
	g->v.r[d] = (struct val){.kind = K_PKT, .room = len, .rdonly = g->p->type == BPF_PROG_TYPE_CGROUP_SKB};
	switch (BELOW(4)) {
	case 0:
		skip = JMPR(BPF_JGT, t, e);
		break;
	case 1:
		skip = JMPR(BPF_JLT, e, t);
		break;
	case 2:
		skip = JMPR(BPF_JGE, t, e);
		break;
	default:
		skip = JMPR(BPF_JLE, e, t);
		break;
	}
	if (out) {
		/* What follows is for frames that are long enough. */
		uint32_t over = gen_emit(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);

		gen_land(g, skip);
		for (uint32_t i = 0; i < n; i++)
			gen_land(g, jumps[i]);
		gen_leave_here(g);
		gen_land(g, over);
		return;
	}
	gen_fixed_access(g);
	gen_access_at(g, d, &g->v.r[d], 0, len);
	gen_var_access(g);
	gen_land(g, skip);
	for (uint32_t i = 0; i < n; i++)
		gen_land(g, jumps[i]);
	before.r[d].kind = before.r[e].kind = before.r[t].kind = K_NONE;
	gen_merge(&g->v, &before);
}

void gen_ctx_var(struct gen *g)
{
	uint32_t t, jumps[8], n = 0;
	struct view before;

	if (g->p->type != BPF_PROG_TYPE_SYSCALL || !g->has_ctx || CHANCE(90))
		return;
	t = gen_pick_num(g);
	if (!gen_free_for(g, t, false) || t == 6)
		return;
	before = g->v;
	gen_bound(g, t, 1 + BELOW(60), jumps, &n);
	g->v.r[t].kind = K_NONE;
	ALUR(BPF_ADD, t, 6);
	LOAD(BPF_B, t, t, 0);
	g->v.r[t] = gen_num(0);
	for (uint32_t i = 0; i < n; i++)
		gen_land(g, jumps[i]);
	gen_merge(&g->v, &before);
}
