// SPDX-License-Identifier: BSD-2-Clause
/*
 * Random programs: counted loops over one array or two, as compilers spell them, for what the JIT does with many elements at once.
 *
 * Everything about them is random: the size of elements, whether an index or a pointer moves, in which width it is counted and compared, up or
 * down, where the exits are and what they ask for, what is done with elements, how far the store is from the loads, which registers are
 * wanted afterwards. What makes a loop end is never left to chance: the counter comes to its end exactly.
 */
#include "fuzz_gen.h"

enum { OUT_MAX = 8 };

struct array_loop {
	uint32_t base, index, x, y, gathered, limit, at, key; /* registers, all different */
	int size; /* log2 of an element's */
	int step; /* of addresses, in bytes */
	bool pointer; /* base moves; else the index is the offset */
	bool low; /* the index is counted in 32 bits */
	int by; /* what the index moves by */
	int64_t start, end; /* of the index */
	bool limited; /* the limit register holds an address */
	int32_t room; /* how far the limit is from the base */
	uint32_t out[OUT_MAX];
	uint32_t n_out;
};

static const uint8_t loads[] = {INSN_LDXB, INSN_LDXH, INSN_LDXW, INSN_LDXDW};
static const uint8_t stores[] = {INSN_STXB, INSN_STXH, INSN_STXW, INSN_STXDW};
static const uint8_t stores_k[] = {INSN_STB, INSN_STH, INSN_STW, INSN_STDW};

static void leave(struct gen *g, struct array_loop *l, enum insn_op op, uint32_t dst, uint32_t src, int32_t imm)
{
	l->out[l->n_out++] = build(&g->b, op, dst, insn_descs[op].src == FORM_READ ? src : 0, 0,
				   insn_descs[op].imm == FORM_IMM ? imm : 0);
}

/* The address of the element, in a register. */
static uint32_t element(struct gen *g, const struct array_loop *l)
{
	bool swapped = chance(g, 30);

	if (l->pointer)
		return l->base;
	if (l->low && chance(g, 50)) {
		build(&g->b, INSN_MOV32_X, l->at, l->index, 0, 0);
		build(&g->b, INSN_ADD64_X, l->at, l->base, 0, 0);
		return l->at;
	}
	build(&g->b, INSN_MOV64_X, l->at, swapped ? l->index : l->base, 0, 0);
	build(&g->b, INSN_ADD64_X, l->at, swapped ? l->base : l->index, 0, 0);
	return l->at;
}

/* Half of the time near, where streams meet. */
static int pick_distance(struct gen *g)
{
	return chance(g, 50) ? (int)pick(g, 48) - 24 : (int)pick(g, 8000) - 4000;
}

/* Something to do with an element in l->x. */
static void change(struct gen *g, const struct array_loop *l)
{
	static const uint8_t ops[] = {INSN_XOR64_K, INSN_XOR32_K, INSN_AND64_K, INSN_AND32_K, INSN_OR64_K,
				      INSN_OR32_K,  INSN_XOR64_X, INSN_AND32_X, INSN_OR64_X,  INSN_ADD64_K,
				      INSN_LSH64_K, INSN_MUL64_X, INSN_MOV32_X};
	static const uint8_t swaps[] = {INSN_BE16, INSN_BE32, INSN_BE64, INSN_BSWAP16, INSN_BSWAP32, INSN_BSWAP64};
	const struct insn_desc *d;

	if (chance(g, 40)) {
		int which = l->size && chance(g, 90) ? l->size - 1 : (int)pick(g, 3);

		build(&g->b, swaps[which + (chance(g, 30) ? 3 : 0)], l->x, 0, 0, 0);
		return;
	}
	d = &insn_descs[ops[pick(g, chance(g, 90) ? 9 : ARRAY_SIZE(ops))]];
	build(&g->b, d->op, l->x, d->src == FORM_READ ? l->y : 0, 0,
	      d->imm == FORM_IMM ? chance(g, 80) ? (int)pick(g, 256) : pick_imm(g) & 0xffff : 0);
}

/* An exit that asks for the element. */
static void gen_test(struct gen *g, struct array_loop *l)
{
	static const uint8_t ops[] = {INSN_JEQ64_X, INSN_JEQ32_X, INSN_JNE64_X, INSN_JNE32_X, INSN_JEQ64_K,
				      INSN_JEQ32_K, INSN_JNE64_K, INSN_JNE32_K, INSN_JGT64_X, INSN_JSET32_K};
	enum insn_op op = (enum insn_op)ops[pick(g, chance(g, 95) ? 8 : ARRAY_SIZE(ops))];
	uint32_t other = chance(g, 60) ? l->y : l->key;

	if (chance(g, 20))
		leave(g, l, op, other, l->x, 0);
	else
		leave(g, l, op, l->x, other, chance(g, 70) ? 0 : (int)pick(g, 256));
}

