// SPDX-License-Identifier: BSD-2-Clause
/*
 * fuzz-engines: random programs in the interpreter and the JIT, compared.
 *
 *     fuzz-engines [--seed N] [--runs N] [--seconds N]
 *
 * Theory of operation
 *
 * Each program has its own seed (the first one's is --seed, then counting up), so a failure is
 * repeated with --seed N --runs 1. A program is well formed and ends: jumps go forward
 * except in counted loops, a function calls only later ones. All that a verified program could
 * not see is kept out of what is compared: r1 to r5 get new values after each call,
 * the stack is written before it is read, and addresses of the stack never stay in a register.
 *
 * Two shapes of functions take turns, so that frames of all kinds occur:
 *   with stack     the buffer's address and the loop counters are in stack slots, every register is free
 *   without stack  r9 holds the buffer's address and r8 a loop counter, r10 does not occur
 *
 * Compared after each run: r0, the whole buffer that r1 pointed to, what the helpers saw, and
 * the environment's fault, tail_calls and loop_budget.
 */
#include "both.h"
#include "insn/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
	BUF_SIZE = 1 << 16,
	BUF_MID = BUF_SIZE / 2, /* what r1 points to, so any offset is inside */
	MAX_FUNCS = 5,
	MAX_DEPTH = 3,
	PACKET_SIZE = 64,

	/* Helpers by id; 12 is the tail call. */
	HELPER_MIX = 1,
	HELPER_LOOP,
	HELPER_POKE,
	HELPER_BUDGET,
	HELPER_NONE,
	HELPER_COUNT = 16,

	/* Slots of the prog array. */
	SLOT_SELF = 0,
	SLOT_FLAT,
	SLOT_EMPTY,
	SLOT_NO_CODE,
	SLOT_COUNT,

	/* Stack slots of functions with stack; data lies below. */
	STACK_BUF = -8,
	STACK_COUNTER = -16, /* and downwards, one for each depth of loops */
	STACK_DATA = -64,
	STACK_DATA_SIZE = 64,
};

struct gen {
	uint64_t rng;
	struct builder b;
	uint32_t funcs[MAX_FUNCS]; /* where each begins */
	uint32_t n_funcs;
	uint32_t calls[64], callee[64]; /* CALL_SUBPROG and LD_FUNC to be pointed at their functions */
	uint32_t n_calls;

	/* The function at hand. */
	uint32_t func;
	bool stack;
	int data; /* offset of the stack's data */
	int calls_left;
	uint32_t loops; /* that we are in */
	bool counter_taken; /* without stack: r8 counts a loop */
};

/* What a run leaves behind besides r0 and the buffer. */
struct trace {
	uint64_t hash;
	uint64_t n;
};

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t pick(struct gen *g, uint32_t n)
{
	return (uint32_t)(next_random(&g->rng) % n);
}

static bool chance(struct gen *g, uint32_t percent)
{
	return pick(g, 100) < percent;
}

/* A value that hits boundaries more often than chance would. */
static uint64_t pick_value(struct gen *g)
{
	static const uint64_t corners[] = {
		0,
		1,
		2,
		3,
		7,
		8,
		15,
		16,
		31,
		32,
		33,
		63,
		64,
		65,
		127,
		128,
		129,
		255,
		256,
		0x7fff,
		0x8000,
		0xffff,
		0x10000,
		0x7fffffff,
		0x80000000,
		0x80000001,
		0xfffffffe,
		0xffffffff,
		0x100000000,
		0x7fffffffffffffff,
		0x8000000000000000,
		0x8000000000000001,
	};
	uint64_t v = next_random(&g->rng);

	switch (pick(g, 4)) {
	case 0:
		v = corners[pick(g, ARRAY_SIZE(corners))];
		break;
	case 1:
		v = 0 - corners[pick(g, ARRAY_SIZE(corners))];
		break;
	case 2:
		v >>= pick(g, 64);
		break;
	}
	return v;
}

static int32_t pick_imm(struct gen *g)
{
	return (int32_t)pick_value(g);
}

/* A register that may be written. */
static uint32_t pick_dst(struct gen *g)
{
	return pick(g, g->stack ? 10 : 8);
}

/* A register that may be read as a number. */
static uint32_t pick_src(struct gen *g)
{
	return pick(g, g->stack ? 10 : 9);
}

static void set_random(struct gen *g, uint32_t reg)
{
	if (chance(g, 30))
		build(&g->b, INSN_MOV64_K, reg, 0, 0, pick_imm(g));
	else
		build_wide(&g->b, INSN_LDIMM64, reg, pick_value(g));
}

/* After a call r1 to r5 are nobody's. */
static void refresh(struct gen *g)
{
	for (uint32_t r = 1; r <= 5; r++) {
		if (chance(g, 50))
			build(&g->b, INSN_MOV64_X, r, r == 1 || chance(g, 50) ? 0 : 1, 0, 0);
		else
			set_random(g, r);
	}
}

static bool is_alu(const struct insn_desc *d)
{
	return (d->code & 7) == BPF_ALU || (d->code & 7) == BPF_ALU64;
}

static bool is_cond_jump(const struct insn_desc *d)
{
	unsigned class = d->code & 7;

	return (class == BPF_JMP || class == BPF_JMP32) && d->off == FORM_JUMP && d->dst == FORM_READ;
}

static bool is_memory(const struct insn_desc *d)
{
	unsigned class = d->code & 7;

	return d->off == FORM_MEM && (class == BPF_LDX || class == BPF_ST || class == BPF_STX);
}

static bool is_atomic(const struct insn_desc *d)
{
	return (d->code & 7) == BPF_STX && (d->code & 0xe0) == 0xc0;
}

/* An operation for which @is holds. Every row of the table is as likely as another. */
static const struct insn_desc *pick_op(struct gen *g, bool (*is)(const struct insn_desc *d))
{
	for (;;) {
		const struct insn_desc *d = &insn_descs[pick(g, INSN_OP_COUNT)];

		if (is(d))
			return d;
	}
}

static void gen_alu(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_alu);
	uint32_t dst = pick_dst(g);

	/* A copy before, as compilers make them, is what the JIT fuses. */
	if (chance(g, 30))
		build(&g->b, chance(g, 70) ? INSN_MOV64_X : INSN_MOV32_X, dst, pick_src(g), 0, 0);
	build(&g->b, d->op, dst, d->src == FORM_READ ? pick_src(g) : 0, 0, d->imm == FORM_IMM ? pick_imm(g) : 0);
}

/* The buffer's address into a register. */
static void load_buf(struct gen *g, uint32_t reg)
{
	if (g->stack)
		build(&g->b, INSN_LDXDW, reg, 10, STACK_BUF, 0);
	else if (reg != 9)
		build(&g->b, INSN_MOV64_X, reg, 9, 0, 0);
}

