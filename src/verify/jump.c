/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Branches: deciding them when what is known suffices, else following both with what each implies.
 *
 * A comparison teaches: two scalars, their ranges (scalar_refine()) and those of every register linked to them; a pointer that may be
 * NULL, with 0 or with one that is not: that all copies are, or are not, NULL; a packet pointer with the packet's end: how
 * many bytes are there from the pointer's base, for every pointer with the same base.
 */
#include "base/util.h"
#include "verify/internal.h"
#include "verify/record.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

enum { MAX_PACKET_OFF = 0xffff };

/* The operation with its operands exchanged. */
static uint8_t flip(uint8_t op)
{
	switch (op) {
	case BPF_JGE:
		return BPF_JLE;
	case BPF_JGT:
		return BPF_JLT;
	case BPF_JLE:
		return BPF_JGE;
	case BPF_JLT:
		return BPF_JGT;
	case BPF_JSGE:
		return BPF_JSLE;
	case BPF_JSGT:
		return BPF_JSLT;
	case BPF_JSLE:
		return BPF_JSGE;
	case BPF_JSLT:
		return BPF_JSGT;
	default:
		return op;
	}
}

static bool is_any_packet(const struct reg *r)
{
	return reg_is_packet(r) || r->type == REG_PKT_END;
}

static bool is_pointer_type(const struct reg *r)
{
	return r->type != REG_SCALAR && r->type != REG_NOT_INIT;
}

static bool reg_is_const(const struct reg *r, bool is32)
{
	return r->type == REG_SCALAR && (is32 ? scalar_is_const32(&r->var) : scalar_is_const(&r->var));
}

static int packet_branch(const struct reg *a, const struct reg *b, uint8_t op)
{
	const struct reg *pkt = a;

	if (a->type == REG_PKT_END) {
		pkt = b;
		op = flip(op);
	} else if (b->type != REG_PKT_END) {
		return -1;
	}
	if (!reg_is_packet(pkt) || pkt->range >= 0)
		return -1;
	switch (op) {
	case BPF_JLE:
	case BPF_JGT:
		if (pkt->range == PKT_BEYOND_END)
			return op == BPF_JGT;
		break;
	case BPF_JLT:
	case BPF_JGE:
		return op == BPF_JGE;
	default:
		break;
	}
	return -1;
}

/* 1: always taken, 0: never, -1: not known. */
static int branch_taken(const struct verifier *v, const struct reg *a, const struct reg *b, uint8_t op, bool is32)
{
	if (is_any_packet(a) && is_any_packet(b) && !is32)
		return packet_branch(a, b, op);
	if (!reg_is_const(b, is32)) {
		const struct reg *t = a;

		a = b;
		b = t;
		op = flip(op);
	}
	if (is_pointer_type(a)) {
		if (!reg_is_const(b, is32) || !reg_not_null(v, a) ||
		    (is32 ? (uint32_t)b->var.bits.value : b->var.bits.value))
			return -1;
		return op == BPF_JEQ ? 0 : op == BPF_JNE ? 1 : -1;
	}
	if (is_pointer_type(b))
		return -1;
	return scalar_branch(&a->var, &b->var, op, is32);
}

enum { ID_FLAGS = (int)(ID_ADD_CONST | ID_ADD_CONST32) };

static bool is_linked(const struct reg *r, uint32_t id)
{
	return r->type == REG_SCALAR && r->id && (r->id & ~(uint32_t)ID_FLAGS) == id;
}

static bool linked_add(struct linked *out, uint32_t frame, bool is_reg, uint32_t at)
{
	if (out->n == ARRAY_SIZE(out->of))
		return false;
	out->of[out->n].frame = (uint8_t)frame;
	out->of[out->n].is_reg = is_reg;
	out->of[out->n++].at = (uint8_t)at & 0x7f;
	return true;
}

/*
 * Registers and slots that share a scalar's id. Backtracking must know them all, and has room for a few: the rest are unlinked, so
 * that they learn nothing.
 */
