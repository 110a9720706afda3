/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of kfuncs: BTF says what each is, by its type, by a suffix of its name (__sz, __k, __ign, ...) and, for pointers to
 * structs, by what the register holds. classify() finds out which kind of argument it is; the table below it checks each kind.
 */
#include "base/util.h"
#include "verify/kcall.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

enum kind {
	KARG_CTX,
	KARG_NULL,
	KARG_ALLOC, /* __alloc: an object of bpf_obj_new(), to be dropped */
	KARG_REFCOUNTED, /* __refcounted_kptr */
	KARG_DYNPTR,
	KARG_ITER,
	KARG_LIST_HEAD,
	KARG_LIST_NODE,
	KARG_RB_ROOT,
	KARG_RB_NODE,
	KARG_CONST_STR,
	KARG_MAP,
	KARG_WORKQUEUE,
	KARG_TASK_WORK,
	KARG_IRQ,
	KARG_RES_LOCK,
	KARG_BTF,
	KARG_CALLBACK,
	KARG_MEM,
	KARG_MEM_SIZE, /* its size is the next argument */
};

struct karg {
	const struct btf_param *p;
	uint32_t i, regno;
	const struct btf_type *target; /* what it points to; NULL: void */
	uint32_t target_id;
	enum kind kind;
};

enum { TRUSTED = MEM_ALLOC | PTR_TRUSTED | NON_OWN_REF, FLAG_MASK = ~0xff };

const char *reg_kernel_type(uint32_t type)
{
	switch (REG_BASE(type)) {
	case REG_SOCKET:
		return "sock";
	case REG_SOCK_COMMON:
		return "sock_common";
	case REG_TCP_SOCK:
		return "tcp_sock";
	case REG_MAP_PTR:
		return "bpf_map";
	default:
		return NULL;
	}
}

static bool is_unsafe(uint32_t type)
{
	return type & FLAG_MASK & ~TRUSTED;
}

static bool is_trusted(const struct reg *r)
{
	if (r->ref_id)
		return true;
	if (reg_kernel_type(r->type) && !is_unsafe(r->type))
		return true;
	return (r->type & TRUSTED) && !is_unsafe(r->type);
}

/* Which kind of argument */

static bool is_size(const struct kcall *kc, uint32_t i, const struct reg *r, const char *suffix)
{
	const struct btf_param *p = &btf_params(kc->proto)[i];
	const struct btf_type *t = skip_modifiers(kc->btf, p->type, NULL);

	return t && is_scalar_type(t) && r->type == REG_SCALAR && arg_has_suffix(kc->btf, p, suffix);
}

static bool has_size(const struct verifier *v, const struct kcall *kc, uint32_t i)
{
	const struct reg *r = &cur_regs(v)[i + 2];

	return i + 1 < btf_vlen(kc->proto) && (is_size(kc, i + 1, r, "__sz") || is_size(kc, i + 1, r, "__szk"));
}

/* Kinds that the struct pointed to decides. */
static const struct {
	const char *name;
	enum kind kind;
} by_struct[] = {
	{"bpf_list_head", KARG_LIST_HEAD},
	{"bpf_list_node", KARG_LIST_NODE},
	{"bpf_rb_root", KARG_RB_ROOT},
	{"bpf_rb_node", KARG_RB_NODE},
};
static const struct {
	const char *name;
	enum kind kind;
} by_struct_later[] = {
	{"bpf_wq", KARG_WORKQUEUE},
	{"bpf_task_work", KARG_TASK_WORK},
	{"bpf_res_spin_lock", KARG_RES_LOCK},
};

