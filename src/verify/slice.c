/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Of all instructions on the path to a refusal, those that it depends on.
 *
 * Theory of operation
 *
 * The path is read backwards with a set of registers and stack slots that are looked for, at first the one that the refusal is about. An
 * instruction that defines one of them is followed to what it was made of; moves, spills and fills are followed without a word, other definitions
 * are events. A branch is an event when it compared something that is looked for, or something with the same id (another copy of
 * the pointer or number), and so might have taught something about it. Where nothing is looked for any more, the story begins.
 */
#include "base/util.h"
#include "verify/report_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct want {
	uint32_t regs[MAX_FRAMES];
	uint64_t slots[MAX_FRAMES];
	uint32_t ids[SUBJECT_IDS], n_ids;
	bool packet; /* a packet pointer: comparisons with the packet's end are of interest */
	bool branches; /* every branch is: it led to an end where something is still held */
};

struct slicer {
	const struct verifier *v;
	const struct path *path;
	struct verify_report *r;
	struct want want;
	struct report_event found[REPORT_EVENTS]; /* newest first */
	uint32_t n, more;
	const struct step *lost;
};

static void want_id(struct want *w, uint32_t id)
{
	id &= ~(uint32_t)(ID_ADD_CONST | ID_ADD_CONST32);
	for (uint32_t i = 0; i < w->n_ids; i++)
		if (w->ids[i] == id)
			return;
	if (id && w->n_ids < SUBJECT_IDS)
		w->ids[w->n_ids++] = id;
}

static bool has_id(const struct want *w, uint32_t id)
{
	id &= ~(uint32_t)(ID_ADD_CONST | ID_ADD_CONST32);
	for (uint32_t i = 0; id && i < w->n_ids; i++)
		if (w->ids[i] == id)
			return true;
	return false;
}

static void want_reg(struct want *w, uint32_t frame, uint32_t reg, const struct reg *r)
{
	if (reg == BPF_REG_10)
		return;
	w->regs[frame] |= 1u << reg;
	want_id(w, r->id);
	if (reg_is_packet(r))
		w->packet = true;
}

static void event(struct slicer *s, uint32_t insn, struct words *w)
{
	struct report_place at;

	if (!w->text)
		return;
	report_place_of(s->v->in, insn, &at);
	if (s->n && s->found[s->n - 1].at.line == at.line && !strcmp(s->found[s->n - 1].text, w->text)) {
		free(w->text); /* once is enough */
		return;
	}
	if (s->n == REPORT_EVENTS) {
		s->more++;
		free(w->text);
		return;
	}
	s->found[s->n++] = (struct report_event){at, w->text};
}

/* "r1 is now ..." */
static void event_value(struct slicer *s, const struct step *t, uint32_t reg, const struct reg *value)
{
	struct words w = {0};

	/* Where local variables lie says nothing. */
	if (value->type == REG_STACK && scalar_is_const(&value->var))
		return;
	words_add(&w, "r%u is now ", reg);
	words_reg(&w, s->v, value);
	event(s, t->insn, &w);
}

static void slice_alu(struct slicer *s, const struct step *t)
{
	const struct bpf_insn *insn = &s->v->insns[t->insn];
	uint32_t *regs = &s->want.regs[t->frame], dst = 1u << insn->dst_reg;
	uint8_t op = BPF_OP(insn->code);
	bool by_reg = BPF_SRC(insn->code) == BPF_X && op != BPF_END && op != BPF_NEG;

	if (!(*regs & dst))
		return;
	if (op == BPF_MOV && by_reg && BPF_CLASS(insn->code) == BPF_ALU64 && !insn->off) {
		*regs &= ~dst;
		if (insn->src_reg == BPF_REG_10)
			event_value(s, t, insn->dst_reg, &t->after);
		want_reg(&s->want, t->frame, insn->src_reg, &t->src);
		return;
	}
	event_value(s, t, insn->dst_reg, &t->after);
	if (op == BPF_MOV)
		*regs &= ~dst;
	if (by_reg)
		want_reg(&s->want, t->frame, insn->src_reg, &t->src);
}

static void slice_load(struct slicer *s, const struct step *t)
{
	const struct bpf_insn *insn = &s->v->insns[t->insn];
	uint32_t *regs = &s->want.regs[t->frame], dst = 1u << insn->dst_reg;
	struct words w = {0};

	if (!(*regs & dst))
		return;
	*regs &= ~dst;
	if (t->slot != NO_SLOT) {
		s->want.slots[t->slot_frame] |= 1ull << t->slot;
		return;
	}
	words_add(&w, "r%u is read from ", insn->dst_reg);
	words_reg(&w, s->v, &t->src);
	words_add(&w, ": ");
	words_reg(&w, s->v, &t->after);
	event(s, t->insn, &w);
}

