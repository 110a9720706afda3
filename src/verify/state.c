/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of the abstract machine, and the small questions about registers that every other file asks. */
#include "base/util.h"
#include "verify/internal.h"
#include "verify/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *v_alloc(struct verifier *v, size_t size)
{
	void *p = NULL;

	if (!v->in->memory_limit || v->memory + size <= v->in->memory_limit)
		p = calloc(1, size);
	if (!p) {
		v->failed_memory = true;
		return NULL;
	}
	v->memory += size;
	if (v->memory > v->peak_memory)
		v->peak_memory = v->memory;
	return p;
}

void v_free(struct verifier *v, void *p, size_t size)
{
	if (!p)
		return;
	v->memory -= size;
	free(p);
}

/* Stacks */

static size_t stack_size(uint32_t room)
{
	return sizeof(struct stack) + room * sizeof(struct slot);
}

static void stack_put(struct verifier *v, struct stack *s)
{
	if (s && !--s->shares)
		v_free(v, s, stack_size(s->room));
}

/* A stack of f's own with room for @slots at least, the old contents in it. */
static struct stack *stack_own(struct verifier *v, struct frame *f, uint32_t slots)
{
	struct stack *old = f->stack, *new;
	uint32_t room = old && old->n > slots ? old->n : slots;

	if (old && old->shares == 1 && old->room >= slots)
		return old;
	if (old && old->room < slots) /* growing: not once a slot */
		room = slots + 2 < MAX_SLOTS ? slots + 2 : slots;
	new = v_alloc(v, stack_size(room));
	if (!new)
		return NULL;
	new->shares = 1;
	new->room = room;
	if (old) {
		new->n = old->n;
		memcpy(new->slots, old->slots, old->n * sizeof(struct slot));
		stack_put(v, old);
	}
	f->stack = new;
	return new;
}

struct stack *stack_mut(struct verifier *v, struct frame *f)
{
	return stack_own(v, f, f->stack ? f->stack->n : 0);
}

int stack_grow(struct verifier *v, struct frame *f, uint32_t slots)
{
	struct stack *s;

	if (f->stack && f->stack->n >= slots)
		return stack_mut(v, f) ? 0 : -ENOMEM;
	s = stack_own(v, f, slots);
	if (!s)
		return -ENOMEM;
	/* Room beyond n is zero: SLOT_INVALID, REG_NOT_INIT. */
	s->n = slots;
	if (v->subprogs[f->subprog].stack_depth < slots * 8)
		v->subprogs[f->subprog].stack_depth = slots * 8;
	return 0;
}

/* Frames and states */

struct frame *frame_new(struct verifier *v, uint32_t callsite, uint32_t frameno, uint32_t subprog)
{
	struct frame *f = v_alloc(v, sizeof(*f));

	if (!f)
		return NULL;
	f->callsite = callsite;
	f->frameno = frameno;
	f->subprog = subprog;
	for (unsigned int i = 0; i < ARRAY_SIZE(f->regs); i++)
		reg_uninit(&f->regs[i]);
	reg_pointer(&f->regs[BPF_REG_10], REG_STACK);
	f->regs[BPF_REG_10].frame = (uint8_t)frameno;
	return f;
}

void frame_free(struct verifier *v, struct frame *f)
{
	if (!f)
		return;
	stack_put(v, f->stack);
	v_free(v, f, sizeof(*f));
}

struct state *state_new(struct verifier *v)
{
	struct state *s = v_alloc(v, sizeof(*s));

	if (s)
		s->refs_held = 1;
	return s;
}

static void *copy_array(struct verifier *v, const void *from, uint32_t n, size_t size, void *old, uint32_t *room)
{
	if (n <= *room && old) {
		memcpy(old, from, n * size);
		return old;
	}
	v_free(v, old, *room * size);
	*room = 0;
	if (!n)
		return NULL;
	old = v_alloc(v, n * size);
	if (old) {
		memcpy(old, from, n * size);
		*room = n;
	}
	return old;
}

