// SPDX-License-Identifier: BSD-2-Clause
/*
 * Division and modulo. By zero, division gives 0 and modulo leaves the dividend; the smallest number
 * divided by -1 is itself, remainder 0. The CPU traps on all of these.
 *
 * By a positive constant there is no dividing: a power of two is a shift or a mask, anything else a
 * multiplication, which takes a quarter of the time or less.
 * Source: RFC 9669 section 4.1.
 */
#include "jit/x86_64/jx.h"

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
		jx_emit_keep(e, w, dst);
	else
		emit_mov_imm(e, dst, 0);
}

/*
 * A multiplication that stands for the division by a constant.
 *
 * For an N-bit n and 2^(l-1) < d < 2^l, n / d is n * M >> (N + l) with M = ceil(2^(N + l) / d), for the
 * error that rounding M up makes is too small to matter then. That M has N + 1 bits. Often one
 * bit less will do: M = ceil(2^(N + l - 1) / d), when M * d exceeds that power by no more
 * than 2^(l - 1). Otherwise, if d is even, n is first shifted as far as d can be: the dividend has fewer bits then, and what M = ceil(2^(N + l - 1) / d)
 * may exceed is twice as much or more, which it never does. Else the highest bit is left out of @factor and added for at run time.
 *
 * Source: Granlund and Montgomery, Division by Invariant Integers using Multiplication, 1994.
 */
struct reciprocal {
	uint64_t factor; /* M, without its highest bit when @add */
	uint8_t before; /* shift of the dividend */
	uint8_t shift; /* of the upper N bits of the product: l - 1, or after the addition */
	bool add;
};

/* reciprocal_of - for d from 3 to 2^31, no power of two. */
static struct reciprocal reciprocal_of(uint32_t d, enum x86_width w)
{
	unsigned n_bits = w * 8, l = 32 - (unsigned)__builtin_clz(d);
	unsigned __int128 power = (unsigned __int128)1 << (n_bits + l - 1);
	unsigned __int128 m = (power + d - 1) / d;

	if (m * d - power <= (unsigned __int128)1 << (l - 1))
		return (struct reciprocal){.factor = (uint64_t)m, .shift = (uint8_t)(l - 1)};
	if (!(d & 1)) {
		unsigned before = (unsigned)__builtin_ctz(d);

		/* M of the odd part: its l is less by as much as the power is. */
		d >>= before;
		power >>= before;
		return (struct reciprocal){
			.factor = (uint64_t)((power + d - 1) / d),
			.before = (uint8_t)before,
			.shift = (uint8_t)(l - before - 1),
		};
	}
	m = (power * 2 + d - 1) / d;
	return (struct reciprocal){
		.factor = w == W64 ? (uint64_t)m : (uint32_t)m,
		.shift = (uint8_t)(l - 1),
		.add = true,
	};
}

/*
 * emit_reciprocal - the quotient, from the upper half of n * factor.
 * @high:  that upper half; becomes the quotient
 * @n:     the dividend, kept
 * @tmp:   changed
 *
 * The sum of n and high may need a bit more than there is, so half of their difference is added to high.
 */
static void emit_reciprocal(struct emit *e, enum x86_width w, struct reciprocal r, enum x86_reg high, enum x86_reg n,
			    enum x86_reg tmp)
{
	if (r.add) {
		emit_mov_rr(e, w, tmp, n);
		emit_alu_rr(e, w, ALU_SUB, tmp, high);
		emit_shift_ri(e, w, SHIFT_SHR, tmp, 1);
		emit_alu_rr(e, w, ALU_ADD, high, tmp);
	}
	if (r.shift)
		emit_shift_ri(e, w, SHIFT_SHR, high, r.shift);
}

/* dst = dst - quotient * d, the remainder. */
static void emit_remainder(struct emit *e, enum x86_width w, enum x86_reg dst, enum x86_reg quotient, int32_t d)
{
	emit_imul_rri(e, w, quotient, quotient, d);
	emit_alu_rr(e, w, ALU_SUB, dst, quotient);
}

/* dst = the dividend @n as the multiplication wants it. */
static void emit_dividend(struct emit *e, enum x86_width w, struct reciprocal r, enum x86_reg dst, enum x86_reg n)
{
	if (dst != n || w == W32)
		emit_mov_rr(e, w, dst, n);
	if (r.before)
		emit_shift_ri(e, w, SHIFT_SHR, dst, r.before);
}