/* The pair of shifts that stands for an extension, or nearly so. */
static void gen_shift_pair(struct gen *g)
{
	static const uint8_t counts[] = {32, 48, 56, 31, 33, 16, 63};
	uint32_t dst = pick_dst(g);
	int n = counts[pick(g, ARRAY_SIZE(counts))];

	build(&g->b, INSN_LSH64_K, dst, 0, 0, n);
	build(&g->b, chance(g, 50) ? INSN_RSH64_K : INSN_ARSH64_K, chance(g, 90) ? dst : pick_dst(g), 0, 0,
	      chance(g, 80) ? n : counts[pick(g, ARRAY_SIZE(counts))]);
}

/* A scaled index or a field of one, as compilers spell them, and with one thing wrong now and then. */
static void gen_index(struct gen *g)
{
	static const uint8_t ops[] = {INSN_LDXB, INSN_LDXH, INSN_LDXW, INSN_LDXDW, INSN_LDXSB, INSN_LDXSH, INSN_LDXSW};
	static const uint8_t stores[] = {INSN_STXB, INSN_STXH, INSN_STXW, INSN_STXDW};
	uint32_t dst = pick_dst(g), index = pick_src(g), base, from = dst;
	int n = chance(g, 50) ? 32 : (int)(8 * pick(g, 8));

	do {
		base = pick_dst(g);
	} while (base == dst || base == index);
	load_buf(g, base);
	if (chance(g, 20))
		build(&g->b, INSN_ADD64_K, base, 0, 0, pick_imm(g) & 0xff);
	if (chance(g, 60)) {
		build(&g->b, chance(g, 50) ? INSN_MOV64_X : INSN_MOV32_X, dst, index, 0, 0);
		build(&g->b, INSN_AND64_K, dst, 0, 0, 255);
		if (chance(g, 60)) {
			/* The copy next to the scaling, where it is part of the fusion. */
			from = pick_dst(g);
			if (from == base)
				from = dst;
			build(&g->b, INSN_MOV64_X, from, dst, 0, 0);
		}
	} else {
		build(&g->b, INSN_AND64_K, dst, 0, 0, 255);
	}
	if (n && chance(g, 40)) {
		build(&g->b, INSN_LSH64_K, from, 0, 0, n);
		build(&g->b, chance(g, 70) ? INSN_RSH64_K : INSN_ARSH64_K, from, 0, 0, MAX(n - (int)pick(g, 5), 1));
		/* Whatever that has made of it, it must stay an index. */
		if (n != 32 && n != 48)
			build(&g->b, INSN_AND64_K, from, 0, 0, 255 * 8);
	} else {
		build(&g->b, INSN_LSH64_K, from, 0, 0, 1 + pick(g, 4));
	}
	if (chance(g, 40)) {
		/* The sum in a register of its own, and the index forgotten or not. */
		uint32_t sum = pick_dst(g);

		if (sum == from)
			sum = base;
		build(&g->b, INSN_MOV64_X, sum, base, 0, 0);
		build(&g->b, INSN_ADD64_X, sum, from, 0, 0);
		from = sum;
	} else {
		build(&g->b, INSN_ADD64_X, from, base, 0, 0);
	}
	switch (pick(g, 4)) {
	case 0:
	case 1:
		build(&g->b, ops[pick(g, ARRAY_SIZE(ops))], chance(g, 60) ? from : pick_dst(g), from,
		      (int)pick(g, 400) - 200, 0);
		break;
	case 2:
		build(&g->b, stores[pick(g, ARRAY_SIZE(stores))], from, pick_src(g), (int)pick(g, 400) - 200, 0);
		break;
	}
	if (chance(g, 60))
		set_random(g, chance(g, 50) ? from : dst);
}

/* The same without the access, so that any register may stand anywhere. */
static void gen_sum(struct gen *g)
{
	const uint32_t regs[] = {pick_dst(g), pick_dst(g), pick_dst(g)};
#define ANY regs[pick(g, ARRAY_SIZE(regs))]

	if (chance(g, 50))
		build(&g->b, INSN_MOV64_X, ANY, ANY, 0, 0);
	build(&g->b, INSN_LSH64_K, ANY, 0, 0, chance(g, 20) ? 32 : 1 + (int)pick(g, 3));
	if (chance(g, 20))
		build(&g->b, chance(g, 50) ? INSN_RSH64_K : INSN_ARSH64_K, ANY, 0, 0, 29 + (int)pick(g, 4));
	build(&g->b, INSN_MOV64_X, ANY, ANY, 0, 0);
	build(&g->b, INSN_ADD64_X, ANY, ANY, 0, 0);
	if (chance(g, 60))
		set_random(g, ANY);
	if (chance(g, 40))
		set_random(g, ANY);
#undef ANY
}

/* The steps of a rotation on any of three registers. */
static void gen_rotate_any(struct gen *g)
{
	const uint32_t regs[] = {pick_dst(g), pick_dst(g), pick_dst(g)};
	int n = 1 + (int)pick(g, 63);
#define ANY regs[pick(g, ARRAY_SIZE(regs))]

	build(&g->b, INSN_MOV64_X, ANY, ANY, 0, 0);
	build(&g->b, INSN_LSH64_K, ANY, 0, 0, n);
	if (chance(g, 50))
		build(&g->b, INSN_MOV64_X, ANY, ANY, 0, 0);
	build(&g->b, INSN_RSH64_K, ANY, 0, 0, 64 - n);
	build(&g->b, INSN_OR64_X, ANY, ANY, 0, 0);
	if (chance(g, 50))
		set_random(g, ANY);
#undef ANY
}

/* A rotation, or nearly one. */
static void gen_rotate(struct gen *g)
{
	bool wide = chance(g, 50), left = chance(g, 50);
	int bits = wide ? 64 : 32, n = 1 + (int)pick(g, (uint32_t)bits - 1);
	uint32_t a = pick_dst(g), x = pick_dst(g), b = chance(g, 50) ? x : pick_dst(g), r = chance(g, 50) ? a : b;
	int other = chance(g, 90) ? bits - n : (int)pick(g, (uint32_t)bits);

	build(&g->b, chance(g, wide ? 90 : 50) ? INSN_MOV64_X : INSN_MOV32_X, a, x, 0, 0);
	build(&g->b,
	      left   ? wide ? INSN_LSH64_K : INSN_LSH32_K
	      : wide ? INSN_RSH64_K
		     : INSN_RSH32_K,
	      chance(g, 95) ? a : pick_dst(g), 0, 0, n);
	if (chance(g, 5))
		left = !left;
	if (b != x)
		build(&g->b, chance(g, wide ? 90 : 50) ? INSN_MOV64_X : INSN_MOV32_X, b,
		      chance(g, 95) ? x : pick_src(g), 0, 0);
	build(&g->b,
	      left   ? wide ? INSN_RSH64_K : INSN_RSH32_K
	      : wide ? INSN_LSH64_K
		     : INSN_LSH32_K,
	      chance(g, 95) ? b : pick_dst(g), 0, 0, other);
	build(&g->b, chance(g, wide ? 95 : 5) ? INSN_OR64_X : INSN_OR32_X, r, chance(g, 95) ? a ^ b ^ r : pick_src(g),
	      0, 0);
	/* Half of the time nobody asks for the other half, or for x. */
	if (chance(g, 50))
		set_random(g, chance(g, 80) ? a ^ b ^ r : x);
}

