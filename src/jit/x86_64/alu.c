// SPDX-License-Identifier: BSD-2-Clause
/*
 * Arithmetic. Every 32-bit operation clears the upper half of its register; the W32 forms
 * of the CPU do the same, so only operations that fold to nothing need a mov for it.
 * Source: RFC 9669 sections 4.1 and 4.2.
 */
#include "jit/x86_64/jx.h"

/* What remains of an operation that changes nothing: 32 bits still clear the upper half. */
static void emit_keep(struct emit *e, enum x86_width w, enum x86_reg dst)
{
	if (w == W32)
		emit_mov_rr(e, W32, dst, dst);
}

void jx_alu_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);
	struct emit *e = &j->e;
	int32_t imm = in->imm;

	if (a == ALU_AND && imm == 0) {
		emit_mov_imm(e, dst, 0);
	} else if (imm == (a == ALU_AND ? -1 : 0)) {
		emit_keep(e, w, dst);
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

void jx_mul_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);

	if (in->imm == 0)
		emit_mov_imm(&j->e, dst, 0);
	else if (in->imm == 1)
		emit_keep(&j->e, w, dst);
	else
		emit_imul_rri(&j->e, w, dst, dst, in->imm);
}

void jx_mul_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_imul_rr(&j->e, w, jx_reg(in->dst_reg), jx_reg(in->src_reg));
}

/*
 * emit_divide - dst = dst / by or dst % by, by the CPU's own instruction.
 * @how:  DIV_SIGNED, DIV_MOD
 * @by:   neither rax nor rdx; holds neither 0 nor, when signed, -1
 *
 * The instruction takes rdx:rax and leaves both changed, so r0 and r3 wait in scratch registers
 * unless they are the destination. Changes r9 and r10.
 */
static void emit_divide(struct emit *e, unsigned how, enum x86_width w, enum x86_reg dst, enum x86_reg by)
{
	enum x86_reg result = how & DIV_MOD ? RDX : RAX;

	if (dst != RAX)
		emit_mov_rr(e, W64, R9, RAX);
	if (dst != RDX)
		emit_mov_rr(e, W64, R10, RDX);
	if (dst != RAX)
		emit_mov_rr(e, w, RAX, dst);
	if (how & DIV_SIGNED)
		emit_sign_rax(e, w);
	else
		emit_mov_imm(e, RDX, 0);
	emit_unary(e, w, how & DIV_SIGNED ? UNARY_IDIV : UNARY_DIV, by);
	if (dst != result)
		emit_mov_rr(e, w, dst, result);
	if (dst != RAX)
		emit_mov_rr(e, W64, RAX, R9);
	if (dst != RDX)
		emit_mov_rr(e, W64, RDX, R10);
}

/* Division by zero gives 0; modulo by zero leaves the dividend. */
static void emit_by_zero(struct emit *e, unsigned how, enum x86_width w, enum x86_reg dst)
{
	if (how & DIV_MOD)
		emit_keep(e, w, dst);
	else
		emit_mov_imm(e, dst, 0);
}

void jx_div_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);
	struct emit *e = &j->e;
	int32_t imm = in->imm;

	if (imm == 0) {
		emit_by_zero(e, a, w, dst);
	} else if (imm == 1 || (imm == -1 && (a & DIV_SIGNED))) {
		if (a & DIV_MOD)
			emit_mov_imm(e, dst, 0);
		else if (imm == 1)
			emit_keep(e, w, dst);
		else
			emit_unary(e, w, UNARY_NEG, dst);
	} else if (!(a & DIV_SIGNED) && imm > 0 && !(imm & (imm - 1))) {
		if (a & DIV_MOD)
			emit_alu_ri(e, W32, ALU_AND, dst, imm - 1);
		else
			emit_shift_ri(e, w, SHIFT_SHR, dst, (uint8_t)__builtin_ctz((unsigned)imm));
	} else {
		emit_mov_imm(e, R11, w == W64 ? (uint64_t)(int64_t)imm : (uint32_t)imm);
		emit_divide(e, a, w, dst, R11);
	}
}

/*
 * Signed division traps on -1 with the smallest dividend, so -1 goes the way of 0. For both,
 * dst / by is dst * by, and dst % by is dst & ~by.
 */
static void emit_signed_special(struct emit *e, unsigned how, enum x86_width w, enum x86_reg dst, enum x86_reg by)
{
	if (!(how & DIV_MOD)) {
		emit_imul_rr(e, w, dst, by);
		return;
	}
	emit_mov_rr(e, w, R9, by);
	emit_unary(e, w, UNARY_NOT, R9);
	emit_alu_rr(e, w, ALU_AND, dst, R9);
}

void jx_div_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg), by = jx_reg(in->src_reg);
	uint32_t special, done;
	struct emit *e = &j->e;

	if (by == RAX || by == RDX) {
		emit_mov_rr(e, w, R11, by);
		by = R11;
	}
	if (a & DIV_SIGNED) {
		emit_lea(e, w, R9, by, 1);
		emit_alu_ri(e, w, ALU_CMP, R9, 1);
		special = emit_jcc_local(e, CC_BE);
	} else {
		emit_test_rr(e, w, by, by);
		special = emit_jcc_local(e, CC_E);
	}
	emit_divide(e, a, w, dst, by);
	if (a == DIV_MOD && w == W64) {
		emit_land(e, special);
		return;
	}
	done = emit_jmp_local(e);
	emit_land(e, special);
	if (a & DIV_SIGNED)
		emit_signed_special(e, a, w, dst, by);
	else
		emit_by_zero(e, a, w, dst);
	emit_land(e, done);
}

void jx_shift_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);
	uint8_t count = (uint8_t)(in->imm & (w == W64 ? 63 : 31));

	if (count == 0)
		emit_keep(&j->e, w, dst);
	else if (!(a == SHIFT_SHL && w == W64 && jx_fuse_shift(j, in)))
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