static int classify(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	const struct btf *btf = kc->btf;
	bool sized = has_size(v, kc, a->i);

	if (kc->id == KF_CAST_TO_KERN_CTX || arg_is_ctx(v, btf, a->p))
		return KARG_CTX;
	if (arg_has_suffix(btf, a->p, "__nullable") && reg_is_null(r) && !sized)
		return KARG_NULL;
	if (arg_has_suffix(btf, a->p, "__alloc"))
		return KARG_ALLOC;
	if (arg_has_suffix(btf, a->p, "__refcounted_kptr"))
		return KARG_REFCOUNTED;
	if (arg_is_struct(btf, a->p, "bpf_dynptr"))
		return KARG_DYNPTR;
	if (kc->k->flags & (KFUNC_ITER_NEW | KFUNC_ITER_NEXT | KFUNC_ITER_DESTROY)
		    ? !a->i
		    : arg_has_suffix(btf, a->p, "__iter"))
		return KARG_ITER;
	for (uint32_t i = 0; i < ARRAY_SIZE(by_struct); i++)
		if (arg_is_struct(btf, a->p, by_struct[i].name))
			return (int)by_struct[i].kind;
	if (arg_has_suffix(btf, a->p, "__str"))
		return KARG_CONST_STR;
	if (arg_has_suffix(btf, a->p, "__map"))
		return KARG_MAP;
	for (uint32_t i = 0; i < ARRAY_SIZE(by_struct_later); i++)
		if (arg_is_struct(btf, a->p, by_struct_later[i].name))
			return (int)by_struct_later[i].kind;
	if (arg_has_suffix(btf, a->p, "__irq_flag"))
		return KARG_IRQ;
	if (REG_BASE(r->type) == REG_BTF || reg_kernel_type(r->type)) {
		if (a->target && btf_is_composite(a->target))
			return KARG_BTF;
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "kernel function %s args#%u pointer type %s is not supported", kc->call.name, a->i,
			      type_name(btf, a->target));
	}
	if (arg_is_func(btf, a->p))
		return KARG_CALLBACK;
	if (a->target ? !is_scalar_type(a->target) && !is_scalar_struct(btf, a->target, 0) : !sized)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "arg#%u pointer type %s must point to %sscalar, or struct with scalar", a->i,
			      a->target ? type_name(btf, a->target) : "void", sized ? "void, " : "");
	return sized ? KARG_MEM_SIZE : KARG_MEM;
}

/* Checks of each kind */

static int check_ctx_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	char name[64];

	if (r->type != REG_CTX)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u expected pointer to ctx, but got %s", a->i,
			      reg_type_name(r->type, name));
	return 0;
}

static int check_alloc_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];

	if (r->type == (REG_BTF | MEM_ALLOC)) {
		if (kc->id != KF_OBJ_DROP)
			return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u expected for bpf_obj_drop_impl()", a->i);
	} else if (r->type == (REG_BTF | MEM_ALLOC | MEM_PERCPU)) {
		if (kc->id != KF_PERCPU_OBJ_DROP)
			return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u expected for bpf_percpu_obj_drop_impl()",
				      a->i);
	} else {
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u expected pointer to allocated object", a->i);
	}
	/*
	 * Not reached: an object that the program allocated and that is neither in a list or tree nor under RCU has a
	 * reference
	 */
	if (!r->ref_id)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "allocated object must be referenced");
	kc->arg_btf = r->btf;
	kc->arg_btf_id = r->btf_id;
	return 0;
}

static int check_refcounted_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	const struct btf_record *rec;
	int err;

	if (REG_BASE(r->type) != REG_BTF || !(r->type & MEM_ALLOC))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u is neither owning or non-owning ref", a->i);
	if (!(r->type & NON_OWN_REF) && r->ref_id)
		kc->owning = true;
	err = object_record(v, r, &rec);
	if (err)
		return err;
	if (!rec || rec->refcount_off < 0)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u doesn't point to a type with bpf_refcount field",
			      a->i);
	kc->arg_btf = r->btf;
	kc->arg_btf_id = r->btf_id;
	return 0;
}

static int check_dynptr_arg_of(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno], *d;
	bool makes = arg_has_suffix(kc->btf, a->p, "__uninit");
	enum dynptr_kind kind = DYNPTR_KIND_NONE;
	uint32_t clone_ref_id = 0;
	int err;

	switch (kc->id) {
	case KF_DYNPTR_FROM_SKB:
		kind = DYNPTR_KIND_SKB;
		break;
	case KF_DYNPTR_FROM_SKB_META:
		kind = DYNPTR_KIND_SKB_META;
		break;
	case KF_DYNPTR_FROM_XDP:
		kind = DYNPTR_KIND_XDP;
		break;
	case KF_DYNPTR_CLONE:
		if (makes) {
			kind = (enum dynptr_kind)kc->call.dynptr_kind;
			clone_ref_id = kc->call.dynptr_ref_id;
		}
		break;
	default:
		break;
	}
	if (makes && kind == DYNPTR_KIND_NONE)
		return refuse(v, -EFAULT, PROBLEM_NOT_SUPPORTED, "%s makes a dynptr of a kind that skep does not know",
			      kc->call.name);
	err = check_dynptr(v, a->regno,
			   makes                   ? DYNPTR_MAKE
			   : r->type == REG_DYNPTR ? DYNPTR_READ
						   : DYNPTR_CHANGE,
			   kind, clone_ref_id);
	if (err || makes)
		return err;
	err = dynptr_at(v, a->regno, &d);
	if (err)
		return err;
	kc->call.dynptr_id = d->id;
	kc->call.dynptr_kind = d->dynptr;
	kc->call.dynptr_ref_id = d->ref_id;
	return 0;
}