static void slice_store(struct slicer *s, const struct step *t)
{
	const struct bpf_insn *insn = &s->v->insns[t->insn];
	struct words w = {0};

	if (t->slot == NO_SLOT || !(s->want.slots[t->slot_frame] >> t->slot & 1))
		return;
	if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_MEM) {
		if (BPF_SIZE(insn->code) == BPF_DW)
			s->want.slots[t->slot_frame] &= ~(1ull << t->slot);
		want_reg(&s->want, t->frame, insn->src_reg, &t->src);
		return;
	}
	s->want.slots[t->slot_frame] &= ~(1ull << t->slot);
	words_add(&w, "written to the stack");
	event(s, t->insn, &w);
}

/* A branch: what it found out about what is looked for. */
static void slice_branch(struct slicer *s, const struct step *t)
{
	const struct bpf_insn *insn = &s->v->insns[t->insn];
	bool by_reg = BPF_SRC(insn->code) == BPF_X;
	bool dst = s->want.regs[t->frame] >> insn->dst_reg & 1 || has_id(&s->want, t->dst.id) ||
		   has_id(&s->want, t->dst.ref_id);
	bool src = by_reg && (s->want.regs[t->frame] >> insn->src_reg & 1 || has_id(&s->want, t->src.id));
	struct words w = {0};

	if (by_reg && s->want.packet && (t->src.type == REG_PKT_END || t->dst.type == REG_PKT_END))
		dst |= reg_is_packet(&t->dst), src |= reg_is_packet(&t->src);
	if (!dst && !src && !s->want.branches)
		return;
	dst |= !src;
	words_add(&w, "found that ");
	words_condition(&w, s->v, t);
	if (dst) {
		words_add(&w, ": r%u is ", insn->dst_reg);
		words_reg(&w, s->v, &t->after);
	} else {
		words_add(&w, ": r%u is ", insn->src_reg);
		words_reg(&w, s->v, &t->after_src);
	}
	event(s, t->insn, &w);
}

/* @next: the step after it, NULL at the end. */
static void slice_call(struct slicer *s, const struct step *t, const struct step *next)
{
	const struct verifier *v = s->v;
	const char *name = words_callee(v, t->insn);
	uint32_t op = v->aux[t->insn].desc->op, *regs = &s->want.regs[t->frame];
	uint32_t inner = next ? next->frame : (uint32_t)s->path->end->curframe;
	struct words w = {0};

	if (inner > t->frame) { /* into a function */
		uint32_t args = s->want.regs[inner] & 0x3e;

		s->want.regs[inner] = 0;
		s->want.slots[inner] = 0;
		if (!args)
			return;
		if (op == INSN_CALL_SUBPROG)
			*regs |= args;
		words_add(&w, op == INSN_CALL_SUBPROG ? "calls %s()" : "%s() calls its callback", name);
		event(s, t->insn, &w);
		return;
	}
	if (!s->lost && ((*regs & t->lost) || (s->want.slots[t->frame] & t->lost_slots))) {
		struct words lost = {0};

		s->lost = t;
		words_add(&lost, "%s%s makes the pointer invalid", *name ? name : "the call", *name ? "()" : "");
		event(s, t->insn, &lost);
	}
	if (*regs & 1) {
		*regs &= ~1u;
		words_add(&w, "%s%s gives ", *name ? name : "the call", *name ? "()" : "");
		words_reg(&w, v, &t->after);
		event(s, t->insn, &w);
	} else if (*regs & 0x3e) {
		words_add(&w, "the call of %s%s leaves r1 to r5 without a value", *name ? name : "a function",
			  *name ? "()" : "");
		event(s, t->insn, &w);
	}
	*regs &= ~0x3eu;
}

static void slice_exit(struct slicer *s, const struct step *t)
{
	uint32_t outer = t->frame - 1u;

	if (!t->frame)
		return;
	s->want.regs[t->frame] = 0;
	s->want.slots[t->frame] = 0;
	if (!(s->want.regs[outer] & 1))
		return;
	s->want.regs[outer] &= ~1u;
	want_reg(&s->want, t->frame, BPF_REG_0, &t->dst);
}

