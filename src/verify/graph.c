/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists and trees of objects that programs allocate.
 *
 * A root (bpf_list_head, bpf_rb_root) lies beside the lock that protects it, in a map value or an object; BTF says what it contains. Inserting
 * an object takes it from the program: pointers to it no longer own it, and are good until the lock is released. Taking one out hands it back.
 */
#include "verify/kcall.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

/* The lock in the same allocation is held. */
static bool is_locked(struct verifier *v, const struct reg *r)
{
	const void *ptr = r->type == REG_MAP_VALUE ? (const void *)r->map : r->btf;

	for (uint32_t i = 0; i < v->cur->n_refs; i++) {
		const struct ref *l = &v->cur->refs[i];

		if ((l->kind == REF_LOCK || l->kind == REF_RES_LOCK || l->kind == REF_RES_LOCK_IRQ) &&
		    l->lock_id == r->id && l->ptr == ptr)
			return true;
	}
	if (v->cur->n_locks)
		vlog(v, "held lock and object are not in the same allocation\n");
	return false;
}

/* The field of a kind that an argument points at; @rec: all those of its object. */
static int field_at(struct verifier *v, uint32_t regno, enum btf_field_kind kind, const struct btf_record **rec,
		    const struct btf_field **field)
{
	const struct reg *r = &cur_regs(v)[regno];
	const char *name = btf_field_kind_name(kind);
	int64_t off = r->off + (int64_t)r->var.bits.value;
	int err;

	*rec = NULL;
	*field = NULL;
	if (!scalar_is_const(&r->var))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "R%u doesn't have constant offset. %s has to be at the constant offset", regno, name);
	err = object_record(v, r, rec);
	if (err)
		return err;
	*field = *rec && off >= 0 ? btf_record_find(*rec, (uint32_t)off, kind) : NULL;
	if (!*field)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "%s not found at offset=%lld", name, (long long)off);
	return 0;
}

int check_graph_root(struct verifier *v, struct kcall *kc, uint32_t regno, enum btf_field_kind kind)
{
	const struct reg *r = &cur_regs(v)[regno];
	const char *name = btf_field_kind_name(kind);
	const struct btf_record *rec;
	int err;

	if (r->type != REG_MAP_VALUE && r->type != (REG_BTF | MEM_ALLOC))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u expected pointer to map value or allocated object",
			      regno - 1);
	/*
	 * Not reached: an object that the program allocated and that is neither in a list or tree nor under RCU has a
	 * reference
	 */
	if (r->type != REG_MAP_VALUE && !r->ref_id)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "allocated object must be referenced");
	if (kind == FIELD_LIST_HEAD ? !kfunc_is_list(kc->id) : !kfunc_is_rbtree(kc->id))
		return refuse(v, -EFAULT, PROBLEM_NOT_SUPPORTED, "%s takes a %s, which skep does not know",
			      kc->call.name, name);
	err = field_at(v, regno, kind, &rec, &kc->root);
	if (err || !rec)
		return err;
	kc->root_btf = rec->btf;
	if (!is_locked(v, r))
		return refuse(v, -EINVAL, PROBLEM_LOCK, "bpf_spin_lock at off=%d must be held for %s",
			      rec->spin_lock_off, name);
	return 0;
}

static const char *struct_name(const struct btf *btf, uint32_t id)
{
	return type_name(btf, btf__type_by_id(btf, id));
}

int check_graph_node(struct verifier *v, struct kcall *kc, uint32_t regno, enum btf_field_kind kind)
{
	const struct reg *r = &cur_regs(v)[regno];
	const char *name = btf_field_kind_name(kind);
	const struct btf_record *rec;
	const struct btf_field *node;
	int64_t off = r->off + (int64_t)r->var.bits.value;
	bool inserts = kind == FIELD_LIST_NODE || kc->id == KF_RBTREE_ADD;
	int err;

	if (inserts) {
		if (r->type != (REG_BTF | MEM_ALLOC))
			return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u expected pointer to allocated object",
				      regno - 1);
		/*
		 * Not reached: an object that the program allocated and that is neither in a list or tree nor under
		 * RCU has a reference
		 */
		if (!r->ref_id)
			return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "allocated object must be referenced");
	} else {
		if (REG_BASE(r->type) != REG_BTF || !(r->type & MEM_ALLOC) || (!(r->type & NON_OWN_REF) && !r->ref_id))
			return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
				      "%s can only take non-owning or refcounted bpf_rb_node pointer", kc->call.name);
		if (in_rbtree_callback(v))
			return refuse(v, -EINVAL, PROBLEM_LOCK, "%s not allowed in rbtree cb", kc->call.name);
	}
	if (!kc->root)
		return refuse(v, -EFAULT, PROBLEM_NOT_SUPPORTED, "%s takes a %s, which skep does not know",
			      kc->call.name, name);
	err = field_at(v, regno, kind, &rec, &node);
	if (err || !node)
		return err;
	if (!btf_is_same_type(v, r->btf, r->btf_id, 0, kc->root_btf, kc->root->graph.value_btf_id, true))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "operation on %s expects arg#1 %s at offset=%u in struct %s, but arg is at offset=%lld "
			      "in struct %s",
			      btf_field_kind_name(kc->root->kind), name, kc->root->graph.node_offset,
			      struct_name(kc->root_btf, kc->root->graph.value_btf_id), (long long)off,
			      struct_name(r->btf, r->btf_id));
	kc->arg_btf = r->btf;
	kc->arg_btf_id = r->btf_id;
	if (off != kc->root->graph.node_offset)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "arg#1 offset=%lld, but expected %s at offset=%u in struct %s", (long long)off, name,
			      kc->root->graph.node_offset, struct_name(kc->root_btf, kc->root->graph.value_btf_id));
	return 0;
}

