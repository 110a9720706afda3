/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the program fit what it is attached to?
 *
 * Tracing programs, LSM programs and extensions name a type in BTF: a tracepoint's typedef, a function of the kernel, an iterator's, or a function
 * of another program. struct_ops programs name a struct, and by their attach type the member that they implement. What is found is left in v->hook.
 * Where only the running kernel could tell (a function's address, its list of injectable functions), the tables of hook_args.c answer.
 */
#include "base/util.h"
#include "btf/types.h"
#include "prog/rules.h"
#include "verify/btf_util.h"
#include "verify/call.h"
#include "verify/hook.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int bad(struct verifier *v, int err, const char *what, const char *name)
{
	return refuse(v, err, PROBLEM_ATTACH, "%s '%s'", what, name);
}

/* The function of a name in any BTF; the kernel's is indexed. */
static const struct btf_type *find_func(const struct verifier *v, const struct btf *btf, const char *name)
{
	int32_t id = 0;

	if (v->in->n_btfs && btf == v->in->btfs[0])
		id = (int32_t)kernel_types_find(v->in->types, name, BTF_KIND_FUNC);
	else
		id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	return id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
}

static const struct btf_type *proto_of(const struct btf *btf, const struct btf_type *func)
{
	const struct btf_type *t = func ? btf__type_by_id(btf, func->type) : NULL;

	return t && btf_is_func_proto(t) ? t : NULL;
}

/* Can a trampoline carry these arguments? */
static int check_proto(struct verifier *v, const struct btf *btf, const struct btf_type *proto, const char *name)
{
	const struct btf_type *ret = btf_strip(btf, proto->type, NULL);
	uint32_t n = btf_vlen(proto);

	if (n > HOOK_ARGS_MAX)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "The function %s has %u arguments. Too many.", name, n);
	if (!ret ||
	    (!btf_is_void(ret) && !btf_is_ptr(ret) && !btf_is_any_enum(ret) && (!btf_is_int(ret) || ret->size > 8)))
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "The function %s return type is unsupported.", name);
	for (uint32_t i = 0; i < n; i++) {
		const struct btf_type *t = btf_strip(btf, btf_params(proto)[i].type, NULL);

		if (!t || btf_is_void(t))
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "The function %s arg%u is no argument, or variable.",
				      name, i);
		if (!btf_is_ptr(t) &&
		    ((!btf_is_int(t) && !btf_is_any_enum(t) && !btf_is_composite(t)) || !t->size || t->size > 16))
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "The function %s arg%u type is unsupported.", name,
				      i);
	}
	return 0;
}

/* Functions of BPF programs */

/* The program's own extension of a function must be declared as the function is. */
static int check_replacement(struct verifier *v, const struct btf *btf, const struct btf_type *func)
{
	const struct btf *own = v->in->btf;
	const struct btf_type *f1, *p1, *p2;

	if (!v->in->func_info)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "Program extension requires BTF");
	f1 = btf__type_by_id(own, v->in->func_info[0].type_id);
	p1 = proto_of(own, f1);
	p2 = proto_of(btf, func);
	if (!p1 || !p2)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "a function without a prototype");
	if (btf_vlen(f1) != BTF_FUNC_GLOBAL || btf_vlen(func) != BTF_FUNC_GLOBAL)
		return bad(v, -EINVAL, "an extension and what it replaces must both be global functions:",
			   btf_type_name(btf, func));
	if (btf_vlen(p1) != btf_vlen(p2) ||
	    btf_strip(own, p1->type, NULL)->info != btf_strip(btf, p2->type, NULL)->info)
		return bad(v, -EINVAL, "the extension has another prototype than", btf_type_name(btf, func));
	for (uint32_t i = 0; i < btf_vlen(p1); i++) {
		const struct btf_type *a = btf_strip(own, btf_params(p1)[i].type, NULL);
		const struct btf_type *b = btf_strip(btf, btf_params(p2)[i].type, NULL);
		bool number = btf_is_int(a) || btf_is_any_enum(a);

		if (a->info != b->info || (!btf_is_ptr(a) && a->size != b->size) || (!number && !btf_is_ptr(a)))
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "arg%u of the extension is not that of '%s'", i,
				      btf_type_name(btf, func));
		if (number)
			continue;
		a = btf_strip(own, a->type, NULL);
		b = btf_strip(btf, b->type, NULL);
		if (!btf_is_composite(a) || !btf_is_composite(b) ||
		    strcmp(btf_type_name(own, a), btf_type_name(btf, b)) != 0)
			return refuse(v, -EINVAL, PROBLEM_ATTACH,
				      "arg%u of the extension and of '%s' are not pointers to the same context", i,
				      btf_type_name(btf, func));
	}
	return 0;
}

