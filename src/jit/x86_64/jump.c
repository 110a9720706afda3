// SPDX-License-Identifier: BSD-2-Clause
/* Jumps and exit. Source: RFC 9669 section 4.3; may_goto: Linux 6.9. */
#include "jit/x86_64/jx.h"

uint32_t jx_target(uint32_t at, int32_t dist)
{
	return (uint32_t)((int64_t)at + 1 + dist);
}

void jx_branch(struct jx *j, enum x86_cond cc, uint32_t target)
{
	uint32_t next = j->next, over;
	unsigned op;

	if (j->select) {
		*j->select = cc;
		return;
	}
	if (j->turning && next + (j->ops[next] == INSN_JA) > j->turning->end) {
		/* The copy runs on into the head; only the other way jumps. */
		bool back = target == j->turning->head;

		jx_jcc(j, back ? cc ^ 1 : cc, back ? next : target);
		j->next = j->turning->end + 1;
		return;
	}
	op = jx_peek(j, next);
	if (op != INSN_JA && op != INSN_GOTOL) {
		jx_jcc(j, cc, target);
		return;
	}
	over = jx_target(next, op == INSN_GOTOL ? j->code->insns[next].imm : j->code->insns[next].off);
	if (target != next + 1 && over > next) {
		jx_jcc(j, cc, target);
		return;
	}
	/*
	 * A jump over a jump means the opposite condition, and the lowest bit of a condition negates it. Where the second one leads back,
	 * the loop goes round with one jump, and the way out takes the other.
	 */
	j->next++;
	jx_jcc(j, cc ^ 1, over);
	if (target != j->next)
		jx_jmp(j, target);
}

bool jx_is_select(const struct jx *j, uint32_t at)
{
	const struct bpf_insn *in = &j->code->insns[at], *jump = in + 1, *other = in + 2;
	unsigned op = jx_peek(j, at + 1), last = jx_peek(j, at + 2);

	if ((j->ops[at] != INSN_MOV64_K && j->ops[at] != INSN_MOV32_K) ||
	    (last != INSN_MOV64_K && last != INSN_MOV32_K))
		return false;
	return op != JX_NO_OP && (j->flags[at + 1] & JX_JUMPS) && !(j->flags[at + 1] & JX_ENDS) &&
	       op != INSN_MAY_GOTO && jump->off == 1 && other->dst_reg == in->dst_reg && jump->dst_reg != in->dst_reg &&
	       !(BPF_SRC(jump->code) == BPF_X && jump->src_reg == in->dst_reg);
}

static uint64_t constant_of(const struct bpf_insn *in)
{
	return BPF_CLASS(in->code) == BPF_ALU64 ? (uint64_t)(int64_t)in->imm : (uint32_t)in->imm;
}

bool jx_fuse_select(struct jx *j)
{
	const struct bpf_insn *in = &j->code->insns[j->at];
	enum x86_reg dst = jx_reg(in->dst_reg);
	uint32_t at = j->at;
	enum x86_cond cc;

	if (!jx_is_select(j, at))
		return false;
	emit_mov_imm(&j->e, dst, constant_of(in));
	emit_mov_imm(&j->e, R9, constant_of(in + 2));
	j->select = &cc;
	j->at = at + 1;
	jx_emit_insn(j);
	j->select = NULL;
	j->at = at;
	j->next = at + 3;
	emit_cmov_rr(&j->e, W64, cc ^ 1, dst, R9);
	return true;
}

void jx_jcc_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	enum x86_reg dst = jx_reg(in->dst_reg);

	/* test clears carry and overflow, as a comparison with 0 does. */
	if (in->imm == 0)
		emit_test_rr(&j->e, w, dst, dst);
	else
		emit_alu_ri(&j->e, w, ALU_CMP, dst, in->imm);
	jx_branch(j, (enum x86_cond)a, jx_target(j->at, in->off));
}

void jx_jcc_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_alu_rr(&j->e, w, ALU_CMP, jx_reg(in->dst_reg), jx_reg(in->src_reg));
	jx_branch(j, (enum x86_cond)a, jx_target(j->at, in->off));
}

void jx_jset_k(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_test_ri(&j->e, w, jx_reg(in->dst_reg), in->imm);
	jx_branch(j, (enum x86_cond)a, jx_target(j->at, in->off));
}

void jx_jset_x(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	emit_test_rr(&j->e, w, jx_reg(in->dst_reg), jx_reg(in->src_reg));
	jx_branch(j, (enum x86_cond)a, jx_target(j->at, in->off));
}

/* goto and gotol. A jump to an exit does better to exit itself: the code is hardly longer. */
void jx_ja(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	uint32_t target = jx_target(j->at, j->ops[j->at] == INSN_GOTOL ? in->imm : in->off);

	if (j->turning && target == j->turning->head)
		return;
	if (j->ops[target] == INSN_EXIT)
		jx_exit(j, in, a, w);
	else if (target != j->next)
		jx_jmp(j, target);
}

void jx_may_goto(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	const int32_t budget = offsetof(struct skep_env, loop_budget);

	emit_load(&j->e, W64, R11, REG_ENV, budget);
	emit_alu_ri(&j->e, W64, ALU_SUB, R11, 1);
	jx_jcc(j, CC_B, jx_target(j->at, in->off));
	emit_store(&j->e, W64, REG_ENV, budget, R11);
}

void jx_exit(struct jx *j, const struct bpf_insn *in, unsigned a, enum x86_width w)
{
	jx_epilogue(j);
	emit_byte(&j->e, X86_RET);
}
