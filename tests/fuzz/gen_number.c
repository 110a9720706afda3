/* SPDX-License-Identifier: BSD-2-Clause */
/* Statements about numbers: arithmetic, and the many ways to bound one. */
#include "gen_impl.h"

void gen_alu(struct gen *g)
{
	static const uint8_t ops[] = {BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV,  BPF_MOD, BPF_OR,  BPF_AND,
				      BPF_XOR, BPF_LSH, BPF_RSH, BPF_ARSH, BPF_MOV, BPF_ADD, BPF_SUB};
	uint8_t op = ops[BELOW(sizeof(ops))], class = CHANCE(60) ? BPF_ALU64 : BPF_ALU;
	uint32_t dst = gen_pick_num(g), src;
	int16_t off = 0;
	int32_t imm = gen_corner32(g);

	if (!gen_free_for(g, dst, true))
		return;
	switch (BELOW(10)) {
	case 0:
		gen_emit(g, class | BPF_NEG, dst, 0, 0, 0);
		goto done;
	case 1:
		if (CHANCE(50))
			gen_emit(g, BPF_ALU | BPF_END | (CHANCE(50) ? BPF_TO_BE : BPF_TO_LE), dst, 0, 0,
				 PICK(g, 16, 32, 64));
		else
			gen_emit(g, BPF_ALU64 | BPF_END, dst, 0, 0, PICK(g, 16, 32, 64));
		goto done;
	default:
		break;
	}
	if ((op == BPF_DIV || op == BPF_MOD) && CHANCE(40))
		off = 1;
	if (CHANCE(50)) {
		src = gen_pick_num(g);
		dst = g->v.r[dst].kind == K_NUM ? dst : src;
		if (op == BPF_MOV && CHANCE(40)) {
			off = (int16_t)PICK(g, 8, 16, 32);
			if (class == BPF_ALU && off == 32)
				off = 16;
		}
		gen_emit(g, class | op | BPF_X, dst, src, off, 0);
	} else {
		if (op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH)
			imm = (int32_t)BELOW(class == BPF_ALU ? 32 : 64);
		if ((op == BPF_DIV || op == BPF_MOD) && !imm)
			imm = 3;
		gen_emit(g, class | op | BPF_K, dst, 0, off, imm);
	}
done:
	g->v.r[dst] = gen_num(0);
}

void gen_fork_scalar(struct gen *g)
{
	uint32_t dst = gen_pick_num(g);

	if (!gen_free_for(g, dst, true))
		return;
	if (CHANCE(50)) {
		ALUI(BPF_ARSH, dst, 63);
		ALUI(CHANCE(70) ? BPF_AND : BPF_OR, dst, CHANCE(50) ? (int32_t)BELOW(64) : gen_corner32(g));
	} else {
		gen_emit(g, BPF_ALU | BPF_ARSH | BPF_K, dst, 0, 0, 31);
		gen_emit(g, BPF_ALU | BPF_AND | BPF_K, dst, 0, 0, (int32_t)BELOW(64));
	}
	g->v.r[dst] = gen_num(0);
}

static void pool_jump(struct gen *g, uint32_t *jumps, uint32_t *n, uint32_t at)
{
	jumps[(*n)++] = at;
}

uint32_t gen_bound(struct gen *g, uint32_t r, uint32_t lim, uint32_t *jumps, uint32_t *n)
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
		gen_emit(g, BPF_ALU | BPF_AND | BPF_K, r, 0, 0, (int32_t)mask);
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
		gen_emit(g, (CHANCE(50) ? BPF_ALU64 : BPF_ALU) | BPF_MOD | BPF_K, r, 0, 0, (int32_t)lim + 1);
		pool_jump(g, jumps, n, JMPI(BPF_JGT, r, (int32_t)lim));
		return lim;
	case 8:
		gen_emit(g, BPF_ALU | BPF_MOV | BPF_X, r, r, 0, 0);
		pool_jump(g, jumps, n, gen_emit(g, BPF_JMP32 | BPF_JGE | BPF_K, r, 0, 0, (int32_t)lim + 1));
		return lim;
	case 9:
		/* From below, and by a register. */
		c = gen_pick_other(g, true, r, r);
		if (!gen_free_for(g, c, true) || c == r)
			goto plain;
		MOVI(c, (int32_t)lim);
		g->v.r[c] = gen_num(lim);
		pool_jump(g, jumps, n, JMPR(BPF_JLT, c, r));
		return lim;
	case 10:
		/* A copy is compared, the original is used. */
		c = gen_pick_other(g, true, r, r);
		if (!gen_free_for(g, c, true) || c == r)
			goto plain;
		MOVR(c, r);
		g->v.r[c] = gen_num(lim);
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