static int check_target(struct verifier *v, const struct verify_input *to, const struct btf_type *t, const char *name)
{
	bool extends = v->in->prog_type == BPF_PROG_TYPE_EXT;
	uint32_t sub = 0;

	while (to->func_info && sub < to->n_subprogs && to->func_info[sub].type_id != v->in->attach.btf_id)
		sub++;
	if (!to->func_info || sub == to->n_subprogs)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "Subprog %s doesn't exist", name);
	if (!btf_is_func(t))
		return bad(v, -EINVAL, "not a function:", name);
	if (btf_vlen(t) != BTF_FUNC_GLOBAL) {
		if (extends)
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "Cannot replace static functions");
		return refuse(
			v, -EINVAL, PROBLEM_NOT_SUPPORTED,
			"'%s' is a static function of a program: skep does not know with what arguments it is called",
			name);
	}
	if (extends) {
		/* What the original does was found when it was verified, and is not here. */
		if (v->subprogs[0].changes_packet || v->subprogs[0].might_sleep)
			return refuse(v, -EINVAL, PROBLEM_NOT_SUPPORTED,
				      "an extension that changes the packet or may sleep: skep does not know whether "
				      "'%s' does",
				      name);
		if (to->prog_type == BPF_PROG_TYPE_EXT)
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "Cannot recursively attach");
		if (to->prog_type == BPF_PROG_TYPE_TRACING &&
		    (to->attach_type == BPF_TRACE_FENTRY || to->attach_type == BPF_TRACE_FEXIT))
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "Cannot extend fentry/fexit");
	} else if (v->in->prog_type == BPF_PROG_TYPE_TRACING) {
		if (to->prog_type == BPF_PROG_TYPE_TRACING && to->attach.prog &&
		    to->attach.prog->prog_type == BPF_PROG_TYPE_TRACING)
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "Cannot nest tracing program attach more than once");
	} else if (to->prog_type == v->in->prog_type) {
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "Cannot recursively attach");
	}
	return 0;
}

/* Functions of the kernel */

static int check_kernel_function(struct verifier *v, const char *name)
{
	const struct verify_input *in = v->in;
	bool sleeps = in->flags & BPF_F_SLEEPABLE;

	if (in->prog_type == BPF_PROG_TYPE_LSM) {
		if (sleeps && !lsm_hook_sleeps(name))
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "%s is not sleepable", name);
		if (!in->gpl)
			return refuse(v, -EINVAL, PROBLEM_GPL, "LSM programs must have a GPL compatible license");
		if (lsm_is_disabled(name))
			return bad(v, -EINVAL, "attach_btf_id points to disabled hook", name);
		return lsm_is_hook(name) ? 0 : bad(v, -EINVAL, "attach_btf_id points to wrong type name", name);
	}
	if (sleeps) {
		if (!function_sleeps(name))
			return refuse(v, -EINVAL, PROBLEM_ATTACH, "%s is not sleepable", name);
	} else if (in->attach_type == BPF_MODIFY_RETURN && !function_takes_error(name)) {
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "%s() is not modifiable", name);
	}
	if (function_is_denied(name))
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "Attaching tracing programs to function '%s' is rejected.",
			      name);
	if ((in->attach_type == BPF_TRACE_FEXIT || in->attach_type == BPF_MODIFY_RETURN) && function_is_noreturn(name))
		return refuse(v, -EINVAL, PROBLEM_ATTACH,
			      "Attaching fexit/fmod_ret to __noreturn function '%s' is rejected.", name);
	return 0;
}