static int collect_linked(struct verifier *v, struct state *s, uint32_t id, struct linked *out)
{
	id &= ~(uint32_t)ID_FLAGS;
	for (uint32_t i = 0; i <= s->curframe; i++) {
		struct frame *f = s->frames[i];
		uint32_t live = v->aux[state_insn(s, i)].live_regs;

		/* What nobody reads again needs no range. */
		for (uint32_t k = 0; k < BPF_REG_10; k++)
			if ((live >> k & 1) && is_linked(&f->regs[k], id) && !linked_add(out, i, true, k))
				scalar_unlink(&f->regs[k]);
		for (uint32_t k = 0; f->stack && k < f->stack->n; k++) {
			const struct slot *slot = &f->stack->slots[k];

			if (slot->kind[7] != SLOT_SPILL || !is_linked(&slot->reg, id) || linked_add(out, i, false, k))
				continue;
			if (!stack_mut(v, f))
				return -ENOMEM;
			scalar_unlink(&f->stack->slots[k].reg);
		}
	}
	return 0;
}

static void sync_one(struct reg *r, const struct reg *known)
{
	const uint32_t base = ~(uint32_t)ID_FLAGS;

	if (r == known || r->type != REG_SCALAR || (r->id & base) != (known->id & base))
		return;
	if ((!(r->id & ID_ADD_CONST) && !(known->id & ID_ADD_CONST)) || r->off == known->off) {
		r->var = known->var;
		r->off = known->off;
		r->id = known->id;
	} else {
		int32_t r_off = r->id & ID_ADD_CONST ? r->off : 0, k_off = known->id & ID_ADD_CONST ? known->off : 0;
		struct scalar distance = scalar_const((uint64_t)((int64_t)r_off - k_off));

		r->var = known->var;
		scalar_alu(BPF_ADD, 0, true, &r->var, &distance);
	}
}

void sync_linked(struct verifier *v, struct state *s, const struct reg *known_reg, const struct linked *which)
{
	const struct reg known = *known_reg;

	for (uint32_t i = 0; i < which->n; i++) {
		struct frame *f = s->frames[which->of[i].frame];

		if (which->of[i].is_reg) {
			sync_one(&f->regs[which->of[i].at], &known);
		} else {
			const struct slot *slot = slot_get(f, which->of[i].at);

			if (slot && slot->kind[7] == SLOT_SPILL && stack_mut(v, f))
				sync_one(&f->stack->slots[which->of[i].at].reg, &known);
		}
	}
}

/* NULL checks */

static bool points_to_lock(const struct reg *r)
{
	const struct btf_record *rec = reg_record(r);

	return rec && (rec->mask & (FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK));
}

void mark_non_null(struct verifier *v, struct state *s, struct reg *r)
{
	const struct verify_map *map;

	(void)v;
	(void)s;
	if (REG_BASE(r->type) != REG_MAP_VALUE) {
		r->type &= ~(uint32_t)PTR_NULL;
		return;
	}
	map = r->map;
	if (map->inner) {
		r->type = REG_MAP_PTR;
		r->map = map->inner;
		/* Which inner map it is, where a lock or timer in it must be told from another's. */
		if (map->inner->record &&
		    (map->inner->record->mask &
		     (FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK | FIELD_TIMER | FIELD_WORKQUEUE | FIELD_TASK_WORK)))
			r->map_uid = r->id;
	} else if (map->type == BPF_MAP_TYPE_XSKMAP) {
		r->type = REG_XDP_SOCK;
		r->raw[0] = r->raw[1] = 0;
	} else if (map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH) {
		r->type = REG_SOCKET;
		r->raw[0] = r->raw[1] = 0;
	} else {
		r->type = REG_MAP_VALUE | (r->type & ~(uint32_t)(0xff | PTR_NULL));
	}
}

struct null_mark {
	struct state *s;
	uint32_t id;
	bool is_null;
};

