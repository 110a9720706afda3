// SPDX-License-Identifier: BSD-2-Clause
/*
 * Fusion: neighbours that the CPU can do as one.
 *
 * The instruction set has two operands and no addressing modes, so compilers spell out
 * copies, scaled indices, extensions and rotations. Rules for any fusion:
 *
 *  1. Every register holds afterwards what it would have held without, unless jx_dead() says that it
 *     is written before it is read.
 *  2. No instruction but the first is a jump target. jx_peek() sees to it.
 *  3. A fusion ends within its function. jx_peek() again.
 *  4. An operation on 32 bits may look at the low half of a 64-bit copy, never the other
 *     way round: a 32-bit copy clears what the 64-bit operation would see.
 *  5. Where an operand of a later instruction is a register that an earlier one of the fusion has
 *     written, the match either says which value it is or fails.
 */
#include "jit/x86_64/jx.h"

bool jx_emit_mask(struct emit *e, enum x86_reg dst, enum x86_reg src, int32_t imm)
{
	if (imm != UINT8_MAX && imm != UINT16_MAX)
		return false;
	emit_movzx(e, imm == UINT8_MAX ? W8 : W16, dst, src);
	return true;
}

/* set_sum - dst = the sum @mem, before instruction @at; or nothing, when its uses can do that themselves. */
static void set_sum(struct jx *j, uint32_t at, unsigned dst, struct x86_sib mem)
{
	if (!jx_sink(j, at, dst, mem))
		emit_lea_sib(&j->e, W64, jx_reg(dst), mem);
}

/*
 * fuse_index - "dst += base" at @at, where dst is @index << @scale.
 * Return: true when it was that.
 */
static bool fuse_index(struct jx *j, uint32_t at, unsigned dst, enum x86_reg index, unsigned scale)
{
	const struct bpf_insn *add = &j->code->insns[at];

	/* dst += dst would add what is not in a register. */
	if (jx_peek(j, at) != INSN_ADD64_X || add->dst_reg != dst || add->src_reg == dst)
		return false;
	set_sum(j, at + 1, dst,
		(struct x86_sib){.base = jx_reg(add->src_reg), .index = index, .scale = (uint8_t)scale});
	j->next = at + 1;
	return true;
}

/*
 * fuse_base - "sum = base; sum += dst" at @at, where dst is @index << @scale and not looked at any more.
 * Return: true when it was that. dst itself is not computed then.
 */
static bool fuse_base(struct jx *j, uint32_t at, unsigned dst, enum x86_reg index, unsigned scale)
{
	const struct bpf_insn *copy = &j->code->insns[at], *add = copy + 1;

	if (jx_peek(j, at) != INSN_MOV64_X || jx_peek(j, at + 1) != INSN_ADD64_X)
		return false;
	if (add->dst_reg != copy->dst_reg || add->src_reg != dst || copy->dst_reg == dst || copy->src_reg == dst)
		return false;
	if (!jx_dead(j, at + 2, dst))
		return false;
	set_sum(j, at + 2, copy->dst_reg,
		(struct x86_sib){.base = jx_reg(copy->src_reg), .index = index, .scale = (uint8_t)scale});
	j->next = at + 2;
	return true;
}

/* fuse_scaled - what an address may be made of once dst is @index << @scale. */
static bool fuse_scaled(struct jx *j, uint32_t at, unsigned dst, enum x86_reg index, unsigned scale)
{
	return fuse_index(j, at, dst, index, scale) || fuse_base(j, at, dst, index, scale);
}

bool jx_fuse_add(struct jx *j, const struct bpf_insn *in)
{
	struct x86_sib mem = {.base = jx_reg(in->src_reg), .index = jx_reg(in->dst_reg)};

	return in->src_reg != in->dst_reg && jx_sink(j, j->next, in->dst_reg, mem);
}

/* A shift that an address can do: 1 to 3. */
static bool is_scale(const struct bpf_insn *in)
{
	return in->imm >= 1 && in->imm <= 3;
}

/*
 * fuse_extend - "dst <<= n; dst >>= m" at @at, where dst has just become @src: how code without 32-bit operations, or without sign
 * extension, spells an extension of the low 64 - n bits, shifted by n - m.
 */
