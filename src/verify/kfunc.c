/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls of kfuncs: functions of the kernel that BTF describes.
 *
 * As for helpers: may this program call it, here and now (the row of the kfunc table); are its arguments what BTF asks for (kfunc_args.c); what
 * becomes of sections, references and callbacks; what r0 holds. Kfuncs that mean something to the verifier are known by name (names[]).
 */
#include "base/util.h"
#include "verify/kcall.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { CALLER_SAVED = 6, MAX_ERRNO = 4095, PERCPU_OBJECT_MAX = 512 };

static const struct {
	const char *name;
	enum kfunc_id id;
} names[] = {
	/* sorted */
	{"__bpf_trap", KF_BPF_TRAP},
	{"bpf_cast_to_kern_ctx", KF_CAST_TO_KERN_CTX},
	{"bpf_dynptr_clone", KF_DYNPTR_CLONE},
	{"bpf_dynptr_from_skb", KF_DYNPTR_FROM_SKB},
	{"bpf_dynptr_from_skb_meta", KF_DYNPTR_FROM_SKB_META},
	{"bpf_dynptr_from_xdp", KF_DYNPTR_FROM_XDP},
	{"bpf_dynptr_slice", KF_DYNPTR_SLICE},
	{"bpf_dynptr_slice_rdwr", KF_DYNPTR_SLICE_RDWR},
	{"bpf_get_kmem_cache", KF_GET_KMEM_CACHE},
	{"bpf_iter_css_task_new", KF_CSS_TASK_NEW},
	{"bpf_iter_num_destroy", KF_ITER_NUM_DESTROY},
	{"bpf_iter_num_new", KF_ITER_NUM_NEW},
	{"bpf_iter_num_next", KF_ITER_NUM_NEXT},
	{"bpf_list_back", KF_LIST_BACK},
	{"bpf_list_front", KF_LIST_FRONT},
	{"bpf_list_pop_back", KF_LIST_POP_BACK},
	{"bpf_list_pop_front", KF_LIST_POP_FRONT},
	{"bpf_list_push_back_impl", KF_LIST_PUSH_BACK},
	{"bpf_list_push_front_impl", KF_LIST_PUSH_FRONT},
	{"bpf_local_irq_restore", KF_IRQ_RESTORE},
	{"bpf_local_irq_save", KF_IRQ_SAVE},
	{"bpf_obj_drop_impl", KF_OBJ_DROP},
	{"bpf_obj_new_impl", KF_OBJ_NEW},
	{"bpf_percpu_obj_drop_impl", KF_PERCPU_OBJ_DROP},
	{"bpf_percpu_obj_new_impl", KF_PERCPU_OBJ_NEW},
	{"bpf_preempt_disable", KF_PREEMPT_DISABLE},
	{"bpf_preempt_enable", KF_PREEMPT_ENABLE},
	{"bpf_rbtree_add_impl", KF_RBTREE_ADD},
	{"bpf_rbtree_first", KF_RBTREE_FIRST},
	{"bpf_rbtree_left", KF_RBTREE_LEFT},
	{"bpf_rbtree_remove", KF_RBTREE_REMOVE},
	{"bpf_rbtree_right", KF_RBTREE_RIGHT},
	{"bpf_rbtree_root", KF_RBTREE_ROOT},
	{"bpf_rcu_read_lock", KF_RCU_LOCK},
	{"bpf_rcu_read_unlock", KF_RCU_UNLOCK},
	{"bpf_rdonly_cast", KF_RDONLY_CAST},
	{"bpf_refcount_acquire_impl", KF_REFCOUNT_ACQUIRE},
	{"bpf_res_spin_lock", KF_RES_LOCK},
	{"bpf_res_spin_lock_irqsave", KF_RES_LOCK_IRQ},
	{"bpf_res_spin_unlock", KF_RES_UNLOCK},
	{"bpf_res_spin_unlock_irqrestore", KF_RES_UNLOCK_IRQ},
	{"bpf_session_cookie", KF_SESSION_COOKIE},
	{"bpf_task_work_schedule_resume_impl", KF_TASK_WORK_RESUME},
	{"bpf_task_work_schedule_signal_impl", KF_TASK_WORK_SIGNAL},
	{"bpf_throw", KF_THROW},
	{"bpf_wq_set_callback_impl", KF_WQ_SET_CALLBACK},
	{"bpf_xdp_pull_data", KF_XDP_PULL_DATA},
};

