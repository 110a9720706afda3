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
 *     r = load; r op= x; store r      op [mem], x           to where it came from: a counter
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

/* What changes a value in memory. */
struct update_op {
	uint8_t alu;
	uint8_t width; /* 0: nothing of the kind */
	bool takes_reg;
};

/* clang-format off */
#define UPDATE(name, alu) \
	[INSN_##name##64_X] = {alu, W64, true}, [INSN_##name##32_X] = {alu, W32, true}, \
	[INSN_##name##64_K] = {alu, W64, false}, [INSN_##name##32_K] = {alu, W32, false}

static const struct update_op update_ops[INSN_OP_COUNT] = {
	UPDATE(ADD, ALU_ADD), UPDATE(SUB, ALU_SUB), UPDATE(OR, ALU_OR), UPDATE(AND, ALU_AND), UPDATE(XOR, ALU_XOR),
};
#undef UPDATE
/* clang-format on */

/* The size of a plain load, 0 for other operations. */
static unsigned load_size(unsigned op)
{
	return op == INSN_LDXB ? W8 : op == INSN_LDXH ? W16 : op == INSN_LDXW ? W32 : op == INSN_LDXDW ? W64 : 0;
}

/* The same of a plain store of a register. */
static unsigned store_size(unsigned op)
{
	return op == INSN_STXB ? W8 : op == INSN_STXH ? W16 : op == INSN_STXW ? W32 : op == INSN_STXDW ? W64 : 0;
}

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

bool jx_is_update(const struct jx *j, uint32_t at)
{
	const struct bpf_insn *load = &j->code->insns[at], *in = load + 1, *store = load + 2;
	enum x86_width size = (enum x86_width)load_size(j->ops[at]);
	unsigned op = size ? jx_peek(j, at + 1) : JX_NO_OP, reg = load->dst_reg;
	const struct update_op *u;

	if (op == JX_NO_OP || jx_peek(j, at + 2) == JX_NO_OP || reg == load->src_reg)
		return false;
	u = &update_ops[op];
	if (!u->width || in->dst_reg != reg || (size == W64 && u->width != W64))
		return false;
	if (u->takes_reg) {
		if (in->src_reg == reg)
			return false;
	} else if (size == W16 && in->imm != (int8_t)in->imm) {
		return false;
	}
	return store_size(j->ops[at + 2]) == size && store->dst_reg == load->src_reg && store->src_reg == reg &&
	       store->off == load->off && jx_dead(j, at + 3, reg);
}

/* Compiles the update at @at. The low bytes of a result depend on nothing above them, so it is done in the size of the memory. */
static void update(struct jx *j, uint32_t at, enum x86_width size, struct x86_sib mem)
{
	const struct bpf_insn *in = &j->code->insns[at + 1];
	const struct update_op *u = &update_ops[j->ops[at + 1]];

	if (u->takes_reg)
		emit_rsib(&j->e, size, (uint32_t)u->alu << 3 | (size != W8), jx_reg(in->src_reg), mem);
	else
		emit_alu_sib_imm(&j->e, size, (enum x86_alu)u->alu, mem, in->imm);
	j->next = at + 3;
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

	if (op == JX_NO_OP || jx_is_update(j, at) || load->dst_reg == reg || load->src_reg == reg ||
	    written == mem.base || written == mem.index)
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
	if (jx_is_update(j, at - 1)) {
		update(j, at - 1, size, mem);
		return true;
	}
	if (fuse_sign(j, at - 1, size, reg, mem))
		return true;
	m = &mem_ops[op];
	if (!takes(j, at, size, reg, m))
		return fuse_second(j, at, size, reg, mem);
	take(j, at, MIN(size, (enum x86_width)m->width), reg, mem, m);
	return true;
}
