// SPDX-License-Identifier: BSD-2-Clause
/* Random programs: sequences that the JIT compiles to fewer instructions, as compilers spell them and nearly so. */
#include "fuzz_gen.h"

/* An element whose sign is extended by a pair of shifts, or nearly so. */
static void gen_load_sign(struct gen *g)
{
	static const uint8_t loads[] = {INSN_LDXB, INSN_LDXH, INSN_LDXW, INSN_LDXDW};
	uint32_t size = pick(g, 4), base = pick_dst(g), dst = chance(g, 20) ? base : pick_dst(g);
	bool wide = chance(g, 50);
	int n = MAX((wide ? 64 : 32) - (8 << (chance(g, 90) ? size : pick(g, 4))), 1);

	load_buf(g, base);
	build(&g->b, loads[size], dst, base, (int)pick(g, 400) - 200, 0);
	build(&g->b, wide ? INSN_LSH64_K : INSN_LSH32_K, chance(g, 95) ? dst : pick_dst(g), 0, 0, n);
	build(&g->b, chance(g, wide ? 95 : 5) ? INSN_ARSH64_K : INSN_ARSH32_K, dst, 0, 0, n);
	if (base != dst)
		set_random(g, base);
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
/* Through kernel pointers; these are none, and give the same as the others. */
static const uint8_t probes[] = {INSN_PROBEB,  INSN_PROBEH,  INSN_PROBEW, INSN_PROBEDW,
				 INSN_PROBESB, INSN_PROBESH, INSN_PROBESW};
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
			build(&g->b,
			      chance(g, 10) ? probes[pick(g, ARRAY_SIZE(probes))]
					    : plain_loads[pick(g, ARRAY_SIZE(plain_loads))],
			      reg, sum, off, 0);
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
	if (chance(g, 40)) {
		/* An element of an array, whose index is gone then or not. */
		uint32_t index = pick_dst(g), sum = pick_dst(g);

		if (index == base || sum == base || sum == index)
			return;
		build(&g->b, INSN_AND64_K, index, 0, 0, 255);
		if (chance(g, 70))
			build(&g->b, INSN_LSH64_K, index, 0, 0, 1 + (int)pick(g, 3));
		build(&g->b, INSN_MOV64_X, sum, base, 0, 0);
		build(&g->b, INSN_ADD64_X, sum, index, 0, 0);
		if (chance(g, 70))
			reg = index;
		base = sum;
		if (reg == base)
			return;
	}
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

void gen_shape(struct gen *g)
{
	static const struct {
		void (*make)(struct gen *g);
		uint32_t share;
	} shapes[] = {
		{gen_and_not, 1},    {gen_rotate_early_copy, 1}, {gen_fields, 4},   {gen_update, 1},
		{gen_switch, 1},     {gen_rotate_product, 1},    {gen_extend32, 2}, {gen_index, 2},
		{gen_sum, 1},        {gen_rotate_any, 1},        {gen_rotate, 2},   {gen_zero_test, 3},
		{gen_shift_pair, 1}, {gen_load_sign, 1},
	};
	uint32_t all = 0, n;

	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++)
		all += shapes[i].share;
	n = pick(g, all);
	for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
		if (n < shapes[i].share) {
			shapes[i].make(g);
			return;
		}
		n -= shapes[i].share;
	}
}
