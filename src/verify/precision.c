/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which scalars mattered.
 *
 * Theory of operation
 *
 * Most numbers in a program can be anything: two states that differ only in such numbers are the same for pruning. A number matters ("is precise") once a
 * pointer was moved by it, a branch was decided by it, a helper took it as a size. Then so do the numbers that it was computed from.
 * mark_precise() follows the path that was walked backwards, instruction by instruction, with a set of registers and slots in each frame that it looks for, and
 * marks them in every cached state that it passes.
 *
 * The way back is the straight line but where the history says otherwise (jump points), through the parents of the state. The history also tells
 * what an instruction alone does not: which slot a load or store through a computed pointer touched, and which linked registers learnt from a branch.
 *
 * Where backtracking cannot follow (numbers from packet loads, pointers subtracted through memory), everything becomes precise: slower, never unsound.
 * Without CAP_BPF all scalars always count as precise, and nothing is tracked.
 */
#include "verify/internal.h"
#include "helper/helper.h"

#include <errno.h>
#include <string.h>

struct backtrack {
	uint32_t frame; /* that the instruction at hand runs in */
	uint32_t regs[MAX_FRAMES];
	uint64_t slots[MAX_FRAMES];
};

enum { ARG_MASK = 0x3e, FOLLOW = 0, GIVE_UP = 1 };

static bool is_empty(const struct backtrack *b)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i <= b->frame; i++)
		all |= b->regs[i] | b->slots[i];
	return !all;
}

static void sync_linked_marks(struct backtrack *b, const struct hist *h)
{
	const struct linked *l;
	bool some = false;

	if (!h || !h->linked.n)
		return;
	l = &h->linked;
	for (uint32_t i = 0; i < l->n; i++)
		some |= l->of[i].is_reg ? b->regs[l->of[i].frame] >> l->of[i].at & 1
					: (bool)(b->slots[l->of[i].frame] >> l->of[i].at & 1);
	if (!some)
		return;
	for (uint32_t i = 0; i < l->n; i++)
		if (l->of[i].is_reg)
			b->regs[l->of[i].frame] |= 1u << l->of[i].at;
		else
			b->slots[l->of[i].frame] |= 1ull << l->of[i].at;
}

static int back_alu(struct backtrack *b, const struct bpf_insn *insn)
{
	uint32_t *regs = &b->regs[b->frame], dst = 1u << insn->dst_reg;
	uint8_t op = BPF_OP(insn->code);

	if (!(*regs & dst) || op == BPF_END || op == BPF_NEG)
		return FOLLOW;
	if (op == BPF_MOV)
		*regs &= ~dst;
	if (BPF_SRC(insn->code) == BPF_X && insn->src_reg != BPF_REG_10)
		*regs |= 1u << insn->src_reg;
	return FOLLOW;
}

static int back_load(struct backtrack *b, uint32_t reg, const struct hist *h)
{
	if (!(b->regs[b->frame] >> reg & 1))
		return FOLLOW;
	b->regs[b->frame] &= ~(1u << reg);
	/* What comes from elsewhere than a spill was unknown to begin with. */
	if (h && (h->flags & HIST_STACK))
		b->slots[h->frame] |= 1ull << h->slot;
	return FOLLOW;
}

static int back_store(struct backtrack *b, const struct bpf_insn *insn, const struct hist *h)
{
	/* The address was a number: a pointer less a pointer. */
	if (b->regs[b->frame] >> insn->dst_reg & 1)
		return GIVE_UP;
	if (!h || !(h->flags & HIST_STACK) || !(b->slots[h->frame] >> h->slot & 1))
		return FOLLOW;
	b->slots[h->frame] &= ~(1ull << h->slot);
	if (BPF_CLASS(insn->code) == BPF_STX)
		b->regs[b->frame] |= 1u << insn->src_reg;
	return FOLLOW;
}

static int leave_frame(struct backtrack *b)
{
	if (!b->frame)
		return GIVE_UP;
	b->regs[b->frame] = 0;
	b->slots[b->frame] = 0;
	b->frame--;
	return FOLLOW;
}

static int enter_frame(struct backtrack *b)
{
	if (b->frame == MAX_FRAMES - 1)
		return GIVE_UP;
	b->frame++;
	b->regs[b->frame] = 0;
	b->slots[b->frame] = 0;
	return FOLLOW;
}