static int check_iter_arg_of(struct verifier *v, struct kcall *kc, struct karg *a)
{
	if (kc->id == KF_CSS_TASK_NEW && v->prog_type != BPF_PROG_TYPE_LSM &&
	    !(v->prog_type == BPF_PROG_TYPE_TRACING && v->attach_type == BPF_TRACE_ITER) && !in_sleepable(v))
		return refuse(v, -EINVAL, PROBLEM_ITER,
			      "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs");
	return check_iter_arg(v, kc, a->regno);
}

static int check_root_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	return check_graph_root(v, kc, a->regno, a->kind == KARG_LIST_HEAD ? FIELD_LIST_HEAD : FIELD_RB_ROOT);
}

static int check_node_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	return check_graph_node(v, kc, a->regno, a->kind == KARG_LIST_NODE ? FIELD_LIST_NODE : FIELD_RB_NODE);
}

static int check_str_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	if (cur_regs(v)[a->regno].type != REG_MAP_VALUE)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u doesn't point to a const string", a->i);
	return check_const_str(v, a->regno);
}

static int check_field_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	if (cur_regs(v)[a->regno].type != REG_MAP_VALUE)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u doesn't point to a map value", a->i);
	return check_map_field(v, a->regno, a->kind == KARG_WORKQUEUE ? FIELD_WORKQUEUE : FIELD_TASK_WORK, &kc->call);
}

static int check_irq_arg_of(struct verifier *v, struct kcall *kc, struct karg *a)
{
	return check_irq_arg(v, kc, a->regno);
}

static int check_res_lock_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	bool irq = kc->id == KF_RES_LOCK_IRQ || kc->id == KF_RES_UNLOCK_IRQ;

	if (r->type != REG_MAP_VALUE && r->type != (REG_BTF | MEM_ALLOC))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u doesn't point to map value or allocated object",
			      a->i);
	if (kc->id < KF_RES_LOCK || kc->id > KF_RES_UNLOCK_IRQ)
		return refuse(v, -EFAULT, PROBLEM_NOT_SUPPORTED, "%s takes a lock, which skep does not know",
			      kc->call.name);
	return check_lock(v, a->regno, irq ? REF_RES_LOCK_IRQ : REF_RES_LOCK,
			  kc->id == KF_RES_LOCK || kc->id == KF_RES_LOCK_IRQ);
}

static bool is_projection(const char *user, const char *kernel)
{
	return (!strcmp(user, "__sk_buff") && !strcmp(kernel, "sk_buff")) ||
	       (!strcmp(user, "xdp_md") && !strcmp(kernel, "xdp_buff"));
}

/* Names such as nf_conn and nf_conn___init: of one shape, and yet not to be taken for each other. */
static bool is_nocast_alias(const char *a, const char *b)
{
	static const char suffix[] = "___init";
	size_t la = strlen(a), lb = strlen(b), n = sizeof(suffix) - 1;
	const char *longer = la > lb ? a : b;
	size_t low = la < lb ? la : lb, high = la < lb ? lb : la;

	return high == low + n && !strcmp(longer + low, suffix) && !strncmp(a, b, low);
}

static int check_object_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	const struct btf *btf = r->btf, *want_btf = kc->btf;
	const char *kernel = reg_kernel_type(r->type), *want, *have;
	uint32_t id = r->btf_id, want_id = a->target_id;
	bool strict;
	char name[64];

	if ((REG_BASE(r->type) != REG_BTF || (is_unsafe(r->type) && !(r->type & MEM_RCU))) && !kernel)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg#%u is %s expected %s or socket", a->i,
			      reg_type_name(r->type, name), "ptr_");
	if (a->kind == KARG_MAP) {
		want_btf = v->in->btfs[0];
		want_id = kernel_type(v, "bpf_map");
	}
	if (kernel) {
		btf = v->in->btfs[0];
		id = kernel_type(v, kernel);
	}
	want = type_name(want_btf, btf__type_by_id(want_btf, want_id));
	have = type_name(btf, skip_modifiers(btf, id, &id));
	strict = ((kc->k->flags & KFUNC_RELEASE) && r->ref_id) || is_nocast_alias(have, want);
	if (id && want_id &&
	    (is_projection(want, have) || btf_is_same_type(v, btf, id, kernel ? 0 : r->off, want_btf, want_id, strict)))
		return 0;
	return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
		      "kernel function %s args#%u expected pointer to struct %s but R%u has a pointer to struct %s",
		      kc->call.name, a->i, want, a->regno, have);
}