static int attach_function(struct verifier *v, const struct btf_type *t)
{
	const struct verify_input *in = v->in;
	struct hook *h = &v->hook;
	int err;

	if (!btf_is_func(t))
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach_btf_id %u is not a function", in->attach.btf_id);
	if (in->prog_type == BPF_PROG_TYPE_EXT) {
		err = check_replacement(v, h->btf, t);
		if (err)
			return err;
	}
	h->proto = proto_of(h->btf, t);
	if (!h->proto)
		return bad(v, -EINVAL, "no prototype of function", h->name);
	err = check_proto(v, h->btf, h->proto, h->name);
	if (err)
		return err;
	if (!h->in_program)
		return check_kernel_function(v, h->name);
	if (in->prog_type == BPF_PROG_TYPE_LSM)
		return bad(v, -EINVAL, "no LSM hook:", h->name);
	if (in->flags & BPF_F_SLEEPABLE)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "%s is not sleepable", h->name);
	if (in->attach_type == BPF_MODIFY_RETURN && in->prog_type == BPF_PROG_TYPE_TRACING)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "can't modify return codes of BPF programs");
	return 0;
}

static int attach_tracepoint(struct verifier *v, const struct btf_type *t)
{
	static const char prefix[] = "btf_trace_";
	struct hook *h = &v->hook;
	const struct btf_type *with_names;
	char name[128];

	if (h->in_program)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "Only FENTRY/FEXIT progs are attachable to another BPF prog");
	if (!btf_is_typedef(t))
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach_btf_id %u is not a typedef", v->in->attach.btf_id);
	if (strncmp(h->name, prefix, sizeof(prefix) - 1) != 0)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach_btf_id %u points to wrong type name %s",
			      v->in->attach.btf_id, h->name);
	h->name += sizeof(prefix) - 1;
	h->tracepoint = h->trusted = true;
	h->tp_args = raw_tp_args(h->name);
	t = btf__type_by_id(h->btf, t->type);
	t = t && btf_is_ptr(t) ? btf__type_by_id(h->btf, t->type) : NULL;
	if (!t || !btf_is_func_proto(t) || !btf_vlen(t))
		return bad(v, -EINVAL, "no prototype of tracepoint", h->name);
	h->proto = t;
	/* The parameters' names are those of the function that calls the programs. */
	snprintf(name, sizeof(name), "__bpf_trace_%s", h->name);
	with_names = proto_of(h->btf, find_func(v, h->btf, name));
	if (with_names && btf_vlen(with_names) == btf_vlen(t))
		h->proto = with_names;
	return 0;
}

static int attach_iterator(struct verifier *v, const struct btf_type *t)
{
	struct hook *h = &v->hook;

	if (!btf_is_func(t))
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach_btf_id %u is not a function", v->in->attach.btf_id);
	h->proto = proto_of(h->btf, t);
	if (!h->proto)
		return bad(v, -EINVAL, "no prototype of iterator", h->name);
	h->trusted = true;
	h->iter = iter_hook_find(h->name);
	if (!h->iter)
		return bad(v, -EINVAL, "no such iterator:", h->name);
	return check_proto(v, h->btf, h->proto, h->name);
}