static int by_name(const void *key, const void *row)
{
	const char *const *name = row; /* the first member of a row of the table */

	return strcmp(key, *name); /* NOLINT(clang-analyzer-core.CallAndMessage) */
}

enum kfunc_id kfunc_id(const struct kfunc_desc *k)
{
	const void *row = bsearch(k->name, names, ARRAY_SIZE(names), sizeof(names[0]), by_name);

	return row ? names[((const char *)row - (const char *)names) / sizeof(names[0])].id : KF_OTHER;
}

bool kfunc_calls_back_sync(const struct kfunc_desc *k)
{
	return kfunc_id(k) == KF_RBTREE_ADD;
}

bool kfunc_calls_back_async(const struct kfunc_desc *k)
{
	enum kfunc_id id = kfunc_id(k);

	return id == KF_WQ_SET_CALLBACK || id == KF_TASK_WORK_SIGNAL || id == KF_TASK_WORK_RESUME;
}

bool kfunc_moves_packet(const struct kfunc_desc *k)
{
	return kfunc_id(k) == KF_XDP_PULL_DATA;
}

static const struct btf *btf_of(const struct verifier *v, const struct bpf_insn *insn)
{
	return insn->off >= 0 && (uint32_t)insn->off < v->in->n_btfs ? v->in->btfs[insn->off] : NULL;
}

static const struct btf_type *func_of(const struct verifier *v, const struct bpf_insn *insn)
{
	const struct btf *btf = btf_of(v, insn);
	const struct btf_type *t = btf && insn->imm > 0 ? btf__type_by_id(btf, (uint32_t)insn->imm) : NULL;

	return t && btf_is_func(t) ? t : NULL;
}

const struct kfunc_desc *kfunc_of(const struct verifier *v, const struct bpf_insn *insn)
{
	const struct btf_type *t = func_of(v, insn);

	return t ? kfunc_find(btf__name_by_offset(btf_of(v, insn), t->name_off)) : NULL;
}

/* What the loader asks of every such call, whether a path reaches it or not. */
int check_kfunc_insn(struct verifier *v, const struct bpf_insn *insn)
{
	const struct btf_type *t;

	if (!v->bpf_capable)
		return refuse(
			v, -EPERM, PROBLEM_HELPER,
			"loading/calling other bpf or kernel functions are allowed for CAP_BPF and CAP_SYS_ADMIN");
	if (!v->in->n_btfs || !v->in->btfs[0])
		return refuse(v, -ENOTSUPP, PROBLEM_HELPER,
			      "calling kernel function is not supported without CONFIG_DEBUG_INFO_BTF");
	if (!v->in->gpl)
		return refuse(v, -EINVAL, PROBLEM_GPL, "cannot call kernel function from non-GPL compatible program");
	if (!insn->imm && !insn->off) /* poisoned by CO-RE: to be removed as dead code */
		return 0;
	if (!btf_of(v, insn))
		return refuse(v, -EINVAL, PROBLEM_HELPER, "failed to find BTF for kernel function");
	t = func_of(v, insn);
	if (!t)
		return refuse(v, -EINVAL, PROBLEM_HELPER, "kernel btf_id %d is not a function", insn->imm);
	t = btf__type_by_id(btf_of(v, insn), t->type);
	if (!t || !btf_is_func_proto(t))
		return refuse(v, -EINVAL, PROBLEM_HELPER, "kernel function btf_id %d does not have a valid func_proto",
			      insn->imm);
	/* A device's own answers: to programs that are loaded for the device, and such do not exist here. */
	if (!strncmp(btf__name_by_offset(btf_of(v, insn), func_of(v, insn)->name_off), "bpf_xdp_metadata_", 17))
		return refuse(v, -EINVAL, PROBLEM_HELPER, "metadata kfuncs require device-bound program");
	return 0;
}