/* The call of a BPF function, coming from inside it (into the caller) or, of a global one, from behind it. */
static int back_sub_call(struct verifier *v, struct backtrack *b, uint32_t at)
{
	uint32_t args;
	int32_t sub = subprog_find(v, (uint32_t)((int64_t)at + v->insns[at].imm + 1));

	if (sub < 0)
		return GIVE_UP;
	if (v->subprogs[sub].global) { /* not walked into */
		if (b->regs[b->frame] & ARG_MASK)
			return GIVE_UP;
		b->regs[b->frame] &= ~1u;
		return FOLLOW;
	}
	if ((b->regs[b->frame] & ~(uint32_t)ARG_MASK) || b->slots[b->frame])
		return GIVE_UP;
	args = b->regs[b->frame];
	if (leave_frame(b))
		return GIVE_UP;
	b->regs[b->frame] |= args;
	return FOLLOW;
}

static int back_jump(struct verifier *v, struct backtrack *b, const struct bpf_insn *insn, uint32_t at, uint32_t after,
		     const struct hist *h)
{
	bool r0;

	switch (v->aux[at].desc->op) {
	case INSN_CALL_SUBPROG:
		return back_sub_call(v, b, at);
	case INSN_CALL_HELPER:
	case INSN_CALL_KFUNC:
		if (v->aux[at].calls_callback && after != at + 1) {
			/* Out of a callback's first instruction: its arguments are the helper's, not the caller's. */
			if ((b->regs[b->frame] & ~(uint32_t)ARG_MASK) || b->slots[b->frame])
				return GIVE_UP;
			return leave_frame(b);
		}
		if (b->regs[b->frame] & ARG_MASK)
			return GIVE_UP;
		b->regs[b->frame] &= ~1u;
		/* A tail call left the function for its caller, with what nobody knows in r0. */
		if (v->aux[at].desc->op == INSN_CALL_HELPER && insn->imm == BPF_FUNC_tail_call && after != at + 1)
			return enter_frame(b);
		return FOLLOW;
	case INSN_EXIT:
		/* Into the function that returned to after - 1; of a callback, what it returned went to the helper. */
		r0 = after && v->aux[after - 1].desc && v->aux[after - 1].desc->op == INSN_CALL_SUBPROG;
		if (r0 && (b->regs[b->frame] & ARG_MASK))
			return GIVE_UP;
		r0 = r0 && (b->regs[b->frame] & 1);
		b->regs[b->frame] &= ~1u;
		if (enter_frame(b))
			return GIVE_UP;
		b->regs[b->frame] = r0;
		return FOLLOW;
	case INSN_JA:
	case INSN_GOTOL:
	case INSN_MAY_GOTO:
		return FOLLOW;
	default:
		if (BPF_SRC(insn->code) != BPF_X || !(b->regs[b->frame] & (1u << insn->dst_reg | 1u << insn->src_reg)))
			return FOLLOW;
		if (!h || !(h->flags & HIST_SRC_STACK))
			b->regs[b->frame] |= 1u << insn->src_reg;
		if (!h || !(h->flags & HIST_DST_STACK))
			b->regs[b->frame] |= 1u << insn->dst_reg;
		return FOLLOW;
	}
}

static int back_insn(struct verifier *v, struct backtrack *b, uint32_t at, uint32_t after, const struct hist *h)
{
	const struct bpf_insn *insn = &v->insns[at];
	int done = FOLLOW;

	if (!v->aux[at].desc)
		return FOLLOW;
	log_back_insn(v, b->frame, b->regs[b->frame], b->slots[b->frame], at);
	sync_linked_marks(b, h);
	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		done = back_alu(b, insn);
		break;
	case BPF_LDX:
		done = back_load(b, insn->dst_reg, h);
		break;
	case BPF_STX:
		if (BPF_MODE(insn->code) == BPF_ATOMIC && insn->imm != BPF_STORE_REL) {
			if (insn->imm == BPF_LOAD_ACQ) {
				done = back_load(b, insn->dst_reg, h);
				break;
			}
			if (insn->imm & BPF_FETCH) {
				done = back_load(b, insn->imm == BPF_CMPXCHG ? BPF_REG_0 : insn->src_reg, h);
				break;
			}
		}
		done = back_store(b, insn, h);
		break;
	case BPF_ST:
		done = back_store(b, insn, h);
		break;
	case BPF_LD:
		if (insn_is_wide(insn)) {
			b->regs[b->frame] &= ~(1u << insn->dst_reg);
			break;
		}
		/* A packet load gives r0, or leaves the function. */
		if (b->regs[b->frame] & 1)
			return GIVE_UP;
		if (after != at + 1)
			done = enter_frame(b);
		break;
	default:
		done = back_jump(v, b, insn, at, after, h);
		break;
	}
	if (done == FOLLOW)
		sync_linked_marks(b, h);
	return done;
}

