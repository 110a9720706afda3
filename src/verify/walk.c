/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk: every path through the program, on the abstract machine of state.h.
 *
 * Theory of operation
 *
 * The walk keeps one current state and steps it from instruction to instruction; each step checks that the instruction may be done in every concrete
 * state that the abstract one stands for, and makes the state that stands for every result. Where control may go two ways, the other
 * way is put aside (push_path()) and taken later, last in first out; a path ends at the exit of the program, at a state that needs no walking because an
 * earlier, more general one was found safe (prune.c), or at a refusal, which ends everything.
 *
 * What makes this end: each instruction processed counts against a limit; what makes it fast: pruning, for which precision.c finds out which
 * scalars mattered, and cfg.c which registers are alive. Functions are walked where they are called; global ones once, on their own, with
 * arguments as their BTF describes them (subprog.c).
 *
 * Invariants: v->insn is the instruction at hand, v->prev_insn the one before it on this path; a step changes the current state only after its checks, or
 * refuses the program; nothing is done after a refusal.
 */
#include "base/util.h"
#include "verify/internal.h"
#include "prog/ctx.h"

#include <errno.h>
#include <string.h>

/* Registers as operands */

/* A 32-bit result whose upper half somebody looks at must be zero-extended there. */
static void need_zext(struct verifier *v, struct reg *r)
{
	if (!r->zext_pending)
		return;
	v->out->insns[r->def].zext = true;
	r->zext_pending = false;
}

static bool reads_64(const struct verifier *v, uint32_t regno)
{
	const struct bpf_insn *insn = &v->insns[v->insn];

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_JMP32:
		return false;
	case BPF_STX:
		/* A narrower store reads less; the address is always whole. */
		return !(BPF_MODE(insn->code) == BPF_MEM && BPF_SIZE(insn->code) != BPF_DW && regno == insn->src_reg &&
			 regno != insn->dst_reg);
	default:
		return true;
	}
}

int check_reg_read(struct verifier *v, uint32_t regno)
{
	struct reg *r = &cur_regs(v)[regno];

	v->touched_regs |= 1u << regno;
	if (r->type == REG_NOT_INIT) {
		v->blamed = (int)regno;
		return refuse(v, -EACCES, PROBLEM_UNINIT, "R%u !read_ok", regno);
	}
	if (r->zext_pending && reads_64(v, regno))
		need_zext(v, r);
	return 0;
}

int check_reg_def(struct verifier *v, uint32_t regno)
{
	if (regno == BPF_REG_10)
		return refuse(v, -EACCES, PROBLEM_STACK_WRITE, "frame pointer is read only");
	v->touched_regs |= 1u << regno;
	return 0;
}

int check_reg_write(struct verifier *v, uint32_t regno)
{
	int err = check_reg_def(v, regno);

	if (!err)
		reg_unknown(&cur_regs(v)[regno]);
	return err;
}

/* History */

int hist_push(struct verifier *v, uint8_t flags, uint32_t frame, uint32_t slot, const struct linked *linked)
{
	struct state *s = v->cur;
	struct hist *h;

	if (v->hist_last) { /* the instruction has an entry already: what it did adds up */
		h = v->hist_last;
		h->flags |= flags;
		if (flags & HIST_STACK) {
			h->frame = (uint8_t)frame;
			h->slot = (uint8_t)slot;
		}
		if (linked)
			h->linked = *linked;
		return 0;
	}
	if (s->n_hist == s->room_hist) {
		uint32_t room = s->room_hist ? s->room_hist * 2 : 8;
		struct hist *all = v_alloc(v, room * sizeof(*all));

		if (!all)
			return -ENOMEM;
		if (s->n_hist)
			memcpy(all, s->hist, s->n_hist * sizeof(*all));
		v_free(v, s->hist, s->room_hist * sizeof(*all));
		s->hist = all;
		s->room_hist = room;
	}
	h = &s->hist[s->n_hist++];
	*h = (struct hist){.insn = v->insn, .prev = v->prev_insn, .flags = flags};
	if (flags & HIST_STACK) {
		h->frame = (uint8_t)frame;
		h->slot = (uint8_t)slot;
	}
	if (linked)
		h->linked = *linked;
	v->hist_last = h;
	return 0;
}

/* One instruction */

