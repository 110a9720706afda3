/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic and moves: on scalars by scalar.c, on pointers here.
 *
 * A pointer plus a known number moves its constant offset; plus an unknown one it moves its variable part, and the number
 * must be precise from then on, since every later access depends on it. What has no sensible sum (a map, a socket, the end of the packet) is refused.
 * Offsets stay within +-MAX_VAR_OFF, so that no later sum overflows.
 */
#include "base/util.h"
#include "verify/internal.h"

#include <errno.h>

enum { MAX_VAR_OFF = 1 << 29 };

void scalar_assign_id(struct verifier *v, struct reg *r)
{
	if (r->type != REG_SCALAR)
		return;
	/* A distance to another register would be lost in the copy's own arithmetic: start anew. */
	if (r->id & ID_ADD_CONST) {
		r->id = 0;
		r->off = 0;
	}
	if (!r->id && !scalar_is_const(&r->var))
		r->id = ++v->id_gen;
}

void scalar_unlink(struct reg *r)
{
	r->id = 0;
	r->off = 0;
}

static bool sane_offset(struct verifier *v, const struct reg *r, uint32_t type)
{
	char name[64];
	int64_t smin = r->var.smin;

	reg_type_name(type, name);
	if (scalar_is_const(&r->var) &&
	    ((int64_t)r->var.bits.value >= MAX_VAR_OFF || (int64_t)r->var.bits.value <= -MAX_VAR_OFF)) {
		refuse(v, -EINVAL, PROBLEM_PTR_ARITH, "%s pointer and the number %lld: the sum would be out of bounds",
		       name, (long long)r->var.bits.value);
		return false;
	}
	/* Also of a number, whose off is its distance from the one that it is linked to: the kernel makes no difference. */
	if (r->off >= MAX_VAR_OFF || r->off <= -MAX_VAR_OFF) {
		refuse(v, -EINVAL, PROBLEM_PTR_ARITH, "%s pointer offset %d is not allowed", name, r->off);
		return false;
	}
	if (smin == INT64_MIN) {
		refuse(v, -EINVAL, PROBLEM_PTR_ARITH,
		       "%s pointer and a number without a lower bound: the sum could be anywhere", name);
		return false;
	}
	if (smin >= MAX_VAR_OFF || smin <= -MAX_VAR_OFF) {
		refuse(v, -EINVAL, PROBLEM_PTR_ARITH, "value %lld makes %s pointer be out of bounds", (long long)smin,
		       name);
		return false;
	}
	return true;
}

static void no_32bit_bounds(struct scalar *s)
{
	s->smin32 = INT32_MIN;
	s->smax32 = INT32_MAX;
	s->umin32 = 0;
	s->umax32 = UINT32_MAX;
}

static void var_add(struct scalar *to, const struct scalar *a, const struct scalar *b)
{
	struct scalar r = scalar_unknown();

	if (__builtin_add_overflow(a->smin, b->smin, &r.smin) || __builtin_add_overflow(a->smax, b->smax, &r.smax)) {
		r.smin = INT64_MIN;
		r.smax = INT64_MAX;
	}
	if (__builtin_add_overflow(a->umin, b->umin, &r.umin) || __builtin_add_overflow(a->umax, b->umax, &r.umax)) {
		r.umin = 0;
		r.umax = UINT64_MAX;
	}
	r.bits = tnum_add(a->bits, b->bits);
	*to = r;
}

static void var_sub(struct scalar *to, const struct scalar *a, const struct scalar *b)
{
	struct scalar r = scalar_unknown();

	if (__builtin_sub_overflow(a->smin, b->smax, &r.smin) || __builtin_sub_overflow(a->smax, b->smin, &r.smax)) {
		r.smin = INT64_MIN;
		r.smax = INT64_MAX;
	}
	if (a->umin >= b->umax) {
		r.umin = a->umin - b->umax;
		r.umax = a->umax - b->umin;
	}
	r.bits = tnum_sub(a->bits, b->bits);
	*to = r;
}

static bool has_arena(const struct verifier *v)
{
	for (uint32_t i = 0; i < v->in->n_maps; i++)
		if (v->in->maps[i] && v->in->maps[i]->type == SKEP_MAP_TYPE_ARENA)
			return true;
	return false;
}