void all_precise(struct state *s)
{
	for (; s; s = s->parent)
		for (uint32_t i = 0; i <= s->curframe; i++) {
			s->frames[i]->precise_regs = 0x3ff;
			s->frames[i]->precise_slots = ~0ull;
		}
}

/* Marks what is looked for in a cached state that was passed; what it has marked already needs no more looking for. */
static bool mark_state(struct verifier *v, struct state *s, struct backtrack *b)
{
	bool news = false;

	for (uint32_t i = b->frame < s->curframe ? b->frame + 1 : s->curframe + 1; i-- > 0;) {
		struct frame *f = s->frames[i];
		uint32_t regs = 0;
		uint64_t slots = 0;

		for (uint32_t k = 0, m = b->regs[i]; m; k++, m >>= 1)
			if ((m & 1) && f->regs[k].type == REG_SCALAR)
				regs |= 1u << k;
		for (uint64_t m = b->slots[i]; m; m &= m - 1) {
			uint32_t k = (uint32_t)__builtin_ctzll(m);
			const struct slot *slot = slot_get(f, k);

			if (slot && slot->kind[7] == SLOT_SPILL && slot->reg.type == REG_SCALAR)
				slots |= 1ull << k;
		}
		b->regs[i] = regs & ~f->precise_regs;
		b->slots[i] = slots & ~f->precise_slots;
		f->precise_regs |= regs;
		f->precise_slots |= slots;
		news |= b->regs[i] || b->slots[i];
		log_back_state(v, s, i, b->regs[i], b->slots[i]);
	}
	return news;
}

/* Walks back from @from, before its instruction. */
static bool backtrack(struct verifier *v, struct state *from, struct backtrack *b)
{
	struct state *s = from;
	uint32_t at, after = ~0u, last = from->insn, length = 0;
	bool news = false, first = true;

	for (;;) {
		uint32_t n = s->n_hist;

		log_back_from(v, b->frame, last, s->first_insn, after);
		for (at = last;;) {
			const struct hist *h = n && s->hist[n - 1].insn == at ? &s->hist[n - 1] : NULL;

			if (first) {
				first = false;
			} else if (back_insn(v, b, at, after, h) != FOLLOW) {
				if (LOG_INSNS(v))
					vlog(v, "mark_precise: frame%u: falling back to forcing all scalars precise\n",
					     from->curframe);
				all_precise(from->parent);
				memset(b, 0, sizeof(*b));
				return true;
			}
			if (is_empty(b))
				return news;
			length++;
			after = at;
			if (at == s->first_insn && (!n || (n == 1 && h)))
				break;
			if (h) {
				at = h->prev;
				n--;
			} else {
				at--;
			}
		}
		s = s->parent;
		if (!s)
			break;
		news |= mark_state(v, s, b);
		if (is_empty(b))
			break;
		last = s->last_insn;
		first = false;
		after = s->insn;
	}
	if (length > v->longest_mark_read)
		v->longest_mark_read = length;
	memset(b, 0, sizeof(*b));
	return news;
}

int mark_precise(struct verifier *v, uint32_t regno)
{
	struct backtrack b = {.frame = v->cur->curframe};

	if (!v->bpf_capable || cur_regs(v)[regno].type != REG_SCALAR)
		return 0;
	b.regs[b.frame] = 1u << regno;
	backtrack(v, v->cur, &b);
	return 0;
}

int mark_slot_precise(struct verifier *v, uint32_t frame, uint32_t slot)
{
	struct backtrack b = {.frame = v->cur->curframe};

	if (!v->bpf_capable)
		return 0;
	b.slots[frame] = 1ull << slot;
	backtrack(v, v->cur, &b);
	return 0;
}

bool propagate_precision(struct verifier *v, const struct state *old, struct state *to)
{
	struct backtrack b = {.frame = to->curframe};

	if (!v->bpf_capable)
		return false;
	for (uint32_t i = old->curframe + 1; i-- > 0;) {
		const struct frame *f = old->frames[i];

		for (uint32_t k = 0, m = f->precise_regs; m; k++, m >>= 1)
			if ((m & 1) && f->regs[k].type == REG_SCALAR)
				b.regs[i] |= 1u << k;
		for (uint64_t m = f->precise_slots & old->live_slots[i]; m; m &= m - 1) {
			uint32_t k = (uint32_t)__builtin_ctzll(m);
			const struct slot *slot = slot_get(f, k);

			if (slot && slot->kind[7] == SLOT_SPILL && slot->reg.type == REG_SCALAR)
				b.slots[i] |= 1ull << k;
		}
		log_propagated(v, i, b.regs[i], b.slots[i]);
	}
	if (is_empty(&b))
		return false;
	return backtrack(v, to, &b);
}
