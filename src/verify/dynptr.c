/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dynptrs: 16 bytes of stack that only helpers and kfuncs may touch, and the objects on the stack in general.
 *
 * A dynptr takes two slots: the first (lower address, higher number) and the one after it. Both say what memory it stands for (kind) and carry its id;
 * slices of it carry the id too (reg.dynptr_id), so that they die with it. One over a ring buffer's record holds a reference, which its
 * clones share.
 *
 * A plain write over a dynptr destroys it, unless it holds a reference: then the write is refused. Iterators and interrupt flags may be overwritten:
 * what they hold can then never be given back, and the program is refused at its exit.
 */
#include "verify/call.h"

#include <errno.h>
#include <string.h>

enum { SLOTS = 2 };

static const struct {
	const char *name;
	uint32_t flag;
	bool refcounted;
} kinds[] = {
	[DYNPTR_KIND_NONE] = {"unknown", 0, false},
	[DYNPTR_KIND_LOCAL] = {"local", DYNPTR_LOCAL, false},
	[DYNPTR_KIND_RINGBUF] = {"ringbuf", DYNPTR_RINGBUF, true},
	[DYNPTR_KIND_SKB] = {"skb", DYNPTR_SKB, false},
	[DYNPTR_KIND_XDP] = {"xdp", DYNPTR_XDP, false},
	[DYNPTR_KIND_SKB_META] = {"skb_meta", DYNPTR_SKB_META, false},
	[DYNPTR_KIND_FILE] = {"file", DYNPTR_FILE, true},
};

bool dynptr_is_refcounted(enum dynptr_kind kind)
{
	return kinds[kind].refcounted;
}

uint32_t dynptr_flag(enum dynptr_kind kind)
{
	return kinds[kind].flag;
}

/* -ERANGE, without a refusal: the stack does not reach there yet. */
int slot_of_object(struct verifier *v, const struct reg *r, const char *what, uint32_t n_slots)
{
	const struct frame *f = v->cur->frames[r->frame];
	int64_t off;
	uint32_t n;

	if (!scalar_is_const(&r->var))
		return refuse(v, -EINVAL, PROBLEM_STACK_READ, "%s has to be at a constant offset", what);
	off = r->off + (int64_t)r->var.bits.value;
	n = (uint32_t)(-off - 1) / 8;
	if (off >= 0 || off % 8 || n + 1 < n_slots)
		return refuse(v, -EINVAL, PROBLEM_STACK_READ, "cannot pass in %s at an offset=%lld", what,
			      (long long)off);
	if (!f->stack || n >= f->stack->n)
		return -ERANGE;
	return (int)n;
}

static void clear_slot(struct slot *s)
{
	memset(s->kind, SLOT_INVALID, sizeof(s->kind));
	reg_uninit(&s->reg);
}

/* Slots n and n - 1 hold one no longer. */
static int clear(struct verifier *v, struct frame *f, uint32_t n)
{
	if (!stack_mut(v, f))
		return -ENOMEM;
	clear_slot(&f->stack->slots[n]);
	clear_slot(&f->stack->slots[n - 1]);
	live_write(v->cur, f->frameno, 3ull << (n - 1));
	v->touched_slots |= 3ull << (n - 1);
	return 0;
}

static bool is_slice(const struct reg *r, void *arg)
{
	return (r->type == REG_MEM || r->type == (REG_MEM | PTR_NULL)) && r->dynptr_id == *(uint32_t *)arg;
}

int object_slot_written(struct verifier *v, struct frame *f, uint32_t n)
{
	const struct slot *s = slot_get(f, n);
	uint32_t id;
	int err;

	if (!s || s->kind[7] != SLOT_DYNPTR)
		return 0;
	if (!s->reg.first_slot)
		s = slot_get(f, ++n);
	/* Not reached: the halves of a dynptr are made and cleared together */
	if (!s || s->kind[7] != SLOT_DYNPTR || !n)
		return refuse(v, -EFAULT, PROBLEM_DYNPTR, "half a dynptr at fp-%u", (n + 1) * 8);
	if (dynptr_is_refcounted(s->reg.dynptr))
		return refuse(v, -EINVAL, PROBLEM_DYNPTR, "cannot overwrite referenced dynptr");
	id = s->reg.id;
	err = clear(v, f, n);
	return err ? err : regs_visit(v, v->cur, reg_invalidate, is_slice, &id);
}

void reg_dynptr(struct verifier *v, struct reg *r, enum dynptr_kind kind)
{
	reg_pointer(r, REG_DYNPTR);
	r->dynptr = (uint8_t)kind;
	r->first_slot = true;
	r->id = ++v->id_gen;
}