static void slice_step(struct slicer *s, const struct step *t, const struct step *next)
{
	const struct bpf_insn *insn = &s->v->insns[t->insn];
	uint32_t op = s->v->aux[t->insn].desc->op;

	switch (BPF_CLASS(insn->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		slice_alu(s, t);
		return;
	case BPF_LDX:
		slice_load(s, t);
		return;
	case BPF_ST:
	case BPF_STX:
		slice_store(s, t);
		return;
	case BPF_LD:
		if (insn_is_wide(insn) ? s->want.regs[t->frame] >> insn->dst_reg & 1 : s->want.regs[t->frame] & 1) {
			s->want.regs[t->frame] &= insn_is_wide(insn) ? ~(1u << insn->dst_reg) : ~1u;
			event_value(s, t, insn_is_wide(insn) ? insn->dst_reg : BPF_REG_0, &t->after);
		}
		return;
	default:
		break;
	}
	switch (op) {
	case INSN_EXIT:
		slice_exit(s, t);
		break;
	case INSN_CALL_HELPER:
	case INSN_CALL_KFUNC:
	case INSN_CALL_SUBPROG:
		slice_call(s, t, next);
		break;
	case INSN_JA:
	case INSN_GOTOL:
	case INSN_MAY_GOTO:
		break;
	default:
		if (t->branch)
			slice_branch(s, t);
		break;
	}
}

static bool nothing_left(const struct want *w)
{
	uint64_t all = 0;

	for (uint32_t i = 0; i < MAX_FRAMES; i++)
		all |= w->regs[i] | w->slots[i];
	return !all;
}

/* What the program began with. */
static void begin(struct slicer *s)
{
	struct words w = {0};

	if (!s->path->whole || !s->path->n || !(s->want.regs[0] & 0x3e))
		return;
	if (s->v->subprog) {
		words_add(&w,
			  "r%d is an argument of %s(), which is verified by itself, for every value its type allows",
			  __builtin_ctz(s->want.regs[0] & 0x3e), sub_name(s->v, s->v->subprog));
	} else {
		if (!(s->want.regs[0] & 2) || s->path->steps[0].frame)
			return;
		words_add(&w, "the program begins with r1 = the context");
	}
	event(s, s->path->steps[0].insn, &w);
}

static void slice_loop(struct slicer *s)
{
	uint32_t from = s->path->n;

	while (from && s->path->steps[from - 1].insn != s->v->insn)
		from--;
	for (uint32_t i = s->path->n; from && i >= from; i--) {
		const struct step *t = &s->path->steps[i - 1];
		uint8_t class = BPF_CLASS(s->v->insns[t->insn].code), op = BPF_OP(s->v->insns[t->insn].code);
		struct words w = {0};

		if ((class != BPF_JMP && class != BPF_JMP32) || op == BPF_CALL || op == BPF_EXIT || op == BPF_JA)
			continue;
		words_add(&w, "goes on with ");
		words_condition(&w, s->v, t);
		words_add(&w, ": r%u is ", s->v->insns[t->insn].dst_reg);
		words_reg(&w, s->v, &t->after);
		event(s, t->insn, &w);
	}
}

/* The call that took what was not given back. */
static void event_taken(struct slicer *s, const struct step *t)
{
	struct words w = {0};

	words_add(&w, "%s() ", words_callee(s->v, t->insn));
	if (t->after.ref_id) {
		words_add(&w, "gives ");
		words_reg(&w, s->v, &t->after);
		words_add(&w, "; it must be given back");
	} else {
		words_add(&w, "takes what must be given back");
	}
	event(s, t->insn, &w);
}

void slice(struct verifier *v, const struct path *path, struct subject *about, struct verify_report *r)
{
	struct slicer s = {.v = v, .path = path, .r = r};
	const struct frame *f = path->end->frames[path->end->curframe];

	if (about->loop) {
		slice_loop(&s);
	} else {
		if (about->reg >= 0)
			want_reg(&s.want, f->frameno, (uint32_t)about->reg, &f->regs[about->reg]);
		if (about->slot >= 0)
			s.want.slots[f->frameno] |= 1ull << about->slot;
		want_id(&s.want, about->id);
		s.want.branches = about->id;
		for (uint32_t i = path->n; i--;) {
			const struct step *t = &path->steps[i];

			if (about->id && t->insn == about->taken_at) {
				event_taken(&s, t);
				break;
			}
			if (!about->id && nothing_left(&s.want))
				break;
			slice_step(&s, t, i + 1 < path->n ? &path->steps[i + 1] : NULL);
		}
		begin(&s);
	}
	for (uint32_t i = 0; i < s.n; i++)
		r->events[i] = s.found[s.n - 1 - i];
	r->n_events = s.n;
	r->n_more = s.more;
	about->lost = s.lost;
}