static bool fuse_extend(struct jx *j, uint32_t at, unsigned reg, enum x86_reg src)
{
	const struct bpf_insn *in = &j->code->insns[at], *back = in + 1;
	enum x86_width from = (enum x86_width)((64 - in->imm) / 8);
	enum x86_reg dst = jx_reg(reg);
	unsigned op = jx_peek(j, at + 1), scale;
	bool is_signed = op == INSN_ARSH64_K;

	if (in->imm != 32 && in->imm != 48 && in->imm != 56)
		return false;
	if ((op != INSN_RSH64_K && !is_signed) || back->dst_reg != reg || back->imm < 1 || back->imm > 63)
		return false;
	if (is_signed)
		emit_movsx(&j->e, W64, from, dst, src);
	else
		emit_movzx(&j->e, from, dst, src);
	j->next = at + 2;
	if (back->imm > in->imm) {
		emit_shift_ri(&j->e, W64, is_signed ? SHIFT_SAR : SHIFT_SHR, dst, (uint8_t)(back->imm - in->imm));
		return true;
	}
	scale = (unsigned)(in->imm - back->imm);
	if (scale && !(scale <= 3 && fuse_scaled(j, j->next, reg, dst, scale)))
		emit_shift_ri(&j->e, W64, SHIFT_SHL, dst, (uint8_t)scale);
	return true;
}

/* fuse_extend32 - "dst <<= n; dst >>= n", 32 bits wide: what 64-bit code does with a byte or two. */
static bool fuse_extend32(struct jx *j, const struct bpf_insn *in)
{
	enum x86_width from = in->imm == 24 ? W8 : W16;
	enum x86_reg dst = jx_reg(in->dst_reg);
	unsigned op = jx_peek(j, j->next);

	if ((in->imm != 16 && in->imm != 24) || (op != INSN_RSH32_K && op != INSN_ARSH32_K) ||
	    in[1].dst_reg != in->dst_reg || in[1].imm != in->imm)
		return false;
	if (op == INSN_RSH32_K)
		emit_movzx(&j->e, from, dst, dst);
	else
		emit_movsx(&j->e, W32, from, dst, dst);
	j->next++;
	return true;
}

bool jx_fuse_shift(struct jx *j, const struct bpf_insn *in, enum x86_width w)
{
	if (w == W32)
		return fuse_extend32(j, in);
	if (is_scale(in))
		return fuse_scaled(j, j->next, in->dst_reg, jx_reg(in->dst_reg), (unsigned)in->imm);
	return fuse_extend(j, j->at, in->dst_reg, jx_reg(in->dst_reg));
}

/* Shifts by a constant, and what opposes them. */
static bool is_shift(unsigned op, enum x86_width w, bool left)
{
	if (w == W64)
		return op == (left ? INSN_LSH64_K : INSN_RSH64_K);
	return op == (left ? INSN_LSH32_K : INSN_RSH32_K);
}

/* One half of a rotation: where it goes, and how it is shifted there. */
struct half {
	unsigned reg; /* BPF registers */
	bool left;
	int count;
};

/* match_half - "reg <<= count" or "reg >>= count" at @at, @w wide. */
static bool match_half(const struct jx *j, uint32_t at, enum x86_width w, struct half *half)
{
	unsigned op = jx_peek(j, at);

	half->left = is_shift(op, w, true);
	if (!half->left && !is_shift(op, w, false))
		return false;
	half->reg = j->code->insns[at].dst_reg;
	half->count = j->code->insns[at].imm;
	return true;
}

/* emit_half - half of a rotation of @x into its register, which may be x. */
static void emit_half(struct emit *e, enum x86_width w, const struct half *half, enum x86_reg x)
{
	enum x86_reg reg = jx_reg(half->reg);

	if (reg != x)
		emit_mov_rr(e, w, reg, x);
	emit_shift_ri(e, w, half->left ? SHIFT_SHL : SHIFT_SHR, reg, (uint8_t)half->count);
}

/* emit_rotate - dst = x rotated right, where dst may be x. */
static void emit_rotate(struct jx *j, enum x86_width w, enum x86_reg dst, enum x86_reg x, int count)
{
	if (dst != x && (j->features & JIT_FEATURE_BMI2)) {
		emit_rorx(&j->e, w, dst, x, (uint8_t)count);
		return;
	}
	if (dst != x)
		emit_mov_rr(&j->e, w, dst, x);
	emit_shift_ri(&j->e, w, SHIFT_ROR, dst, (uint8_t)count);
}

/*
 * is_copy - whether BPF register @copy holds what @x does, in @w bytes at least, before instruction @at: it was copied on the
 * same straight line, and neither has been written since.
 */
