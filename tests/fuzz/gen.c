/* SPDX-License-Identifier: BSD-2-Clause */
#include "gen.h"

#include "base/util.h"

#include <string.h>

enum kind { K_NONE, K_NUM, K_CTX, K_STACK, K_PKT, K_VAL, K_REC };

struct val {
	enum kind kind;
	int32_t room; /* bytes behind a pointer */
	uint32_t max; /* of a number that was bounded; 0: unknown */
	bool rdonly;
	bool odd; /* a stack pointer that is not aligned: bytes only */
};

enum { SLOTS = 8, BUF = 72, BUF_SIZE = 56 }; /* fp-8..fp-64 are spill slots; [fp-128, fp-72) is a buffer */

struct view { /* what is where */
	struct val r[10], slot[SLOTS + 1];
};

struct gen {
	struct rng rng;
	struct fuzz_prog *p;
	struct view v;
	uint32_t locked, num_only; /* registers that must not be written; that may get numbers only */
	uint32_t func, depth, budget;
	uint32_t calls[64], callee[64], n_calls;
	bool has_ctx; /* r6 */
	bool in_callback;
	uint32_t records, loops; /* that we are in */
	struct val arg[FUNCS_MAX]; /* first argument of SIG_PTR functions */
};

/* Instructions */

static uint32_t emit(struct gen *g, uint8_t code, uint32_t dst, uint32_t src, int32_t off, int32_t imm)
{
	struct fuzz_prog *p = g->p;

	if (p->n >= PROG_MAX - 16)
		return p->n - 1;
	p->is_map[p->n] = false;
	p->insns[p->n] = (struct bpf_insn){
		.code = code, .dst_reg = dst & 15, .src_reg = src & 15, .off = (int16_t)off, .imm = imm};
	return p->n++;
}

#define MOVR(d, s)          emit(g, BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOVI(d, i)          emit(g, BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ALUI(op, d, i)      emit(g, BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define ALUR(op, d, s)      emit(g, BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)
#define LOAD(sz, d, s, o)   emit(g, BPF_LDX | BPF_MEM | (sz), d, s, o, 0)
#define STORE(sz, d, s, o)  emit(g, BPF_STX | BPF_MEM | (sz), d, s, o, 0)
#define STOREI(sz, d, o, i) emit(g, BPF_ST | BPF_MEM | (sz), d, 0, o, i)
#define JMPI(op, d, i)      emit(g, BPF_JMP | (op) | BPF_K, d, 0, 0, i)
#define JMPR(op, d, s)      emit(g, BPF_JMP | (op) | BPF_X, d, s, 0, 0)
#define CALL(h)             emit(g, BPF_JMP | BPF_CALL, 0, 0, 0, h)
#define EXIT()              emit(g, BPF_JMP | BPF_EXIT, 0, 0, 0, 0)

static void land(struct gen *g, uint32_t jump)
{
	g->p->insns[jump].off = (int16_t)(g->p->n - jump - 1);
}

static void wide(struct gen *g, uint32_t dst, uint64_t v)
{
	emit(g, BPF_LD | BPF_IMM | BPF_DW, dst, 0, 0, (int32_t)v);
	emit(g, 0, 0, 0, 0, (int32_t)(v >> 32));
}

static void load_map(struct gen *g, uint32_t dst, int map, bool value, uint32_t off)
{
	uint32_t at = emit(g, BPF_LD | BPF_IMM | BPF_DW, dst, value ? BPF_PSEUDO_MAP_VALUE : BPF_PSEUDO_MAP_FD, 0, map);

	g->p->is_map[at] = true;
	emit(g, 0, 0, 0, 0, (int32_t)off);
}

static void call_func(struct gen *g, uint32_t to, bool address, uint32_t dst)
{
	if (g->n_calls == ARRAY_SIZE(g->calls))
		return;
	g->callee[g->n_calls] = to;
	if (address) {
		g->calls[g->n_calls++] = emit(g, BPF_LD | BPF_IMM | BPF_DW, dst, BPF_PSEUDO_FUNC, 0, 0);
		emit(g, 0, 0, 0, 0, 0);
	} else {
		g->calls[g->n_calls++] = emit(g, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
	}
}

#define PICK(g, ...)                                                                                                   \
	({                                                                                                             \
		static const int all_[] = {__VA_ARGS__};                                                               \
		all_[below(&(g)->rng, ARRAY_SIZE(all_))];                                                              \
	})
#define CHANCE(n) chance(&g->rng, n)
#define BELOW(n)  below(&g->rng, n)

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

static int32_t corner32(struct gen *g)
{
	return (int32_t)corner(g);
}

/* Registers */

static struct val num(uint32_t max)
{
	return (struct val){.kind = K_NUM, .max = max};
}

static bool free_for(const struct gen *g, uint32_t r, bool number)
{
	return !(g->locked >> r & 1) && (number || !(g->num_only >> r & 1)) && !(r == 6 && g->has_ctx);
}

/* A register to be written. */
static uint32_t pick_dst(struct gen *g, bool number)
{
	for (int tries = 0; tries < 40; tries++) {
		uint32_t r = BELOW(10);

		/* Pointers live longer. */
		if (free_for(g, r, number) && (g->v.r[r].kind < K_STACK || tries > 6 || CHANCE(15)))
			return r;
	}
	return 0;
}

static uint32_t pick_other(struct gen *g, bool number, uint32_t a, uint32_t b)
{
	for (int tries = 0; tries < 60; tries++) {
		uint32_t r = pick_dst(g, number);

		if (r != a && r != b)
			return r;
	}
	for (uint32_t r = 0; r < 10; r++)
		if (r != a && r != b && free_for(g, r, number))
			return r;
	return 0;
}

static void lost(struct gen *g) /* a call */
{
	for (int r = 1; r <= 5; r++)
		g->v.r[r].kind = K_NONE;
	g->v.r[0] = num(0);
}

static int size_code(uint32_t size)
{
	return size == 1 ? BPF_B : size == 2 ? BPF_H : size == 4 ? BPF_W : BPF_DW;
}

static bool is_mem(const struct val *v)
{
	return v->kind >= K_STACK;
}

static void new_number(struct gen *g, uint32_t dst);

static uint32_t pick_num(struct gen *g)
{
	uint32_t r;

	for (int tries = 0; tries < 12; tries++) {
		r = BELOW(10);
		if (g->v.r[r].kind == K_NUM)
			return r;
	}
	r = pick_dst(g, true);
	new_number(g, r);
	return r;
}

/* A register with a pointer to memory, -1: there is none. */
static int pick_mem(struct gen *g, bool write)
{
	for (int tries = 0; tries < 14; tries++) {
		uint32_t r = BELOW(10);

		if (is_mem(&g->v.r[r]) && !(write && g->v.r[r].rdonly))
			return (int)r;
	}
	return -1;
}

static uint32_t fit_size(struct gen *g, int32_t room)
{
	uint32_t size = 1u << BELOW(4);

	while ((int32_t)size > room && size > 1)
		size /= 2;
	return size;
}

/* An offset for an access of @size into @room bytes: inside, at the edge more often than not. */
static int32_t fit_off(struct gen *g, int32_t room, uint32_t size)
{
	int32_t last = room - (int32_t)size;

	if (last <= 0)
		return 0;
	return CHANCE(40) ? last : (int32_t)BELOW((uint32_t)last + 1);
}

static void load_from(struct gen *g, uint32_t dst, uint32_t base, int32_t room)
{
	uint32_t size = g->v.r[base].odd ? 1 : fit_size(g, room);
	int32_t off = fit_off(g, room, size);

	if (g->v.r[base].kind == K_STACK)
		off = off / (int32_t)size * (int32_t)size;
	if (size < 8 && CHANCE(15))
		emit(g, (uint8_t)(BPF_LDX | BPF_MEMSX | size_code(size)), dst, base, off, 0);
	else
		LOAD(size_code(size), dst, base, off);
	g->v.r[dst] = num(0);
}

static bool has_packet(const struct gen *g)
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
	g->v.r[dst] = num(0);
}

