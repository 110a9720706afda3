/* SPDX-License-Identifier: BSD-2-Clause */
#include "trace.h"

#include "base/util.h"

#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	size_t used, size;
	_Alignas(16) uint8_t bytes[];
};

static void *take(struct trace *t, size_t size)
{
	struct block *b = t->blocks;
	void *p;

	size = (size + 15) & ~(size_t)15;
	if (!b || b->size - b->used < size) {
		size_t room = MAX(size, (size_t)1 << 18);

		b = malloc(sizeof(*b) + room);
		if (!b)
			abort();
		*b = (struct block){.next = t->blocks, .size = room};
		t->blocks = b;
	}
	p = b->bytes + b->used;
	b->used += size;
	memset(p, 0, size);
	return p;
}

void trace_init(struct trace *t, uint32_t limit)
{
	*t = (struct trace){.limit = limit, .n_known = 1};
	while (t->n_known < limit * 4)
		t->n_known *= 2;
	t->known = calloc(t->n_known, sizeof(*t->known));
	if (!t->known)
		abort();
}

void trace_free(struct trace *t)
{
	while (t->blocks) {
		struct block *b = t->blocks;

		t->blocks = b->next;
		free(b);
	}
	free(t->known);
	*t = (struct trace){0};
}

/* The place of a state in the table; addresses are used again, and the last one counts. */
static struct node **place(struct trace *t, const struct state *s)
{
	uint64_t h = (uintptr_t)s * 0x9e3779b97f4a7c15ull >> 32;

	for (;; h++) {
		uint32_t i = (uint32_t)h & (t->n_known - 1);

		if (!t->known[i].state)
			t->known[i].state = s;
		if (t->known[i].state == s)
			return &t->known[i].node;
	}
}

static void link_to(struct trace *t, struct node *from, struct node *to)
{
	if (from->n_next == from->room_next) {
		uint32_t room = from->room_next ? from->room_next * 2 : 2;
		struct node **all = take(t, room * sizeof(struct node *)); /* NOLINT(bugprone-sizeof-expression) */

		if (from->n_next)
			memcpy(all, from->next, from->n_next * sizeof(struct node *)); /* NOLINT */
		from->next = all;
		from->room_next = room;
	}
	from->next[from->n_next++] = to;
}

static struct node *snapshot(struct trace *t, const struct state *s, uint32_t insn)
{
	struct node *n = take(t, sizeof(*n));

	n->insn = insn;
	n->curframe = s->curframe;
	n->frames = take(t, (s->curframe + 1) * sizeof(*n->frames));
	for (uint32_t i = 0; i <= s->curframe; i++) {
		const struct frame *f = s->frames[i];
		struct node_frame *to = &n->frames[i];

		memcpy(to->regs, f->regs, sizeof(to->regs));
		to->callsite = f->callsite;
		to->subprog = f->subprog;
		to->n_slots = f->stack ? f->stack->n : 0;
		to->slots = take(t, to->n_slots * sizeof(*to->slots));
		if (to->n_slots)
			memcpy(to->slots, f->stack->slots, to->n_slots * sizeof(*to->slots));
	}
	for (uint32_t i = 0; i < s->n_refs; i++)
		n->n_ptr_refs += s->refs[i].kind == REF_PTR;
	return n;
}

/* The node of cur, behind the one that it comes from. */
static struct node *arrive(struct trace *t, const struct verifier *v)
{
	struct node *n = snapshot(t, v->cur, v->insn), *from;

	if (t->start) {
		t->roots[v->subprog] = n;
	} else {
		from = v->cur == t->last_state ? t->last : *place(t, v->cur);
		if (!from)
			abort(); /* a path that nobody put aside */
		link_to(t, from, n);
	}
	t->start = false;
	t->last = n;
	t->last_state = v->cur;
	return n;
}

static uint32_t frame_insn(const struct state *s, uint32_t frame, uint32_t insn)
{
	return frame == s->curframe ? insn : s->frames[frame + 1]->callsite;
}

static void excuse(const struct verifier *v, const struct state *old, bool all, struct excuse *e)
{
	*e = (struct excuse){0};
	for (uint32_t i = 0; i <= old->curframe; i++) {
		const struct frame *f = old->frames[i];

		e->dead_regs[i] = ~v->aux[frame_insn(old, i, v->insn)].live_regs & 0x3ff;
		if (all)
			continue;
		e->dead_slots[i] = ~old->live_slots[i];
		for (uint32_t k = 0; k < 10 && v->bpf_capable; k++)
			if (f->regs[k].type == REG_SCALAR && !(f->precise_regs >> k & 1))
				e->loose_regs[i] |= (uint16_t)(1u << k);
		if (v->bpf_capable)
			e->loose_slots[i] = ~f->precise_slots;
	}
}

static bool is_var_access(const struct verifier *v)
{
	const struct bpf_insn *insn = &v->insns[v->insn];
	const struct reg *r;

	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
		r = &cur_regs(v)[insn->src_reg];
		break;
	case BPF_ST:
	case BPF_STX:
		r = &cur_regs(v)[insn->dst_reg];
		break;
	default:
		return false;
	}
	return r->type != REG_NOT_INIT && r->type != REG_SCALAR && !scalar_is_const(&r->var);
}

void trace_event(void *arg, const struct verifier *v, enum verify_event event, const struct state *other)
{
	struct trace *t = arg;
	struct node *n;

	if (event == TRACE_STEP && is_var_access(v))
		t->var_access = true;
	if (t->overflow || ++t->n_nodes > t->limit) {
		t->overflow = true;
		return;
	}
	switch (event) {
	case TRACE_START:
		t->start = true;
		t->cached = NULL;
		t->last_state = NULL;
		break;
	case TRACE_CACHED:
		t->cached = other;
		break;
	case TRACE_FORK:
		*place(t, other) = t->last;
		break;
	case TRACE_STEP:
		n = arrive(t, v);
		if (t->cached)
			*place(t, t->cached) = n;
		t->cached = NULL;
		break;
	case TRACE_COVERED:
	case TRACE_COVERED_ALL:
		n = arrive(t, v);
		n->covered_by = *place(t, other);
		excuse(v, other, event == TRACE_COVERED_ALL, &n->excuse);
		break;
	}
}