int state_copy(struct verifier *v, struct state *to, const struct state *from)
{
	struct state keep = *to;

	for (uint32_t i = from->curframe + 1; i <= keep.curframe; i++) {
		frame_free(v, keep.frames[i]);
		keep.frames[i] = NULL;
	}
	*to = *from;
	to->parent = keep.parent;
	to->branches = keep.branches;
	to->refs_held = keep.refs_held;
	to->hist = keep.hist;
	to->n_hist = keep.n_hist;
	to->room_hist = keep.room_hist;
	to->room_refs = keep.room_refs;
	memcpy(to->frames, keep.frames, sizeof(to->frames));
	to->refs = copy_array(v, from->refs, from->n_refs, sizeof(*to->refs), keep.refs, &to->room_refs);
	for (uint32_t i = 0; i <= from->curframe; i++) {
		if (!to->frames[i])
			to->frames[i] = v_alloc(v, sizeof(struct frame));
		if (!to->frames[i]) {
			to->curframe = i ? i - 1 : 0;
			return -ENOMEM;
		}
		stack_put(v, to->frames[i]->stack);
		*to->frames[i] = *from->frames[i];
		if (to->frames[i]->stack)
			to->frames[i]->stack->shares++;
	}
	return v->failed_memory ? -ENOMEM : 0;
}

void state_free(struct verifier *v, struct state *s)
{
	if (!s)
		return;
	for (unsigned int i = 0; i < MAX_FRAMES; i++)
		frame_free(v, s->frames[i]);
	v_free(v, s->hist, s->room_hist * sizeof(*s->hist));
	v_free(v, s->refs, s->room_refs * sizeof(*s->refs));
	v_free(v, s, sizeof(*s));
}

struct ref *ref_push(struct verifier *v, struct state *s)
{
	if (s->n_refs == s->room_refs) {
		uint32_t room = s->room_refs ? s->room_refs * 2 : 4;
		struct ref *refs = v_alloc(v, room * sizeof(*refs));

		if (!refs)
			return NULL;
		if (s->n_refs)
			memcpy(refs, s->refs, s->n_refs * sizeof(*refs));
		v_free(v, s->refs, s->room_refs * sizeof(*refs));
		s->refs = refs;
		s->room_refs = room;
	}
	s->refs[s->n_refs] = (struct ref){0};
	return &s->refs[s->n_refs++];
}

int push_path(struct verifier *v, uint32_t insn, uint32_t prev, struct state **out)
{
	struct pending *p = v_alloc(v, sizeof(*p));
	struct state *s = p ? state_new(v) : NULL;

	if (!s || state_copy(v, s, v->cur)) {
		state_free(v, s);
		v_free(v, p, sizeof(*p));
		return -ENOMEM;
	}
	p->state = s;
	p->insn = insn;
	p->prev = prev;
	p->log_len = log_place(v);
	s->parent = v->cur->parent;
	/* The stretch so far is this path's as well: backtracking from it walks the same instructions. */
	s->hist = copy_array(v, v->cur->hist, v->cur->n_hist, sizeof(*s->hist), NULL, &s->room_hist);
	s->n_hist = v->cur->n_hist;
	s->branches = 1;
	if (s->parent) {
		s->parent->branches++;
		s->parent->refs_held++;
	}
	p->next = v->pending;
	v->pending = p;
	if (++v->n_pending > JMP_SEQ_LIMIT)
		return refuse(v, -E2BIG, PROBLEM_TOO_COMPLEX, "The sequence of %u jumps is too complex.", v->n_pending);
	if (v->failed_memory)
		return -ENOMEM;
	trace(v, TRACE_FORK, s);
	if (out)
		*out = s;
	return 0;
}

int state_restart(struct verifier *v, struct state *s, uint32_t subprog)
{
	struct state *parent = s->parent;

	for (uint32_t i = 0; i <= s->curframe; i++) {
		frame_free(v, s->frames[i]);
		s->frames[i] = NULL;
	}
	v_free(v, s->hist, s->room_hist * sizeof(*s->hist));
	v_free(v, s->refs, s->room_refs * sizeof(*s->refs));
	*s = (struct state){.branches = 1,
			    .refs_held = 1,
			    .insn = v->subprogs[subprog].start,
			    .first_insn = v->subprogs[subprog].start,
			    .last_insn = ~0u};
	if (parent) {
		parent->branches--;
		parent->refs_held--;
	}
	s->frames[0] = frame_new(v, NO_CALLSITE, 0, subprog);
	return s->frames[0] ? 0 : -ENOMEM;
}

