/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pointer arithmetic of users without CAP_PERFMON.
 *
 * The kernel masks their offsets at run time, so that a mispredicted branch cannot move a pointer out of its object. That needs one mask an instruction: the limit and the
 * direction must be the same on all paths, and known. These rules are part of the verdict. Mispredicted ways are walked too; what is bad on them is
 * fenced off (the instruction gets a barrier) and not refused, but their loops and their number count.
 */
#include "verify/internal.h"

#include <errno.h>
#include <stdlib.h>

enum { MASK_NEG = 1, MASK_IMM = 2, MASK_SRC = 4, MASK_DST = 8, MASK_NONE = 16 };

static int refuse_alu(struct verifier *v, const struct bpf_insn *insn, const char *what)
{
	const char *op = BPF_OP(insn->code) == BPF_ADD ? "add" : "sub";

	return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u: %s %s prohibited for !root", insn->dst_reg, op, what);
}

/* The mask must be the same whichever path comes here. */
static bool agree(struct insn_aux *a, uint32_t state, uint32_t limit)
{
	if (a->alu_state && (a->alu_state != state || a->alu_limit != limit))
		return false;
	a->alu_state = state;
	a->alu_limit = limit;
	return true;
}

int check_scalar_spectre(struct verifier *v, const struct bpf_insn *insn)
{
	if (v->bypass_spec || BPF_SRC(insn->code) == BPF_K ||
	    (BPF_OP(insn->code) != BPF_ADD && BPF_OP(insn->code) != BPF_SUB))
		return 0;
	return agree(&v->aux[v->insn], MASK_NONE, 0) ? 0 : refuse_alu(v, insn, "from different maps, paths or scalars");
}

/* How far the pointer can move that way and stay in its object. */
static int limit_of(const struct reg *p, bool left, int64_t *limit)
{
	int64_t max;

	switch (p->type) {
	case REG_STACK:
		max = MAX_STACK + left;
		*limit = -((int64_t)p->var.bits.value + p->off);
		break;
	case REG_MAP_VALUE:
		max = p->map->value_size;
		*limit = (left ? p->var.smin : (int64_t)p->var.umax) + p->off;
		break;
	default:
		return -1;
	}
	return *limit >= max ? -2 : 0;
}

int push_speculative(struct verifier *v, uint32_t insn)
{
	struct state *s;
	int err = push_path(v, insn, v->insn, &s);

	if (err)
		return err == -E2BIG ? -EFAULT : err; /* as check_jump() */
	s->speculative = true;
	return 0;
}

/* The masked offset may come out as zero: the pointer as it was goes on from here, too. */
static int push_truncated(struct verifier *v, const struct bpf_insn *insn, const struct reg *p)
{
	struct state *s;
	int err = push_path(v, v->insn + 1, v->insn, &s);

	if (err)
		return err;
	s->speculative = true;
	s->frames[s->curframe]->regs[insn->dst_reg] = *p;
	return 0;
}

static int check_result(struct verifier *v, const struct bpf_insn *insn, const struct reg *dst)
{
	int64_t at;

	if (dst->type == REG_STACK) {
		if (!scalar_is_const(&dst->var))
			return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u variable stack access prohibited for !root",
				      insn->dst_reg);
		at = dst->off + (int64_t)dst->var.bits.value;
		if (at >= 0 || at < -MAX_STACK)
			return refuse(v, -EACCES, PROBLEM_PTR_ARITH,
				      "R%u stack pointer arithmetic goes out of range, prohibited for !root",
				      insn->dst_reg);
	}
	return dst->type == REG_MAP_VALUE ? check_map_access(v, insn->dst_reg, dst->off, 1, false, true) : 0;
}

int check_pointer_spectre(struct verifier *v, const struct bpf_insn *insn, const struct reg *dst, const struct reg *p,
			  const struct reg *n)
{
	bool imm = scalar_is_const(&n->var), negative = n->var.smin < 0, left;
	uint8_t op = BPF_OP(insn->code);
	int64_t before, after;
	uint32_t state;
	int err;

	if (v->bypass_spec)
		return 0;
	if (BPF_SRC(insn->code) == BPF_K)
		return check_result(v, insn, dst);
	if (!imm && negative != (n->var.smax < 0))
		return refuse_alu(v, insn, "of an unknown scalar with mixed signed bounds is");
	left = (op == BPF_ADD && negative) || (op == BPF_SUB && !negative);
	err = limit_of(p, left, &before);
	if (err)
		return refuse_alu(v, insn, err == -1 ? "on this kind of pointer is" : "beyond pointer bounds is");
	if (!imm)
		v->explore_alu_limits = true;
	err = check_result(v, insn, dst);
	if (err)
		return err;
	err = limit_of(dst, left, &after);
	/* Not reached: check_result() has seen that the sum lies in the object */
	if (err)
		return refuse_alu(v, insn, err == -1 ? "on this kind of pointer is" : "beyond pointer bounds is");
	state = (negative ? MASK_NEG : 0u) | (imm ? MASK_IMM : 0u) |
		(insn->dst_reg != insn->src_reg && p->type == dst->type ? MASK_SRC : MASK_DST);
	if (!v->cur->speculative && !agree(&v->aux[v->insn], state, (uint32_t)llabs(before - after)))
		return refuse_alu(v, insn, "from different maps, paths or scalars is");
	return imm ? 0 : push_truncated(v, insn, p);
}