static void new_number(struct gen *g, uint32_t dst)
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
		base = pick_mem(g, false);
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
		g->v.r[dst] = num(0);
		return;
	case 6:
		wide(g, dst, corner(g));
		g->v.r[dst] = num(0);
		return;
	default:
		break;
	}
	MOVI(dst, corner32(g));
	g->v.r[dst] = num(0);
}

/* Statements */

static void alu(struct gen *g)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV,  BPF_MOD, BPF_OR,  BPF_AND,
				      BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOV, BPF_ADD, BPF_SUB};
	uint8_t op = ops[BELOW(sizeof(ops))], class = CHANCE(60) ? BPF_ALU64 : BPF_ALU;
	uint32_t dst = pick_num(g), src;
	int16_t off = 0;
	int32_t imm = corner32(g);

	if (!free_for(g, dst, true))
		return;
	switch (BELOW(10)) {
	case 0:
		emit(g, class | BPF_NEG, dst, 0, 0, 0);
		goto done;
	case 1:
		if (CHANCE(50))
			emit(g, BPF_ALU | BPF_END | (CHANCE(50) ? BPF_TO_BE : BPF_TO_LE), dst, 0, 0,
			     PICK(g, 16, 32, 64));
		else
			emit(g, BPF_ALU64 | BPF_END, dst, 0, 0, PICK(g, 16, 32, 64));
		goto done;
	default:
		break;
	}
	if ((op == BPF_DIV || op == BPF_MOD) && CHANCE(40))
		off = 1;
	if (CHANCE(50)) {
		src = pick_num(g);
		dst = g->v.r[dst].kind == K_NUM ? dst : src;
		if (op == BPF_MOV && CHANCE(40)) {
			off = (int16_t)PICK(g, 8, 16, 32);
			if (class == BPF_ALU && off == 32)
				off = 16;
		}
		emit(g, class | op | BPF_X, dst, src, off, 0);
	} else {
		if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
			imm = (int32_t)BELOW(class == BPF_ALU ? 32 : 64);
		if ((op == BPF_DIV || op == BPF_MOD) && !imm)
			imm = 3;
		emit(g, class | op | BPF_K, dst, 0, off, imm);
	}
done:
	g->v.r[dst] = num(0);
}

/* x s>>= 63; x &= c: a number the walk takes apart in two. */
static void fork_scalar(struct gen *g)
{
	uint32_t dst = pick_num(g);

	if (!free_for(g, dst, true))
		return;
	if (CHANCE(50)) {
		ALUI(BPF_ARSH, dst, 63);
		ALUI(CHANCE(70) ? BPF_AND : BPF_OR, dst, CHANCE(50) ? (int32_t)BELOW(64) : corner32(g));
	} else {
		emit(g, BPF_ALU | BPF_ARSH | BPF_K, dst, 0, 0, 31);
		emit(g, BPF_ALU | BPF_AND | BPF_K, dst, 0, 0, (int32_t)BELOW(64));
	}
	g->v.r[dst] = num(0);
}

static void pool_jump(struct gen *g, uint32_t *jumps, uint32_t *n, uint32_t at)
{
	jumps[(*n)++] = at;
}

/*
 * Bounds a number in r to [0, lim], in one of many ways. Jumps that leave the way of good numbers are added to @out.
 * Return: the bound that it really has.
 */
static uint32_t bound(struct gen *g, uint32_t r, uint32_t lim, uint32_t *jumps, uint32_t *n)
{
	uint32_t mask = 1, k, c;

	while (mask * 2 + 1 <= lim)
		mask = mask * 2 + 1;
	if (!lim)
		mask = 0;
	switch (BELOW(12)) {
	case 0:
	case 1:
		ALUI(BPF_AND, r, (int32_t)mask);
		return mask;
	case 2:
		emit(g, BPF_ALU | BPF_AND | BPF_K, r, 0, 0, (int32_t)mask);
		return mask;
	case 3:
		pool_jump(g, jumps, n, JMPI(BPF_JGT, r, (int32_t)lim));
		return lim;
	case 4:
		pool_jump(g, jumps, n, JMPI(BPF_JSLT, r, 0));
		pool_jump(g, jumps, n, JMPI(BPF_JSGT, r, (int32_t)lim));
		return lim;
	case 5:
		pool_jump(g, jumps, n, JMPI(BPF_JSGE, r, (int32_t)lim + 1));
		pool_jump(g, jumps, n, JMPI(BPF_JSLE, r, -1));
		return lim;
	case 6:
		for (k = 0; k < 32 && (2u << k) - 1 <= mask;)
			k++;
		if (!mask)
			k = 0;
		if (!k) {
			ALUI(BPF_AND, r, 0);
			return 0;
		}
		ALUI(BPF_RSH, r, (int32_t)(64 - k));
		return (1u << k) - 1;
	case 7:
		/* The verifier knows nothing of a remainder but through what comes after it. */
		emit(g, (CHANCE(50) ? BPF_ALU64 : BPF_ALU) | BPF_MOD | BPF_K, r, 0, 0, (int32_t)lim + 1);
		pool_jump(g, jumps, n, JMPI(BPF_JGT, r, (int32_t)lim));
		return lim;
	case 8:
		emit(g, BPF_ALU | BPF_MOV | BPF_X, r, r, 0, 0);
		pool_jump(g, jumps, n, emit(g, BPF_JMP32 | BPF_JGE | BPF_K, r, 0, 0, (int32_t)lim + 1));
		return lim;
	case 9:
		/* From below, and by a register. */
		c = pick_other(g, true, r, r);
		if (!free_for(g, c, true) || c == r)
			goto plain;
		MOVI(c, (int32_t)lim);
		g->v.r[c] = num(lim);
		pool_jump(g, jumps, n, JMPR(BPF_JLT, c, r));
		return lim;
	case 10:
		/* A copy is compared, the original is used. */
		c = pick_other(g, true, r, r);
		if (!free_for(g, c, true) || c == r)
			goto plain;
		MOVR(c, r);
		g->v.r[c] = num(lim);
		pool_jump(g, jumps, n, JMPI(BPF_JGT, c, (int32_t)lim));
		return lim;
	default:
plain:
		c = BELOW(lim / 2 + 1);
		ALUI(BPF_AND, r, (int32_t)mask);
		pool_jump(g, jumps, n, JMPI(BPF_JLT, r, (int32_t)c));
		if (CHANCE(50)) {
			ALUI(BPF_SUB, r, (int32_t)c);
			return mask >= c ? mask - c : 0;
		}
		return mask;
	}
}

