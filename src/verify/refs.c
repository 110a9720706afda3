/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a program holds and must give back: references to objects, locks, sections with interrupts off. And what becomes of
 * pointers when what they point to may be gone.
 *
 * Theory of operation
 *
 * state.refs is the list of everything held, in order of acquisition, of the whole call chain. A reference is an id; every pointer that leads into the
 * object carries it (reg.ref_id), so that giving the object back takes all of them away at once, wherever they were copied or spilled. Locks lie on the
 * same list, named by the pointer they were taken through: the map or BTF that they lie in (ptr) and the id of the pointer (lock_id), since two look-ups of the same
 * map may give two locks. The last lock taken is the one that must be released first. Interrupt flags are likewise restored in reverse order.
 *
 * Sections without an object (RCU, preemption) are counters of the state.
 */
#include "helper/kfunc.h"
#include "verify/call.h"
#include "verify/record.h"

#include <errno.h>
#include <string.h>

/* References */

static int32_t ref_find(const struct state *s, uint32_t kinds, uint32_t id)
{
	for (uint32_t i = 0; i < s->n_refs; i++)
		if ((kinds >> s->refs[i].kind & 1) && s->refs[i].id == id)
			return (int32_t)i;
	return -1;
}

static void ref_remove(struct state *s, uint32_t i)
{
	s->n_refs--;
	memmove(&s->refs[i], &s->refs[i + 1], (s->n_refs - i) * sizeof(s->refs[0]));
}

int ref_acquire(struct verifier *v, uint32_t insn)
{
	struct ref *r = ref_push(v, v->cur);

	if (!r)
		return -ENOMEM;
	r->kind = REF_PTR;
	r->insn = insn;
	r->id = ++v->id_gen;
	return (int)r->id;
}

void ref_forget(struct state *s, uint32_t ref_id)
{
	int32_t i = ref_find(s, 1u << REF_PTR, ref_id);

	if (i >= 0)
		ref_remove(s, (uint32_t)i);
}

bool ref_is_held(const struct state *s, uint32_t ref_id)
{
	return ref_find(s, 1u << REF_PTR, ref_id) >= 0;
}

/* A pointer whose target may be gone is a number, to those who may see the numbers of pointers. */
void reg_invalidate(struct verifier *v, struct reg *r, void *arg)
{
	(void)arg;
	if (v->allow_ptr_leaks)
		reg_unknown(r);
	else
		reg_uninit(r);
}

static bool belongs_to(const struct reg *r, void *arg)
{
	return r->ref_id == *(uint32_t *)arg;
}

int ref_release(struct verifier *v, uint32_t ref_id)
{
	if (!ref_is_held(v->cur, ref_id))
		return -EINVAL;
	ref_forget(v->cur, ref_id);
	return regs_visit(v, v->cur, reg_invalidate, belongs_to, &ref_id);
}

static bool is_packet_memory(const struct reg *r, void *arg)
{
	(void)arg;
	return reg_is_packet(r) || r->type == REG_PKT_END ||
	       (REG_BASE(r->type) == REG_MEM && (r->type & (DYNPTR_SKB | DYNPTR_XDP | DYNPTR_SKB_META)));
}

void forget_packet_pointers(struct verifier *v)
{
	regs_visit(v, v->cur, reg_invalidate, is_packet_memory, NULL);
}

static bool is_non_owning(const struct reg *r, void *arg)
{
	(void)arg;
	return REG_BASE(r->type) == REG_BTF && (r->type & MEM_ALLOC) && (r->type & NON_OWN_REF);
}

void forget_non_owning(struct verifier *v)
{
	regs_visit(v, v->cur, reg_invalidate, is_non_owning, NULL);
}

/* Sections */

bool in_sleepable(const struct verifier *v)
{
	return v->cur->sleepable;
}

bool in_rcu(const struct verifier *v)
{
	/* Programs that cannot sleep run in an RCU section as a whole. */
	return v->cur->rcu_depth || v->cur->n_locks || !in_sleepable(v);
}