/* What may be called while a lock is held: what the lock is for, and counting loops. */
static bool allowed_under_lock(enum kfunc_id id)
{
	return kfunc_is_list(id) || kfunc_is_rbtree(id) || id == KF_REFCOUNT_ACQUIRE ||
	       (id >= KF_RES_LOCK && id <= KF_RES_UNLOCK_IRQ) || (id >= KF_ITER_NUM_NEW && id <= KF_ITER_NUM_DESTROY);
}

static int fetch(struct verifier *v, const struct bpf_insn *insn, uint32_t at, struct kcall *kc)
{
	const struct btf_type *t = func_of(v, insn);

	if (!t)
		return refuse(v, -EINVAL, PROBLEM_HELPER,
			      "invalid kernel function call not eliminated in verifier pass");
	kc->call.at = at;
	kc->btf = btf_of(v, insn);
	kc->call.name = btf__name_by_offset(kc->btf, t->name_off);
	kc->proto = btf__type_by_id(kc->btf, t->type);
	kc->k = v->aux[at].kfunc;
	kc->id = kc->k ? kfunc_id(kc->k) : KF_OTHER;
	if (v->cur->n_locks && (insn->off || !allowed_under_lock(kc->id)))
		return refuse(v, -EINVAL, PROBLEM_LOCK, "function calls are not allowed while holding a lock");
	if (!kc->k || !kfunc_allowed(kc->k, v->prog_type, v->attach_type))
		return refuse(v, -EACCES, PROBLEM_HELPER, "calling kernel function %s is not allowed", kc->call.name);
	if (kc->id == KF_BPF_TRAP)
		return refuse(v, -EFAULT, PROBLEM_UNINIT, "unexpected __bpf_trap() due to uninitialized variable?");
	/* Not reached: no kernel function of the table is destructive */
	if ((kc->k->flags & KFUNC_DESTRUCTIVE) && !(v->in->caps & VERIFY_CAP_SYS_ADMIN))
		return refuse(v, -EACCES, PROBLEM_HELPER, "destructive kfunc calls require CAP_SYS_BOOT capability");
	if ((kc->k->flags & KFUNC_SLEEPABLE) && !in_sleepable(v))
		return refuse(v, -EACCES, PROBLEM_SLEEP, "program must be sleepable to call sleepable kfunc %s",
			      kc->call.name);
	return 0;
}

static void clobber(struct reg *regs)
{
	for (uint32_t i = 0; i < CALLER_SAVED; i++)
		reg_uninit(&regs[i]);
}

/* A lock that may fail: the path on which it did. */
static int fork_lock_failure(struct verifier *v, struct kcall *kc)
{
	struct state *failed;
	struct reg *regs;
	int err;

	if (kc->id != KF_RES_LOCK && kc->id != KF_RES_LOCK_IRQ)
		return 0;
	err = push_path(v, kc->call.at + 1, kc->call.at, &failed);
	if (err)
		return err;
	regs = failed->frames[failed->curframe]->regs;
	clobber(regs);
	reg_unknown(&regs[BPF_REG_0]);
	regs[BPF_REG_0].var.smin = regs[BPF_REG_0].var.smin32 = -MAX_ERRNO;
	regs[BPF_REG_0].var.smax = regs[BPF_REG_0].var.smax32 = -1;
	scalar_sync(&regs[BPF_REG_0].var);
	regs[BPF_REG_0].zext_pending = true;
	regs[BPF_REG_0].def = kc->call.at;
	return 0;
}

