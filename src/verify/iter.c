/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What kfuncs keep on the stack: open-coded iterators and saved interrupt flags.
 *
 * An iterator takes as many slots as its struct has 8-byte words. Its constructor acquires a reference that its destructor gives back, so that a program cannot
 * leave one behind; between them, next() forks the walk (prune.c). The first slot (lowest address) carries state and reference. An iterator
 * over what RCU protects is good inside the section that it began in only.
 *
 * Interrupt flags are one slot, saved by one kfunc and restored by its counterpart, last saved first.
 */
#include "verify/kcall.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

/* Slots (n - count, n]: kind, from a register's state. */
static struct slot *take_slots(struct verifier *v, struct frame *f, uint32_t n, uint32_t count)
{
	uint32_t low = n + 1 - count;

	if (!stack_mut(v, f))
		return NULL;
	live_write(v->cur, f->frameno, (count >= 64 ? ~0ull : (1ull << count) - 1) << low);
	v->touched_slots |= ((1ull << count) - 1) << low;
	return &f->stack->slots[low];
}

static int clear_slots(struct verifier *v, struct frame *f, uint32_t n, uint32_t count)
{
	struct slot *s = take_slots(v, f, n, count);

	if (!s)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		memset(s[i].kind, SLOT_INVALID, sizeof(s[i].kind));
		reg_uninit(&s[i].reg);
	}
	return 0;
}

static bool has_kind(const struct slot *s, uint8_t kind, bool all)
{
	uint32_t n = 0;

	for (uint32_t i = 0; s && i < 8; i++)
		n += s->kind[i] == kind;
	return all ? n == 8 : n > 0;
}

/* Makes room for an object of so many words where nothing of its kind is yet. Slot number, or negative errno. */
static int make_room(struct verifier *v, uint32_t regno, const char *what, uint32_t count, uint8_t kind)
{
	const struct reg *r = &cur_regs(v)[regno];
	int n = slot_of_object(v, r, what, count), err;

	if (n < 0 && n != -ERANGE)
		return n;
	for (uint32_t i = 0; n >= 0 && i < count; i++)
		if (has_kind(slot_get(v->cur->frames[r->frame], (uint32_t)n - i), kind, false))
			return refuse(v, -EINVAL, kind == SLOT_ITER ? PROBLEM_ITER : PROBLEM_LOCK,
				      "expected uninitialized %s as arg #%u", what, regno - 1);
	for (uint32_t i = 0; i < count * 8; i += 8) {
		err = check_mem(v, v->insn, regno, (int32_t)i, 8, MEM_WRITE, -1, false, false);
		if (err)
			return err;
	}
	return slot_of_object(v, &cur_regs(v)[regno], what, count);
}

/* Iterators */

/* The iterator's struct, and its name without "bpf_". */
static uint32_t iter_type(const struct kcall *kc, uint32_t arg, const struct btf_type **out)
{
	const struct btf_type *t = skip_modifiers(kc->btf, btf_params(kc->proto)[arg].type, NULL);
	uint32_t id = 0;

	t = t && btf_is_ptr(t) ? skip_modifiers(kc->btf, t->type, &id) : NULL;
	if (!t || !btf_is_struct(t) || strncmp(type_name(kc->btf, t), "bpf_iter_", 9) != 0 || !t->size || t->size % 8)
		return 0;
	*out = t;
	return id;
}

static int iter_new(struct verifier *v, struct kcall *kc, uint32_t regno, uint32_t btf_id, uint32_t count,
		    const char *name)
{
	struct frame *f = v->cur->frames[cur_regs(v)[regno].frame];
	int n = make_room(v, regno, name, count, SLOT_ITER), id;
	uint32_t type = REG_STACK;
	struct slot *s;

	if (n < 0)
		return n;
	id = ref_acquire(v, v->insn);
	if (id < 0)
		return id;
	s = take_slots(v, f, (uint32_t)n, count);
	if (!s)
		return -ENOMEM;
	if (kc->k->flags & KFUNC_RCU_PROTECTED)
		type |= in_rcu(v) ? MEM_RCU : PTR_UNTRUSTED;
	for (uint32_t i = 0; i < count; i++) {
		struct reg *r = &s[i].reg;

		memset(s[i].kind, SLOT_ITER, sizeof(s[i].kind));
		reg_pointer(r, type);
		r->iter_btf = kc->btf;
		r->iter_btf_id = btf_id;
		r->iter_state = ITER_ACTIVE;
		r->iter_depth = 0;
		r->ref_id = i == count - 1 ? (uint32_t)id : 0;
	}
	return 0;
}