static bool want_null(const struct reg *r, void *arg)
{
	const struct null_mark *m = arg;

	return (r->type & PTR_NULL) && r->type != REG_SCALAR && r->id == m->id;
}

static void apply_null(struct verifier *v, struct reg *r, void *arg)
{
	struct null_mark *m = arg;

	/* An offset on what may be NULL is a field of an allocated object (graph nodes): the rest must have none. */
	if ((r->off && !(r->type & MEM_ALLOC) && !(r->type & PTR_TRUSTED)) || !scalar_is_const(&r->var) ||
	    r->var.bits.value)
		return;
	if (m->is_null) {
		reg_const(r, 0);
		return;
	}
	mark_non_null(v, m->s, r);
	if (!points_to_lock(r) && !(REG_BASE(r->type) == REG_BTF && (r->type & MEM_ALLOC) && object_may_lock(v, r)))
		r->id = 0;
}

void mark_ptr_or_null(struct verifier *v, struct state *s, uint32_t regno, bool is_null)
{
	struct frame *f = s->frames[s->curframe];
	struct null_mark m = {s, f->regs[regno].id, is_null};
	uint32_t ref_id = f->regs[regno].ref_id;

	/* NULL was never a reference. */
	if (ref_id && ref_id == m.id && is_null)
		ref_forget(s, ref_id);
	regs_visit(v, s, apply_null, want_null, &m);
}

/* Packet bounds */

struct range_mark {
	uint32_t type, id;
	int32_t range;
};

static bool want_range(const struct reg *r, void *arg)
{
	const struct range_mark *m = arg;

	return r->type == m->type && r->id == m->id && r->range < m->range;
}

static void apply_range(struct verifier *v, struct reg *r, void *arg)
{
	(void)v;
	r->range = ((struct range_mark *)arg)->range;
}

static void learn_range(struct verifier *v, struct state *s, const struct reg *r, bool open)
{
	struct range_mark m = {r->type, r->id, r->off + open};

	if (r->off < 0 || (r->off == 0 && open))
		return;
	/* Beyond that the kernel's 16-bit arithmetic on packet lengths could wrap. */
	if (r->var.umax > MAX_PACKET_OFF || r->var.umax + (uint64_t)r->off > MAX_PACKET_OFF)
		return;
	regs_visit(v, s, apply_range, want_range, &m);
}

static void learn_end(struct state *s, uint32_t regno, bool beyond)
{
	struct reg *r = &s->frames[s->curframe]->regs[regno];

	if (r->type == REG_PKT)
		r->range = beyond ? PKT_BEYOND_END : PKT_AT_END;
}

static bool is_packet_start(const struct reg *r)
{
	return r->type == REG_PKT && !r->id && !r->off && scalar_is_const(&r->var) && !r->var.bits.value;
}

static bool match_packet(struct verifier *v, const struct bpf_insn *insn, struct state *here, struct state *there)
{
	const struct reg *dst = &cur_regs(v)[insn->dst_reg], *src = &cur_regs(v)[insn->src_reg], copy = *dst,
			 copy2 = *src;
	uint8_t op = BPF_OP(insn->code);
	uint32_t pkt_reg;
	struct state *within, *beyond;
	const struct reg *pkt;

	if (BPF_SRC(insn->code) != BPF_X || BPF_CLASS(insn->code) == BPF_JMP32)
		return false;
	if ((dst->type == REG_PKT && src->type == REG_PKT_END) || (dst->type == REG_PKT_META && is_packet_start(src))) {
		pkt = &copy;
		pkt_reg = insn->dst_reg;
	} else if ((dst->type == REG_PKT_END && src->type == REG_PKT) ||
		   (is_packet_start(dst) && src->type == REG_PKT_META)) {
		pkt = &copy2;
		pkt_reg = insn->src_reg;
		op = flip(op);
	} else {
		return false;
	}
	/* Now "pkt op end". */
	switch (op) {
	case BPF_JGT:
	case BPF_JGE:
		within = here;
		beyond = there;
		break;
	case BPF_JLT:
	case BPF_JLE:
		within = there;
		beyond = here;
		break;
	default:
		return false;
	}
	/* Strictly within: one more byte is there. */
	learn_range(v, within, pkt, op == BPF_JGE || op == BPF_JLT);
	learn_end(beyond, pkt_reg, op == BPF_JGT || op == BPF_JLE);
	return true;
}