/* A result that a jump compares with 0. */
static void gen_zero_test(struct gen *g)
{
	static const uint8_t alu[] = {
		INSN_ADD64_K, INSN_ADD64_X, INSN_SUB64_K, INSN_SUB64_X, INSN_AND64_K, INSN_AND64_X,
		INSN_OR64_X,  INSN_XOR64_X, INSN_ADD32_K, INSN_ADD32_X, INSN_SUB32_K, INSN_SUB32_X,
		INSN_AND32_K, INSN_AND32_X, INSN_OR32_X,  INSN_XOR32_X,
	};
	static const uint8_t jumps[] = {INSN_JEQ64_K, INSN_JEQ32_K, INSN_JNE64_K, INSN_JNE32_K};
	const struct insn_desc *d = &insn_descs[alu[pick(g, ARRAY_SIZE(alu))]];
	uint32_t dst = pick_dst(g), src = pick_src(g), jump;

	/* Make zero likely, in all bits or only the low half. */
	if (chance(g, 50))
		build_wide(&g->b, INSN_LDIMM64, dst, (uint64_t)pick(g, 3) << 32 | pick(g, 3));
	build(&g->b, d->op, dst, d->src == FORM_READ ? src : 0, 0, d->imm == FORM_IMM ? (int)pick(g, 4) - 2 : 0);
	jump = build(&g->b, jumps[pick(g, ARRAY_SIZE(jumps))], chance(g, 90) ? dst : pick_src(g), 0, 0,
		     chance(g, 90) ? 0 : 1);
	build(&g->b, INSN_XOR64_K, pick_dst(g), 0, 0, 0x1234);
	build_land(&g->b, jump);
}

/* What one number has and another lacks: "not" and "and", with a load in between or one thing wrong now and then. */
static void gen_and_not(struct gen *g)
{
	bool wide = chance(g, 50);
	uint32_t a = pick_dst(g), x = pick_src(g), b = pick_dst(g), base = pick_dst(g);
	bool loads = chance(g, 30) && base != a && base != x;

	if (loads)
		load_buf(g, base);
	build(&g->b, chance(g, 60) ? INSN_MOV64_X : INSN_MOV32_X, a, x, 0, 0);
	build(&g->b, wide ? INSN_XOR64_K : INSN_XOR32_K, loads || chance(g, 95) ? a : pick_dst(g), 0, 0,
	      chance(g, 95) ? -1 : 1);
	if (loads)
		build(&g->b, wide ? INSN_LDXDW : INSN_LDXW, b, base, 8 * (int)pick(g, 8), 0);
	build(&g->b, chance(g, wide ? 95 : 5) ? INSN_AND64_X : INSN_AND32_X, chance(g, 60) ? b : a,
	      chance(g, 60) ? a : b, 0, 0);
	if (chance(g, 70))
		set_random(g, a);
}

/* A copy, something else, then a rotation of which the copy is a half. */
static void gen_rotate_early_copy(struct gen *g)
{
	bool wide = chance(g, 50);
	int bits = wide ? 64 : 32, n = 1 + (int)pick(g, (uint32_t)bits - 1);
	uint32_t a = pick_dst(g), x = pick_dst(g), b = pick_dst(g);

	build(&g->b, chance(g, 70) ? INSN_MOV64_X : INSN_MOV32_X, b, x, 0, 0);
	for (uint32_t i = pick(g, 4); i; i--)
		gen_alu(g); /* may change any of them */
	build(&g->b, chance(g, 70) ? INSN_MOV64_X : INSN_MOV32_X, a, x, 0, 0);
	build(&g->b, wide ? INSN_RSH64_K : INSN_RSH32_K, a, 0, 0, n);
	build(&g->b, wide ? INSN_LSH64_K : INSN_LSH32_K, b, 0, 0, bits - n);
	build(&g->b, wide ? INSN_OR64_X : INSN_OR32_X, chance(g, 50) ? a : b, chance(g, 50) ? a : b, 0, 0);
	if (chance(g, 60))
		set_random(g, chance(g, 50) ? a : b);
}

/* A product rotated, as LLVM spells it: multiplied twice; or nearly so. */
static void gen_rotate_product(struct gen *g)
{
	uint32_t a = pick_dst(g), x = pick_dst(g), k = (uint32_t)next_random(&g->rng), r = chance(g, 50) ? a : x;
	int n = 1 + (int)pick(g, 31);
	bool shift_a = chance(g, 20);

	build(&g->b, chance(g, 50) ? INSN_MOV64_X : INSN_MOV32_X, a, x, 0, 0);
	build(&g->b, INSN_MUL32_K, chance(g, 95) ? a : x, 0, 0, (int32_t)(shift_a ? k : k << (32 - n)));
	build(&g->b, chance(g, 95) ? INSN_MUL32_K : INSN_MUL64_K, chance(g, 95) ? x : a, 0, 0,
	      (int32_t)(shift_a ? k << (32 - n) : k));
	build(&g->b, chance(g, 95) ? INSN_RSH32_K : INSN_ARSH32_K, shift_a ? a : x, 0, 0, chance(g, 90) ? n : n / 2);
	build(&g->b, chance(g, 95) ? INSN_OR32_X : INSN_XOR32_X, r, chance(g, 95) ? a ^ x ^ r : pick_src(g), 0, 0);
	if (chance(g, 60))
		set_random(g, a ^ x ^ r);
}

/* An extension of 8 or 16 bits within 32, or nearly so; and small factors. */
static void gen_extend32(struct gen *g)
{
	static const uint8_t counts[] = {16, 24, 8, 17};
	uint32_t dst = pick_dst(g);
	int n = counts[pick(g, chance(g, 80) ? 2 : 4)];

	if (chance(g, 30)) {
		build(&g->b, chance(g, 50) ? INSN_MOV64_X : INSN_MOV32_X, dst, pick_src(g), 0, 0);
		build(&g->b, chance(g, 50) ? INSN_MUL64_K : INSN_MUL32_K, dst, 0, 0, 2 + (int)pick(g, 9));
		return;
	}
	build(&g->b, INSN_LSH32_K, dst, 0, 0, n);
	build(&g->b, chance(g, 50) ? INSN_RSH32_K : INSN_ARSH32_K, chance(g, 90) ? dst : pick_dst(g), 0, 0,
	      chance(g, 90) ? n : n - 1);
}

