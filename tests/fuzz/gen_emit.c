/* SPDX-License-Identifier: BSD-2-Clause */
/* What all statements are made of: instructions, registers that may be written, numbers, and what a register is known to hold. */
#include "gen_impl.h"

uint32_t gen_emit(struct gen *g, uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm)
{
	struct fuzz_prog *p = g->p;

	if (p->n >= PROG_MAX - 16)
		return p->n - 1;
	p->is_map[p->n] = false;
	p->insns[p->n] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = imm};
	return p->n++;
}

void gen_land(struct gen *g, uint32_t jump)
{
	g->p->insns[jump].off = (int16_t)(g->p->n - jump - 1);
}

static void wide(struct gen *g, uint32_t dst, uint64_t v)
{
	gen_emit(g, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)v);
	gen_emit(g, 0, 0, 0, 0, (int32_t)(v >> 32));
}

void gen_load_map(struct gen *g, uint32_t dst, int map, bool value, uint32_t off)
{
	uint32_t at =
		gen_emit(g, BPF_LD | BPF_IMM | BPF_DW, dst, value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD, 0, map);

	g->p->is_map[at] = true;
	gen_emit(g, 0, 0, 0, 0, (int32_t)off);
}

void gen_call_func(struct gen *g, uint32_t to, bool address, uint32_t dst)
{
	if (g->n_calls == ARRAY_SIZE(g->calls))
		return;
	g->callee[g->n_calls] = to;
	if (address) {
		g->calls[g->n_calls++] = gen_emit(g, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_FUNC, 0, 0);
		gen_emit(g, 0, 0, 0, 0, 0);
	} else {
		g->calls[g->n_calls++] = gen_emit(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	}
}

void gen_leave_here(struct gen *g)
{
	MOVI(0, g->in_callback ? 1 : (int32_t)BELOW(2));
	EXIT();
}

static uint64_t corner(struct gen *g)
{
	static const uint64_t all[] = {
		0,      1,      2,      3,          4,          7,          8,           9,         15,        16,
		31,     32,     47,     48,         63,         64,         127,         128,       255,       256,
		0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX, 1ull << 63};
	uint64_t v = all[BELOW(ARRAY_SIZE(all))];

	switch (BELOW(4)) {
	case 0:
		return 0 - v;
	case 1:
		return rng_next(&g->rng) >> BELOW(64);
	default:
		return v;
	}
}

int32_t gen_corner32(struct gen *g)
{
	return (int32_t)corner(g);
}

struct val gen_num(uint32_t max)
{
	return (struct val){.kind = K_NUM, .max = max};
}

bool gen_free_for(const struct gen *g, uint32_t r, bool number)
{
	return !(g->locked >> r & 1) && (number || !(g->num_only >> r & 1)) && !(r == 6 && g->has_ctx);
}

uint32_t gen_pick_dst(struct gen *g, bool number)
{
	for (int tries = 0; tries < 40; tries++) {
		uint32_t r = BELOW(10);

		/* Pointers live longer. */
		if (gen_free_for(g, r, number) && (g->v.r[r].kind < K_STACK || tries > 6 || CHANCE(15)))
			return r;
	}
	return 0;
}

uint32_t gen_pick_other(struct gen *g, bool number, uint32_t a, uint32_t b)
{
	for (int tries = 0; tries < 60; tries++) {
		uint32_t r = gen_pick_dst(g, number);

		if (r != a && r != b)
			return r;
	}
	for (uint32_t r = 0; r < 10; r++)
		if (r != a && r != b && gen_free_for(g, r, number))
			return r;
	return 0;
}

void gen_lost(struct gen *g)
{
	for (int r = 1; r <= 5; r++)
		g->v.r[r].kind = K_NONE;
	g->v.r[0] = gen_num(0);
}

int gen_size_code(uint32_t size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : size == 4 ? BPF_W : BPF_DW;
}

bool gen_is_mem(const struct val *v)
{
	return v->kind >= K_STACK;
}

void gen_merge(struct view *a, const struct view *b)
{
	for (int i = 0; i < 10; i++) {
		if (a->r[i].kind != b->r[i].kind || a->r[i].rdonly != b->r[i].rdonly)
			a->r[i].kind = K_NONE;
		a->r[i].room = MIN(a->r[i].room, b->r[i].room);
		a->r[i].max = a->r[i].max && b->r[i].max ? MAX(a->r[i].max, b->r[i].max) : 0;
	}
	for (int i = 0; i <= SLOTS; i++) {
		if (a->slot[i].kind != b->slot[i].kind)
			a->slot[i].kind = K_NONE;
		a->slot[i].room = MIN(a->slot[i].room, b->slot[i].room);
	}
}

uint32_t gen_fit_size(struct gen *g, int32_t room)
{
	uint32_t size = 1u << BELOW(4);

	while ((int32_t)size > room && size > 1)
		size /= 2;
	return size;
}

int32_t gen_fit_off(struct gen *g, int32_t room, uint32_t size)
{
	int32_t last = room - (int32_t)size;

	if (last <= 0)
		return 0;
	return CHANCE(40) ? last : (int32_t)BELOW((uint32_t)last + 1);
}

static void load_from(struct gen *g, uint32_t dst, uint32_t base, int32_t room)
{
	uint32_t size = g->v.r[base].odd ? 1 : gen_fit_size(g, room);
	int32_t off = gen_fit_off(g, room, size);

	if (g->v.r[base].kind == K_STACK)
		off = off / (int32_t)size * (int32_t)size;
	if (size < 8 && CHANCE(15))
		gen_emit(g, (uint8_t)(BPF_LDX | BPF_MEMSX | gen_size_code(size)), dst, base, off, 0);
	else
		LOAD(gen_size_code(size), dst, base, off);
	g->v.r[dst] = gen_num(0);
}

bool gen_has_packet(const struct gen *g)
{
	uint32_t t = g->p->type;

	return g->has_ctx && (t == BPF_PROG_TYPE_XDP || t == BPF_PROG_TYPE_SCHED_CLS || t == BPF_PROG_TYPE_CGROUP_SKB);
}

static void load_ctx(struct gen *g, uint32_t dst)
{
	switch (g->p->type) {
	case BPF_PROG_TYPE_XDP:
		LOAD(BPF_W, dst, 6, PICK(g, 12, 16));
		break;
	case BPF_PROG_TYPE_SYSCALL:
		load_from(g, dst, 6, 64);
		break;
	default:
		if (CHANCE(30))
			LOAD(PICK(g, BPF_B, BPF_H, BPF_W), dst, 6, 48 + 4 * (int)BELOW(5));
		else
			LOAD(BPF_W, dst, 6, PICK(g, 0, 8, 32, 16, 48, 52, 56));
	}
	g->v.r[dst] = gen_num(0);
}

uint32_t gen_pick_num(struct gen *g)
{
	uint32_t r;

	for (int tries = 0; tries < 12; tries++) {
		r = BELOW(10);
		if (g->v.r[r].kind == K_NUM)
			return r;
	}
	r = gen_pick_dst(g, true);
	gen_new_number(g, r);
	return r;
}

int gen_pick_mem(struct gen *g, bool write)
{
	for (int tries = 0; tries < 14; tries++) {
		uint32_t r = BELOW(10);

		if (gen_is_mem(&g->v.r[r]) && !(write && g->v.r[r].rdonly))
			return (int)r;
	}
	return -1;
}

void gen_new_number(struct gen *g, uint32_t dst)
{
	int base;

	switch (BELOW(8)) {
	case 0:
	case 1:
		if (g->has_ctx && dst != 6) {
			load_ctx(g, dst);
			return;
		}
		break;
	case 2:
	case 3:
	case 4:
		base = gen_pick_mem(g, false);
		if (base >= 0) {
			load_from(g, dst, (uint32_t)base, g->v.r[base].room);
			return;
		}
		break;
	case 5:
		base = (int)(1 + BELOW(SLOTS));
		if (g->v.slot[base].kind != K_NUM)
			break;
		LOAD(BPF_DW, dst, 10, -8 * base);
		g->v.r[dst] = gen_num(0);
		return;
	case 6:
		wide(g, dst, corner(g));
		g->v.r[dst] = gen_num(0);
		return;
	default:
		break;
	}
	MOVI(dst, gen_corner32(g));
	g->v.r[dst] = gen_num(0);
}