static void access_at(struct gen *g, uint32_t base, const struct val *v, int32_t first, int32_t room)
{
	uint32_t size = v->odd ? 1 : fit_size(g, room), r;
	int32_t off = fit_off(g, room, size);

	if (v->kind == K_STACK && CHANCE(96))
		off = off / (int32_t)size * (int32_t)size;
	off += first;
	if (v->rdonly || CHANCE(50)) {
		r = pick_other(g, true, base, base);
		if (!free_for(g, r, true))
			return;
		LOAD(size_code(size), r, base, off);
		g->v.r[r] = num(0);
	} else if (CHANCE(30)) {
		STOREI(size_code(size), base, off, corner32(g));
	} else {
		r = pick_num(g);
		STORE(size_code(size), base, r, off);
	}
}

static void merge(struct view *a, const struct view *b)
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

/* Through a pointer that a bounded number has moved. */
static void var_access(struct gen *g)
{
	int base = pick_mem(g, false);
	uint32_t jumps[8], n = 0, t, q, lim, real, shift = 0, locked = g->locked;
	struct val v;
	struct view before;
	int32_t slack, first = 0;

	if (base < 0 || g->v.r[base].room < 2 || (g->v.r[base].kind == K_PKT && CHANCE(95)))
		return;
	v = g->v.r[base];
	t = pick_num(g);
	if ((int)t == base)
		return;
	if (!free_for(g, t, true) || CHANCE(50)) {
		uint32_t c = pick_other(g, true, (uint32_t)base, t);

		if (c == t || (int)c == base || !free_for(g, c, true))
			return;
		MOVR(c, t);
		g->v.r[c] = num(g->v.r[t].max);
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
		real = bound(g, t, lim, jumps, &n);
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
	g->v.r[t] = num(real);
	q = pick_other(g, false, t, (uint32_t)base);
	if (q == t || !free_for(g, q, false))
		goto out;
	if ((int)q == base || CHANCE(15)) {
		if (!free_for(g, (uint32_t)base, false))
			goto out;
		q = (uint32_t)base;
		ALUR(BPF_ADD, q, t);
	} else if (CHANCE(15)) {
		/* number += pointer */
		if (!free_for(g, t, false))
			goto out;
		ALUR(BPF_ADD, t, base);
		q = t;
	} else if (CHANCE(15) && v.kind != K_PKT && v.kind != K_STACK) {
		/* From the end, downwards. */
		MOVR(q, base);
		ALUI(BPF_ADD, q, v.room);
		ALUR(BPF_SUB, q, t);
		first = -v.room + (int32_t)real;
		g->v.r[q] = (struct val){.kind = v.kind, .room = 0, .rdonly = v.rdonly};
		access_at(g, q, &v, -MIN(8, v.room - (int32_t)real), MIN(8, v.room - (int32_t)real));
		g->v.r[q].kind = K_NONE;
		(void)first;
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
		access_at(g, q, &v, 0, slack);
		if (CHANCE(40))
			access_at(g, q, &v, 0, slack);
	}
out:
	for (uint32_t i = 0; i < n; i++)
		land(g, jumps[i]);
	if (n)
		merge(&g->v, &before);
}

static void fixed_access(struct gen *g)
{
	int base = pick_mem(g, CHANCE(50));

	if (base >= 0 && g->v.r[base].room > 0)
		access_at(g, (uint32_t)base, &g->v.r[base], 0, g->v.r[base].room + (CHANCE(3) ? 1 : 0));
}

static void leave_here(struct gen *g)
{
	MOVI(0, g->in_callback ? 1 : (int32_t)BELOW(2));
	EXIT();
}

/* From here the spill slots are data. */
static void clear_spills(struct gen *g)
{
	for (int i = 1; i <= SLOTS; i++) {
		if (g->v.slot[i].kind != K_NUM)
			STOREI(BPF_DW, 10, -8 * i, CHANCE(60) ? 0 : (int32_t)BELOW(100));
		g->v.slot[i] = num(0);
	}
}

static void stack_ptr(struct gen *g)
{
	uint32_t r = pick_dst(g, false);
	int n = 8 * (int)(1 + BELOW(7));

	if (!free_for(g, r, false))
		return;
	MOVR(r, 10);
	ALUI(BPF_ADD, r, -BUF - n);
	g->v.r[r] = (struct val){.kind = K_STACK, .room = n};
	if (CHANCE(15)) {
		/* Over the spill slots. */
		ALUI(BPF_ADD, r, BUF - 64 + n);
		g->v.r[r].room = 64;
		clear_spills(g);
	}
}

static void keep(struct gen *g, struct val v) /* what a call left in r0 */
{
	uint32_t r = (uint32_t)PICK(g, 7, 8, 9, 9, 8);

	g->v.r[0] = v;
	if (free_for(g, r, false)) {
		MOVR(r, 0);
		g->v.r[r] = v;
	}
}

static void make_key(struct gen *g, uint32_t reg, int map)
{
	int at = -BUF - 8 * (int)(1 + BELOW(6));
	uint32_t r;

	if (world_maps[map].key == 8) {
		STOREI(BPF_W, 10, at, map == M_LPM ? 32 : (int32_t)BELOW(KEYS));
		STOREI(BPF_W, 10, at + 4, map == M_LPM ? (int32_t)BELOW(KEYS) : 0);
	} else if (CHANCE(50)) {
		STOREI(BPF_W, 10, at, (int32_t)BELOW(KEYS));
	} else {
		r = pick_num(g);
		STORE(BPF_W, 10, r, at);
	}
	MOVR(reg, 10);
	ALUI(BPF_ADD, reg, at);
}

static void lookup(struct gen *g)
{
	int map = PICK(g, M_ARRAY, M_ARRAY, M_HASH, M_HASH, M_LRU, M_PERCPU, M_PERCPU_HASH, M_OUTER, M_LPM, M_BIG);
	uint32_t skip;

	if (g->locked & 0x3f || g->num_only & 0x3f)
		return;
	if (map == M_LPM && g->p->type == BPF_PROG_TYPE_SYSCALL)
		map = M_ARRAY;
	if (CHANCE(20)) {
		uint32_t r = pick_dst(g, false);

		map = PICK(g, M_ONE, M_BIG, M_RDONLY);
		if (free_for(g, r, false)) {
			uint32_t off = CHANCE(60) ? 0 : BELOW(world_maps[map].value);

			load_map(g, r, map, true, off);
			g->v.r[r] = (struct val){.kind = K_VAL,
						 .room = (int32_t)(world_maps[map].value - off),
						 .rdonly = map == M_RDONLY};
		}
		return;
	}
	make_key(g, 2, map);
	load_map(g, 1, map, false, 0);
	CALL(BPF_FUNC_map_lookup_elem);
	lost(g);
	if (map == M_OUTER) {
		skip = JMPI(BPF_JNE, 0, 0);
		leave_here(g);
		land(g, skip);
		MOVR(1, 0);
		map = M_INNER;
		make_key(g, 2, map);
		CALL(BPF_FUNC_map_lookup_elem);
	}
	g->v.r[0].kind = K_NONE;
	if (CHANCE(3)) {
		keep(g, (struct val){.kind = K_VAL, .room = (int32_t)world_maps[map].value});
		return;
	}
	if (CHANCE(70)) {
		skip = JMPI(BPF_JNE, 0, 0);
		leave_here(g);
		land(g, skip);
		keep(g, (struct val){.kind = K_VAL, .room = (int32_t)world_maps[map].value});
		return;
	}
	/* Only used where it is there. */
	skip = JMPI(BPF_JEQ, 0, 0);
	struct view before = g->v;

	g->v.r[0] = (struct val){.kind = K_VAL, .room = (int32_t)world_maps[map].value};
	fixed_access(g);
	var_access(g);
	fixed_access(g);
	land(g, skip);
	merge(&g->v, &before);
}

/* data, data_end, the check, and what lies between. */
static void packet(struct gen *g)
{
	uint32_t d, e, t, x = g->p->type == BPF_PROG_TYPE_XDP, skip, jumps[8], n = 0;
	int32_t len = 1 + (int32_t)BELOW(CHANCE(70) ? 40 : 200);
	struct view before;
	bool out = CHANCE(60), var = CHANCE(50);

	if (!has_packet(g))
		return;
	d = pick_dst(g, false);
	e = pick_other(g, false, d, d);
	t = pick_other(g, false, d, e);
	if (d == e || t == d || t == e || !free_for(g, d, false) || !free_for(g, e, false) || !free_for(g, t, false))
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
		uint32_t s = pick_other(g, true, d, e);

		if (s == d || s == e || s == t || !free_for(g, s, true))
			return;
		new_number(g, s);
		if (CHANCE(90))
			bound(g, s, CHANCE(80) ? 63 : 0xffff, jumps, &n);
		g->v.r[s] = num(0);
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
		uint32_t over = emit(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);

		land(g, skip);
		for (uint32_t i = 0; i < n; i++)
			land(g, jumps[i]);
		leave_here(g);
		land(g, over);
		return;
	}
	fixed_access(g);
	access_at(g, d, &g->v.r[d], 0, len);
	var_access(g);
	land(g, skip);
	for (uint32_t i = 0; i < n; i++)
		land(g, jumps[i]);
	before.r[d].kind = before.r[e].kind = before.r[t].kind = K_NONE;
	merge(&g->v, &before);
}