static const uint8_t plain_loads[] = {INSN_LDXB, INSN_LDXH, INSN_LDXW, INSN_LDXDW, INSN_LDXSB, INSN_LDXSH, INSN_LDXSW};
static const uint8_t plain_stores[] = {INSN_STXB, INSN_STXH, INSN_STXW, INSN_STXDW,
				       INSN_STB,  INSN_STH,  INSN_STW,  INSN_STDW};

/* What compilers do with a field that is in a register: an operation, a comparison. */
static void use_field(struct gen *g, uint32_t reg, uint32_t address)
{
	static const uint8_t ops[] = {
		INSN_ADD64_X, INSN_SUB64_X, INSN_AND64_X, INSN_OR64_X,  INSN_XOR64_X, INSN_MUL64_X,
		INSN_ADD32_X, INSN_SUB32_X, INSN_AND32_X, INSN_OR32_X,  INSN_XOR32_X, INSN_MUL32_X,
		INSN_ADD64_K, INSN_SUB32_K, INSN_AND32_K, INSN_MOV64_X,
	};
	const struct insn_desc *d = &insn_descs[ops[pick(g, ARRAY_SIZE(ops))]];
	uint32_t other = pick_dst(g), jump;
	bool is_dst = chance(g, 30);

	if (chance(g, 50)) {
		if (other == address || (is_dst && reg == address))
			return;
		build(&g->b, d->op, is_dst ? reg : other, d->src == FORM_READ ? is_dst ? pick_src(g) : reg : 0, 0,
		      d->imm == FORM_IMM ? pick_imm(g) : 0);
		return;
	}
	d = pick_op(g, is_cond_jump);
	jump = build(&g->b, d->op, is_dst ? reg : pick_src(g), d->src == FORM_READ ? is_dst ? pick_src(g) : reg : 0, 0,
		     d->imm != FORM_IMM ? 0
		     : chance(g, 50)    ? (int)pick(g, 300) - 20
					: pick_imm(g));
	if (other != address)
		build(&g->b, chance(g, 50) ? INSN_XOR64_K : INSN_MOV64_K, other, 0, 0, 0x4321);
	build_land(&g->b, jump);
}

/*
 * Fields of an element, whose address is a sum: several accesses, what is done with the values, and registers of the sum that
 * change in between.
 */
static void gen_fields(struct gen *g)
{
	uint32_t base = pick_dst(g), index = pick_dst(g), sum = pick_dst(g);

	if (base == index)
		return;
	load_buf(g, base);
	if (chance(g, 60)) {
		build(&g->b, INSN_AND64_K, index, 0, 0, 255);
		if (chance(g, 40))
			build(&g->b, INSN_LSH64_K, index, 0, 0, 1 + (int)pick(g, 3));
		if (sum == index) {
			build(&g->b, INSN_ADD64_X, sum, base, 0, 0);
		} else {
			if (sum != base)
				build(&g->b, INSN_MOV64_X, sum, base, 0, 0);
			build(&g->b, INSN_ADD64_X, sum, index, 0, 0);
		}
	} else if (sum != base) {
		build(&g->b, INSN_MOV64_X, sum, base, 0, 0);
		if (chance(g, 60))
			build(&g->b, INSN_ADD64_K, sum, 0, 0, (int)pick(g, 400) - 200);
	} else {
		build(&g->b, INSN_ADD64_K, sum, 0, 0, (int)pick(g, 400) - 200);
	}
	for (uint32_t n = 1 + pick(g, 5); n; n--) {
		uint32_t reg = pick_dst(g);
		int off = (int)pick(g, 400) - 200;

		switch (pick(g, 6)) {
		case 0:
		case 1:
		case 2:
			build(&g->b, plain_loads[pick(g, ARRAY_SIZE(plain_loads))], reg, sum, off, 0);
			if (chance(g, 30) && reg != sum) { /* two loads, then what uses either */
				uint32_t second = pick_dst(g);

				build(&g->b, plain_loads[pick(g, 4)], second, sum, off / 2, 0);
				if (second == sum)
					return;
			}
			if (chance(g, 70))
				use_field(g, reg, sum);
			if (chance(g, 50) && reg != sum)
				set_random(g, reg);
			if (reg == sum)
				return;
			break;
		case 3: {
			const struct insn_desc *d = &insn_descs[plain_stores[pick(g, ARRAY_SIZE(plain_stores))]];

			build(&g->b, d->op, sum, d->src == FORM_READ ? pick_src(g) : 0, off,
			      d->imm == FORM_IMM ? pick_imm(g) : 0);
			break;
		}
		case 4:
			reg = chance(g, 50) ? base : index;
			if (reg != sum)
				set_random(g, reg);
			break;
		case 5:
			if (chance(g, 50))
				build(&g->b, INSN_ADD64_K, sum, 0, 0, (int)pick(g, 40));
			else if (reg != sum)
				build(&g->b, INSN_ADD64_X, reg, chance(g, 50) ? sum : index, 0, 0);
			break;
		}
	}
	if (chance(g, 80))
		set_random(g, sum);
}

/* A counter in memory: read, changed, written back, to the same place or another. */
static void gen_update(struct gen *g)
{
	static const uint8_t ops[] = {
		INSN_ADD64_K, INSN_ADD32_K, INSN_SUB64_X, INSN_ADD64_X, INSN_OR32_X,  INSN_AND64_K,
		INSN_XOR64_X, INSN_XOR32_K, INSN_MUL64_K, INSN_LSH64_K, INSN_ADD32_X,
	};
	const struct insn_desc *d = &insn_descs[ops[pick(g, ARRAY_SIZE(ops))]];
	uint32_t base = pick_dst(g), reg = pick_dst(g), size = pick(g, 4);
	int off = (int)pick(g, 40) - 20;

	if (base == reg)
		return;
	load_buf(g, base);
	build(&g->b, plain_loads[size], reg, base, off, 0);
	build(&g->b, d->op, chance(g, 95) ? reg : pick_dst(g), d->src == FORM_READ ? pick_src(g) : 0, 0,
	      d->imm == FORM_IMM ? (int)pick(g, 300) - 150 : 0);
	/* The operation may have hit the base. */
	if (g->b.insns[g->b.n - 1].dst_reg == base)
		return;
	build(&g->b, plain_stores[chance(g, 90) ? size : pick(g, 4)], base, reg, chance(g, 90) ? off : off + 1, 0);
	if (chance(g, 70))
		set_random(g, reg);
}

/* A switch's cases, to be pointed at the end; cases do something of their own. */
struct cases {
	uint32_t out[32];
	uint32_t n;
	uint32_t reg;
	bool wide, is_signed, mixed;
};

static void gen_case(struct gen *g, struct cases *c, int32_t value)
{
	build(&g->b, INSN_XOR64_K, pick_dst(g), 0, 0, value * 77 + 1);
	c->out[c->n++] = build(&g->b, chance(g, 90) ? INSN_JA : INSN_GOTOL, 0, 0, 0, 0);
}