/* dst = dst / d or dst % d in 32 bits: the product fits a register. */
static void emit_divide32_k(struct emit *e, unsigned how, enum x86_reg dst, int32_t d)
{
	struct reciprocal r = reciprocal_of((uint32_t)d, W32);
	bool in_place = !r.add && !(how & DIV_MOD);
	enum x86_reg high = in_place ? dst : R11;

	emit_dividend(e, W32, r, in_place ? dst : R9, dst);
	emit_mov_imm(e, R11, r.factor);
	emit_imul_rr(e, W64, high, in_place ? R11 : R9);
	emit_shift_ri(e, W64, SHIFT_SHR, high, r.add ? 32 : 32 + r.shift);
	if (r.add)
		emit_reciprocal(e, W32, r, R11, R9, R10);
	if (how & DIV_MOD)
		emit_remainder(e, W32, dst, R11, d);
	else if (!in_place)
		emit_mov_rr(e, W32, dst, R11);
}

/* The same in 64 bits: mul leaves the upper half of the product in rdx, and r0 and r3 wait as in emit_divide(). */
static void emit_divide64_k(struct emit *e, unsigned how, enum x86_reg dst, int32_t d)
{
	struct reciprocal r = reciprocal_of((uint32_t)d, W64);
	/* The dividend outlives mul in the scratch register that a destination of rax or rdx leaves free. */
	enum x86_reg n = dst == RAX ? R9 : dst == RDX ? R10 : dst;

	emit_mov_rr(e, W64, R9, RAX);
	emit_mov_rr(e, W64, R10, RDX);
	emit_dividend(e, W64, r, RAX, dst);
	emit_mov_imm(e, R11, r.factor);
	emit_unary(e, W64, UNARY_MUL, R11);
	emit_reciprocal(e, W64, r, RDX, n, R11);
	if (how & DIV_MOD)
		emit_remainder(e, W64, n, RDX, d);
	if (how & DIV_MOD ? n != dst : dst != RDX)
		emit_mov_rr(e, W64, dst, how & DIV_MOD ? n : RDX);
	if (dst != RAX)
		emit_mov_rr(e, W64, RAX, R9);
	if (dst != RDX)
		emit_mov_rr(e, W64, RDX, R10);
}

/* The same with BMI2, whose mulx wants nothing but one factor in rdx. @keep: r3 must be kept, unless it is the destination. */
static void emit_divide64_k_mulx(struct emit *e, unsigned how, enum x86_reg dst, int32_t d, bool keep)
{
	struct reciprocal r = reciprocal_of((uint32_t)d, W64);
	enum x86_reg n = dst;

	keep &= dst != RDX;
	if (dst == RDX && r.before) {
		emit_mov_rr(e, W64, R10, RDX);
		n = R10;
	} else if (keep) {
		emit_mov_rr(e, W64, R10, RDX);
	}
	emit_dividend(e, W64, r, RDX, dst);
	emit_mov_imm(e, R11, r.factor);
	emit_mulx(e, R11, R9, R11);
	emit_reciprocal(e, W64, r, R11, n, R9);
	if (how & DIV_MOD)
		emit_remainder(e, W64, n, R11, d);
	if (how & DIV_MOD ? n != dst : true)
		emit_mov_rr(e, W64, dst, how & DIV_MOD ? n : R11);
	if (keep)
		emit_mov_rr(e, W64, RDX, R10);
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
			jx_emit_keep(e, w, dst);
		else
			emit_unary(e, w, UNARY_NEG, dst);
	} else if ((a & DIV_SIGNED) || imm < 0) {
		emit_mov_imm(e, R11, w == W64 ? (uint64_t)(int64_t)imm : (uint32_t)imm);
		emit_divide(e, a, w, dst, R11);
	} else if (!(imm & (imm - 1))) {
		if (a & DIV_MOD)
			emit_alu_ri(e, W32, ALU_AND, dst, imm - 1);
		else
			emit_shift_ri(e, w, SHIFT_SHR, dst, (uint8_t)__builtin_ctz((unsigned)imm));
	} else if (w == W32) {
		emit_divide32_k(e, a, dst, imm);
	} else if (j->features & JIT_FEATURE_BMI2) {
		emit_divide64_k_mulx(e, a, dst, imm, !jx_dead(j, j->next, BPF_REG_3));
	} else {
		emit_divide64_k(e, a, dst, imm);
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