static bool can_move(const struct reg *p, bool known, int64_t value, uint8_t op)
{
	switch (REG_BASE(p->type)) {
	case REG_CTX:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_STACK:
	case REG_PKT_META:
	case REG_PKT:
	case REG_TP_BUFFER:
	case REG_BTF:
	case REG_MEM:
	case REG_BUF:
	case REG_FUNC:
	case REG_DYNPTR:
		return true;
	case REG_FLOW_KEYS:
		return known;
	case REG_MAP_PTR:
		return known && !value && op == BPF_ADD;
	default:
		return false;
	}
}

/* dst = p OP n, where one of p and n was in dst. */
static int pointer_alu(struct verifier *v, const struct bpf_insn *insn, const struct reg *pointer,
		       const struct reg *number)
{
	const struct reg p = *pointer, n = *number;
	struct reg *dst = &cur_regs(v)[insn->dst_reg];
	bool pointer_in_dst = pointer == dst, known = scalar_is_const(&n.var);
	uint8_t op = BPF_OP(insn->code);
	int64_t fixed = n.var.smin;
	uint32_t d = insn->dst_reg;
	char name[64];

	if ((known && (n.var.smin != n.var.smax || n.var.umin != n.var.umax)) || n.var.smin > n.var.smax ||
	    n.var.umin > n.var.umax) {
		/* No value is left: this path cannot happen. */
		reg_unknown(dst);
		return 0;
	}
	if (BPF_CLASS(insn->code) != BPF_ALU64) {
		if (op == BPF_SUB && v->allow_ptr_leaks) {
			reg_unknown(dst);
			return 0;
		}
		return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u 32-bit pointer arithmetic prohibited", d);
	}
	if (p.type & PTR_NULL)
		return refuse(v, -EACCES, PROBLEM_PTR_ARITH,
			      "R%u pointer arithmetic on %s prohibited, null-check it first", d,
			      reg_type_name(p.type, name));
	/* Loads through it are checked at run time, wherever it points. */
	if (REG_BASE(p.type) == REG_MEM && (p.type & PTR_UNTRUSTED)) {
		if (!pointer_in_dst)
			*dst = p;
		return 0;
	}
	if (!can_move(&p, known, fixed, op))
		return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u pointer arithmetic on %s prohibited", d,
			      reg_type_name(p.type, name));
	if (!sane_offset(v, &n, p.type) || !sane_offset(v, &p, p.type))
		return -EINVAL;
	*dst = p;
	switch (op) {
	case BPF_ADD:
		if (known && p.off + fixed == (int32_t)(p.off + fixed)) {
			dst->off = (int32_t)(p.off + fixed);
			break;
		}
		var_add(&dst->var, &p.var, &n.var);
		if (reg_is_packet(&p)) {
			dst->id = ++v->id_gen;
			dst->raw[0] = dst->raw[1] = 0; /* what was known to be there is not known from here */
		}
		break;
	case BPF_SUB:
		if (!pointer_in_dst)
			return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u tried to subtract pointer from scalar", d);
		if (REG_BASE(p.type) == REG_STACK)
			return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u subtraction from stack pointer prohibited",
				      d);
		if (known && p.off - fixed == (int32_t)(p.off - fixed)) {
			dst->off = (int32_t)(p.off - fixed);
			break;
		}
		var_sub(&dst->var, &p.var, &n.var);
		if (reg_is_packet(&p)) {
			dst->id = ++v->id_gen;
			if (n.var.smin < 0)
				dst->raw[0] = dst->raw[1] = 0;
		}
		break;
	case BPF_AND:
	case BPF_OR:
	case BPF_XOR:
		return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u bitwise operator %s on pointer prohibited", d,
			      v->aux[v->insn].desc->sym);
	default:
		return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u pointer arithmetic with %s operator prohibited", d,
			      v->aux[v->insn].desc->sym);
	}
	no_32bit_bounds(&dst->var);
	if (!sane_offset(v, dst, p.type))
		return -EINVAL;
	scalar_sync(&dst->var);
	return check_pointer_spectre(v, insn, dst, &p, &n);
}