/* A constant on the way, to any register, that of the switch included now and then. */
static void gen_constant(struct gen *g, const struct cases *c)
{
	uint32_t reg = pick_dst(g);

	if (chance(g, 15) && (reg != c->reg || chance(g, 20)))
		build(&g->b, chance(g, 50) ? INSN_MOV64_K : INSN_MOV32_K, reg, 0, 0, (int)pick(g, 1000));
}

static void gen_tree(struct gen *g, struct cases *c, int32_t lo, int32_t hi)
{
	static const uint8_t greater[2][2] = {{INSN_JGT32_K, INSN_JGT64_K}, {INSN_JSGT32_K, INSN_JSGT64_K}};
	static const uint8_t not_greater[2][2] = {{INSN_JLE32_K, INSN_JLE64_K}, {INSN_JSLE32_K, INSN_JSLE64_K}};
	int32_t middle = lo + (hi - lo) / 2;
	bool wide = c->mixed ? chance(g, 50) : c->wide, is_signed = c->mixed ? chance(g, 50) : c->is_signed;
	uint32_t jump;

	gen_constant(g, c);
	if (lo == hi) {
		gen_case(g, c, lo);
		return;
	}
	if (hi - lo == 1 && chance(g, 50)) {
		jump = build(&g->b, wide ? INSN_JEQ64_K : INSN_JEQ32_K, c->reg, 0, 0, lo);
		gen_case(g, c, hi);
		build_land(&g->b, jump);
		gen_case(g, c, lo);
		return;
	}
	if (chance(g, 80)) {
		jump = build(&g->b, (enum insn_op)greater[is_signed][wide], c->reg, 0, 0, middle);
		gen_tree(g, c, lo, middle);
		build_land(&g->b, jump);
		gen_tree(g, c, middle + 1, hi);
	} else {
		jump = build(&g->b, (enum insn_op)not_greater[is_signed][wide], c->reg, 0, 0, middle);
		gen_tree(g, c, middle + 1, hi);
		build_land(&g->b, jump);
		gen_tree(g, c, lo, middle);
	}
}

/* A switch, as a tree or as a chain of comparisons; the value is in its range or not. */
static void gen_switch(struct gen *g)
{
	struct cases c = {.reg = pick_dst(g), .wide = chance(g, 50), .is_signed = chance(g, 50), .mixed = chance(g, 5)};
	int32_t lo = chance(g, 60) ? 0 : (int)pick(g, 100) - (c.is_signed ? 50 : 0);
	int32_t n = 4 + (int)pick(g, 20);

	if (chance(g, 90))
		build(&g->b, INSN_AND64_K, c.reg, 0, 0, 31);
	if (chance(g, 90))
		build(&g->b, INSN_ADD64_K, c.reg, 0, 0, lo - (int)pick(g, 4));
	if (chance(g, 70)) {
		gen_tree(g, &c, lo, lo + n);
	} else {
		uint32_t jumps[24];

		for (int32_t i = 0; i < n; i++) {
			gen_constant(g, &c);
			jumps[i] = build(&g->b, c.wide ? INSN_JEQ64_K : INSN_JEQ32_K, c.reg, 0, 0,
					 chance(g, 95) ? lo + i : lo + 2 * i);
		}
		gen_case(g, &c, -1);
		for (int32_t i = 0; i < n; i++) {
			build_land(&g->b, jumps[i]);
			if (chance(g, 80))
				gen_case(g, &c, i);
		}
	}
	for (uint32_t i = 0; i < c.n; i++)
		build_land(&g->b, c.out[i]);
}

static int32_t pick_offset(struct gen *g, int size)
{
	static const int16_t offsets[] = {0, 8, -8, 16, 120, 128, 136, -120, -128, -136, 32760, -32768};
	int32_t off = chance(g, 80) ? offsets[pick(g, ARRAY_SIZE(offsets))] : (int16_t)next_random(&g->rng);

	off = off / 8 * 8;
	/* Unaligned, where the machine has it; atomic operations want it aligned. */
	return size ? off + (int)pick(g, (uint32_t)(8 / size)) * size : MIN(off + (int)pick(g, 8), 32760);
}

static int access_size(const struct insn_desc *d)
{
	switch (d->code & 0x18) {
	case BPF_B:
		return 1;
	case BPF_H:
		return 2;
	case BPF_W:
		return 4;
	}
	return 8;
}

/*
 * One access, at base + @off. The base register is written before and given a number afterwards, unless it
 * is the destination.
 */
static void emit_access(struct gen *g, const struct insn_desc *d, uint32_t base, uint32_t other, int32_t off)
{
	bool load = d->dst == FORM_WRITE;

	build(&g->b, d->op, load ? other : base,
	      load                  ? base
	      : d->src != FORM_ZERO ? other
				    : 0,
	      off, d->imm == FORM_IMM ? pick_imm(g) : 0);
}

static void gen_buffer_access(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_memory);
	uint32_t base = g->stack || chance(g, 50) ? pick_dst(g) : 9;
	uint32_t other = d->dst == FORM_WRITE || d->src == FORM_WRITE ? pick_dst(g) : pick_src(g);
	int32_t off = pick_offset(g, is_atomic(d) ? access_size(d) : 0);

	load_buf(g, base);
	if (base != 9 && chance(g, 30)) {
		int32_t shift = off / 2 / 8 * 8;

		build(&g->b, INSN_ADD64_K, base, 0, 0, shift);
		off -= shift;
	}
	emit_access(g, d, base, other, off);
}

static void gen_stack_access(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_memory);
	uint32_t other = d->dst == FORM_WRITE || d->src == FORM_WRITE ? pick_dst(g) : pick_src(g);
	int size = access_size(d), off = g->data;
	uint32_t base = 10;

	if (!g->stack)
		return;
	off += is_atomic(d) ? (int)pick(g, STACK_DATA_SIZE / 8) * 8
			    : (int)pick(g, (uint32_t)(STACK_DATA_SIZE - size + 1));
	if (chance(g, 30)) {
		/* Through a copy. The copy must not stay: stacks lie elsewhere in each engine. */
		base = pick_dst(g);
		if (other == base || (strstr(d->name, "CMPXCHG") && base == 0))
			return;
		build(&g->b, INSN_MOV64_X, base, 10, 0, 0);
		build(&g->b, INSN_ADD64_K, base, 0, 0, off);
		off = 0;
	}
	emit_access(g, d, base, other, off);
	if (base != 10)
		set_random(g, base);
}

static void gen_block(struct gen *g, int depth, uint32_t len);

/* A conditional jump, to be pointed somewhere by build_land(). */
static uint32_t gen_cond_jump(struct gen *g)
{
	const struct insn_desc *d = pick_op(g, is_cond_jump);

	return build(&g->b, d->op, pick_src(g), d->src == FORM_READ ? pick_src(g) : 0, 0,
		     d->imm == FORM_IMM ? pick_imm(g) : 0);
}