static int push_callbacks(struct verifier *v, struct kcall *kc)
{
	const struct bpf_insn *insn = &v->insns[kc->call.at];

	switch (kc->id) {
	case KF_RBTREE_ADD:
		return push_callback(v, insn, kc->call.at, kc->call.subprog, setup_rbtree_add, false, in_sleepable(v));
	case KF_WQ_SET_CALLBACK:
		return push_callback(v, insn, kc->call.at, kc->call.subprog, setup_timer, true, true);
	case KF_TASK_WORK_SIGNAL:
	case KF_TASK_WORK_RESUME:
		return push_callback(v, insn, kc->call.at, kc->call.subprog, setup_task_work, true, true);
	default:
		return 0;
	}
}

/* Sections */

static void untrust(struct reg *r)
{
	r->type = (r->type & ~(uint32_t)(MEM_RCU | PTR_NULL)) | PTR_UNTRUSTED;
}

/* The RCU section is over: what it protected may be gone. */
static int end_rcu(struct verifier *v)
{
	for (uint32_t i = 0; i <= v->cur->curframe; i++) {
		struct frame *f = v->cur->frames[i];

		for (uint32_t k = 0; k < BPF_REG_10; k++)
			if (f->regs[k].type & MEM_RCU)
				untrust(&f->regs[k]);
		for (uint32_t k = 0; f->stack && k < f->stack->n; k++) {
			const struct slot *s = &f->stack->slots[k];

			if ((s->kind[7] != SLOT_SPILL && s->kind[7] != SLOT_ITER) || !(s->reg.type & MEM_RCU))
				continue;
			if (!stack_mut(v, f))
				return -ENOMEM;
			untrust(&f->stack->slots[k].reg);
		}
	}
	return 0;
}

static int check_rcu(struct verifier *v, const struct kcall *kc)
{
	struct state *s = v->cur;

	if (kc->id != KF_RCU_LOCK && kc->id != KF_RCU_UNLOCK)
		return 0;
	/* Not reached: such a callback runs under its lock, where these calls are refused before */
	if (s->rcu_depth && in_rbtree_callback(v))
		return refuse(v, -EACCES, PROBLEM_RCU,
			      "Calling bpf_rcu_read_{lock,unlock} in unnecessary rbtree callback");
	if (kc->id == KF_RCU_LOCK) {
		if (s->rcu_depth)
			return refuse(v, -EINVAL, PROBLEM_RCU, "nested rcu read lock (kernel function %s)",
				      kc->call.name);
		s->rcu_depth = 1;
		return 0;
	}
	if (!s->rcu_depth)
		return refuse(v, -EINVAL, PROBLEM_RCU, "unmatched rcu read unlock (kernel function %s)", kc->call.name);
	s->rcu_depth = 0;
	return end_rcu(v);
}

static int check_sections(struct verifier *v, const struct kcall *kc)
{
	struct state *s = v->cur;
	const char *where = section_without_sleep(v);
	int err = check_rcu(v, kc);

	if (err)
		return err;
	if ((kc->k->flags & KFUNC_SLEEPABLE) && where)
		return refuse(v, -EACCES, PROBLEM_SLEEP, "kernel func %s is sleepable within %s", kc->call.name, where);
	if (kc->id == KF_PREEMPT_DISABLE)
		s->preempt_depth++;
	if (kc->id == KF_PREEMPT_ENABLE) {
		if (!s->preempt_depth)
			return refuse(v, -EINVAL, PROBLEM_LOCK,
				      "unmatched attempt to enable preemption (kernel function %s)", kc->call.name);
		s->preempt_depth--;
	}
	return 0;
}

static int release(struct verifier *v, struct kcall *kc)
{
	int err = 0;

	if (kc->call.release_regno)
		err = ref_release(v, cur_regs(v)[kc->call.release_regno].ref_id);
	/*
	 * Not reached: release_regno is a register with a reference, and registers lose theirs when it is given back
	 */
	if (err == -EINVAL)
		return refuse(v, err, PROBLEM_REF_LEAK, "kfunc %s reference has not been acquired before",
			      kc->call.name);
	if (!err && (kc->id == KF_LIST_PUSH_FRONT || kc->id == KF_LIST_PUSH_BACK || kc->id == KF_RBTREE_ADD))
		err = graph_insert(v, kc);
	return err;
}