int reg_non_owning(struct verifier *v, struct reg *r)
{
	const struct btf_record *rec;
	int err = object_record(v, r, &rec);

	if (err)
		return err;
	/* Not reached: is_locked() was asked about the list or tree, and the object has a node of it */
	if (!v->cur->n_locks || (r->type & NON_OWN_REF) || !rec)
		return refuse(v, -EFAULT, PROBLEM_LOCK, "an object of a list or tree outside its lock");
	r->type |= NON_OWN_REF | (rec->refcount_off >= 0 ? MEM_RCU : 0);
	return 0;
}

struct disown {
	uint32_t ref_id;
	int err;
};

static bool belongs_to(const struct reg *r, void *arg)
{
	return r->ref_id == ((struct disown *)arg)->ref_id;
}

static void disown(struct verifier *v, struct reg *r, void *arg)
{
	int err;

	r->ref_id = 0;
	err = reg_non_owning(v, r);
	if (err)
		((struct disown *)arg)->err = err;
}

int graph_insert(struct verifier *v, struct kcall *kc)
{
	struct disown d = {cur_regs(v)[BPF_REG_2].ref_id, 0};
	int err;

	/* Not reached: check_graph_node() wants a reference, and registers lose theirs when it is given back */
	if (!d.ref_id || !ref_is_held(v->cur, d.ref_id))
		return refuse(v, -EFAULT, PROBLEM_REF_LEAK, "kfunc %s reference has not been acquired before",
			      kc->call.name);
	err = regs_visit(v, v->cur, disown, belongs_to, &d);
	ref_forget(v->cur, d.ref_id);
	return err ? err : d.err;
}

static void set_node(struct reg *r, const struct btf_field *root, const struct btf *btf)
{
	reg_pointer(r, REG_BTF | MEM_ALLOC);
	r->btf = btf;
	r->btf_id = root->graph.value_btf_id;
	r->off = (int32_t)root->graph.node_offset;
}

int reg_graph_node(struct verifier *v, struct reg *r, const struct kcall *kc)
{
	if (!kc->root)
		return refuse(v, -EFAULT, PROBLEM_NOT_SUPPORTED, "%s without a list or tree", kc->call.name);
	set_node(r, kc->root, kc->root_btf);
	return 0;
}

/* bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b) */
int setup_rbtree_add(struct verifier *v, struct frame *caller, struct frame *callee, uint32_t at)
{
	const struct reg *r1 = &caller->regs[BPF_REG_1];
	const struct btf_field *root;
	const struct btf_record *rec;
	int err = object_record(v, r1, &rec);

	if (err)
		return err;
	root = rec ? btf_record_find(rec, (uint32_t)(r1->off + (int64_t)r1->var.bits.value), FIELD_RB_ROOT) : NULL;
	/* Not reached: check_graph_root() has found the tree */
	if (!root || !root->graph.value_btf_id)
		return refuse(v, -EFAULT, PROBLEM_ARG_TYPE, "bpf_rbtree_add() without a tree");
	reg_uninit(&callee->regs[BPF_REG_0]);
	for (uint32_t i = BPF_REG_1; i <= BPF_REG_2; i++) {
		set_node(&callee->regs[i], root, rec->btf);
		err = reg_non_owning(v, &callee->regs[i]);
		if (err)
			return err;
	}
	for (uint32_t i = BPF_REG_3; i <= BPF_REG_5; i++)
		reg_uninit(&callee->regs[i]);
	callee->in_callback = true;
	callee->callback_ret = (struct ret_range){.min = 0, .max = 1, .checked = true};
	return 0;
}