static int check_packet_load(struct verifier *v, const struct bpf_insn *insn, uint32_t *next)
{
	struct reg *regs = cur_regs(v);
	int err;

	switch (v->prog_type) {
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
		break;
	default:
		return refuse(v, -EINVAL, PROBLEM_HELPER,
			      "BPF_LD_[ABS|IND] instructions not allowed for this program type");
	}
	for (uint32_t i = v->cur->curframe; i; i--)
		if (v->cur->frames[i]->in_callback)
			return refuse(v, -EINVAL, PROBLEM_HELPER, "cannot use BPF_LD_[ABS|IND] within callback");
	err = check_reg_read(v, BPF_REG_6);
	/* Without the bytes it leaves the program: as an exit does, so nothing may be held. */
	if (!err)
		err = check_resources(v, false, true, "BPF_LD_[ABS|IND]");
	if (err)
		return err;
	if (regs[BPF_REG_6].type != REG_CTX)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "at the time of BPF_LD_ABS|IND R6 != pointer to skb");
	err = check_ptr_offset(v, &regs[BPF_REG_6], BPF_REG_6, false);
	if (!err && BPF_MODE(insn->code) == BPF_IND)
		err = check_reg_read(v, insn->src_reg);
	if (err)
		return err;
	for (uint32_t i = BPF_REG_0; i <= BPF_REG_5; i++)
		reg_uninit(&regs[i]);
	reg_unknown(&regs[BPF_REG_0]);
	v->touched_regs |= 0x3f;
	if (!v->cur->curframe)
		return 0;
	/* From a function it returns zero to the caller when the bytes are not there. */
	err = push_path(v, v->insn + 1, v->insn, NULL);
	if (err)
		return err;
	reg_const(&regs[BPF_REG_0], 0);
	return leave_function(v, next);
}

/*
 * A tail call from a function: when it is made, the function's caller goes on with whatever the other program returned, and with a packet that
 * may have moved. When it is not, the function goes on, and nothing has changed.
 */
static int leave_by_tail_call(struct verifier *v, uint32_t *next)
{
	int err = push_path(v, v->insn + 1, v->insn, NULL);

	if (err)
		return err;
	forget_packet_pointers(v);
	reg_unknown(&cur_regs(v)[BPF_REG_0]);
	return leave_function(v, next);
}

static int check_call(struct verifier *v, const struct bpf_insn *insn, uint32_t *next)
{
	int err;

	switch (v->aux[v->insn].desc->op) {
	case INSN_CALL_SUBPROG:
		return check_sub_call(v, insn, next);
	case INSN_CALL_KFUNC:
		return check_kfunc_call(v, insn, v->insn);
	default:
		err = check_helper_call(v, insn, v->insn);
		return !err && insn->imm == BPF_FUNC_tail_call && v->cur->curframe ? leave_by_tail_call(v, next) : err;
	}
}

static int step(struct verifier *v, const struct bpf_insn *insn, uint32_t *next, bool *ended)
{
	struct insn_aux *a = &v->aux[v->insn];
	struct reg *def = NULL;
	int err;

	v->blamed = -1;
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
		err = check_alu(v, insn);
		def = &cur_regs(v)[insn->dst_reg];
		break;
	case BPF_ALU64:
		err = check_alu(v, insn);
		if (!err)
			cur_regs(v)[insn->dst_reg].zext_pending = false;
		break;
	case BPF_LDX:
		err = check_load(v, insn, BPF_MODE(insn->code) == BPF_MEMSX);
		if (!err && BPF_SIZE(insn->code) != BPF_DW && cur_regs(v)[insn->dst_reg].type == REG_SCALAR)
			def = &cur_regs(v)[insn->dst_reg];
		break;
	case BPF_ST:
		err = check_store(v, insn);
		break;
	case BPF_STX:
		err = BPF_MODE(insn->code) == BPF_ATOMIC ? check_atomic(v, insn) : check_store(v, insn);
		break;
	case BPF_LD:
		if (insn_is_wide(insn)) {
			*next = v->insn + 2;
			err = check_ld_imm(v, insn);
		} else {
			err = check_packet_load(v, insn, next);
		}
		break;
	default:
		v->jumps_processed++;
		switch (a->desc->op) {
		case INSN_EXIT:
			return check_exit(v, next, ended);
		case INSN_JA:
		case INSN_GOTOL:
			*next = (uint32_t)((int64_t)v->insn + 1 + insn_jump_dist(a->desc, insn));
			return 0;
		case INSN_CALL_KFUNC:
			*ended = a->kfunc && kfunc_throws(a->kfunc);
			return check_call(v, insn, next);
		case INSN_CALL_HELPER:
		case INSN_CALL_SUBPROG:
			return check_call(v, insn, next);
		default:
			return check_jump(v, insn, next);
		}
	}
	if (!err && def) {
		def->zext_pending = true;
		def->def = v->insn;
	}
	return err;
}