/* The value, or only its low half, becomes n. */
static void set_low(struct scalar *s, int64_t n, bool is32)
{
	if (!is32) {
		*s = scalar_const((uint64_t)n);
		return;
	}
	s->bits = tnum_with_subreg(s->bits, tnum_const((uint32_t)n));
	s->smin32 = s->smax32 = (int32_t)n;
	s->umin32 = s->umax32 = (uint32_t)n;
	scalar_sync(s);
}

/*
 * A mask made by sign extension (0 or all ones) selects one of two values: following both keeps what each implies, which
 * compilers' branch-free code depends on.
 */
static int fork_mask(struct verifier *v, const struct bpf_insn *insn, struct reg *dst)
{
	struct state *other;
	bool is32;
	int err;

	if (dst->var.smin == -1 && dst->var.smax == 0)
		is32 = false;
	else if (dst->var.smin32 == -1 && dst->var.smax32 == 0)
		is32 = true;
	else
		return 0;
	err = push_path(v, v->insn, v->insn, &other);
	if (err)
		return err;
	set_low(&other->frames[other->curframe]->regs[insn->dst_reg].var, 0, is32);
	set_low(&dst->var, -1, is32);
	return 0;
}

static int scalar_binary(struct verifier *v, const struct bpf_insn *insn, struct reg *dst, const struct reg *src)
{
	uint8_t op = BPF_OP(insn->code);
	bool is64 = BPF_CLASS(insn->code) == BPF_ALU64;
	const struct scalar by = src->var;
	int err;

	err = check_scalar_spectre(v, insn);
	if (err)
		return err;
	if ((op == BPF_AND || op == BPF_OR) && scalar_is_const(&by)) {
		err = fork_mask(v, insn, dst);
		if (err)
			return err;
	}
	scalar_alu(op, insn->off, is64, &dst->var, &by);
	if (!scalar_valid(&dst->var))
		scalar_forget_ranges(&dst->var);
	/* A constant added or taken away leaves the register linked to where its value came from, at a distance. */
	if (v->bpf_capable && is64 && (op == BPF_ADD || op == BPF_SUB) && dst->id && dst != src &&
	    scalar_is_const(&by)) {
		int64_t n = (int64_t)by.bits.value;

		if ((dst->id & ID_ADD_CONST) || n < INT32_MIN || n > INT32_MAX || (op == BPF_SUB && n == INT32_MIN)) {
			scalar_unlink(dst);
		} else {
			dst->id |= ID_ADD_CONST;
			dst->off = (int32_t)(op == BPF_SUB ? -n : n);
		}
	} else {
		scalar_unlink(dst);
	}
	return 0;
}

static int check_binary(struct verifier *v, const struct bpf_insn *insn)
{
	struct reg *regs = cur_regs(v), *dst = &regs[insn->dst_reg], *src;
	uint8_t op = BPF_OP(insn->code);
	struct reg imm;
	int err;

	/* Any sum of an arena's address is one: what is stored through it stays in the arena. */
	if (dst->type == REG_ARENA)
		return 0;

	if (BPF_SRC(insn->code) == BPF_X) {
		src = &regs[insn->src_reg];
		if (src->type != REG_SCALAR) {
			if (dst->type != REG_SCALAR) {
				if (BPF_OP(insn->code) == BPF_SUB && v->allow_ptr_leaks) {
					reg_unknown(dst);
					return 0;
				}
				return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u pointer %s pointer prohibited",
					      insn->dst_reg, v->aux[v->insn].desc->sym);
			}
			err = mark_precise(v, insn->dst_reg);
			return err ? err : pointer_alu(v, insn, src, dst);
		}
		if (dst->type != REG_SCALAR) {
			err = mark_precise(v, insn->src_reg);
			return err ? err : pointer_alu(v, insn, dst, src);
		}
	} else {
		if ((op == BPF_DIV || op == BPF_MOD) && !insn->imm)
			return refuse(v, -EINVAL, PROBLEM_DIV_ZERO, "div by zero");
		if ((op == BPF_LSH || op == BPF_RSH || op == BPF_ARSH) &&
		    (uint32_t)insn->imm >= (BPF_CLASS(insn->code) == BPF_ALU64 ? 64u : 32u))
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "invalid shift %d", insn->imm);
		src = &imm;
		reg_const(src, (uint64_t)(int64_t)insn->imm);
		if (dst->type != REG_SCALAR)
			return pointer_alu(v, insn, dst, src);
	}
	return scalar_binary(v, insn, dst, src);
}