/* What it returns */

static int return_object(struct verifier *v, struct kcall *kc, struct reg *r0)
{
	const struct btf *btf = v->in->btf;
	const struct btf_type *t;
	const struct btf_record *rec;
	bool percpu = kc->id == KF_PERCPU_OBJ_NEW;
	int err;

	if (kc->constant > UINT32_MAX)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "local type ID argument must be in range [0, U32_MAX]");
	if (!btf)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "bpf_obj_new/bpf_percpu_obj_new requires prog BTF");
	t = btf__type_by_id(btf, (uint32_t)kc->constant);
	if (!t || !btf_is_struct(t))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "bpf_obj_new/bpf_percpu_obj_new type ID argument must be of a struct");
	err = struct_record(v, btf, (uint32_t)kc->constant, &rec);
	if (err)
		return err;
	if (percpu && t->size > PERCPU_OBJECT_MAX)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "bpf_percpu_obj_new type size (%u) is greater than %d",
			      t->size, PERCPU_OBJECT_MAX);
	if (percpu && !is_scalar_struct(btf, t, 0))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "bpf_percpu_obj_new type ID argument must be of a struct of scalars");
	if (percpu && rec)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "bpf_percpu_obj_new type ID argument must not contain special fields");
	reg_pointer(r0, REG_BTF | MEM_ALLOC | (percpu ? MEM_PERCPU : 0));
	r0->btf = btf;
	r0->btf_id = (uint32_t)kc->constant;
	return 0;
}

static int return_kern_ctx(struct verifier *v, struct kcall *kc, struct reg *r0)
{
	const char *name = kernel_ctx(v->prog_type);
	uint32_t id = name ? kernel_type(v, name) : 0;

	if (!id)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "no kernel struct stands behind the context of this type of program");
	reg_pointer(r0, REG_BTF | PTR_TRUSTED);
	r0->btf = kc->btf;
	r0->btf_id = id;
	return 0;
}

static int return_cast(struct verifier *v, struct kcall *kc, struct reg *r0)
{
	const struct btf_type *t = kc->constant <= UINT32_MAX ? btf__type_by_id(kc->btf, (uint32_t)kc->constant) : NULL;

	if (!t)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "Unknown type ID %llu passed to kfunc bpf_rdonly_cast",
			      (unsigned long long)kc->constant);
	if (!kc->constant) { /* void: bytes, each load of which is probed */
		reg_pointer(r0, REG_MEM | MEM_RDONLY | PTR_UNTRUSTED);
		return 0;
	}
	if (!btf_is_composite(t))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "kfunc bpf_rdonly_cast type ID argument must be of a struct or void");
	reg_pointer(r0, REG_BTF | PTR_UNTRUSTED);
	r0->btf = kc->btf;
	r0->btf_id = (uint32_t)kc->constant;
	return 0;
}

static int return_slice(struct verifier *v, struct kcall *kc, struct reg *r0)
{
	if (!kc->has_constant || !kc->call.dynptr_id)
		return refuse(v, -EFAULT, PROBLEM_DYNPTR, "%s without a dynptr or a constant size", kc->call.name);
	if (kc->id == KF_DYNPTR_SLICE_RDWR && !may_access_packet(v, NULL, MEM_WRITE))
		return refuse(v, -EINVAL, PROBLEM_READ_ONLY, "the prog does not allow writes to packet data");
	reg_pointer(r0, REG_MEM | dynptr_flag((enum dynptr_kind)kc->call.dynptr_kind) |
				(kc->id == KF_DYNPTR_SLICE ? MEM_RDONLY : 0));
	r0->mem_size = (uint32_t)kc->constant;
	r0->dynptr_id = kc->call.dynptr_id;
	return 0;
}