static uint32_t gen_goto(struct gen *g)
{
	return build(&g->b, chance(g, 50) ? INSN_JA : INSN_GOTOL, 0, 0, 0, 0);
}

static void gen_if(struct gen *g, int depth)
{
	bool over_jump = chance(g, 15), from_afar = over_jump && chance(g, 40);
	uint32_t skip_else, skip, afar = 0;

	if (from_afar) {
		afar = gen_cond_jump(g);
		gen_alu(g);
	}
	skip = gen_cond_jump(g);
	if (over_jump) {
		/* A jump over a jump, as compilers put the opposite condition, the second one a target or not. */
		uint32_t over;

		if (from_afar)
			build_land(&g->b, afar);
		over = gen_goto(g);
		build_land(&g->b, skip);
		skip = over;
	}
	/* Now and then as much as a short jump reaches, give or take. */
	gen_block(g, depth + 1, chance(g, 10) ? 20 + pick(g, 30) : pick(g, 6));
	if (chance(g, 50)) {
		skip_else = gen_goto(g);
		build_land(&g->b, skip);
		gen_block(g, depth + 1, pick(g, 6));
		build_land(&g->b, skip_else);
	} else {
		build_land(&g->b, skip);
	}
}

static void gen_loop(struct gen *g, int depth)
{
	int slot = STACK_COUNTER - 8 * (int)g->loops;
	uint32_t head, reg = g->stack ? pick_dst(g) : 8;
	uint32_t out = UINT32_MAX;

	if (g->stack ? g->loops >= 2 : g->counter_taken)
		return;
	if (g->stack) {
		build(&g->b, INSN_STDW, 10, 0, slot, 1 + pick(g, 4));
	} else {
		g->counter_taken = true;
		build(&g->b, INSN_MOV64_K, 8, 0, 0, 1 + pick(g, 4));
	}
	g->loops++;
	head = g->b.n;
	if (chance(g, 30))
		out = build(&g->b, INSN_MAY_GOTO, 0, 0, 0, 0);
	gen_block(g, depth + 1, chance(g, 10) ? 20 + pick(g, 30) : 1 + pick(g, 6));
	if (g->stack)
		build(&g->b, INSN_LDXDW, reg, 10, slot, 0);
	build(&g->b, INSN_ADD64_K, reg, 0, 0, -1);
	if (g->stack)
		build(&g->b, INSN_STXDW, 10, reg, slot, 0);
	build(&g->b, INSN_JNE64_K, reg, 0, (int64_t)head - g->b.n - 1, 0);
	if (out != UINT32_MAX)
		build_land(&g->b, out);
	g->loops--;
	if (!g->stack)
		g->counter_taken = false;
}

/* A later function, or 0 when there is none that may be called from here. */
static uint32_t pick_callee(struct gen *g)
{
	uint32_t later = g->n_funcs - 1 - g->func;

	if (!later || g->loops || !g->calls_left || g->n_calls == ARRAY_SIZE(g->calls))
		return 0;
	g->calls_left--;
	return g->func + 1 + pick(g, later);
}

static void refer_func(struct gen *g, uint32_t insn, uint32_t func)
{
	g->calls[g->n_calls] = insn;
	g->callee[g->n_calls++] = func;
}

static void gen_subprog_call(struct gen *g)
{
	uint32_t callee = pick_callee(g);

	if (!callee)
		return;
	load_buf(g, 1);
	refer_func(g, build(&g->b, INSN_CALL_SUBPROG, 0, 0, 0, 0), callee);
	refresh(g);
}

/* A helper that calls a function of the program a few times. */
static void gen_callback(struct gen *g)
{
	uint32_t callee = pick_callee(g);

	if (!callee)
		return;
	load_buf(g, 1);
	refer_func(g, build_wide(&g->b, INSN_LD_FUNC, 2, 0), callee);
	build(&g->b, INSN_CALL_HELPER, 0, 0, 0, HELPER_LOOP);
	refresh(g);
}

static void gen_helper_call(struct gen *g)
{
	uint32_t id = HELPER_MIX, reg;

	switch (pick(g, 20)) {
	case 0:
		id = HELPER_BUDGET;
		break;
	case 1:
		if (chance(g, 10))
			id = chance(g, 50) ? HELPER_NONE : 100000;
		break;
	case 2:
	case 3:
		id = HELPER_POKE;
		if (!g->stack || chance(g, 50)) {
			load_buf(g, 1);
		} else {
			build(&g->b, INSN_MOV64_X, 1, 10, 0, 0);
			build(&g->b, INSN_ADD64_K, 1, 0, 0, g->data + (int)pick(g, STACK_DATA_SIZE - 8));
		}
		break;
	}
	if (chance(g, 20)) {
		/* By number, from any register but the one that holds an argument that matters. */
		do {
			reg = pick_dst(g);
		} while (reg == 1 && id == HELPER_POKE);
		build(&g->b, INSN_MOV64_K, reg, 0, 0, id);
		build(&g->b, INSN_CALLX, reg, 0, 0, 0);
	} else {
		build(&g->b, INSN_CALL_HELPER, 0, 0, 0, id);
	}
	refresh(g);
}

static void gen_tail_call(struct gen *g)
{
	/* Only main becomes itself again; elsewhere the chain of frames would grow beyond any. */
	uint32_t slot = g->func == 0 && !g->loops && chance(g, 40) ? SLOT_SELF : 1 + pick(g, SLOT_COUNT);

	load_buf(g, 1);
	build_wide(&g->b, INSN_LD_MAP_FD, 2, 0);
	if (chance(g, 20))
		build_wide(&g->b, INSN_LDIMM64, 3, 0xabcd00000000 | slot);
	else
		build(&g->b, INSN_MOV64_K, 3, 0, 0, chance(g, 5) ? -1 : (int32_t)slot);
	build(&g->b, INSN_CALL_HELPER, 0, 0, 0, BPF_FUNC_tail_call);
	refresh(g);
	set_random(g, 0);
}

static void gen_packet(struct gen *g)
{
	static const uint8_t abs_ops[] = {INSN_LDABSW, INSN_LDABSH, INSN_LDABSB};
	static const uint8_t ind_ops[] = {INSN_LDINDW, INSN_LDINDH, INSN_LDINDB};
	uint32_t reg = pick_dst(g);
	int32_t off = (int32_t)pick(g, PACKET_SIZE + 2);

	if (chance(g, 50)) {
		build(&g->b, abs_ops[pick(g, 3)], 0, 0, 0, off);
	} else {
		int32_t part = pick_imm(g);

		build(&g->b, INSN_MOV64_K, reg, 0, 0, part);
		build(&g->b, ind_ops[pick(g, 3)], 0, reg, 0, (int32_t)((uint32_t)off - (uint32_t)part));
	}
	refresh(g);
}