/* A branch that cannot be taken leaves no value; the walk goes on with what the bits say, as the kernel's does. */
static void settle(struct scalar *s)
{
	if (!scalar_valid(s))
		scalar_forget_ranges(s);
}

static int check_may_goto(struct verifier *v, const struct bpf_insn *insn, uint32_t *next)
{
	struct state *old, *again;
	int err;

	old = find_prev_entry(v, v->cur->parent, v->insn);
	err = push_path(v, v->insn + 1, v->insn, &again);
	if (err)
		return err;
	again->may_goto_depth++;
	if (old) {
		err = widen_to(v, old, again);
		if (err)
			return err;
	}
	*next = (uint32_t)((int64_t)v->insn + 1 + insn->off);
	return 0;
}

int check_jump(struct verifier *v, const struct bpf_insn *insn, uint32_t *next)
{
	uint8_t op = BPF_OP(insn->code);
	bool is32 = BPF_CLASS(insn->code) == BPF_JMP32, by_reg = BPF_SRC(insn->code) == BPF_X;
	uint32_t target = (uint32_t)((int64_t)v->insn + 1 + insn->off);
	struct reg *regs = cur_regs(v), *dst = &regs[insn->dst_reg], *src, *dst2, *src2, imm, imm2;
	struct linked linked = {0};
	struct state *other;
	uint8_t flags = 0;
	int err, taken;

	if (op == BPF_JCOND)
		return check_may_goto(v, insn, next);
	err = check_reg_read(v, insn->dst_reg);
	if (!err && by_reg)
		err = check_reg_read(v, insn->src_reg);
	if (err)
		return err;
	if (by_reg) {
		src = &regs[insn->src_reg];
		if (!(is_any_packet(dst) && is_any_packet(src)) && reg_is_pointer(v, src))
			return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R%u pointer comparison prohibited", insn->src_reg);
		if (REG_BASE(src->type) == REG_STACK)
			flags |= HIST_SRC_STACK;
	} else {
		src = &imm;
		reg_const(src, (uint64_t)(int64_t)insn->imm);
	}
	if (REG_BASE(dst->type) == REG_STACK)
		flags |= HIST_DST_STACK;
	if (flags) {
		err = hist_push(v, flags, 0, 0, NULL);
		if (err)
			return err;
	}
	taken = branch_taken(v, dst, src, op, is32);
	if (taken >= 0) {
		/* The decision rests on these values: other values might go the other way. */
		if (!is_pointer_type(dst)) {
			err = mark_precise(v, insn->dst_reg);
			if (err)
				return err;
		}
		if (by_reg && !is_pointer_type(src)) {
			err = mark_precise(v, insn->src_reg);
			if (err)
				return err;
		}
		if (taken)
			*next = target;
		err = v->bypass_spec ? 0 : push_speculative(v, taken ? v->insn + 1 : target);
		if (!err)
			log_touched(v);
		return err;
	}
	err = 0;
	if (by_reg && src->type == REG_SCALAR && src->id)
		err = collect_linked(v, v->cur, src->id, &linked);
	if (!err && dst->type == REG_SCALAR && dst->id && !(by_reg && src->type == REG_SCALAR && dst->id == src->id))
		err = collect_linked(v, v->cur, dst->id, &linked);
	if (err)
		return err;
	if (linked.n > 1) {
		err = hist_push(v, 0, 0, 0, &linked);
		if (err)
			return err;
	}
	err = push_path(v, target, v->insn, &other);
	if (err)
		return err == -E2BIG ? -EFAULT : err; /* as the kernel's branches, which pass on no reason */
	dst2 = &other->frames[other->curframe]->regs[insn->dst_reg];
	src2 = &imm2;
	if (by_reg)
		src2 = &other->frames[other->curframe]->regs[insn->src_reg];
	else
		imm2 = imm;
	if (dst->type == REG_SCALAR && src->type == REG_SCALAR) {
		scalar_refine(&dst2->var, &src2->var, op, is32, true);
		scalar_refine(&dst->var, &src->var, op, is32, false);
		settle(&dst->var);
		settle(&src->var);
		settle(&dst2->var);
		settle(&src2->var);
	}
	if (by_reg && src->type == REG_SCALAR && src->id) {
		sync_linked(v, v->cur, src, &linked);
		sync_linked(v, other, src2, &linked);
	}
	if (dst->type == REG_SCALAR && dst->id) {
		sync_linked(v, v->cur, dst, &linked);
		sync_linked(v, other, dst2, &linked);
	}
	/* A pointer equal to one that is not NULL is not NULL. Kernel objects may be NULL whatever their type says. */
	if (!is32 && by_reg && is_pointer_type(src) && is_pointer_type(dst) &&
	    !(src->type & PTR_NULL) != !(dst->type & PTR_NULL) && REG_BASE(src->type) != REG_BTF &&
	    REG_BASE(dst->type) != REG_BTF && (op == BPF_JEQ || op == BPF_JNE)) {
		struct state *equal = op == BPF_JEQ ? other : v->cur;
		struct reg *eq = equal->frames[equal->curframe]->regs;

		mark_non_null(v, equal, &eq[src->type & PTR_NULL ? insn->src_reg : insn->dst_reg]);
	}
	if (!is32 && !by_reg && !insn->imm && (op == BPF_JEQ || op == BPF_JNE) && dst->type != REG_SCALAR &&
	    (dst->type & PTR_NULL)) {
		mark_ptr_or_null(v, v->cur, insn->dst_reg, op == BPF_JNE);
		mark_ptr_or_null(v, other, insn->dst_reg, op == BPF_JEQ);
	} else if (!match_packet(v, insn, v->cur, other) && reg_is_pointer(v, dst)) {
		return refuse(v, -EACCES, PROBLEM_PTR_LEAK, "R%u pointer comparison prohibited", insn->dst_reg);
	}
	log_touched(v);
	return v->failed_memory ? -ENOMEM : 0;
}