int walk_step(struct verifier *v, uint32_t *next, bool *ended)
{
	int err = 0;

	v->hist_last = NULL;
	v->cur->last_insn = v->prev_insn;
	v->cur->insn = v->insn;
	*next = v->insn + 1;
	*ended = false;
	if (v->aux[v->insn].jump_point)
		err = hist_push(v, 0, 0, 0, NULL);
	return err ? err : step(v, &v->insns[v->insn], next, ended);
}

/* The next path, into cur. False: there is none. */
static bool next_path(struct verifier *v)
{
	struct pending *p = v->pending;

	if (!p)
		return false;
	v->pending = p->next;
	v->n_pending--;
	v->insn = p->insn;
	v->prev_insn = p->prev;
	v->cur = p->state;
	log_back(v, p->log_len);
	v_free(v, p, sizeof(*p));
	return true;
}

static int too_many(struct verifier *v)
{
	return refuse(v, -E2BIG, PROBLEM_TOO_COMPLEX, "BPF program is too large. Processed %u insn",
		      v->insns_processed);
}

static const char *misprediction(const struct verifier *v)
{
	return v->cur->speculative ? " (speculative execution)" : "";
}

static void log_safe(struct verifier *v, bool arrived)
{
	if (!(v->log_level & 3))
		return;
	if (arrived)
		vlog(v, "\nfrom %d to %u%s: safe\n", (int)v->prev_insn, v->insn, misprediction(v));
	else
		vlog(v, "%u: safe\n", v->insn);
}

int walk(struct verifier *v)
{
	const uint32_t limit = v->in->insn_limit ? v->in->insn_limit : INSN_LIMIT;
	bool show = false;

	v->prev_insn = v->insn;
	trace(v, TRACE_START, NULL);
	for (;;) {
		const struct bpf_insn *insn = &v->insns[v->insn];
		struct insn_aux *a = &v->aux[v->insn];
		uint32_t next = v->insn + 1;
		bool ended = false, prune = false;
		int err;

		v->hist_last = NULL;
		/* Not reached: insn_check() lets every function end in an exit or a jump */
		if (v->insn >= v->n || !a->desc)
			return refuse(v, -EFAULT, PROBLEM_SHAPE, "the program runs past its end");
		if (++v->insns_processed > limit)
			return too_many(v);
		v->out->insns[v->insn].visits++;
		v->cur->last_insn = v->prev_insn;
		v->cur->insn = v->insn;
		if (a->prune_point) {
			err = visit_state(v, v->insn, &prune);
			if (err)
				return err;
			if (prune) {
				log_safe(v, show);
				goto path_end;
			}
		}
		if (a->jump_point) {
			err = hist_push(v, 0, 0, 0, NULL);
			if (err)
				return err;
		}
		if (v->log_level & 3) {
			if (show && LOG_INSNS(v)) {
				vlog(v, "\nfrom %d to %u%s:", (int)v->prev_insn, v->insn, misprediction(v));
				log_state(v, v->cur, v->cur->curframe, true);
				show = false;
			}
			if (v->touched_regs || v->touched_slots)
				log_touched(v);
			log_insn(v, v->insn);
		}
		if (v->cur->speculative && a->fenced)
			goto path_end;
		v->out->insns[v->insn].seen |= !v->cur->speculative;
		trace(v, TRACE_STEP, NULL);
		err = step(v, insn, &next, &ended);
		if (v->failed_memory)
			return refuse(v, -ENOMEM, PROBLEM_MEMORY, "out of memory after %u instructions",
				      v->insns_processed);
		if (err) {
			if (!v->cur->speculative || (err != -EACCES && err != -EINVAL && err != -EPERM))
				return err;
			/* The kernel puts a fence before it: no CPU gets here. */
			v->aux[v->insn].fenced = true;
			v->out->problem = PROBLEM_NONE;
			v->out->message[0] = 0;
			ended = true;
		}
		if (!ended) {
			show |= a->desc->op == INSN_EXIT; /* of a function: the caller's state is told */
			v->prev_insn = v->insn;
			v->insn = next;
			continue;
		}
path_end:
		path_done(v, v->cur);
		path_free(v, v->cur);
		v->cur = NULL;
		log_all_touched(v);
		if (!next_path(v))
			return 0;
		show = true;
	}
}
