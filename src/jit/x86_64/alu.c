// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arithmetic, but for division. Every 32-bit operation clears the upper half of its register; the W32 forms
 * of the CPU do the same, so only operations that fold to nothing need a mov for it.
 * Source: RFC 9669 sections 4.1 and 4.2.
 */
#include "jit/x86_64/jx.h"

void jx_alu_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);
	struct emit *e = &j->e;
	int32_t imm = in->imm;

	if (a == ALU_ADD && w == W64 &&
	    jx_sink(j, j->next, in->dst_reg, (struct x86_sib){.base = dst, .index = NO_INDEX, .disp = imm}))
		return;
	if (a == ALU_AND && imm == 0) {
		emit_mov_imm(e, dst, 0);
	} else if (imm == (a == ALU_AND ? -1 : 0)) {
		jx_emit_keep(e, w, dst);
	} else if (a == ALU_XOR && imm == -1) {
		emit_unary(e, w, UNARY_NOT, dst);
	} else if (!(a == ALU_AND && jx_emit_mask(e, dst, dst, imm))) {
		if (a == ALU_AND && imm > 0)
			w = W32;
		/* -128 has a short form, 128 has none. */
		if (imm == 128 && (a == ALU_ADD || a == ALU_SUB))
			emit_alu_ri(e, w, a == ALU_ADD ? ALU_SUB : ALU_ADD, dst, -128);
		else
			emit_alu_ri(e, w, (enum x86_alu)a, dst, imm);
		jx_fuse_zero_test(j, in, w);
	}
}

void jx_alu_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	if (a == ALU_ADD && w == W64 && jx_fuse_add(j, in))
		return;
	emit_alu_rr(&j->e, w, (enum x86_alu)a, jx_reg(in->dst_reg), jx_reg(in->src_reg));
	jx_fuse_zero_test(j, in, w);
}

void jx_emit_times(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg src, int32_t imm)
{
	if (imm == 3 || imm == 5 || imm == 9) {
		/* One cycle instead of three. */
		emit_lea_sib(e, w, dst,
			     (struct x86_sib){
				     .base = src, .index = src, .scale = (uint8_t)__builtin_ctz((unsigned)imm - 1)});
	} else {
		emit_imul_rri(e, w, dst, src, imm);
	}
}

void jx_mul_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);

	if (in->imm == 0)
		emit_mov_imm(&j->e, dst, 0);
	else if (in->imm == 1)
		jx_emit_keep(&j->e, w, dst);
	else
		jx_emit_times(&j->e, w, dst, dst, in->imm);
}

void jx_mul_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_imul_rr(&j->e, w, jx_reg(in->dst_reg), jx_reg(in->src_reg));
}

void jx_shift_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);
	uint8_t count = (uint8_t)(in->imm & (w == W64 ? 63 : 31));

	if (count == 0)
		jx_emit_keep(&j->e, w, dst);
	else if (!(a == SHIFT_SHL && jx_fuse_shift(j, in, w)))
		emit_shift_ri(&j->e, w, (enum x86_shift)a, dst, count);
}

void jx_shift_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg), src = jx_reg(in->src_reg);
	struct emit *e = &j->e;

	if (j->features & JIT_FEATURE_BMI2) {
		emit_shiftx(e, w, (enum x86_shift)a, dst, dst, src);
	} else if (dst == RCX) {
		/* The count belongs where the value is: shift a copy. */
		emit_mov_rr(e, w, R11, RCX);
		if (src != RCX)
			emit_mov_rr(e, W32, RCX, src);
		emit_shift_cl(e, w, (enum x86_shift)a, R11);
		emit_mov_rr(e, w, RCX, R11);
	} else if (src == RCX) {
		emit_shift_cl(e, w, (enum x86_shift)a, dst);
	} else {
		emit_mov_rr(e, W64, R11, RCX);
		emit_mov_rr(e, W32, RCX, src);
		emit_shift_cl(e, w, (enum x86_shift)a, dst);
		emit_mov_rr(e, W64, RCX, R11);
	}
}

void jx_mov_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	if (jx_fuse_select(j))
		return;
	emit_mov_imm(&j->e, jx_reg(in->dst_reg), w == W64 ? (uint64_t)(int64_t)in->imm : (uint32_t)in->imm);
}

void jx_mov_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg), src = jx_reg(in->src_reg);

	if (jx_fuse_mov(j, in, w))
		return;
	if (dst != src || w == W32)
		emit_mov_rr(&j->e, w, dst, src);
}

void jx_movsx(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_movsx(&j->e, w, (enum x86_width)a, jx_reg(in->dst_reg), jx_reg(in->src_reg));
}

void jx_neg(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_unary(&j->e, w, UNARY_NEG, jx_reg(in->dst_reg));
}

/* To little endian, which we are: what remains is the truncation. */
void jx_le(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	if (w != W64)
		emit_movzx(&j->e, w, jx_reg(in->dst_reg), jx_reg(in->dst_reg));
}

/* To big endian, or swapped without condition: the same for us. */
void jx_be(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);

	if (w == W16) {
		emit_shift_ri(&j->e, W16, SHIFT_ROL, dst, 8);
		emit_movzx(&j->e, W16, dst, dst);
	} else {
		emit_bswap(&j->e, w, dst);
	}
}