static bool is_copy(const struct jx *j, uint32_t at, unsigned copy, unsigned x, enum x86_width w)
{
	enum { LOOK_BACK = 12 };

	for (int i = 0; i < LOOK_BACK && at > j->fn->start; i++) {
		const struct bpf_insn *in;

		if (j->flags[at] & JX_TARGET)
			return false;
		in = &j->code->insns[--at];
		if (j->ops[at] == JX_NO_OP)
			continue;
		if (j->flags[at] & JX_ENDS || j->effects[at].writes & 1u << x)
			return false;
		if (j->effects[at].writes & 1u << copy)
			return in->src_reg == x &&
			       (j->ops[at] == INSN_MOV64_X || (j->ops[at] == INSN_MOV32_X && w == W32));
	}
	return false;
}

/*
 * fuse_rotate - the ways to spell a rotation of x; r is any of the two registers in the end:
 *
 *     a = x; a >>= n; x <<= width - n; r |= the other
 *     a = x; a >>= n; b = x; b <<= width - n; r |= the other
 *     b = x; ...; a = x; a >>= n; b <<= width - n; r |= the other
 *
 * or with left and right exchanged. The other register ends up with its half, if that is looked at.
 */
static bool fuse_rotate(struct jx *j, const struct bpf_insn *in, enum x86_width copy)
{
	unsigned op = jx_peek(j, j->next), result, x = in->src_reg;
	enum x86_width w = op == INSN_LSH64_K || op == INSN_RSH64_K ? W64 : W32;
	uint32_t at = j->next;
	const struct bpf_insn *join;
	struct half first, second, *other;

	if (w > copy || x == in->dst_reg || !match_half(j, at++, w, &first) || first.reg != in->dst_reg)
		return false;
	op = jx_peek(j, at);
	if (op == INSN_MOV64_X || (op == INSN_MOV32_X && w == W32)) {
		const struct bpf_insn *again = &j->code->insns[at++];

		if (again->src_reg != x || again->dst_reg == x || again->dst_reg == first.reg)
			return false;
		if (!match_half(j, at++, w, &second) || second.reg != again->dst_reg)
			return false;
	} else if (!match_half(j, at++, w, &second) || second.reg == first.reg ||
		   (second.reg != x && !is_copy(j, j->at, second.reg, x, w))) {
		return false;
	}
	if (first.left == second.left || first.count < 1 || second.count < 1 ||
	    first.count + second.count != (int)w * 8)
		return false;
	join = &j->code->insns[at];
	if (jx_peek(j, at++) != (w == W64 ? INSN_OR64_X : INSN_OR32_X))
		return false;
	result = join->dst_reg;
	if (!(result == first.reg && join->src_reg == second.reg) &&
	    !(result == second.reg && join->src_reg == first.reg))
		return false;
	other = result == first.reg ? &second : &first;
	/* Whichever of the two changes x comes last. */
	if (other->reg != x && !jx_dead(j, at, other->reg))
		emit_half(&j->e, w, other, jx_reg(x));
	emit_rotate(j, w, jx_reg(result), jx_reg(x), first.left ? second.count : first.count);
	if (other->reg == x && !jx_dead(j, at, x))
		emit_half(&j->e, w, other, jx_reg(x));
	j->next = at;
	return true;
}

/*
 * fuse_rotate_product - a rotation of x * k that multiplies twice instead, since (x * k) << n is x * (k << n), as LLVM has it:
 *
 *     a = x; a *= k << n; x *= k; x >>= 32 - n; r |= the other
 *
 * with the two lines of products and the shift in any order; r is a or x, and the other is not looked at again.
 */