int check_ld_imm(struct verifier *v, const struct bpf_insn *insn)
{
	struct reg *dst = &cur_regs(v)[insn->dst_reg];
	int err = check_reg_def(v, insn->dst_reg);
	const struct verify_map *map;
	int32_t sub;

	if (err)
		return err;
	switch (v->aux[v->insn].desc->op) {
	case INSN_LDIMM64:
		reg_const(dst, (uint64_t)(uint32_t)insn[1].imm << 32 | (uint32_t)insn->imm);
		return 0;
	case INSN_LD_VAR:
		return load_ksym(v, insn, dst);
	case INSN_LD_FUNC:
		sub = subprog_find(v, (uint32_t)((int64_t)v->insn + insn->imm + 1));
		if (sub < 0 || !v->in->func_info)
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "missing btf func_info");
		if (v->subprogs[sub].global)
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "callback function '%s' is not static",
				      v->subprogs[sub].name);
		reg_pointer(dst, REG_FUNC);
		dst->subprog = (uint32_t)sub;
		return 0;
	default:
		map = v->in->maps[insn->imm];
		if (v->aux[v->insn].desc->op == INSN_LD_MAP_VALUE) {
			if (map->type == SKEP_MAP_TYPE_ARENA) {
				reg_unknown(dst); /* an address of the user's until it is cast */
				return 0;
			}
			reg_pointer(dst, REG_MAP_VALUE);
			dst->off = insn[1].imm;
		} else {
			reg_pointer(dst, REG_MAP_PTR);
		}
		dst->map = map;
		return 0;
	}
}