static int check_map_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	const struct btf_record *rec;

	if (r->type == REG_MAP_PTR) {
		rec = r->map->record;
		if (kc->call.map && record_has(rec, FIELD_WORKQUEUE | FIELD_TASK_WORK) &&
		    (kc->call.map != r->map || kc->call.map_uid != r->map_uid))
			return refuse(v, -EINVAL, PROBLEM_MAP,
				      "%s pointer map_uid=%u doesn't match map pointer in R%u map_uid=%u",
				      record_has(rec, FIELD_TASK_WORK) ? "bpf_task_work" : "workqueue",
				      kc->call.map_uid, a->regno, r->map_uid);
		/* The work lies in a value of another map, whose own has none. */
		if (kc->call.map && kc->call.map != r->map)
			return refuse(v, -EINVAL, PROBLEM_MAP, "the map in R%u is not the one that the work lies in",
				      a->regno);
		kc->call.map = r->map;
		kc->call.map_uid = r->map_uid;
	} else if (REG_BASE(r->type) != REG_BTF) {
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "pointer in R%u isn't map pointer", a->regno);
	}
	return check_object_arg(v, kc, a);
}

static int check_memory_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	int64_t size = btf__resolve_size(kc->btf, a->target_id);

	/* Not reached: classify() lets only numbers and structs of numbers pass, which have a size */
	if (size < 0)
		return refuse(v, -EINVAL, PROBLEM_BTF_ACCESS, "arg#%u reference type('%s') size cannot be determined",
			      a->i, type_name(kc->btf, a->target));
	return check_mem_fixed(v, a->regno, (uint32_t)size);
}

static int check_sized_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	struct reg *r = &cur_regs(v)[a->regno], *size = r + 1, saved = *r;
	struct call call = {.at = kc->call.at, .name = kc->call.name};
	bool optional = arg_has_suffix(kc->btf, a->p, "__opt") || arg_has_suffix(kc->btf, a->p, "__nullable");
	int err;

	if (!reg_is_null(r) || !optional) {
		if (r->type & PTR_NULL)
			mark_non_null(v, v->cur, r);
		err = check_mem_size(v, a->regno + 1, MEM_READ, true, &call);
		if (!err)
			err = check_mem_size(v, a->regno + 1, MEM_WRITE, true, &call);
		*r = saved;
		if (err)
			return err;
	}
	if (!is_size(kc, a->i + 1, size, "__szk"))
		return 0;
	if (!scalar_is_const(&size->var))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u must be a known constant", a->regno + 1);
	kc->has_constant = true;
	kc->constant = size->var.bits.value;
	return mark_precise(v, a->regno + 1);
}

static int check_callback_arg(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];

	if (r->type != REG_FUNC)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "arg%u expected pointer to func", a->i);
	kc->call.subprog = r->subprog;
	return 0;
}

static int (*const checks[])(struct verifier *v, struct kcall *kc, struct karg *a) = {
	[KARG_CTX] = check_ctx_arg,
	[KARG_ALLOC] = check_alloc_arg,
	[KARG_REFCOUNTED] = check_refcounted_arg,
	[KARG_DYNPTR] = check_dynptr_arg_of,
	[KARG_ITER] = check_iter_arg_of,
	[KARG_LIST_HEAD] = check_root_arg,
	[KARG_LIST_NODE] = check_node_arg,
	[KARG_RB_ROOT] = check_root_arg,
	[KARG_RB_NODE] = check_node_arg,
	[KARG_CONST_STR] = check_str_arg,
	[KARG_MAP] = check_map_arg,
	[KARG_WORKQUEUE] = check_field_arg,
	[KARG_TASK_WORK] = check_field_arg,
	[KARG_IRQ] = check_irq_arg_of,
	[KARG_RES_LOCK] = check_res_lock_arg,
	[KARG_BTF] = check_object_arg,
	[KARG_CALLBACK] = check_callback_arg,
	[KARG_MEM] = check_memory_arg,
	[KARG_MEM_SIZE] = check_sized_arg,
};

/* One argument */