bool in_rbtree_callback(const struct verifier *v)
{
	for (uint32_t i = v->cur->curframe; i; i--) {
		const struct frame *f = v->cur->frames[i];

		if (f->in_callback && f->callsite != NO_CALLSITE && v->aux[f->callsite].kfunc &&
		    kfunc_calls_back_sync(v->aux[f->callsite].kfunc))
			return true;
	}
	return false;
}

/* Where nothing may sleep: the words for it, or NULL. */
const char *section_without_sleep(const struct verifier *v)
{
	if (v->cur->rcu_depth)
		return "rcu_read_lock region";
	if (v->cur->preempt_depth)
		return "non-preemptible region";
	if (v->cur->irq_id)
		return "IRQ-disabled region";
	return NULL;
}

static int check_refs(struct verifier *v, bool exception)
{
	const struct state *s = v->cur;
	const struct reg *r0 = &cur_regs(v)[BPF_REG_0];

	/* A function may hand what it holds to its caller. */
	if (!exception && s->curframe)
		return 0;
	for (uint32_t i = 0; i < s->n_refs; i++) {
		if (s->refs[i].kind != REF_PTR)
			continue;
		/* The kernel takes it over; check_return() looks at the type. */
		if (!exception && v->prog_type == BPF_PROG_TYPE_STRUCT_OPS && r0->ref_id == s->refs[i].id)
			continue;
		return refuse(v, -EINVAL, PROBLEM_REF_LEAK, "Unreleased reference id=%u alloc_insn=%u", s->refs[i].id,
			      s->refs[i].insn);
	}
	return 0;
}

int check_resources(struct verifier *v, bool exception, bool check_locks, const char *what)
{
	const struct state *s = v->cur;
	int err = check_refs(v, exception);

	if (err) {
		vlog(v, "%s would lead to reference leak\n", what);
		return err;
	}
	if (check_locks && s->n_locks)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "%s cannot be used inside bpf_spin_lock-ed region", what);
	if (s->irq_id)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "%s cannot be used inside bpf_local_irq_save-ed region", what);
	if (check_locks && s->rcu_depth)
		return refuse(v, -EINVAL, PROBLEM_RCU, "%s cannot be used inside bpf_rcu_read_lock-ed region", what);
	if (check_locks && s->preempt_depth)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "%s cannot be used inside bpf_preempt_disable-ed region", what);
	return 0;
}

int check_leaks(struct verifier *v, bool exception, const char *what)
{
	return check_resources(v, exception, exception || !v->cur->curframe, what);
}

/* Locks */

enum { LOCK_KINDS = 1 << REF_LOCK | 1 << REF_RES_LOCK | 1 << REF_RES_LOCK_IRQ };

static int32_t lock_find(const struct state *s, uint32_t kinds, uint32_t id, const void *ptr)
{
	for (uint32_t i = 0; i < s->n_refs; i++)
		if ((kinds >> s->refs[i].kind & 1) && s->refs[i].lock_id == id && s->refs[i].ptr == ptr)
			return (int32_t)i;
	return -1;
}

static int lock(struct verifier *v, enum ref_kind kind, uint32_t id, const void *ptr)
{
	struct state *s = v->cur;
	struct ref *r;

	if (kind == REF_LOCK) {
		for (uint32_t i = 0; i < s->n_refs; i++)
			/* Not reached: under a lock the call itself is refused */
			if (s->refs[i].kind == REF_LOCK)
				return refuse(v, -EINVAL, PROBLEM_LOCK, "Locking two bpf_spin_locks are not allowed");
	} else if (lock_find(s, 1u << REF_RES_LOCK | 1u << REF_RES_LOCK_IRQ, id, ptr) >= 0) {
		return refuse(v, -EINVAL, PROBLEM_LOCK, "Acquiring the same lock again, AA deadlock detected");
	}
	r = ref_push(v, s);
	if (!r)
		return -ENOMEM;
	*r = (struct ref){.kind = (uint8_t)kind, .id = id, .insn = v->insn, .ptr = ptr, .lock_id = id};
	s->n_locks++;
	s->lock_id = id;
	s->lock_ptr = ptr;
	return 0;
}