static int make(struct verifier *v, uint32_t regno, enum dynptr_kind kind, uint32_t clone_ref_id)
{
	const struct reg *r = &cur_regs(v)[regno];
	struct frame *f = v->cur->frames[r->frame];
	struct slot *first, *second;
	int n, err;

	if (r->type == REG_DYNPTR)
		return refuse(v, -EINVAL, PROBLEM_DYNPTR, "Dynptr has to be an uninitialized dynptr");
	n = slot_of_object(v, r, "dynptr", SLOTS);
	if (n < 0 && n != -ERANGE)
		return n;
	for (int32_t i = 0; i < SLOTS * 8; i += 8) {
		err = check_mem(v, v->insn, regno, i, 8, MEM_WRITE, -1, false, false);
		if (err)
			return err;
	}
	n = slot_of_object(v, &cur_regs(v)[regno], "dynptr", SLOTS);
	/*
	 * Not reached: check_mem() has made the stack deep enough, and nothing else can be wrong with the place by
	 * now
	 */
	if (n < 0)
		return refuse(v, n, PROBLEM_DYNPTR, "Dynptr has to be an uninitialized dynptr");
	if (!stack_mut(v, f))
		return -ENOMEM;
	first = &f->stack->slots[n];
	second = &f->stack->slots[n - 1];
	memset(first->kind, SLOT_DYNPTR, sizeof(first->kind));
	memset(second->kind, SLOT_DYNPTR, sizeof(second->kind));
	reg_dynptr(v, &first->reg, kind);
	if (dynptr_is_refcounted(kind)) {
		int id = clone_ref_id ? (int)clone_ref_id : ref_acquire(v, v->insn);

		if (id < 0)
			return id;
		first->reg.ref_id = (uint32_t)id;
	}
	second->reg = first->reg;
	second->reg.first_slot = false;
	return 0;
}

/* An initialised one, first slot first. */
static int find(struct verifier *v, uint32_t regno, const struct reg **out)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct frame *f = v->cur->frames[r->frame];
	const struct slot *first, *second;
	int n;

	if (r->type == REG_DYNPTR) {
		*out = r;
		return 0;
	}
	n = r->type == REG_STACK ? slot_of_object(v, r, "dynptr", SLOTS) : -EINVAL;
	first = n > 0 ? slot_get(f, (uint32_t)n) : NULL;
	second = n > 0 ? slot_get(f, (uint32_t)n - 1) : NULL;
	if (!first || first->kind[7] != SLOT_DYNPTR || second->kind[7] != SLOT_DYNPTR || !first->reg.first_slot)
		return refuse(v, -EINVAL, PROBLEM_DYNPTR, "Expected an initialized dynptr as arg #%u", regno - 1);
	live_read(v->cur, r->frame, 3ull << (n - 1));
	v->touched_slots |= 3ull << (n - 1);
	*out = &first->reg;
	return 0;
}

int dynptr_at(struct verifier *v, uint32_t regno, const struct reg **out)
{
	return find(v, regno, out);
}

int check_dynptr(struct verifier *v, uint32_t regno, enum dynptr_use use, enum dynptr_kind kind, uint32_t clone_ref_id)
{
	const struct reg *r = &cur_regs(v)[regno], *d = NULL;
	int err;

	if (r->type != REG_STACK && r->type != REG_DYNPTR)
		return refuse(v, -EINVAL, PROBLEM_DYNPTR, "arg#%u expected pointer to stack or const struct bpf_dynptr",
			      regno - 1);
	if (use == DYNPTR_MAKE)
		return make(v, regno, kind, clone_ref_id);
	/*
	 * Not reached: only arguments that are given back are changed, and check_func_arg() wants those on the stack
	 */
	if (r->type == REG_DYNPTR && use != DYNPTR_READ)
		return refuse(v, -EINVAL, PROBLEM_DYNPTR,
			      "cannot pass pointer to const bpf_dynptr, the helper mutates it");
	err = find(v, regno, &d);
	if (err || !d)
		return err ? err : -EINVAL;
	/* Not reached: only arguments that are given back want a kind, and only that kind holds a reference */
	if (kind != DYNPTR_KIND_NONE && d->dynptr != kind)
		return refuse(v, -EINVAL, PROBLEM_DYNPTR, "Expected a dynptr of type %s as arg #%u", kinds[kind].name,
			      regno - 1);
	return 0;
}

int dynptr_release(struct verifier *v, uint32_t regno)
{
	const struct reg *r = &cur_regs(v)[regno], *d = NULL;
	struct frame *f = v->cur->frames[r->frame];
	uint32_t ref_id;
	int err = find(v, regno, &d), n;

	if (err || !d)
		return err ? err : -EINVAL;
	if (!dynptr_is_refcounted(d->dynptr)) {
		n = slot_of_object(v, r, "dynptr", SLOTS);
		return n < 1 ? -EINVAL : clear(v, f, (uint32_t)n);
	}
	ref_id = d->ref_id;
	err = ref_release(v, ref_id); /* and its slices */
	/* Not reached: when a reference goes, its dynptr and all clones are cleared */
	if (err)
		return refuse(v, err, PROBLEM_DYNPTR, "arg %u is an unacquired reference", regno);
	/* It and its clones, wherever they are. */
	for (uint32_t i = 0; i <= v->cur->curframe; i++) {
		f = v->cur->frames[i];
		for (uint32_t k = 1; f->stack && k < f->stack->n; k++) {
			const struct slot *s = &f->stack->slots[k];

			if (s->kind[7] != SLOT_DYNPTR || s->reg.ref_id != ref_id || !s->reg.first_slot)
				continue;
			err = clear(v, f, k);
			if (err)
				return err;
		}
	}
	return 0;
}
