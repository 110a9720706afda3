// SPDX-License-Identifier: BSD-2-Clause
/*
 * Sunk sums: addresses that are computed by the accesses themselves.
 *
 * Accesses have a base register and a constant offset, no index; so an element's address is put together in a register first, and often two
 * or three accesses share it. The CPU adds up base, scaled index and offset for nothing. Where a register that is about to get such a sum is used
 * for nothing else than as the base of accesses, the sum is not computed at all: until its last use the register stands for the
 * memory operand (jx->sunk), and jx_mem() gives that to whoever compiles an access.
 *
 * jx_sink() looks ahead along the straight line, and across branches whose other side does not look at the register. It gives up
 * where one of the operands changes, where paths meet, and after some instructions.
 *
 * Invariants
 *  - A sunk register is read by no instruction up to its last use but as the base of plain loads and stores, so no other file has to
 *    know about it.
 *  - Until then neither base nor index are written; the index may be the register itself, which keeps its old value.
 */
#include "jit/x86_64/jx.h"

enum { LOOK_AHEAD = 16 };

/* The BPF registers of a memory operand, as bits. */
static uint16_t operands(struct x86_sib mem)
{
	uint16_t set = 0;

	for (unsigned r = 0; r <= BPF_REG_10; r++)
		if (jx_reg(r) == mem.base || (mem.index != NO_INDEX && jx_reg(r) == mem.index))
			set |= (uint16_t)(1u << r);
	return set;
}

/* Whether instruction @at is an access that reads @reg as its base and as nothing else. */
static bool is_base(const struct jx *j, uint32_t at, unsigned reg)
{
	const struct bpf_insn *in = &j->code->insns[at];

	switch (j->ops[at]) {
	case INSN_LDXW:
	case INSN_LDXH:
	case INSN_LDXB:
	case INSN_LDXDW:
	case INSN_LDXSW:
	case INSN_LDXSH:
	case INSN_LDXSB:
		return in->src_reg == reg;
	case INSN_STXW:
	case INSN_STXH:
	case INSN_STXB:
	case INSN_STXDW:
		return in->dst_reg == reg && in->src_reg != reg;
	case INSN_STW:
	case INSN_STH:
	case INSN_STB:
	case INSN_STDW:
		return in->dst_reg == reg;
	default:
		return false;
	}
}

/*
 * last_use - look whether @reg serves as a base only, from instruction @at on, with operands @kept unchanged.
 * Return: the last access, or 0 when it does not. A register that is never used counts as one that is not sunk.
 */
static uint32_t last_use(const struct jx *j, uint32_t at, unsigned reg, uint16_t kept)
{
	const uint16_t bit = (uint16_t)(1u << reg);
	uint32_t last = 0;

	for (int i = 0; i < LOOK_AHEAD; i++, at++) {
		if (jx_dead(j, at, reg))
			return last;
		if (at >= j->fn->end || (j->flags[at] & JX_TARGET))
			return 0;
		if (j->ops[at] == JX_NO_OP)
			continue;
		if (jx_is_update(j, at) && j->code->insns[at].src_reg == reg && !(j->effects[at + 1].reads & bit)) {
			/* One instruction, which leaves the register that it loads alone. */
			at += 2;
			last = at;
			continue;
		}
		if (is_base(j, at, reg))
			last = at;
		else if (j->effects[at].reads & bit)
			return 0;
		if (j->effects[at].writes & bit)
			return last;
		if (j->effects[at].writes & kept)
			return jx_dead(j, at + 1, reg) ? last : 0;
		if (j->flags[at] & JX_JUMPS) {
			const struct bpf_insn *in = &j->code->insns[at];

			if (!jx_dead(j, jx_target(at, j->ops[at] == INSN_GOTOL ? in->imm : in->off), reg))
				return 0;
		}
		if (j->flags[at] & JX_ENDS)
			return last;
	}
	return 0;
}

bool jx_sink(struct jx *j, uint32_t at, unsigned reg, struct x86_sib mem)
{
	uint32_t last;

	/* An access adds its own 16 bits. */
	if (mem.disp >= INT32_MAX - UINT16_MAX || mem.disp <= INT32_MIN + UINT16_MAX)
		return false;
	last = last_use(j, at, reg, operands(mem) & (uint16_t) ~(1u << reg));
	if (!last)
		return false;
	j->sunk[reg].end = last + 1;
	j->sunk[reg].mem = mem;
	return true;
}

struct x86_sib jx_mem(const struct jx *j, uint32_t at, unsigned reg, int16_t off)
{
	struct x86_sib mem = {.base = jx_reg(reg), .index = NO_INDEX, .disp = off};

	if (at < j->sunk[reg].end) {
		mem = j->sunk[reg].mem;
		mem.disp += off;
	}
	return mem;
}