/* Jumps over instructions that never run. */
static void gen_dead(struct gen *g, int depth)
{
	uint32_t jump = gen_goto(g);

	gen_block(g, depth + 1, pick(g, 4));
	build_land(&g->b, jump);
}

static void gen_item(struct gen *g, int depth)
{
	uint32_t what = pick(g, 100);

	if (what < 25)
		gen_alu(g);
	else if (what < 26)
		gen_and_not(g);
	else if (what < 27)
		gen_rotate_early_copy(g);
	else if (what < 31)
		gen_fields(g);
	else if (what < 32)
		gen_update(g);
	else if (what < 33)
		gen_switch(g);
	else if (what < 34)
		gen_rotate_product(g);
	else if (what < 36)
		gen_extend32(g);
	else if (what < 38)
		gen_index(g);
	else if (what < 39)
		gen_sum(g);
	else if (what < 40)
		gen_rotate_any(g);
	else if (what < 42)
		gen_rotate(g);
	else if (what < 45)
		gen_zero_test(g);
	else if (what < 48)
		gen_shift_pair(g);
	else if (what < 63)
		gen_buffer_access(g);
	else if (what < 73)
		gen_stack_access(g);
	else if (what < 75)
		set_random(g, pick_dst(g));
	else if (what < 84 && depth < MAX_DEPTH)
		gen_if(g, depth);
	else if (what < 88 && depth < MAX_DEPTH)
		gen_loop(g, depth);
	else if (what < 91)
		gen_helper_call(g);
	else if (what < 93)
		gen_subprog_call(g);
	else if (what < 95)
		gen_callback(g);
	else if (what < 96)
		gen_tail_call(g);
	else if (what < 97)
		gen_packet(g);
	else if (depth < MAX_DEPTH)
		gen_dead(g, depth);
}

static void gen_block(struct gen *g, int depth, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		gen_item(g, depth);
}

static void gen_func(struct gen *g, uint32_t func)
{
	g->func = func;
	g->stack = chance(g, 65);
	g->calls_left = 2;
	g->data = (STACK_DATA - STACK_DATA_SIZE) - 8 * (int)pick(g, (512 - 128) / 8 + 1);
	g->funcs[func] = func ? build_func(&g->b) : 0;
	if (g->stack)
		build(&g->b, INSN_STXDW, 10, 1, STACK_BUF, 0);
	else
		build(&g->b, INSN_MOV64_X, 9, 1, 0, 0);
	/* What a function finds in r0 and r6 to r9 is not defined, and r1 is no number. */
	for (uint32_t r = 0; r < (g->stack ? 10u : 9u); r++) {
		if (func && r >= 2 && r <= 5)
			continue;
		set_random(g, r);
	}
	for (int off = g->data; g->stack && off < g->data + STACK_DATA_SIZE; off += 8)
		build(&g->b, INSN_STXDW, 10, pick_src(g), off, 0);
	gen_block(g, 0, 1 + pick(g, func ? 10 : 25));
	for (uint32_t r = 1; r < (g->stack ? 10u : 9u) && !chance(g, 5); r++) {
		build(&g->b, INSN_MUL64_K, 0, 0, 0, 0x01000193);
		build(&g->b, INSN_XOR64_X, 0, r, 0, 0);
	}
	build(&g->b, INSN_EXIT, 0, 0, 0, 0);
}

static void gen_program(struct gen *g, uint64_t seed)
{
	*g = (struct gen){.rng = seed, .b = g->b};
	g->b.n = g->b.n_subprogs = 0;
	g->n_funcs = chance(g, 50) ? 1 : 1 + pick(g, MAX_FUNCS);
	for (uint32_t f = 0; f < g->n_funcs; f++)
		gen_func(g, f);
	for (uint32_t i = 0; i < g->n_calls; i++)
		g->b.insns[g->calls[i]].imm = (int32_t)g->funcs[g->callee[i]] - (int32_t)g->calls[i] - 1;
}

/* The helpers. What they are given goes into the trace that env->user points to. */
static void trace_add(struct skep_env *env, uint64_t value)
{
	struct trace *t = env->user;

	t->hash = (t->hash ^ value) * 0x100000001b3;
	t->n++;
}

static uint64_t helper_mix(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	uint64_t ret = r1 + r2 * 3 + r3 * 5 + r4 * 7 + r5 * 11;

	trace_add(env, ret);
	return ret;
}

static uint64_t helper_loop(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	uint64_t sum = 0, ret;

	for (uint64_t i = 0; i < (r3 & 3); i++) {
		ret = env->callback(env, r2, r1, i, r3, r4, r5);
		trace_add(env, ret);
		sum = sum * 17 + ret;
		if (ret == 1)
			break;
	}
	return sum;
}

static uint64_t helper_poke(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	memset((void *)(uintptr_t)r1, (int)r3, r2 & 7);
	trace_add(env, r2 ^ r3 ^ r4 ^ r5);
	return 0;
}

static uint64_t helper_budget(uint64_t r1, uint64_t r2, uint64_t r3, uint64_t r4, uint64_t r5, struct skep_env *env)
{
	/* Now and then with a low half that is small, or 0. */
	env->loop_budget = (r1 & 3) | (r1 & 4) << 30;
	return r2;
}

static const skep_fn helpers[HELPER_COUNT] = {
	[HELPER_MIX] = helper_mix,
	[HELPER_LOOP] = helper_loop,
	[HELPER_POKE] = helper_poke,
	[HELPER_BUDGET] = helper_budget,
};

/* The packet's bytes are their own offsets, so the engines' arithmetic shows. */
bool packet_load(const struct skep_env *env, int32_t off, uint32_t size, uint64_t *value)
{
	uint64_t v = 0;

	if (off < 0 || (uint32_t)off + size > PACKET_SIZE)
		return false;
	for (uint32_t i = 0; i < size; i++)
		v = v << 8 | ((uint32_t)off + i + 0x80);
	*value = v;
	return true;
}

/* The tail call's target that calls nobody: folds a few bytes of the buffer. */
static void build_flat(struct builder *b)
{
	build(b, INSN_LDXDW, 6, 1, -8, 0);
	build(b, INSN_FETCH_ADD64, 1, 6, 8, 0);
	build(b, INSN_MOV64_X, 0, 6, 0, 0);
	build(b, INSN_STXDW, 10, 0, -256, 0);
	build(b, INSN_LDXW, 9, 10, -254, 0);
	build(b, INSN_ADD64_X, 0, 9, 0, 0);
	build(b, INSN_EXIT, 0, 0, 0, 0);
}

struct fuzz {
	struct gen gen;
	struct both flat;
	struct builder flat_builder;
	struct skep_map array; /* the prog array; a slot holds the target of the engine that runs */
	_Atomic(void *) slots[SLOT_COUNT];
	uint8_t *pristine, *buf, *want;
	uint64_t programs, runs, insns, faults, tail_calls, traced;
};