/* Between the program's view of an arena's memory (1) and the user's (0). */
static int check_addr_cast(struct verifier *v, const struct bpf_insn *insn)
{
	struct reg *dst = &cur_regs(v)[insn->dst_reg];

	if (insn->imm != 1 && insn->imm != 1 << 16)
		return refuse(v, -EINVAL, PROBLEM_SHAPE,
			      "addr_space_cast insn can only convert between address space 1 and 0");
	if (!has_arena(v))
		return refuse(v, -EINVAL, PROBLEM_MAP,
			      "addr_space_cast insn can only be used in a program that has an associated arena");
	reg_unknown(dst);
	if (insn->imm == 1)
		dst->type = REG_ARENA;
	return 0;
}

static int check_mov_reg(struct verifier *v, const struct bpf_insn *insn)
{
	struct reg *regs = cur_regs(v), *src = &regs[insn->src_reg], *dst = &regs[insn->dst_reg];
	bool is64 = BPF_CLASS(insn->code) == BPF_ALU64, fits;

	if (is64 && !insn->off) {
		scalar_assign_id(v, src);
		*dst = *src;
		dst->zext_pending = false;
		return 0;
	}
	if (reg_is_pointer(v, src))
		return refuse(v, -EACCES, PROBLEM_PTR_LEAK,
			      is64 ? "R%u sign-extension part of pointer" : "R%u partial copy of pointer",
			      insn->src_reg);
	if (src->type != REG_SCALAR) {
		reg_unknown(dst);
	} else {
		/* The copy has the same value only when nothing is cut off or extended. */
		fits = insn->off ? src->var.umax < 1ull << (insn->off - 1) : src->var.umax <= UINT32_MAX;
		if (fits)
			scalar_assign_id(v, src);
		*dst = *src;
		if (!fits)
			scalar_unlink(dst);
		if (insn->off)
			scalar_sext(&dst->var, (uint32_t)insn->off / 8, is64);
	}
	if (!is64)
		scalar_zext32(&dst->var);
	return 0;
}

int check_alu(struct verifier *v, const struct bpf_insn *insn)
{
	struct reg *dst = &cur_regs(v)[insn->dst_reg];
	uint8_t op = BPF_OP(insn->code);
	bool is64 = BPF_CLASS(insn->code) == BPF_ALU64;
	int err;

	if (op == BPF_MOV) {
		if (BPF_SRC(insn->code) == BPF_X) {
			err = check_reg_read(v, insn->src_reg);
			if (!err)
				err = check_reg_def(v, insn->dst_reg);
			if (err)
				return err;
			return insn_is_addr_cast(insn) ? check_addr_cast(v, insn) : check_mov_reg(v, insn);
		}
		err = check_reg_def(v, insn->dst_reg);
		if (!err)
			reg_const(dst, is64 ? (uint64_t)(int64_t)insn->imm : (uint32_t)insn->imm);
		return err;
	}
	if (BPF_SRC(insn->code) == BPF_X && op != BPF_END) {
		err = check_reg_read(v, insn->src_reg);
		if (err)
			return err;
	}
	err = check_reg_read(v, insn->dst_reg);
	if (err)
		return err;
	if (op == BPF_END || op == BPF_NEG) {
		if (reg_is_pointer(v, dst))
			return refuse(v, -EACCES, PROBLEM_PTR_ARITH, "R%u pointer arithmetic prohibited",
				      insn->dst_reg);
		err = check_reg_def(v, insn->dst_reg);
		if (err)
			return err;
		if (dst->type != REG_SCALAR)
			reg_unknown(dst);
		scalar_unlink(dst);
		if (op == BPF_NEG)
			scalar_neg(is64, &dst->var);
		else
			scalar_end(BPF_SRC(insn->code) == BPF_TO_BE, is64, (uint32_t)insn->imm, &dst->var);
		return 0;
	}
	err = check_reg_def(v, insn->dst_reg);
	return err ? err : check_binary(v, insn);
}