static void ring_record(struct gen *g)
{
	int32_t size = 8 * (int32_t)(1 + BELOW(6));
	uint32_t skip;
	struct view before;

	if (g->locked & 0x3f || g->num_only & 0x3f || g->records)
		return;
	if (CHANCE(20)) {
		load_map(g, 1, M_RING, false, 0);
		MOVR(2, 10);
		ALUI(BPF_ADD, 2, -64);
		MOVI(3, size);
		MOVI(4, 0);
		CALL(BPF_FUNC_ringbuf_output);
		lost(g);
		return;
	}
	load_map(g, 1, M_RING, false, 0);
	MOVI(2, size);
	MOVI(3, 0);
	CALL(BPF_FUNC_ringbuf_reserve);
	lost(g);
	skip = JMPI(BPF_JEQ, 0, 0);
	before = g->v;
	g->records++;
	MOVR(9, 0);
	g->v.r[9] = g->v.r[0] = (struct val){.kind = K_REC, .room = size};
	{
		uint32_t locked = g->locked;

		g->locked |= 1u << 9;
		fixed_access(g);
		var_access(g);
		access_at(g, 9, &g->v.r[9], 0, size);
		g->locked = locked;
	}
	MOVR(1, 9);
	MOVI(2, 0);
	if (CHANCE(97))
		CALL(CHANCE(50) ? BPF_FUNC_ringbuf_submit : BPF_FUNC_ringbuf_discard);
	lost(g);
	g->records--;
	for (int i = 0; i < 10; i++)
		if (g->v.r[i].kind == K_REC)
			g->v.r[i].kind = K_NONE;
	g->v.r[0].kind = g->v.r[9].kind = K_NONE;
	before.r[9].kind = K_NONE;
	before.r[0].kind = K_NONE;
	land(g, skip);
	merge(&g->v, &before);
}

static void spill_fill(struct gen *g)
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
			STORE(size_code(size), 10, r, at + (int)(BELOW(8 / size) * size));
			*slot = num(0);
		}
		return;
	}
	if (CHANCE(15)) {
		STOREI(size_code(size), 10, at + (int)(BELOW(8 / size) * size), CHANCE(50) ? 0 : corner32(g));
		*slot = num(0);
		return;
	}
	if (slot->kind == K_NONE) {
		STOREI(BPF_DW, 10, at, corner32(g));
		*slot = num(0);
	}
	r = pick_dst(g, slot->kind == K_NUM);
	if (!free_for(g, r, slot->kind == K_NUM))
		return;
	if (slot->kind <= K_NUM && CHANCE(40)) {
		LOAD(size_code(size), r, 10, at + (int)(BELOW(8 / size) * size));
		g->v.r[r] = num(0);
		return;
	}
	LOAD(BPF_DW, r, 10, at);
	g->v.r[r] = slot->kind ? *slot : num(0);
}

