// SPDX-License-Identifier: BSD-2-Clause
/*
 * Operands in memory: a load and the operation that uses the value once, as one machine instruction.
 *
 * The instruction set loads into registers only. Where the register is dead behind the operation that follows (jx_dead()), the
 * operation can take its operand from memory itself:
 *
 *     r = load; x op= r               op x, [mem]
 *     r = load; if x cond r goto      cmp x, [mem]; jcc     and the other way round, and with a constant
 *     r = load; s = load; either      as above, the loads the other way round
 *     r = load; r <<= n; r s>>= n     movsx r, [mem]: a signed char, as compilers for older CPU versions spell it
 *
 * What is loaded, changed and stored again stays three instructions: as one it was no faster (bench/engine.c).
 *
 * The rules of fuse.c hold. An operation as wide as the load, or narrower (the low bytes come first in memory), sees what it would have
 * seen; a wider one would want the zeroes above.
 */
#include "jit/x86_64/jx.h"

/* What an operation does with memory. @op: enum x86_alu; @cc: enum x86_cond. */
struct mem_op {
	enum { MEM_NONE, MEM_ALU_X, MEM_MUL_X, MEM_JUMP_X, MEM_JUMP_K } how : 8;
	uint8_t width;
	uint8_t op;
};

/* clang-format off */
#define ALU(name, alu) \
	[INSN_##name##64_X] = {MEM_ALU_X, W64, alu}, [INSN_##name##32_X] = {MEM_ALU_X, W32, alu}
#define JUMP(name, cc) \
	[INSN_##name##64_X] = {MEM_JUMP_X, W64, cc}, [INSN_##name##32_X] = {MEM_JUMP_X, W32, cc}, \
	[INSN_##name##64_K] = {MEM_JUMP_K, W64, cc}, [INSN_##name##32_K] = {MEM_JUMP_K, W32, cc}

static const struct mem_op mem_ops[INSN_OP_COUNT] = {
	ALU(ADD, ALU_ADD), ALU(SUB, ALU_SUB), ALU(OR, ALU_OR), ALU(AND, ALU_AND), ALU(XOR, ALU_XOR),
	[INSN_MUL64_X] = {MEM_MUL_X, W64, 0}, [INSN_MUL32_X] = {MEM_MUL_X, W32, 0},
	JUMP(JEQ, CC_E), JUMP(JNE, CC_NE), JUMP(JGT, CC_A), JUMP(JGE, CC_AE), JUMP(JLT, CC_B), JUMP(JLE, CC_BE),
	JUMP(JSGT, CC_G), JUMP(JSGE, CC_GE), JUMP(JSLT, CC_L), JUMP(JSLE, CC_LE),
};
#undef ALU
#undef JUMP
/* clang-format on */

/* Whether a comparison of @size zero-extended bytes with @imm is one of that many bytes, the operation being @width wide. */
static bool compares(enum x86_width size, enum x86_width width, uint8_t cc, int32_t imm)
{
	bool is_signed = cc == CC_G || cc == CC_GE || cc == CC_L || cc == CC_LE;

	if (size == width)
		return true;
	if (size == W32) /* 64 bits wide: the immediate's upper half is then clear, as the value's is */
		return !is_signed && imm >= 0;
	/* A prefix that changes the length of an immediate is slow to decode: 16 bits only with the short one. */
	return !is_signed && imm >= 0 && imm <= (size == W8 ? UINT8_MAX : INT8_MAX);
}

/* Whether the operation at @at can take BPF register @reg, which is not needed afterwards, from @size bytes of memory. */
static bool takes(const struct jx *j, uint32_t at, enum x86_width size, unsigned reg, const struct mem_op *m)
{
	const struct bpf_insn *in = &j->code->insns[at];
	enum x86_width width = (enum x86_width)m->width;

	switch (m->how) {
	case MEM_ALU_X:
	case MEM_MUL_X:
		return width <= size && in->src_reg == reg && in->dst_reg != reg && jx_dead(j, at + 1, reg);
	case MEM_JUMP_X:
		return width <= size && (in->src_reg == reg) != (in->dst_reg == reg) && jx_dead(j, at + 1, reg) &&
		       jx_dead(j, jx_target(at, in->off), reg);
	case MEM_JUMP_K:
		return in->dst_reg == reg && compares(MIN(size, width), width, m->op, in->imm) &&
		       jx_dead(j, at + 1, reg) && jx_dead(j, jx_target(at, in->off), reg);
	default:
		return false;
	}
}

/* Compiles the operation at @at with @mem in place of @reg, @size bytes wide. */
static void take(struct jx *j, uint32_t at, enum x86_width size, unsigned reg, struct x86_sib mem,
		 const struct mem_op *m)
{
	const struct bpf_insn *in = &j->code->insns[at];
	bool is_dst = in->dst_reg == reg;

	j->next = at + 1;
	switch (m->how) {
	case MEM_ALU_X:
		emit_rsib(&j->e, size, (uint32_t)m->op << 3 | 3, jx_reg(in->dst_reg), mem);
		jx_fuse_zero_test(j, in, size);
		return;
	case MEM_MUL_X:
		emit_rsib(&j->e, size, OP_0F | 0xaf, jx_reg(in->dst_reg), mem);
		return;
	case MEM_JUMP_X: /* cmp [mem], src or cmp dst, [mem] */
		emit_rsib(&j->e, size, (is_dst ? 0x38 : 0x3a) | (size != W8),
			  jx_reg(is_dst ? in->src_reg : in->dst_reg), mem);
		break;
	default:
		emit_alu_sib_imm(&j->e, size, ALU_CMP, mem, in->imm);
		break;
	}
	jx_branch(j, (enum x86_cond)m->op, jx_target(at, in->off));
}

/* The size of a plain load, 0 for other operations. */
static unsigned load_size(unsigned op)
{
	return op == INSN_LDXB ? W8 : op == INSN_LDXH ? W16 : op == INSN_LDXW ? W32 : op == INSN_LDXDW ? W64 : 0;
}

/*
 * fuse_second - another load at @at, then an operation that takes the first one's @reg: that load can wait, for nothing is stored
 * in between. Two loads of equal size are compared in that size, for neither has anything above it.
 */
static bool fuse_second(struct jx *j, uint32_t at, enum x86_width size, unsigned reg, struct x86_sib mem)
{
	const struct bpf_insn *load = &j->code->insns[at], *in = load + 1;
	enum x86_width second = (enum x86_width)load_size(jx_peek(j, at));
	unsigned op = second ? jx_peek(j, at + 1) : JX_NO_OP;
	enum x86_reg written = jx_reg(load->dst_reg);
	const struct mem_op *m;
	bool both;

	if (op == JX_NO_OP || load->dst_reg == reg || load->src_reg == reg || written == mem.base ||
	    written == mem.index)
		return false;
	m = &mem_ops[op];
	both = m->how == MEM_JUMP_X && size == second && size < W32 && m->op != CC_G && m->op != CC_GE &&
	       m->op != CC_L && m->op != CC_LE && (in->src_reg == load->dst_reg || in->dst_reg == load->dst_reg);
	if (!takes(j, at + 1, both ? W64 : size, reg, m))
		return false;
	emit_load_sib(&j->e, second, false, written, jx_mem(j, at, load->src_reg, load->off));
	take(j, at + 1, both ? size : MIN(size, (enum x86_width)m->width), reg, mem, m);
	return true;
}

/* What is sign-extended by a pair of shifts behind the load at @at: the load can do that itself. */
static bool fuse_sign(struct jx *j, uint32_t at, enum x86_width size, unsigned reg, struct x86_sib mem)
{
	const struct bpf_insn *left = &j->code->insns[at + 1], *right = left + 1;
	unsigned op = jx_peek(j, at + 1);
	enum x86_width w = op == INSN_LSH64_K ? W64 : W32;
	int32_t n = 8 * ((int32_t)w - (int32_t)size);

	if ((op != INSN_LSH64_K && op != INSN_LSH32_K) || n <= 0 ||
	    jx_peek(j, at + 2) != (w == W64 ? INSN_ARSH64_K : INSN_ARSH32_K))
		return false;
	if (left->dst_reg != reg || right->dst_reg != reg || left->imm != n || right->imm != n)
		return false;
	if (w == W64)
		emit_load_sib(&j->e, size, true, jx_reg(reg), mem);
	else /* movsx to 32 bits */
		emit_rsib(&j->e, W32, OP_0F | (size == W16 ? 0xbf : 0xbe), jx_reg(reg), mem);
	j->next = at + 3;
	return true;
}

bool jx_fuse_load(struct jx *j, uint32_t at, enum x86_width size, unsigned reg, struct x86_sib mem)
{
	unsigned op = jx_peek(j, ++at);
	const struct mem_op *m;

	if (op == JX_NO_OP)
		return false;
	if (fuse_sign(j, at - 1, size, reg, mem))
		return true;
	m = &mem_ops[op];
	if (!takes(j, at, size, reg, m))
		return fuse_second(j, at, size, reg, mem);
	take(j, at, MIN(size, (enum x86_width)m->width), reg, mem, m);
	return true;
}