static void gather(struct gen *g, const struct array_loop *l)
{
	static const uint8_t ops[] = {INSN_ADD64_X, INSN_ADD32_X, INSN_XOR64_X, INSN_XOR32_X,
				      INSN_OR64_X,  INSN_OR32_X,  INSN_AND64_X, INSN_SUB64_X};
	enum insn_op op = (enum insn_op)ops[pick(g, chance(g, 95) ? 6 : ARRAY_SIZE(ops))];

	if (chance(g, 15)) {
		build(&g->b, op, l->x, l->gathered, 0, 0);
		build(&g->b, INSN_MOV64_X, l->gathered, l->x, 0, 0);
	} else {
		build(&g->b, op, l->gathered, chance(g, 90) ? l->x : l->y, 0, 0);
	}
}

static void gen_store(struct gen *g, const struct array_loop *l, uint32_t at, int near)
{
	int off = chance(g, 70) ? near + (int)pick(g, 48) - 24 : pick_distance(g);

	if (chance(g, 20))
		build(&g->b, stores_k[l->size], at, 0, off, pick_imm(g));
	else
		build(&g->b, stores[chance(g, 97) ? l->size : (int)pick(g, 4)], at,
		      chance(g, 80)   ? l->x
		      : chance(g, 50) ? l->y
				      : l->key,
		      off, 0);
}

/* An exit at an address beyond which elements must not be. */
static void gen_bound(struct gen *g, struct array_loop *l)
{
	uint32_t at = element(g, l);

	build(&g->b, INSN_MOV64_X, l->y, at, 0, 0);
	if (chance(g, 70))
		build(&g->b, INSN_ADD64_K, l->y, 0, 0, (int)pick(g, 9));
	if (chance(g, 70))
		leave(g, l, chance(g, 70) ? INSN_JGT64_X : INSN_JGE64_X, l->y, l->limit, 0);
	else
		leave(g, l, chance(g, 70) ? INSN_JLT64_X : INSN_JLE64_X, l->limit, l->y, 0);
}

static void gen_body(struct gen *g, struct array_loop *l)
{
	int off = pick_distance(g);
	uint32_t at;

	if (l->limited)
		gen_bound(g, l);
	at = element(g, l);
	if (chance(g, 10)) {
		gen_store(g, l, at, off);
		if (chance(g, 50))
			return;
	}
	build(&g->b, loads[l->size], l->x, at, off, 0);
	if (chance(g, 50))
		build(&g->b, loads[chance(g, 97) ? l->size : (int)pick(g, 4)], l->y, at,
		      chance(g, 50) ? off + (int)pick(g, 32) : pick_distance(g), 0);
	else
		build(&g->b, INSN_MOV64_K, l->y, 0, 0, (int)pick(g, 256));
	if (chance(g, 40))
		change(g, l);
	if (chance(g, 35))
		gen_test(g, l);
	if (chance(g, 45))
		gather(g, l);
	if (chance(g, 15))
		gather(g, l);
	if (chance(g, 45))
		gen_store(g, l, at, off);
	if (chance(g, 25))
		gen_test(g, l);
	if (chance(g, 10))
		change(g, l);
}

static void move_on(struct gen *g, const struct array_loop *l)
{
	bool over_copy = chance(g, 15);

	if (l->pointer) {
		uint32_t reg = over_copy ? l->at : l->base;

		if (over_copy)
			build(&g->b, INSN_MOV64_X, reg, l->base, 0, 0);
		build(&g->b, INSN_ADD64_K, reg, 0, 0, l->step);
		if (over_copy)
			build(&g->b, INSN_MOV64_X, l->base, reg, 0, 0);
	}
	build(&g->b, l->low ? INSN_ADD32_K : INSN_ADD64_K, l->index, 0, 0, l->by);
}