static void copy_reg(struct gen *g)
{
	uint32_t s = BELOW(10), d;

	if (g->v.r[s].kind == K_NONE || g->v.r[s].kind == K_REC)
		return;
	d = pick_dst(g, g->v.r[s].kind == K_NUM);
	if (!free_for(g, d, g->v.r[s].kind == K_NUM))
		return;
	MOVR(d, s);
	g->v.r[d] = g->v.r[s];
	if (g->v.r[s].kind == K_NUM && CHANCE(40)) {
		ALUI(BPF_ADD, d, (int32_t)BELOW(20) - 5);
		g->v.r[d] = num(0);
	} else if (is_mem(&g->v.r[s]) && g->v.r[s].room > 8 && CHANCE(40)) {
		int32_t c = (int32_t)BELOW((uint32_t)g->v.r[s].room - 1);

		ALUI(BPF_ADD, d, c);
		g->v.r[d].room -= c;
	}
}

static void block(struct gen *g, uint32_t n);

static void branch(struct gen *g)
{
	static const uint8_t ops[] = {BPF_JEQ,  BPF_JNE,  BPF_JGT,  BPF_JGE,  BPF_JLT, BPF_JLE,
				      BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET};
	uint32_t r = pick_num(g), jump, over;
	uint8_t class = CHANCE(65) ? BPF_JMP : BPF_JMP32;
	struct view before;

	if (CHANCE(30))
		jump = emit(g, class | ops[BELOW(sizeof(ops))] | BPF_X, r, pick_num(g), 0, 0);
	else
		jump = emit(g, class | ops[BELOW(sizeof(ops))] | BPF_K, r, 0, 0,
			    CHANCE(60) ? (int32_t)BELOW(64) : corner32(g));
	before = g->v;
	block(g, 1 + BELOW(4));
	if (CHANCE(50)) {
		land(g, jump);
		merge(&g->v, &before);
		return;
	}
	over = emit(g, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	land(g, jump);
	{
		struct view then = g->v;

		g->v = before;
		block(g, 1 + BELOW(3));
		land(g, over);
		merge(&g->v, &then);
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

static void loop(struct gen *g)
{
	uint32_t locked, num_only, head, c = 7 + BELOW(3), n = 2 + BELOW(CHANCE(80) ? 6 : 40), jump = 0;
	bool budget = CHANCE(35);

	if (g->depth > 2 || !free_for(g, c, true))
		return;
	clear_spills(g);
	MOVI(c, 0);
	g->v.r[c] = num(0);
	enter_loop(g, &locked, &num_only);
	g->num_only &= ~(1u << c);
	g->locked |= 1u << c;
	head = g->p->n;
	if (budget)
		jump = emit(g, BPF_JMP | BPF_JCOND, 0, 0, 0, 0);
	block(g, 1 + BELOW(3));
	g->v.r[c] = num(0);
	if (g->p->insns[g->p->n - 1].code == 0)
		MOVI(0, 0);
	ALUI(BPF_ADD, c, 1);
	if (CHANCE(60)) {
		emit(g, BPF_JMP | BPF_JLT | BPF_K, c, 0, (int32_t)head - (int32_t)g->p->n - 1, (int32_t)n);
	} else {
		JMPI(BPF_JGE, c, (int32_t)n);
		g->p->insns[g->p->n - 1].off = 1;
		emit(g, BPF_JMP | BPF_JA, 0, 0, (int32_t)head - (int32_t)g->p->n - 1, 0);
	}
	if (budget)
		land(g, jump);
	leave_loop(g, locked, num_only);
	g->v.r[c] = num(budget ? 0 : n);
}

static void atomic(struct gen *g)
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
	int base = pick_mem(g, true);
	uint32_t s = pick_num(g), size = CHANCE(50) ? 8 : 4;
	int32_t off;

	if (base < 0 || g->v.r[base].kind == K_PKT || g->v.r[base].room < (int32_t)size)
		return;
	off = (int32_t)(BELOW((uint32_t)g->v.r[base].room / size) * size);
	if (CHANCE(15)) {
		if (CHANCE(50)) {
			uint32_t d = pick_other(g, true, (uint32_t)base, s);

			if (!free_for(g, d, true))
				return;
			emit(g, (uint8_t)(BPF_STX | BPF_ATOMIC | size_code(size)), d, (uint32_t)base, off,
			     BPF_LOAD_ACQ);
			g->v.r[d] = num(0);
		} else {
			emit(g, (uint8_t)(BPF_STX | BPF_ATOMIC | size_code(size)), (uint32_t)base, s, off,
			     BPF_STORE_REL);
		}
		return;
	}
	int op = ops[BELOW(ARRAY_SIZE(ops))];

	if (op == BPF_CMPXCHG) {
		if (base == 0 || !free_for(g, 0, true))
			return;
		if (g->v.r[0].kind != K_NUM) {
			MOVI(0, corner32(g));
			g->v.r[0] = num(0);
		}
		s = pick_num(g);
		if (g->v.r[0].kind != K_NUM)
			return;
	} else if ((op & BPF_FETCH) && !free_for(g, s, true)) {
		return;
	}
	if ((int)s == base)
		return;
	emit(g, (uint8_t)(BPF_STX | BPF_ATOMIC | size_code(size)), (uint32_t)base, s, off, op);
	if (op == BPF_CMPXCHG)
		g->v.r[0] = num(0);
	else if (op & BPF_FETCH)
		g->v.r[s] = num(0);
}

static void put_value(struct gen *g, uint32_t reg) /* some memory of at least 48 bytes */
{
	MOVR(reg, 10);
	ALUI(BPF_ADD, reg, CHANCE(50) ? -BUF - BUF_SIZE : -64);
}

/* A helper wrote to the spill slots. */
static void spills_written(struct gen *g)
{
	for (int i = 1; i <= SLOTS; i++)
		if (g->v.slot[i].kind != K_NUM)
			g->v.slot[i].kind = K_NONE;
}

static int progs_of(uint32_t type)
{
	switch (type) {
	case BPF_PROG_TYPE_XDP:
		return M_PROGS_XDP;
	case BPF_PROG_TYPE_SCHED_CLS:
		return M_PROGS_TC;
	case BPF_PROG_TYPE_SOCKET_FILTER:
		return M_PROGS_SF;
	case BPF_PROG_TYPE_CGROUP_SKB:
		return M_PROGS_CG;
	default:
		return -1;
	}
}

/* Memory of a length that is a number: bounded, and close to what there is. */
static void sized_mem(struct gen *g, uint32_t mem, uint32_t len)
{
	uint32_t n;

	MOVR(mem, 10);
	ALUI(BPF_ADD, mem, -64);
	if (CHANCE(40)) {
		n = pick_num(g);
		if (n == mem)
			n = 10;
		if (n < 10) {
			MOVR(len, n);
			ALUI(BPF_AND, len, CHANCE(80) ? 31 : 63);
			if (CHANCE(70))
				ALUI(BPF_ADD, len, 1);
			return;
		}
	}
	MOVI(len, (int32_t)(1 + BELOW(CHANCE(95) ? 64 : 66)));
}

static void helper(struct gen *g)
{
	uint32_t t = g->p->type, skip;
	int map;

	if (g->locked & 0x3f || g->num_only & 0x3f)
		return;
	switch (BELOW(14)) {
	case 0:
	case 1:
		map = PICK(g, M_ARRAY, M_HASH, M_LRU, M_PERCPU, M_PERCPU_HASH, M_LPM, M_ONE);
		if (map == M_LPM && t == BPF_PROG_TYPE_SYSCALL)
			break;
		make_key(g, 2, map);
		put_value(g, 3);
		MOVI(4, CHANCE(80) ? 0 : (int32_t)BELOW(3));
		load_map(g, 1, map, false, 0);
		CALL(BPF_FUNC_map_update_elem);
		lost(g);
		return;
	case 2:
		map = PICK(g, M_HASH, M_LRU, M_PERCPU_HASH, M_LPM, M_ARRAY);
		if (map == M_LPM && t == BPF_PROG_TYPE_SYSCALL)
			break;
		make_key(g, 2, map);
		load_map(g, 1, map, false, 0);
		CALL(BPF_FUNC_map_delete_elem);
		lost(g);
		return;
	case 3:
		map = PICK(g, M_QUEUE, M_STACK);
		put_value(g, 2);
		if (CHANCE(50)) {
			MOVI(3, 0);
			load_map(g, 1, map, false, 0);
			CALL(BPF_FUNC_map_push_elem);
		} else {
			load_map(g, 1, map, false, 0);
			CALL(CHANCE(50) ? BPF_FUNC_map_pop_elem : BPF_FUNC_map_peek_elem);
			spills_written(g);
		}
		lost(g);
		return;
	case 4:
		CALL(CHANCE(50) ? BPF_FUNC_get_prandom_u32 : BPF_FUNC_get_smp_processor_id);
		lost(g);
		return;
	case 5:
	case 6:
		if (!g->has_ctx ||
		    (t != BPF_PROG_TYPE_SCHED_CLS && t != BPF_PROG_TYPE_SOCKET_FILTER && t != BPF_PROG_TYPE_CGROUP_SKB))
			break;
		if (t == BPF_PROG_TYPE_SCHED_CLS && CHANCE(30)) {
			sized_mem(g, 3, 4);
			MOVR(1, 6);
			MOVI(2, (int32_t)BELOW(40));
			MOVI(5, 0);
			CALL(BPF_FUNC_skb_store_bytes);
			lost(g);
			for (int r = 0; r < 10; r++)
				if (g->v.r[r].kind == K_PKT)
					g->v.r[r].kind = K_NONE;
			for (int i = 1; i <= SLOTS; i++)
				if (g->v.slot[i].kind == K_PKT)
					g->v.slot[i].kind = K_NONE;
			return;
		}
		sized_mem(g, 3, 4);
		MOVR(1, 6);
		MOVI(2, (int32_t)BELOW(60));
		CALL(BPF_FUNC_skb_load_bytes);
		lost(g);
		spills_written(g);
		return;
	case 7:
		if (t != BPF_PROG_TYPE_SCHED_CLS && t != BPF_PROG_TYPE_XDP)
			break;
		MOVI(1, 0);
		MOVI(2, 0);
		MOVR(3, 10);
		ALUI(BPF_ADD, 3, -64);
		MOVI(4, 4 * (int32_t)(1 + BELOW(16)));
		MOVI(5, corner32(g));
		CALL(BPF_FUNC_csum_diff);
		lost(g);
		return;
	case 8:
		if (!g->has_ctx || t != BPF_PROG_TYPE_XDP)
			break;
		MOVR(1, 6);
		MOVI(2, (int32_t)BELOW(40) - 20);
		CALL(PICK(g, BPF_FUNC_xdp_adjust_head, BPF_FUNC_xdp_adjust_tail, BPF_FUNC_xdp_adjust_meta));
		lost(g);
		for (int r = 0; r < 10; r++)
			if (g->v.r[r].kind == K_PKT)
				g->v.r[r].kind = K_NONE;
		for (int i = 1; i <= SLOTS; i++)
			if (g->v.slot[i].kind == K_PKT)
				g->v.slot[i].kind = K_NONE;
		return;
	case 9:
		map = progs_of(t);
		if (!g->has_ctx || map < 0 || g->in_callback || CHANCE(g->func ? 20 : 60))
			break;
		MOVR(1, 6);
		load_map(g, 2, map, false, 0);
		if (CHANCE(60))
			MOVI(3, (int32_t)BELOW(3));
		else {
			skip = pick_num(g);
			if (skip >= 1 && skip <= 2)
				MOVI(3, 0);
			else
				MOVR(3, skip);
			ALUI(BPF_AND, 3, 3);
		}
		CALL(BPF_FUNC_tail_call);
		lost(g);
		g->v.r[0].kind = K_NONE;
		return;
	case 10:
		/* Text to number, into the stack. */
		if (t == BPF_PROG_TYPE_SOCKET_FILTER)
			break;
		MOVR(1, 10);
		ALUI(BPF_ADD, 1, -BUF - 32);
		MOVI(2, (int32_t)(1 + BELOW(32)));
		MOVI(3, 0);
		MOVR(4, 10);
		ALUI(BPF_ADD, 4, -8 * (int32_t)(1 + BELOW(SLOTS)));
		CALL(CHANCE(50) ? BPF_FUNC_strtol : BPF_FUNC_strtoul);
		lost(g);
		spills_written(g);
		return;
	case 11:
		if (!g->has_ctx || (t != BPF_PROG_TYPE_SOCKET_FILTER && t != BPF_PROG_TYPE_SCHED_CLS) || g->in_callback)
			break;
		/* Legacy loads. */
		if (CHANCE(50)) {
			emit(g, (uint8_t)(BPF_LD | BPF_ABS | PICK(g, BPF_B, BPF_H, BPF_W)), 0, 0, 0,
			     (int32_t)BELOW(70));
		} else {
			uint32_t r = pick_num(g);

			if (r != 6)
				emit(g, (uint8_t)(BPF_LD | BPF_IND | PICK(g, BPF_B, BPF_H, BPF_W)), 0, r, 0,
				     (int32_t)BELOW(8));
			else
				break;
		}
		lost(g);
		return;
	case 12:
		if (!g->has_ctx)
			break;
		/* Context fields that may be written. */
		if (t == BPF_PROG_TYPE_SCHED_CLS)
			STORE(BPF_W, 6, pick_num(g), PICK(g, 8, 32, 48, 52, 60));
		else if (t == BPF_PROG_TYPE_SOCKET_FILTER || t == BPF_PROG_TYPE_CGROUP_SKB)
			STORE(BPF_W, 6, pick_num(g), 48 + 4 * (int)BELOW(5));
		else if (t == BPF_PROG_TYPE_SYSCALL)
			STORE(BPF_W, 6, pick_num(g), 4 * (int)BELOW(16));
		return;
	default:
		break;
	}
}

/* A variable offset into the context: only programs with plain bytes for one. */
static void ctx_var(struct gen *g)
{
	uint32_t t, jumps[8], n = 0;
	struct view before;

	if (g->p->type != BPF_PROG_TYPE_SYSCALL || !g->has_ctx || CHANCE(90))
		return;
	t = pick_num(g);
	if (!free_for(g, t, false) || t == 6)
		return;
	before = g->v;
	bound(g, t, 1 + BELOW(60), jumps, &n);
	g->v.r[t].kind = K_NONE;
	ALUR(BPF_ADD, t, 6);
	LOAD(BPF_B, t, t, 0);
	g->v.r[t] = num(0);
	for (uint32_t i = 0; i < n; i++)
		land(g, jumps[i]);
	merge(&g->v, &before);
}

static void sub_call(struct gen *g)
{
	uint32_t to = g->func + 1 + BELOW(4), skip;
	int base;

	if (to >= g->p->n_funcs || g->locked & 0x3f || g->num_only & 0x3f)
		return;
	switch (g->p->funcs[to].sig) {
	case SIG_NUM:
		skip = pick_num(g);
		MOVR(2, skip == 1 ? 1 : skip);
		MOVI(1, corner32(g));
		break;
	case SIG_CTX:
		if (!g->has_ctx)
			return;
		skip = pick_num(g);
		MOVR(2, skip);
		MOVR(1, 6);
		break;
	case SIG_MEM:
		skip = pick_num(g);
		MOVR(2, skip);
		base = pick_mem(g, true);
		if (base >= 0 && base != 2 && g->v.r[base].room >= 16 && g->v.r[base].kind != K_PKT &&
		    !g->v.r[base].rdonly) {
			MOVR(1, (uint32_t)base);
		} else {
			MOVR(1, 10);
			ALUI(BPF_ADD, 1, -BUF - 16 - (int)BELOW(24));
		}
		break;
	case SIG_PTR:
		skip = pick_num(g);
		MOVR(2, skip);
		if (g->arg[to].kind == K_STACK) {
			MOVR(1, 10);
			ALUI(BPF_ADD, 1, CHANCE(50) ? -BUF - 32 : -64);
			clear_spills(g);
		} else {
			load_map(g, 1, M_ONE, true, 16);
		}
		break;
	case SIG_LOOP:
		skip = pick_num(g);
		if (CHANCE(70) || (skip >= 1 && skip <= 3)) {
			MOVI(1, (int32_t)BELOW(12));
		} else {
			MOVR(1, skip);
			ALUI(BPF_AND, 1, 15);
		}
		call_func(g, to, true, 2);
		MOVR(3, 10);
		ALUI(BPF_ADD, 3, CHANCE(80) ? -BUF - 32 : -64);
		clear_spills(g);
		MOVI(4, 0);
		CALL(BPF_FUNC_loop);
		lost(g);
		return;
	case SIG_EACH:
		load_map(g, 1, CHANCE(70) ? M_ARRAY : M_HASH, false, 0);
		call_func(g, to, true, 2);
		MOVR(3, 10);
		ALUI(BPF_ADD, 3, CHANCE(80) ? -BUF - 32 : -64);
		clear_spills(g);
		MOVI(4, 0);
		CALL(BPF_FUNC_for_each_map_elem);
		lost(g);
		return;
	default:
		return;
	}
	call_func(g, to, false, 0);
	lost(g);
}

static void block(struct gen *g, uint32_t n)
{
	g->depth++;
	for (uint32_t i = 0; i < n && g->budget; i++) {
		g->budget--;
		switch (BELOW(36)) {
		case 0:
		case 1:
		case 2:
		case 3:
			alu(g);
			break;
		case 4:
		case 5:
		case 6:
		case 7:
		case 8:
		case 9:
			var_access(g);
			break;
		case 10:
		case 11:
			fixed_access(g);
			break;
		case 12:
		case 13:
			stack_ptr(g);
			break;
		case 14:
		case 15:
		case 16:
			lookup(g);
			break;
		case 17:
		case 18:
			packet(g);
			break;
		case 19:
			ring_record(g);
			break;
		case 20:
		case 21:
		case 22:
			spill_fill(g);
			break;
		case 23:
			copy_reg(g);
			break;
		case 24:
		case 25:
		case 26:
			if (g->depth < 5)
				branch(g);
			break;
		case 27:
			loop(g);
			break;
		case 28:
			atomic(g);
			break;
		case 29:
		case 30:
		case 31:
			helper(g);
			break;
		case 32:
		case 33:
			sub_call(g);
			break;
		case 34:
			fork_scalar(g);
			break;
		default:
			ctx_var(g);
			break;
		}
	}
	g->depth--;
}

static void prologue(struct gen *g, uint32_t func)
{
	enum sig sig = g->p->funcs[func].sig;
	uint32_t skip;

	memset(&g->v, 0, sizeof(g->v));
	g->locked = g->num_only = g->depth = g->records = g->loops = 0;
	g->has_ctx = sig == SIG_MAIN || sig == SIG_CTX;
	g->in_callback = sig == SIG_LOOP || sig == SIG_EACH;
	g->func = func;
	if (g->has_ctx) {
		MOVR(6, 1);
		g->v.r[6].kind = K_CTX;
	}
	switch (sig) {
	case SIG_NUM:
		g->v.r[1] = g->v.r[2] = num(0);
		break;
	case SIG_CTX:
		g->v.r[2] = num(0);
		break;
	case SIG_MEM:
		g->v.r[2] = num(0);
		skip = JMPI(BPF_JNE, 1, 0);
		leave_here(g);
		land(g, skip);
		MOVR(7, 1);
		g->v.r[1] = g->v.r[7] = (struct val){.kind = K_VAL, .room = 16};
		break;
	case SIG_PTR:
		MOVR(8, 1);
		g->v.r[1] = g->v.r[8] = g->arg[func];
		g->v.r[2] = num(0);
		break;
	case SIG_LOOP:
		MOVR(7, 1);
		MOVR(8, 2);
		g->v.r[7] = num(0);
		g->v.r[8] = (struct val){.kind = K_STACK, .room = 32};
		break;
	case SIG_EACH:
		MOVR(7, 4);
		MOVR(8, 3);
		g->v.r[7] = (struct val){.kind = K_STACK, .room = 32};
		g->v.r[8] = (struct val){.kind = K_VAL, .room = 16};
		break;
	default:
		break;
	}
	/* What is read was written. */
	for (int i = 1; i <= SLOTS + BUF_SIZE / 8 + 1; i++)
		if (CHANCE(97))
			STOREI(BPF_DW, 10, -8 * i, CHANCE(60) ? 0 : (int32_t)BELOW(100));
	for (int i = 1; i <= SLOTS; i++)
		g->v.slot[i] = num(0);
}

static void function(struct gen *g, uint32_t func, uint32_t budget)
{
	g->p->funcs[func].start = g->p->n;
	prologue(g, func);
	g->budget = budget;
	if (has_packet(g) && CHANCE(50))
		packet(g);
	if (CHANCE(50))
		lookup(g);
	if (CHANCE(50))
		stack_ptr(g);
	block(g, budget);
	if (g->in_callback) {
		uint32_t skip;

		MOVI(0, 0);
		if (CHANCE(30)) {
			g->v.r[0].kind = K_NONE;
			skip = JMPI(BPF_JNE, pick_num(g), (int32_t)BELOW(20));
			MOVI(0, 1);
			land(g, skip);
			MOVI(0, CHANCE(50) ? 0 : 1);
		}
	} else {
		uint32_t r = pick_num(g);

		if (r)
			MOVR(0, r);
		if ((!func && (g->p->type == BPF_PROG_TYPE_CGROUP_SKB)) || (func && CHANCE(60)))
			ALUI(BPF_AND, 0, func ? PICK(g, 1, 3, 7, 15, 31) : 1);
	}
	EXIT();
}

/* One field of one instruction becomes another. */
static void damage(struct gen *g)
{
	uint32_t at = BELOW(g->p->n);
	struct bpf_insn *insn = &g->p->insns[at];

	if (!insn->code || insn_is_wide(insn))
		return;
	bool mem =
		BPF_CLASS(insn->code) == BPF_LDX || BPF_CLASS(insn->code) == BPF_ST || BPF_CLASS(insn->code) == BPF_STX;
	bool alu_or_jump = BPF_CLASS(insn->code) >= BPF_ALU, x = BPF_SRC(insn->code) == BPF_X;
	bool cond = (BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32) &&
		    BPF_OP(insn->code) != BPF_EXIT && BPF_OP(insn->code) != BPF_CALL;

	switch (BELOW(7)) {
	case 0:
		if (alu_or_jump && !x && BPF_OP(insn->code) != BPF_EXIT && BPF_OP(insn->code) != BPF_JA &&
		    insn->src_reg == 0)
			insn->imm += (int32_t)BELOW(5) - 2;
		break;
	case 1:
		if (mem || cond)
			insn->off = (int16_t)(insn->off + (int)BELOW(5) - 2);
		break;
	case 2:
		if (alu_or_jump && !x && (cond ? BPF_OP(insn->code) != BPF_JA : BPF_OP(insn->code) < BPF_NEG))
			insn->imm = corner32(g);
		break;
	case 3:
		if (mem || !cond)
			insn->dst_reg = BPF_CLASS(insn->code) == BPF_JMP ? 0 : BELOW(10) & 15;
		break;
	case 4:
		if (mem ? BPF_CLASS(insn->code) != BPF_ST : alu_or_jump && x && BPF_OP(insn->code) < BPF_CALL)
			insn->src_reg = BELOW(10) & 15;
		break;
	case 5:
		if (cond) /* the other way round */
			insn->code =
				(insn->code & 0x0f) | (uint8_t)PICK(g, BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT,
								    BPF_JLE, BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE);
		else if (mem)
			insn->code ^= 0x08;
		break;
	default:
		*insn = (struct bpf_insn){.code = BPF_JMP | BPF_JA};
		break;
	}
}

static bool is_called(const struct gen *g, uint32_t func)
{
	for (uint32_t i = 0; i < g->n_calls; i++)
		if (g->callee[i] == func)
			return true;
	return false;
}

void gen_program(struct fuzz_prog *p, uint64_t seed)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_XDP,       BPF_PROG_TYPE_XDP,           BPF_PROG_TYPE_SCHED_CLS,
					 BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_CGROUP_SKB,
					 BPF_PROG_TYPE_SYSCALL};
	struct gen gen = {.rng = {seed}, .p = p}, *g = &gen;

	rng_next(&g->rng);
	p->n = 0;
	p->attach = 0;
	p->flags = CHANCE(30) ? BPF_F_TEST_STATE_FREQ : 0;
	p->type = types[BELOW(ARRAY_SIZE(types))];
	if (p->type == BPF_PROG_TYPE_SYSCALL)
		p->flags |= BPF_F_SLEEPABLE;
	p->n_funcs = CHANCE(45) ? 1 : 2 + BELOW(4);
	p->with_btf = CHANCE(85);
	for (uint32_t i = 0; i < p->n_funcs; i++) {
		p->funcs[i].sig = i ? (enum sig)(1 + BELOW(SIG_COUNT - 1)) : SIG_MAIN;
		p->funcs[i].global = false;
		if (p->type == BPF_PROG_TYPE_SYSCALL && p->funcs[i].sig == SIG_CTX)
			p->funcs[i].sig = SIG_NUM;
		if (i && p->with_btf && p->funcs[i].sig <= SIG_MEM && CHANCE(50))
			p->funcs[i].global = true;
		if (p->funcs[i].sig == SIG_MEM && !p->funcs[i].global)
			p->funcs[i].sig = SIG_PTR;
		g->arg[i] = CHANCE(50) ? (struct val){.kind = K_STACK, .room = 32}
				       : (struct val){.kind = K_VAL, .room = 48};
	}
	for (uint32_t i = 0; i < p->n_funcs; i++)
		if (!i || is_called(g, i))
			function(g, i, i ? 4 + BELOW(8) : 8 + BELOW(30));
	for (uint32_t i = 0; i < g->n_calls; i++)
		p->insns[g->calls[i]].imm = (int32_t)(p->funcs[g->callee[i]].start - g->calls[i] - 1);
	for (uint32_t i = 0, n = p->n_funcs; i < n; i++) {
		if (!i)
			p->n_funcs = 0;
		if (!i || is_called(g, i))
			p->funcs[p->n_funcs++] = p->funcs[i];
	}
	if (CHANCE(30))
		for (uint32_t i = 0; i < 1 + BELOW(2); i++)
			damage(g);
}