/* Kfuncs whose prototype does not say what they return. 1: it is one. */
static int return_special(struct verifier *v, struct kcall *kc, struct reg *r0)
{
	int err;

	switch (kc->id) {
	case KF_OBJ_NEW:
	case KF_PERCPU_OBJ_NEW:
		err = return_object(v, kc, r0);
		break;
	case KF_REFCOUNT_ACQUIRE:
		reg_pointer(r0, REG_BTF | MEM_ALLOC);
		r0->btf = kc->arg_btf;
		r0->btf_id = kc->arg_btf_id;
		err = 0;
		break;
	case KF_LIST_POP_FRONT:
	case KF_LIST_POP_BACK:
	case KF_LIST_FRONT:
	case KF_LIST_BACK:
	case KF_RBTREE_REMOVE:
	case KF_RBTREE_FIRST:
	case KF_RBTREE_ROOT:
	case KF_RBTREE_LEFT:
	case KF_RBTREE_RIGHT:
		err = reg_graph_node(v, r0, kc);
		break;
	case KF_CAST_TO_KERN_CTX:
		err = return_kern_ctx(v, kc, r0);
		break;
	case KF_RDONLY_CAST:
		err = return_cast(v, kc, r0);
		break;
	case KF_DYNPTR_SLICE:
	case KF_DYNPTR_SLICE_RDWR:
		err = return_slice(v, kc, r0);
		break;
	default:
		return 0;
	}
	return err ? err : 1;
}

static int return_memory(struct verifier *v, struct kcall *kc, struct reg *r0, const struct btf_type *t, uint32_t id)
{
	int64_t size = kc->r0_size;

	if (!size) {
		size = btf__resolve_size(kc->btf, id);
		kc->r0_rdonly = true;
	}
	if (size <= 0)
		return refuse(v, -EINVAL, PROBLEM_BTF_ACCESS,
			      "kernel function %s returns pointer type %s is not supported", kc->call.name,
			      type_name(kc->btf, t));
	reg_pointer(r0, REG_MEM | (kc->r0_rdonly ? MEM_RDONLY : 0));
	r0->mem_size = (uint32_t)size;
	/* Not to be used once what it came from was given back. */
	r0->ref_id = kc->call.ref_id;
	if (kc->k->flags & KFUNC_RCU_PROTECTED)
		r0->type |= MEM_RCU;
	return 0;
}

static int return_struct(struct verifier *v, struct kcall *kc, struct reg *r0, uint32_t id)
{
	reg_pointer(r0, REG_BTF);
	r0->btf = kc->btf;
	r0->btf_id = id;
	if (kc->id == KF_GET_KMEM_CACHE)
		r0->type |= PTR_UNTRUSTED;
	else if (kc->k->flags & KFUNC_RCU_PROTECTED)
		r0->type |= MEM_RCU;
	if (kc->k->flags & KFUNC_ITER_NEXT) {
		const struct slot *s = slot_get(v->cur->frames[kc->iter_frame], kc->iter_slot);

		r0->type |= s && (s->reg.type & MEM_RCU) ? MEM_RCU : PTR_TRUSTED;
	}
	return 0;
}