static int attach_by_btf(struct verifier *v)
{
	const struct verify_input *in = v->in;
	const struct verify_attach *a = &in->attach;
	struct hook *h = &v->hook;
	const struct btf_type *t;
	int err;

	if (!a->btf_id)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "Tracing programs must provide btf_id");
	if (!a->btf)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "what the program attaches to has no BTF");
	t = btf__type_by_id(a->btf, a->btf_id);
	if (!t)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach_btf_id %u is invalid", a->btf_id);
	h->btf = a->btf;
	h->name = btf_type_name(a->btf, t);
	h->in_program = a->prog;
	if (!h->name[0])
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach_btf_id %u doesn't have a name", a->btf_id);
	if (a->prog) {
		err = check_target(v, a->prog, t, h->name);
		if (err)
			return err;
	} else if (in->prog_type == BPF_PROG_TYPE_EXT) {
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "Cannot replace kernel functions");
	}
	if (in->prog_type == BPF_PROG_TYPE_EXT)
		return attach_function(v, t);
	if (in->prog_type == BPF_PROG_TYPE_LSM && in->attach_type != BPF_LSM_MAC && in->attach_type != BPF_LSM_CGROUP)
		return refuse(v, -EINVAL, PROBLEM_NOT_SUPPORTED,
			      "LSM programs of attach type %u: skep knows BPF_LSM_MAC and BPF_LSM_CGROUP only",
			      in->attach_type);
	switch (in->attach_type) {
	case BPF_TRACE_RAW_TP:
		return attach_tracepoint(v, t);
	case BPF_TRACE_ITER:
		return attach_iterator(v, t);
	case BPF_LSM_MAC:
	case BPF_LSM_CGROUP:
		/* Tracing programs with these have no value to return, and end in that refusal. */
		h->trusted = in->prog_type == BPF_PROG_TYPE_LSM && lsm_is_trusted(h->name);
		return attach_function(v, t);
	case BPF_MODIFY_RETURN:
	case BPF_TRACE_FENTRY:
	case BPF_TRACE_FEXIT:
		return attach_function(v, t);
	default:
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach type %u is none of this program type",
			      in->attach_type);
	}
}

/* struct_ops */

/* A pointer to a function: its prototype. */
static const struct btf_type *func_ptr(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf_strip(btf, id, NULL);

	t = t && btf_is_ptr(t) ? btf_strip(btf, t->type, NULL) : NULL;
	return t && btf_is_func_proto(t) ? t : NULL;
}

static bool listed(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

bool hook_arg_suffix(const struct btf *btf, const struct btf_type *proto, uint32_t arg, const char *suffix)
{
	const char *name;
	size_t len, n = strlen(suffix);

	if (!proto || arg >= btf_vlen(proto))
		return false;
	name = btf__name_by_offset(btf, btf_params(proto)[arg].name_off);
	len = name ? strlen(name) : 0;
	return len > n && !strcmp(name + len - n, suffix);
}

static int check_ops_member(struct verifier *v, const char *ops, const char *member)
{
	struct hook *h = &v->hook;
	const struct btf_type *ret = btf_strip(h->btf, h->proto->type, NULL);
	char stub[256];
	bool refs = false;

	if (listed(h->ops->closed, member))
		return refuse(v, -ENOTSUPP, PROBLEM_ATTACH, "attach to unsupported member %s of struct %s", member,
			      ops);
	if ((v->in->flags & BPF_F_SLEEPABLE) && h->ops->sleeps && strcmp(member, h->ops->sleeps) != 0)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach to unsupported member %s of struct %s", member, ops);
	if (btf_vlen(h->proto) > HOOK_ARGS_MAX || (ret && btf_is_ptr(ret)))
		return refuse(v, -EINVAL, PROBLEM_NOT_SUPPORTED,
			      "member %s of struct %s has a prototype that skep cannot judge", member, ops);
	snprintf(stub, sizeof(stub), "%s__%s", ops, member);
	h->stub = proto_of(h->btf, find_func(v, h->btf, stub));
	for (uint32_t i = 0; i < btf_vlen(h->proto); i++)
		refs |= hook_arg_suffix(h->btf, h->stub, i, "__ref");
	for (uint32_t i = 0; refs && i < v->n_subprogs; i++)
		if (v->subprogs[i].has_tail_call)
			return refuse(v, -EINVAL, PROBLEM_REF_LEAK, "program with __ref argument cannot tail call");
	return 0;
}

static int attach_struct_ops(struct verifier *v)
{
	const struct verify_attach *a = &v->in->attach;
	struct hook *h = &v->hook;
	const struct btf_type *t;
	const struct btf_member *m;
	const char *name;
	char value[128];

	if (!v->in->gpl)
		return refuse(v, -EINVAL, PROBLEM_GPL, "struct ops programs must have a GPL compatible license");
	t = a->btf_id && a->btf ? btf__type_by_id(a->btf, a->btf_id) : NULL;
	if (!t)
		return refuse(v, -ENOTSUPP, PROBLEM_ATTACH, "attach_btf_id %u is not a supported struct", a->btf_id);
	name = btf_type_name(a->btf, t);
	/* The kernel has a map value for each struct that it lets programs implement. */
	snprintf(value, sizeof(value), "bpf_struct_ops_%s", name);
	if (!btf_is_struct(t) || btf__find_by_name_kind(a->btf, value, BTF_KIND_STRUCT) <= 0)
		return refuse(v, -ENOTSUPP, PROBLEM_ATTACH, "attach_btf_id %u is not a supported struct", a->btf_id);
	h->btf = a->btf;
	h->trusted = true;
	h->ops = struct_ops_find(name);
	if (!h->ops)
		return refuse(v, -ENOTSUPP, PROBLEM_NOT_SUPPORTED, "struct_ops of struct %s: skep does not know them",
			      name);
	if (v->in->attach_type >= btf_vlen(t))
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach to invalid member idx %u of struct %s",
			      v->in->attach_type, name);
	m = btf_members(t) + v->in->attach_type;
	h->name = btf__name_by_offset(a->btf, m->name_off);
	h->proto = func_ptr(a->btf, m->type);
	if (!h->proto)
		return refuse(v, -EINVAL, PROBLEM_ATTACH, "attach to invalid member %s(@idx %u) of struct %s", h->name,
			      v->in->attach_type, name);
	return check_ops_member(v, name, h->name);
}