static int check_number(struct verifier *v, struct kcall *kc, const struct btf_param *p, uint32_t regno)
{
	const struct reg *r = &cur_regs(v)[regno];
	const char *name = btf__name_by_offset(kc->btf, p->name_off);
	bool rdonly = !strcmp(name, "rdonly_buf_size");

	if (r->type != REG_SCALAR)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u is not a scalar", regno);
	if (arg_has_suffix(kc->btf, p, "__k")) {
		if (!scalar_is_const(&r->var))
			return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u must be a known constant", regno);
		kc->has_constant = true;
		kc->constant = r->var.bits.value;
		return mark_precise(v, regno);
	}
	if (!rdonly && strcmp(name, "rdwr_buf_size") != 0)
		return 0;
	if (!scalar_is_const(&r->var))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u is not a const", regno);
	if (r->var.bits.value > UINT32_MAX)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u rdonly/rdwr_buf_size exceeds u32 max", regno);
	kc->r0_rdonly |= rdonly;
	kc->r0_size = r->var.bits.value;
	return mark_precise(v, regno);
}

static int check_trust(struct verifier *v, struct kcall *kc, const struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	uint32_t flags = kc->k->flags;

	if (a->kind != KARG_MAP && a->kind != KARG_ALLOC && a->kind != KARG_BTF)
		return 0;
	if (!(flags & (KFUNC_TRUSTED_ARGS | KFUNC_RELEASE | KFUNC_RCU)) || is_trusted(r))
		return 0;
	if (!(flags & KFUNC_RCU))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u must be referenced or trusted", a->regno);
	if (!(r->type & MEM_RCU))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "R%u must be a rcu pointer", a->regno);
	return 0;
}

static int check_pointer(struct verifier *v, struct kcall *kc, struct karg *a)
{
	const struct reg *r = &cur_regs(v)[a->regno];
	const struct btf_type *t = skip_modifiers(kc->btf, a->p->type, NULL);
	bool releases = kc->k->flags & KFUNC_RELEASE;
	int err;

	if (!t || !btf_is_ptr(t))
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE, "Unrecognized arg#%u type %s", a->i, type_name(kc->btf, t));
	if ((kc->k->flags & (KFUNC_TRUSTED_ARGS | KFUNC_RELEASE | KFUNC_RCU)) &&
	    (reg_is_null(r) || (r->type != REG_SCALAR && (r->type & PTR_NULL))) &&
	    !arg_has_suffix(kc->btf, a->p, "__nullable"))
		return refuse(v, -EACCES, PROBLEM_NULL_ARG, "Possibly NULL pointer passed to trusted arg%u", a->i);
	if (r->ref_id) {
		if (releases && kc->call.ref_id)
			return refuse(v, -EFAULT, PROBLEM_ARG_TYPE, "more than one arg with ref_obj_id R%u %u %u",
				      a->regno, r->ref_id, kc->call.ref_id);
		kc->call.ref_id = r->ref_id;
		if (releases)
			kc->call.release_regno = a->regno;
	}
	a->target = t->type ? skip_modifiers(kc->btf, t->type, &a->target_id) : NULL;
	if (a->target && btf_kind(a->target) == BTF_KIND_UNKN)
		a->target = NULL;
	err = classify(v, kc, a);
	if (err < 0)
		return err;
	a->kind = (enum kind)err;
	if (a->kind == KARG_NULL)
		return 0;
	err = check_trust(v, kc, a);
	if (!err)
		err = check_arg_offset(v, a->regno, releases && r->ref_id, a->kind == KARG_DYNPTR);
	return err ? err : checks[a->kind](v, kc, a);
}

int check_kfunc_args(struct verifier *v, struct kcall *kc)
{
	const struct btf_param *params = btf_params(kc->proto);
	uint32_t n = btf_vlen(kc->proto);

	if (n > ARG_REGS)
		return refuse(v, -EINVAL, PROBLEM_HELPER, "Function %s has %u > %d args", kc->call.name, n, ARG_REGS);
	for (uint32_t i = 0; i < n; i++) {
		struct karg a = {.p = &params[i], .i = i, .regno = i + 1};
		const struct btf_type *t = skip_modifiers(kc->btf, a.p->type, NULL);
		int err;

		v->blamed = (int)a.regno;

		if (arg_has_suffix(kc->btf, a.p, "__ign"))
			continue;
		if (arg_has_suffix(kc->btf, a.p, "__prog")) {
			kc->prog_arg = true;
			continue;
		}
		if (t && is_scalar_type(t))
			err = check_number(v, kc, a.p, a.regno);
		else
			err = check_pointer(v, kc, &a);
		if (err)
			return err;
		if (t && !is_scalar_type(t) && a.kind == KARG_MEM_SIZE)
			i++; /* its size was looked at with it */
	}
	if ((kc->k->flags & KFUNC_RELEASE) && !kc->call.release_regno)
		return refuse(v, -EINVAL, PROBLEM_ARG_TYPE,
			      "release kernel function %s expects refcounted PTR_TO_BTF_ID", kc->call.name);
	return 0;
}