static bool fuse_rotate_product(struct jx *j, const struct bpf_insn *in)
{
	const struct bpf_insn *insns = j->code->insns, *join;
	uint32_t k[2] = {0}, at = j->next;
	unsigned regs[2] = {in->dst_reg, in->src_reg}, seen = 0;
	int shift = -1, count = 0;

	if (regs[0] == regs[1])
		return false;
	for (; seen < 3; at++, seen++) {
		unsigned op = jx_peek(j, at);
		int which = insns[at].dst_reg == regs[0] ? 0 : 1;

		if ((op != INSN_MUL32_K && op != INSN_RSH32_K) || insns[at].dst_reg != regs[which])
			return false;
		if (op == INSN_MUL32_K && !k[which] && insns[at].imm) {
			k[which] = (uint32_t)insns[at].imm;
		} else if (op == INSN_RSH32_K && k[which] && shift < 0) {
			shift = which;
			count = insns[at].imm;
		} else {
			return false;
		}
	}
	if (shift < 0 || count < 1 || count > 31 || k[!shift] != k[shift] << (32 - count) ||
	    jx_peek(j, at) != INSN_OR32_X)
		return false;
	join = &insns[at++];
	if (!((join->dst_reg == regs[0] && join->src_reg == regs[1]) ||
	      (join->dst_reg == regs[1] && join->src_reg == regs[0])) ||
	    !jx_dead(j, at, join->src_reg))
		return false;
	jx_emit_times(&j->e, W32, jx_reg(join->dst_reg), jx_reg(in->src_reg), (int32_t)k[shift]);
	emit_shift_ri(&j->e, W32, SHIFT_ROR, jx_reg(join->dst_reg), (uint8_t)count);
	j->next = at;
	return true;
}

/*
 * fuse_and_not - "a = x; a ^= -1", then "b &= a" with a not looked at again, or "a &= b": ~x & b in one instruction. A load of b may stand
 * before the former.
 */
static bool fuse_and_not(struct jx *j, const struct bpf_insn *in, enum x86_width copy)
{
	unsigned op = jx_peek(j, j->next), a = in->dst_reg, x = in->src_reg;
	enum x86_width w = op == INSN_XOR64_K ? W64 : W32, size = 0;
	const struct bpf_insn *inv = &in[1], *load = &in[2], *join = load;
	uint32_t at = j->next + 1;

	if (!(j->features & JIT_FEATURE_BMI1) || (op != INSN_XOR64_K && op != INSN_XOR32_K) || w > copy ||
	    inv->dst_reg != a || inv->imm != -1)
		return false;
	op = jx_peek(j, at);
	if ((op == INSN_LDXW || op == INSN_LDXDW) && !jx_is_update(j, at)) {
		size = op == INSN_LDXW ? W32 : W64;
		join = load + 1;
		op = jx_peek(j, ++at);
		if (load->dst_reg == a || load->dst_reg == x || load->src_reg == a || join->dst_reg != load->dst_reg)
			return false;
	}
	if (op != (w == W64 ? INSN_AND64_X : INSN_AND32_X))
		return false;
	if (!(join->src_reg == a && join->dst_reg != a && jx_dead(j, at + 1, a)) &&
	    !(join->dst_reg == a && join->src_reg != a && !size))
		return false;
	if (size)
		emit_load_sib(&j->e, size, false, jx_reg(load->dst_reg), jx_mem(j, at - 1, load->src_reg, load->off));
	emit_andn(&j->e, w, jx_reg(join->dst_reg), jx_reg(x),
		  jx_reg(join->dst_reg == a ? join->src_reg : join->dst_reg));
	j->next = at + 1;
	jx_fuse_zero_test(j, join, w);
	return true;
}

/* How an operation after a mov to its destination becomes one with three operands. */
enum fusion { FUSE_NONE, FUSE_ADD_K, FUSE_SUB_K, FUSE_ADD_X, FUSE_MUL_K, FUSE_AND_K, FUSE_SCALE_K, FUSE_SHIFT_X };

struct fusion_rule {
	uint8_t how; /* enum fusion */
	uint8_t width; /* of what the operation looks at */
	uint8_t shift; /* FUSE_SHIFT_X: enum x86_shift */
};

static const struct fusion_rule fusions[INSN_OP_COUNT] = {
	[INSN_ADD64_K] = {FUSE_ADD_K, W64, 0},
	[INSN_ADD32_K] = {FUSE_ADD_K, W32, 0},
	[INSN_SUB64_K] = {FUSE_SUB_K, W64, 0},
	[INSN_SUB32_K] = {FUSE_SUB_K, W32, 0},
	[INSN_ADD64_X] = {FUSE_ADD_X, W64, 0},
	[INSN_ADD32_X] = {FUSE_ADD_X, W32, 0},
	[INSN_MUL64_K] = {FUSE_MUL_K, W64, 0},
	[INSN_MUL32_K] = {FUSE_MUL_K, W32, 0},
	[INSN_AND64_K] = {FUSE_AND_K, W32, 0}, /* only masks of 8 and 16 bits */
	[INSN_AND32_K] = {FUSE_AND_K, W32, 0},
	[INSN_LSH64_K] = {FUSE_SCALE_K, W64, 0},
	[INSN_LSH64_X] = {FUSE_SHIFT_X, W64, SHIFT_SHL},
	[INSN_LSH32_X] = {FUSE_SHIFT_X, W32, SHIFT_SHL},
	[INSN_RSH64_X] = {FUSE_SHIFT_X, W64, SHIFT_SHR},
	[INSN_RSH32_X] = {FUSE_SHIFT_X, W32, SHIFT_SHR},
	[INSN_ARSH64_X] = {FUSE_SHIFT_X, W64, SHIFT_SAR},
	[INSN_ARSH32_X] = {FUSE_SHIFT_X, W32, SHIFT_SAR},
};