int check_attach(struct verifier *v)
{
	const struct verify_input *in = v->in;
	bool sleepable = in->flags & BPF_F_SLEEPABLE;

	if (prog_must_sleep(in->prog_type) && !sleepable)
		return refuse(v, -EINVAL, PROBLEM_SLEEP, "Syscall programs can only be sleepable");
	if (sleepable && !prog_sleepable(in->prog_type, in->attach_type))
		return refuse(
			v, -EINVAL, PROBLEM_SLEEP,
			"Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable");
	switch (in->prog_type) {
	case BPF_PROG_TYPE_STRUCT_OPS:
		return attach_struct_ops(v);
	case BPF_PROG_TYPE_TRACING:
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_EXT:
		return attach_by_btf(v);
	default:
		return 0;
	}
}

/* Start and end of the main function */

int attach_start(struct verifier *v, struct state *s)
{
	struct hook *h = &v->hook;

	if (!h->ops || !h->stub)
		return 0;
	(void)s;
	for (uint32_t i = 0; i < btf_vlen(h->proto); i++) {
		int id;

		if (!hook_arg_suffix(h->btf, h->stub, i, "__ref"))
			continue;
		id = ref_acquire(v, 0);
		if (id < 0)
			return id;
		h->refs[i] = (uint32_t)id;
	}
	return 0;
}

int attach_return(struct verifier *v, struct prog_return *want, bool *nothing, bool *is32)
{
	const struct hook *h = &v->hook;
	bool is_void = h->proto && !h->proto->type;

	*nothing = *is32 = false;
	*want = prog_return_range(v->prog_type, v->attach_type);
	if (v->in->own_type)
		want->kind = RETURN_ANY;
	switch (v->prog_type) {
	case BPF_PROG_TYPE_STRUCT_OPS:
		*nothing = is_void;
		break;
	case BPF_PROG_TYPE_LSM:
		if (v->attach_type == BPF_LSM_CGROUP) {
			/* A hook that returns nothing cannot be told anything. */
			if (is_void)
				want->min = 1;
			break;
		}
		*nothing = is_void;
		*want = prog_lsm_return(h->name ? h->name : "", !is_void);
		*is32 = true;
		break;
	default:
		break;
	}
	return 0;
}