/* The jump back; the index has just moved, and comes to its end exactly. */
static void go_back(struct gen *g, struct array_loop *l, uint32_t head)
{
	static const struct {
		uint8_t again[2][2], out[2][2]; /* by width, and whether with a register */
		bool down;
	} forms[] = {
		{{{INSN_JNE64_K, INSN_JNE64_X}, {INSN_JNE32_K, INSN_JNE32_X}},
		 {{INSN_JEQ64_K, INSN_JEQ64_X}, {INSN_JEQ32_K, INSN_JEQ32_X}},
		 false},
		{{{INSN_JLT64_K, INSN_JLT64_X}, {INSN_JLT32_K, INSN_JLT32_X}},
		 {{INSN_JGE64_K, INSN_JGE64_X}, {INSN_JGE32_K, INSN_JGE32_X}},
		 false},
		{{{INSN_JSLT64_K, INSN_JSLT64_X}, {INSN_JSLT32_K, INSN_JSLT32_X}},
		 {{INSN_JSGE64_K, INSN_JSGE64_X}, {INSN_JSGE32_K, INSN_JSGE32_X}},
		 false},
		{{{INSN_JNE64_K, INSN_JNE64_X}, {INSN_JNE32_K, INSN_JNE32_X}},
		 {{INSN_JEQ64_K, INSN_JEQ64_X}, {INSN_JEQ32_K, INSN_JEQ32_X}},
		 true},
		{{{INSN_JSGT64_K, INSN_JSGT64_X}, {INSN_JSGT32_K, INSN_JSGT32_X}},
		 {{INSN_JSLE64_K, INSN_JSLE64_X}, {INSN_JSLE32_K, INSN_JSLE32_X}},
		 true},
		{{{INSN_JGT64_K, INSN_JGT64_X}, {INSN_JGT32_K, INSN_JGT32_X}},
		 {{INSN_JLE64_K, INSN_JLE64_X}, {INSN_JLE32_K, INSN_JLE32_X}},
		 true},
	};
	uint32_t form = (l->by < 0 ? 3 : 0) + pick(g, 3), back;
	bool narrow = l->low || chance(g, 30), in_reg = !l->limited && chance(g, 40);
	int32_t end = (int32_t)l->end;

	if (chance(g, 30)) {
		leave(g, l, (enum insn_op)forms[form].out[narrow][in_reg], l->index, l->limit, end);
		back = build(&g->b, INSN_JA, 0, 0, 0, 0);
		g->b.insns[back].off = (int16_t)(head - back - 1);
		return;
	}
	back = build(&g->b, (enum insn_op)forms[form].again[narrow][in_reg], l->index, in_reg ? l->limit : 0,
		     (int64_t)head - g->b.n - 1, in_reg ? 0 : end);
}

/* Eight registers in any order. */
static void pick_registers(struct gen *g, struct array_loop *l)
{
	uint32_t regs[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, n = g->stack ? 10 : 8;

	for (uint32_t i = n - 1; i; i--) {
		uint32_t k = pick(g, i + 1), r = regs[i];

		regs[i] = regs[k];
		regs[k] = r;
	}
	l->base = regs[0];
	l->index = regs[1];
	l->x = regs[2];
	l->y = regs[3];
	l->gathered = regs[4];
	l->limit = regs[5];
	l->at = regs[6];
	l->key = regs[7];
}

void gen_array_loop(struct gen *g)
{
	struct array_loop l = {.size = (int)pick(g, 4), .pointer = chance(g, 50), .low = chance(g, 40)};
	int32_t rounds = 1 + (int32_t)pick(g, chance(g, 50) ? 20 : 120);
	uint32_t head;

	pick_registers(g, &l);
	l.step = 1 << (chance(g, 95) ? l.size : (int)pick(g, 5));
	if (chance(g, 20))
		rounds = MAX((rounds >> (4 - l.size)) << (4 - l.size), 1); /* nothing remains */
	if (l.pointer) {
		l.by = (chance(g, 60) ? 1 : 1 << pick(g, 5)) * (chance(g, 30) ? -1 : 1);
		l.start = chance(g, 70) ? 0 : (int)pick(g, 100);
		if (l.by < 0)
			l.start -= l.by * rounds;
	} else {
		l.by = l.step;
		l.start = chance(g, 70) ? 0 : (int)pick(g, 100);
	}
	l.end = l.start + l.by * rounds;
	load_buf(g, l.base);
	if (chance(g, 80))
		build(&g->b, INSN_ADD64_K, l.base, 0, 0, pick_distance(g));
	if (l.pointer && l.low && chance(g, 20))
		build_wide(&g->b, INSN_LDIMM64, l.index, (uint64_t)l.start | 1ull << (32 + pick(g, 32)));
	else
		build(&g->b, chance(g, 50) ? INSN_MOV64_K : INSN_MOV32_K, l.index, 0, 0, l.start);
	l.limited = chance(g, 30);
	if (l.limited) {
		build(&g->b, INSN_MOV64_X, l.limit, l.base, 0, 0);
		build(&g->b, INSN_ADD64_K, l.limit, 0, 0,
		      (int)pick(g, (uint32_t)(rounds * l.step + 40)) + (l.pointer ? 0 : (int)l.start));
	} else {
		build(&g->b, INSN_MOV64_K, l.limit, 0, 0, l.end);
	}
	if (chance(g, 60))
		build(&g->b, INSN_MOV64_K, l.key, 0, 0, (int)pick(g, 256));
	head = g->b.n;
	gen_body(g, &l);
	move_on(g, &l);
	go_back(g, &l, head);
	for (uint32_t i = 0; i < l.n_out; i++)
		build_land(&g->b, l.out[i]);
	/* What the body leaves behind is wanted or not. */
	if (chance(g, 70)) {
		set_random(g, l.x);
		set_random(g, l.y);
		set_random(g, l.at);
	}
}