static void print_program(const struct builder *b)
{
	const struct insn_text_opts opts = {.flags = INSN_TEXT_OPCODE | INSN_TEXT_NUMBER};
	char text[160];
	int slots;

	for (uint32_t i = 0, f = 0; i<b->n; i += slots> 0 ? (uint32_t)slots : 1) {
		if (f < b->n_subprogs && b->subprogs[f] == i)
			fprintf(stderr, "function %u:\n", f++);
		slots = insn_text(b->insns, b->n, i, &opts, text, sizeof(text));
		fprintf(stderr, "%s\n", text);
	}
}

/* Runs a program once in every engine. Return: false, with all told on stderr, when they differ. */
static bool compare(struct fuzz *fz, const struct both *prog, uint64_t seed, uint64_t input)
{
	struct skep_env first = {0};
	struct trace first_trace = {0};
	uint64_t first_r0 = 0, rng = seed + input;
	bool same = true;

	/* A few words in the middle are new for each run; the rest keeps what earlier programs left. */
	for (size_t off = BUF_MID - 256; off < BUF_MID + 256; off += 8) {
		uint64_t v = next_random(&rng);

		memcpy(fz->pristine + off, &v, sizeof(v));
	}
	for (int e = 0; e < ENGINES && same; e++) {
		struct trace trace = {0};
		struct skep_env env = {.user = &trace};
		const uint64_t args[5] = {(uintptr_t)fz->buf + BUF_MID, 0, 0, 0, 0};
		uint64_t r0;

		memcpy(fz->buf, fz->pristine, BUF_SIZE);
		fz->slots[SLOT_SELF] = (void *)&prog->targets[e];
		fz->slots[SLOT_FLAT] = &fz->flat.targets[e];
		r0 = both_run(prog, e, args, &env);
		fz->runs++;
		if (e == ENGINE_VM) {
			first_r0 = r0;
			first = env;
			first_trace = trace;
			memcpy(fz->want, fz->buf, BUF_SIZE);
			fz->faults += env.fault != FAULT_NONE;
			fz->tail_calls += env.tail_calls;
			fz->traced += trace.n;
			continue;
		}
		same = r0 == first_r0 && env.fault == first.fault && env.tail_calls == first.tail_calls &&
		       env.loop_budget == first.loop_budget && trace.hash == first_trace.hash &&
		       trace.n == first_trace.n && !memcmp(fz->want, fz->buf, BUF_SIZE);
		if (same)
			continue;
		fprintf(stderr, "DIFFERENCE: seed %" PRIu64 ", input %" PRIu64 ", %s against %s\n", seed, input,
			engine_names[e], engine_names[ENGINE_VM]);
		fprintf(stderr, "  r0 0x%" PRIx64 " want 0x%" PRIx64 ", fault %u want %u, tail calls %u want %u\n", r0,
			first_r0, env.fault, first.fault, env.tail_calls, first.tail_calls);
		fprintf(stderr,
			"  loop budget %" PRIu64 " want %" PRIu64 ", helper calls %" PRIu64 " want %" PRIu64 "\n",
			env.loop_budget, first.loop_budget, trace.n, first_trace.n);
		for (int i = 0; i < BUF_SIZE; i++) {
			if (fz->buf[i] != fz->want[i])
				fprintf(stderr, "  buffer at %d: 0x%02x want 0x%02x\n", i - BUF_MID, fz->buf[i],
					fz->want[i]);
		}
		print_program(&fz->gen.b);
	}
	return same;
}

/* One program, made and run. */
static bool try_seed(struct fuzz *fz, uint64_t seed)
{
	const struct code_ref ref = {.kind = REF_MAP, .addr = (uintptr_t)&fz->array};
	struct both prog = {
		.code = {.refs = &ref, .n_refs = 1, .helpers = helpers, .n_helpers = HELPER_COUNT},
	};
	bool same = true;
	int err;

	gen_program(&fz->gen, seed);
	err = both_make(&prog, &fz->gen.b);
	if (err) {
		fprintf(stderr, "seed %" PRIu64 ": does not compile: %s\n", seed, strerror(-err));
		print_program(&fz->gen.b);
		return false;
	}
	for (uint64_t input = 0; input < 2 && same; input++)
		same = compare(fz, &prog, seed, input);
	both_free(&prog);
	fz->programs++;
	fz->insns += fz->gen.b.n;
	return same;
}

static void setup(struct fuzz *fz)
{
	static const struct skep_target no_code;

	fz->pristine = calloc(1, BUF_SIZE + 8);
	/* Its address is a number that programs compute with: the same in every process, where it is free. */
	fz->buf = mmap((void *)0x5eed0000000, BUF_SIZE + 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fz->want = calloc(1, BUF_SIZE + 8);
	if (!fz->pristine || fz->buf == MAP_FAILED || !fz->want)
		abort();
	build_flat(&fz->flat_builder);
	if (both_make(&fz->flat, &fz->flat_builder))
		abort();
	fz->array.max_entries = SLOT_COUNT;
	fz->array.objs = fz->slots;
	fz->slots[SLOT_NO_CODE] = (void *)&no_code;
}

static void cleanup(struct fuzz *fz)
{
	free(fz->pristine);
	munmap(fz->buf, BUF_SIZE + 8);
	free(fz->want);
	both_free(&fz->flat);
	build_free(&fz->flat_builder);
	build_free(&fz->gen.b);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	uint64_t seed = 1, runs = UINT64_MAX;
	double seconds = 0, start = now();
	struct fuzz fz = {0};
	bool same = true;

	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && !strcmp(argv[i], "--seed")) {
			seed = strtoull(argv[i + 1], NULL, 0);
		} else if (i + 1 < argc && !strcmp(argv[i], "--runs")) {
			runs = strtoull(argv[i + 1], NULL, 0);
		} else if (i + 1 < argc && !strcmp(argv[i], "--seconds")) {
			seconds = strtod(argv[i + 1], NULL);
		} else {
			fprintf(stderr, "usage: fuzz-engines [--seed N] [--runs N] [--seconds N]\n");
			return 2;
		}
	}
	if (runs == UINT64_MAX && seconds == 0)
		runs = 1000;
	setup(&fz);
	while (same && fz.programs < runs && !(seconds > 0 && now() - start > seconds))
		same = try_seed(&fz, seed + fz.programs);
	printf("%" PRIu64 " programs tried, %" PRIu64 " instructions, %" PRIu64 " runs; %" PRIu64
	       " ended in a fault, %" PRIu64 " tail calls, %" PRIu64 " helper calls traced: %s\n",
	       fz.programs, fz.insns, fz.runs, fz.faults, fz.tail_calls, fz.traced,
	       same ? "no difference" : "DIFFERENCE");
	cleanup(&fz);
	return same ? 0 : 1;
}