static int return_pointer(struct verifier *v, struct kcall *kc, const struct btf_type *t)
{
	struct reg *r0 = &cur_regs(v)[BPF_REG_0];
	const struct btf_type *target;
	const struct btf_record *rec;
	uint32_t id = 0;
	/* A reference that is held can always be doubled. */
	bool may_be_null = (kc->k->flags & KFUNC_RET_NULL) && !(kc->id == KF_REFCOUNT_ACQUIRE && kc->owning);
	int err;

	target = t->type ? skip_modifiers(kc->btf, t->type, &id) : NULL;
	if (!id)
		target = NULL;
	err = return_special(v, kc, r0);
	if (err < 0)
		return err;
	if (!err) {
		if (!target) {
			reg_unknown(r0);
			err = 0;
		} else if (!btf_is_struct(target)) {
			err = return_memory(v, kc, r0, target, id);
		} else {
			err = return_struct(v, kc, r0, id);
		}
		if (err)
			return err;
	}
	if (r0->type == REG_SCALAR)
		return 0;
	if (may_be_null) {
		r0->type |= PTR_NULL;
		r0->id = ++v->id_gen;
	}
	if (kc->k->flags & KFUNC_ACQUIRE) {
		int ref = ref_acquire(v, kc->call.at);

		if (ref < 0)
			return ref;
		if (may_be_null)
			r0->id = (uint32_t)ref;
		r0->ref_id = (uint32_t)ref;
	} else if (target && btf_is_struct(target) && (kfunc_is_list(kc->id) || kfunc_is_rbtree(kc->id))) {
		err = reg_non_owning(v, r0);
		if (err)
			return err;
	}
	err = object_record(v, r0, &rec);
	if (!err && record_has(rec, FIELD_SPIN_LOCK | FIELD_RES_SPIN_LOCK) && !r0->id)
		r0->id = ++v->id_gen;
	return err;
}

static int set_return(struct verifier *v, struct kcall *kc)
{
	const struct btf_type *t = skip_modifiers(kc->btf, kc->proto->type, NULL);
	struct reg *r0 = &cur_regs(v)[BPF_REG_0];

	if (!t || !kc->proto->type || btf_kind(t) == BTF_KIND_UNKN)
		return 0; /* void: r0 holds nothing */
	if (is_scalar_type(t)) {
		reg_unknown(r0);
		if (kc->id == KF_RES_LOCK || kc->id == KF_RES_LOCK_IRQ)
			reg_const(r0, 0);
		r0->zext_pending = t->size != 8;
		r0->def = kc->call.at;
		return 0;
	}
	if (!btf_is_ptr(t))
		return refuse(v, -EINVAL, PROBLEM_HELPER, "kernel function %s returns a type that is not supported",
			      kc->call.name);
	return return_pointer(v, kc, t);
}

/* Arguments of 64 bits are read whole. */
static int read_args(struct verifier *v, const struct kcall *kc)
{
	const struct btf_param *p = btf_params(kc->proto);

	for (uint32_t i = 0; i < btf_vlen(kc->proto); i++) {
		const struct btf_type *t = skip_modifiers(kc->btf, p[i].type, NULL);
		int err;

		if (!t || (!btf_is_ptr(t) && t->size != 8) || cur_regs(v)[i + 1].type == REG_NOT_INIT)
			continue;
		err = check_reg_read(v, i + 1);
		if (err)
			return err;
	}
	return 0;
}

int check_kfunc_call(struct verifier *v, const struct bpf_insn *insn, uint32_t at)
{
	struct kcall kc = {0};
	int err = fetch(v, insn, at, &kc);

	if (!err) {
		v->aux[at].is_iter_next = kc.k && (kc.k->flags & KFUNC_ITER_NEXT);
		err = fork_lock_failure(v, &kc);
	}
	if (!err)
		err = check_kfunc_args(v, &kc);
	if (!err)
		err = read_args(v, &kc);
	if (!err)
		err = push_callbacks(v, &kc);
	if (!err && kc.id == KF_SESSION_COOKIE)
		kc.r0_size = 8;
	if (!err)
		err = check_sections(v, &kc);
	if (!err)
		err = release(v, &kc);
	if (!err && kc.id == KF_THROW)
		return check_throw(v);
	if (err)
		return err;
	clobber(cur_regs(v));
	v->touched_regs |= (1u << CALLER_SAVED) - 1;
	err = set_return(v, &kc);
	if (!err && kfunc_moves_packet(kc.k))
		forget_packet_pointers(v);
	if (!err && (kc.k->flags & KFUNC_ITER_NEXT))
		err = iter_next_fork(v, at, v->cur->frames[kc.iter_frame], kc.iter_slot);
	return err;
}