static int iter_find(struct verifier *v, struct kcall *kc, uint32_t regno, uint32_t btf_id, uint32_t count,
		     const char *name)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct frame *f = v->cur->frames[r->frame];
	int n = slot_of_object(v, r, name, count);

	for (uint32_t i = 0; i < count; i++) {
		const struct slot *s = n < 0 ? NULL : slot_get(f, (uint32_t)n - i);

		if (s && has_kind(s, SLOT_ITER, false) && (s->reg.type & PTR_UNTRUSTED))
			return refuse(v, -EPROTO, PROBLEM_RCU, "expected an RCU CS when using %s", kc->call.name);
		if (!s || !has_kind(s, SLOT_ITER, true) || !s->reg.ref_id != (i != 0) || s->reg.iter_btf != kc->btf ||
		    s->reg.iter_btf_id != btf_id)
			return refuse(v, -EINVAL, PROBLEM_ITER, "expected an initialized %s as arg #%u", name,
				      regno - 1);
	}
	live_read(v->cur, r->frame, ((1ull << count) - 1) << ((uint32_t)n + 1 - count));
	v->touched_slots |= ((1ull << count) - 1) << ((uint32_t)n + 1 - count);
	return n;
}

int check_iter_arg(struct verifier *v, struct kcall *kc, uint32_t regno)
{
	const struct reg *r = &cur_regs(v)[regno];
	const struct btf_type *t;
	uint32_t btf_id, count, ref_id;
	struct frame *f;
	const char *name;
	int n, err;

	if (r->type != REG_STACK)
		return refuse(v, -EINVAL, PROBLEM_ITER, "arg#%u expected pointer to an iterator on stack", regno - 1);
	btf_id = iter_type(kc, regno - 1, &t);
	if (!btf_id)
		return refuse(v, -EINVAL, PROBLEM_ITER, "expected valid iter pointer as arg #%u", regno - 1);
	count = t->size / 8;
	name = type_name(kc->btf, t) + strlen("bpf_");
	if (kc->k->flags & KFUNC_ITER_NEW)
		return iter_new(v, kc, regno, btf_id, count, name);
	n = iter_find(v, kc, regno, btf_id, count, name);
	if (n < 0)
		return n;
	f = v->cur->frames[r->frame];
	ref_id = f->stack->slots[n].reg.ref_id;
	kc->iter_frame = r->frame;
	kc->iter_slot = (uint32_t)n;
	kc->call.ref_id = ref_id;
	if (!(kc->k->flags & KFUNC_ITER_DESTROY))
		return 0;
	err = ref_release(v, ref_id);
	/* Not reached: the slots of an iterator are cleared with its reference */
	if (err)
		return refuse(v, err, PROBLEM_ITER, "%s has been destroyed already", name);
	return clear_slots(v, f, (uint32_t)n, count);
}

/* Interrupt flags */

int check_irq_arg(struct verifier *v, struct kcall *kc, uint32_t regno)
{
	const struct reg *r = &cur_regs(v)[regno];
	struct frame *f = v->cur->frames[r->frame];
	uint32_t by_lock = kc->id == KF_RES_LOCK_IRQ || kc->id == KF_RES_UNLOCK_IRQ;
	static const char *const class_names[] = {"native", "lock"};
	struct slot *s;
	int n, id, err;

	if (r->type != REG_STACK)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "arg#%u doesn't point to an irq flag on stack", regno - 1);
	if (kc->id == KF_IRQ_SAVE || kc->id == KF_RES_LOCK_IRQ) {
		n = make_room(v, regno, "irq flag", 1, SLOT_IRQ);
		if (n < 0)
			return n;
		id = irq_acquire(v);
		if (id < 0)
			return id;
		s = take_slots(v, f, (uint32_t)n, 1);
		if (!s)
			return -ENOMEM;
		memset(s->kind, SLOT_IRQ, sizeof(s->kind));
		reg_pointer(&s->reg, REG_STACK);
		s->reg.ref_id = (uint32_t)id;
		s->reg.irq_class = by_lock;
		return 0;
	}
	n = slot_of_object(v, r, "irq flag", 1);
	if (n < 0 || !has_kind(slot_get(f, (uint32_t)n), SLOT_IRQ, true) || !f->stack->slots[n].reg.ref_id)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "expected an initialized irq flag as arg#%u", regno - 1);
	live_read(v->cur, f->frameno, 1ull << n);
	v->touched_slots |= 1ull << n;
	if (f->stack->slots[n].reg.irq_class != by_lock)
		return refuse(v, -EINVAL, PROBLEM_LOCK,
			      "irq flag acquired by %s kfuncs cannot be restored with %s kfuncs", class_names[!by_lock],
			      class_names[by_lock]);
	err = irq_release(v, f->stack->slots[n].reg.ref_id);
	return err ? err : clear_slots(v, f, (uint32_t)n, 1);
}