/* Registers */

void reg_uninit(struct reg *r)
{
	*r = (struct reg){.type = REG_NOT_INIT, .var = scalar_unknown()};
}

void reg_unknown(struct reg *r)
{
	*r = (struct reg){.type = REG_SCALAR, .var = scalar_unknown()};
}

void reg_const(struct reg *r, uint64_t value)
{
	*r = (struct reg){.type = REG_SCALAR, .var = scalar_const(value)};
}

void reg_pointer(struct reg *r, uint32_t type)
{
	*r = (struct reg){.type = type, .var = scalar_const(0)};
}

void reg_btf(struct verifier *v, struct reg *r, uint32_t type, const struct btf *btf, uint32_t btf_id, uint32_t flags)
{
	if (REG_BASE(type) != REG_BTF) {
		reg_unknown(r);
		return;
	}
	reg_pointer(r, REG_BTF | flags);
	r->btf = btf;
	r->btf_id = btf_id;
	if (flags & PTR_NULL)
		r->id = ++v->id_gen;
}

bool reg_is_null(const struct reg *r)
{
	return r->type == REG_SCALAR && scalar_is_const(&r->var) && !r->var.bits.value;
}

bool reg_is_pointer(const struct verifier *v, const struct reg *r)
{
	return !v->allow_ptr_leaks && r->type != REG_SCALAR && r->type != REG_NOT_INIT;
}

bool reg_is_packet(const struct reg *r)
{
	return r->type == REG_PKT || r->type == REG_PKT_META;
}

bool reg_is_trusted(const struct reg *r)
{
	const uint32_t flags = r->type & ~0xffu, good = PTR_TRUSTED | MEM_ALLOC;

	if (r->ref_id)
		return true;
	switch (REG_BASE(r->type)) {
	case REG_CTX:
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
		if (!(flags & ~(good | NON_OWN_REF)))
			return true;
		break;
	default:
		break;
	}
	return (flags & good) && !(flags & ~(good | NON_OWN_REF));
}

bool reg_not_null(const struct verifier *v, const struct reg *r)
{
	(void)v;
	if (r->type & PTR_NULL)
		return false;
	switch (REG_BASE(r->type)) {
	case REG_SOCKET:
	case REG_TCP_SOCK:
	case REG_MAP_VALUE:
	case REG_MAP_KEY:
	case REG_SOCK_COMMON:
	case REG_MAP_PTR:
		return true;
	case REG_BTF:
		return reg_is_trusted(
			r); /* what was read from memory, or RCU protects, may be NULL whatever BTF says */
	case REG_MEM:
		return !(r->type & PTR_UNTRUSTED);
	default:
		return false;
	}
}

bool slot_is_special(const struct slot *s)
{
	return s->kind[7] == SLOT_DYNPTR || s->kind[7] == SLOT_ITER || s->kind[7] == SLOT_IRQ;
}

const struct btf_record *reg_record(const struct reg *r)
{
	if (REG_BASE(r->type) == REG_MAP_VALUE)
		return r->map->record;
	return NULL;
}

int regs_visit(struct verifier *v, struct state *s, void (*fn)(struct verifier *v, struct reg *r, void *arg),
	       bool (*want)(const struct reg *r, void *arg), void *arg)
{
	for (uint32_t i = 0; i <= s->curframe; i++) {
		struct frame *f = s->frames[i];

		for (uint32_t k = 0; k < BPF_REG_10; k++)
			if (want(&f->regs[k], arg))
				fn(v, &f->regs[k], arg);
		for (uint32_t k = 0; f->stack && k < f->stack->n; k++) {
			const struct slot *slot = &f->stack->slots[k];

			/* A spilled register, whole or in part; the objects of special slots are not registers. */
			if (slot->kind[7] != SLOT_SPILL || !want(&slot->reg, arg))
				continue;
			if (!stack_mut(v, f))
				return -ENOMEM;
			fn(v, &f->stack->slots[k].reg, arg);
		}
	}
	return 0;
}