/* fuse_three - "dst = src; dst op= x" as one instruction of three operands. */
static bool fuse_three(struct jx *j, const struct bpf_insn *in, enum x86_width copy)
{
	enum x86_reg dst = jx_reg(in->dst_reg), src = jx_reg(in->src_reg), x;
	const struct bpf_insn *then = &in[1];
	unsigned op = jx_peek(j, j->next);
	const struct fusion_rule *rule;
	struct emit *e = &j->e;
	enum x86_width w;

	if (op == JX_NO_OP || then->dst_reg != in->dst_reg)
		return false;
	rule = &fusions[op];
	w = (enum x86_width)rule->width;
	if (w > copy)
		return false;
	/* An operand that is the destination has just become the source. */
	x = then->src_reg == in->dst_reg ? src : jx_reg(then->src_reg);
	switch ((enum fusion)rule->how) {
	case FUSE_NONE:
		return false;
	case FUSE_ADD_K:
		if (w == W64 && jx_sink(j, j->next + 1, in->dst_reg,
					(struct x86_sib){.base = src, .index = NO_INDEX, .disp = then->imm}))
			break;
		emit_lea(e, w, dst, src, then->imm);
		break;
	case FUSE_SUB_K:
		if (then->imm == INT32_MIN)
			return false;
		emit_lea(e, w, dst, src, -then->imm);
		break;
	case FUSE_ADD_X:
		if (w == W64 && fuse_index(j, j->next, in->dst_reg, src, 0))
			return true;
		emit_lea_sib(e, w, dst, (struct x86_sib){.base = x, .index = src});
		break;
	case FUSE_MUL_K:
		jx_emit_times(e, w, dst, src, then->imm);
		break;
	case FUSE_AND_K:
		if (!jx_emit_mask(e, dst, src, then->imm))
			return false;
		break;
	case FUSE_SCALE_K:
		if (fuse_extend(j, j->next, in->dst_reg, src))
			return true;
		return is_scale(then) && fuse_scaled(j, j->next + 1, in->dst_reg, src, (unsigned)then->imm);
	case FUSE_SHIFT_X:
		if (!(j->features & JIT_FEATURE_BMI2))
			return false;
		emit_shiftx(e, w, (enum x86_shift)rule->shift, dst, src, x);
		break;
	}
	j->next++;
	return true;
}

bool jx_fuse_mov(struct jx *j, const struct bpf_insn *in, enum x86_width w)
{
	return fuse_rotate(j, in, w) || fuse_rotate_product(j, in) || fuse_and_not(j, in, w) || fuse_three(j, in, w) ||
	       (w == W64 && in->dst_reg != in->src_reg &&
		jx_sink(j, j->next, in->dst_reg, (struct x86_sib){.base = jx_reg(in->src_reg), .index = NO_INDEX}));
}

void jx_fuse_zero_test(struct jx *j, const struct bpf_insn *in, enum x86_width w)
{
	const struct bpf_insn *jump = &j->code->insns[j->next];
	unsigned op = jx_peek(j, j->next);
	bool equal = op == INSN_JEQ64_K || op == INSN_JEQ32_K;
	uint32_t target;

	if (!equal && op != INSN_JNE64_K && op != INSN_JNE32_K)
		return;
	/* All 64 bits are 0 when a 32-bit result is, but the low half of a 64-bit result has no flag. */
	if (w == W64 && (op == INSN_JEQ32_K || op == INSN_JNE32_K))
		return;
	if (jump->dst_reg != in->dst_reg || jump->imm != 0)
		return;
	target = jx_target(j->next++, jump->off);
	jx_branch(j, equal ? CC_E : CC_NE, target);
}