static int unlock(struct verifier *v, enum ref_kind kind, uint32_t id, const void *ptr, const char *name)
{
	struct state *s = v->cur;
	int32_t at;

	if (!s->n_locks)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "%s_unlock without taking a lock", name);
	at = lock_find(s, 1u << kind, id, ptr);
	if (at < 0)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "%s_unlock of different lock", name);
	if (id != s->lock_id || ptr != s->lock_ptr)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "%s_unlock cannot be out of order", name);
	ref_remove(s, (uint32_t)at);
	s->n_locks--;
	s->lock_id = 0;
	s->lock_ptr = NULL;
	for (uint32_t i = 0; i < (uint32_t)at; i++)
		if (LOCK_KINDS >> s->refs[i].kind & 1) {
			s->lock_id = s->refs[i].id;
			s->lock_ptr = s->refs[i].ptr;
		}
	/* Who points into a list or tree without owning the node relied on the lock. */
	forget_non_owning(v);
	return 0;
}

int check_lock(struct verifier *v, uint32_t regno, enum ref_kind kind, bool take)
{
	const struct reg *r = &cur_regs(v)[regno];
	const char *name = kind == REF_LOCK ? "bpf_spin" : "bpf_res_spin";
	uint32_t field = kind == REF_LOCK ? FIELD_SPIN_LOCK : FIELD_RES_SPIN_LOCK;
	const struct verify_map *map = REG_BASE(r->type) == REG_MAP_VALUE ? r->map : NULL;
	const struct btf_record *rec;
	int64_t off, at;
	int err;

	if (!scalar_is_const(&r->var))
		return refuse(v, -EINVAL, PROBLEM_LOCK,
			      "R%u doesn't have constant offset. %s_lock has to be at the constant offset", regno,
			      name);
	if (map && !map->btf)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "map '%s' has to have BTF in order to use %s_lock", map->name,
			      name);
	err = object_record(v, r, &rec);
	if (err)
		return err;
	if (!record_has(rec, field))
		return refuse(v, -EINVAL, PROBLEM_LOCK, "%s '%s' has no valid %s_lock", map ? "map" : "local",
			      map ? map->name : "kptr", name);
	off = (int64_t)r->var.bits.value + r->off;
	at = kind == REF_LOCK ? rec->spin_lock_off : rec->res_spin_lock_off;
	if (off != at)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "off %lld doesn't point to 'struct %s_lock' that is at %lld",
			      (long long)off, name, (long long)at);
	if (take)
		return lock(v, kind, r->id, map ? (const void *)map : r->btf);
	return unlock(v, kind, r->id, map ? (const void *)map : r->btf, name);
}

/* Interrupts */

int irq_acquire(struct verifier *v)
{
	struct ref *r = ref_push(v, v->cur);

	if (!r)
		return -ENOMEM;
	r->kind = REF_IRQ;
	r->insn = v->insn;
	r->id = ++v->id_gen;
	v->cur->irq_id = r->id;
	return (int)r->id;
}

int irq_release(struct verifier *v, uint32_t id)
{
	struct state *s = v->cur;
	int32_t at = ref_find(s, 1u << REF_IRQ, id);

	/* Not reached: the slot with the flags is cleared when they are restored */
	if (at < 0)
		return refuse(v, -EINVAL, PROBLEM_LOCK, "these interrupt flags are not saved ones");
	if (id != s->irq_id)
		return refuse(v, -EACCES, PROBLEM_LOCK, "cannot restore irq state out of order");
	ref_remove(s, (uint32_t)at);
	s->irq_id = 0;
	for (uint32_t i = 0; i < (uint32_t)at; i++)
		if (s->refs[i].kind == REF_IRQ)
			s->irq_id = s->refs[i].id;
	return 0;
}
