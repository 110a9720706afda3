/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments of functions that are verified on their own, from their BTF: types, and "arg:" tags that say what a type does not.
 */
#include "base/util.h"
#include "verify/btf_util.h"
#include "verify/internal.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

/* The struct that a program type's context is known by; NULL: it has none of its own. */
static const char *const ctx_structs[] = {
	[BPF_PROG_TYPE_SOCKET_FILTER] = "__sk_buff",
	[BPF_PROG_TYPE_KPROBE] = "pt_regs",
	[BPF_PROG_TYPE_SCHED_CLS] = "__sk_buff",
	[BPF_PROG_TYPE_SCHED_ACT] = "__sk_buff",
	[BPF_PROG_TYPE_XDP] = "xdp_md",
	[BPF_PROG_TYPE_PERF_EVENT] = "bpf_perf_event_data",
	[BPF_PROG_TYPE_CGROUP_SKB] = "__sk_buff",
	[BPF_PROG_TYPE_CGROUP_SOCK] = "bpf_sock",
	[BPF_PROG_TYPE_LWT_IN] = "__sk_buff",
	[BPF_PROG_TYPE_LWT_OUT] = "__sk_buff",
	[BPF_PROG_TYPE_LWT_XMIT] = "__sk_buff",
	[BPF_PROG_TYPE_SOCK_OPS] = "bpf_sock_ops",
	[BPF_PROG_TYPE_SK_SKB] = "__sk_buff",
	[BPF_PROG_TYPE_CGROUP_DEVICE] = "bpf_cgroup_dev_ctx",
	[BPF_PROG_TYPE_SK_MSG] = "sk_msg_md",
	[BPF_PROG_TYPE_RAW_TRACEPOINT] = "bpf_raw_tracepoint_args",
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = "bpf_sock_addr",
	[BPF_PROG_TYPE_LWT_SEG6LOCAL] = "__sk_buff",
	[BPF_PROG_TYPE_SK_REUSEPORT] = "sk_reuseport_md",
	[BPF_PROG_TYPE_FLOW_DISSECTOR] = "__sk_buff",
	[BPF_PROG_TYPE_CGROUP_SYSCTL] = "bpf_sysctl",
	[BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE] = "bpf_raw_tracepoint_args",
	[BPF_PROG_TYPE_CGROUP_SOCKOPT] = "bpf_sockopt",
	[BPF_PROG_TYPE_SK_LOOKUP] = "bpf_sk_lookup",
	[SKEP_PROG_TYPE_NETFILTER] = "bpf_nf_ctx",
};

static const char *ctx_struct(uint32_t prog_type)
{
	return prog_type < ARRAY_SIZE(ctx_structs) ? ctx_structs[prog_type] : NULL;
}

static bool is_pt_regs_typedef(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && btf_is_mod(t))
		t = btf__type_by_id(btf, t->type);
	return t && btf_is_typedef(t) && !strcmp(btf_type_name(btf, t), "bpf_user_pt_regs_t");
}

/* Is "a pointer to id" the program type's context, by its name? */
bool btf_is_ctx(const struct btf *btf, uint32_t id, uint32_t prog_type)
{
	const struct btf_type *t = btf_strip(btf, id, NULL);
	const char *want = ctx_struct(prog_type), *name = btf_type_name(btf, t);

	if (prog_type == BPF_PROG_TYPE_KPROBE && is_pt_regs_typedef(btf, id))
		return true;
	if (!want || !t || !btf_is_composite(t))
		return false;
	/* Before typedefs were looked at, programs made a struct of that one's name. */
	if (prog_type == BPF_PROG_TYPE_KPROBE && !strcmp(name, "bpf_user_pt_regs_t"))
		return true;
	/* Programs may call the context by the struct that the kernel has behind it. */
	return !strcmp(name, want) || (!strcmp(want, "__sk_buff") && !strcmp(name, "sk_buff")) ||
	       (!strcmp(want, "xdp_md") && !strcmp(name, "xdp_buff"));
}

/* The same for an argument that a tag says to be the context: which types it may be written with. */
static bool may_be_ctx(const struct verifier *v, const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf_strip(btf, id, NULL);
	const char *want = ctx_struct(v->prog_type), *name = btf_type_name(btf, t);
	bool u64 = t && btf_is_int(t) && t->size == 8;

	if (!t || btf_is_void(t))
		return true;
	if (!name[0])
		return false;
	switch (v->prog_type) {
	case BPF_PROG_TYPE_KPROBE:
		if (is_pt_regs_typedef(btf, id) || (btf_is_struct(t) && !strcmp(name, "pt_regs")))
			return true;
		break;
	case BPF_PROG_TYPE_PERF_EVENT:
		if (is_pt_regs_typedef(btf, id) || (btf_is_struct(t) && !strcmp(name, "pt_regs")))
			return true;
		break;
	case BPF_PROG_TYPE_RAW_TRACEPOINT:
	case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
		if (u64)
			return true;
		break;
	case BPF_PROG_TYPE_TRACING:
		switch (v->attach_type) {
		case BPF_TRACE_RAW_TP:
			if (u64 || (btf_is_struct(t) && !strcmp(name, "bpf_raw_tracepoint_args")))
				return true;
			break;
		case BPF_TRACE_ITER:
			if (btf_is_struct(t) && !strncmp(name, "bpf_iter__", 10))
				return true;
			break;
		default:
			if (u64)
				return true;
			break;
		}
		break;
	case BPF_PROG_TYPE_LSM:
	case BPF_PROG_TYPE_STRUCT_OPS:
		if (u64)
			return true;
		break;
	case BPF_PROG_TYPE_TRACEPOINT:
	case BPF_PROG_TYPE_SYSCALL:
	case BPF_PROG_TYPE_EXT:
		return true;
	default:
		break;
	}
	return want && btf_is_struct(t) && !strcmp(name, want);
}

enum { TAG_CTX = 1, TAG_NONNULL = 2, TAG_TRUSTED = 4, TAG_UNTRUSTED = 8, TAG_NULLABLE = 16, TAG_ARENA = 32 };

static int find_tags(struct verifier *v, uint32_t func_id, uint32_t arg, bool global, uint32_t *tags)
{
	static const struct {
		const char *name;
		uint32_t tag;
	} known[] = {{"ctx", TAG_CTX},           {"nonnull", TAG_NONNULL},
		     {"trusted", TAG_TRUSTED},   {"untrusted", TAG_UNTRUSTED},
		     {"nullable", TAG_NULLABLE}, {"arena", TAG_ARENA}};
	const struct btf *btf = v->in->btf;

	*tags = 0;
	for (uint32_t i = 1; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *name;
		size_t k = 0;

		if (!btf_is_decl_tag(t) || t->type != func_id || btf_decl_tag(t)->component_idx != (int32_t)arg)
			continue;
		name = btf_type_name(btf, t);
		if (strncmp(name, "arg:", 4) != 0)
			continue;
		/* Not reached: only global functions are asked, and exception callbacks, which must be global */
		if (!global)
			return refuse(v, -EOPNOTSUPP, PROBLEM_SHAPE,
				      "arg#%u type tag is not supported in static functions", arg);
		while (k < ARRAY_SIZE(known) && strcmp(known[k].name, name + 4) != 0)
			k++;
		if (k == ARRAY_SIZE(known))
			return refuse(v, -EOPNOTSUPP, PROBLEM_SHAPE, "arg#%u has unsupported set of tags: %s", arg,
				      name);
		*tags |= known[k].tag;
	}
	return 0;
}

static int bad_tags(struct verifier *v, uint32_t arg)
{
	return refuse(v, -EINVAL, PROBLEM_SHAPE, "arg#%u has invalid combination of tags", arg);
}

/* The kernel's type of that kind and name, which may be of a flavour ("task_struct___old"). There must be one, and no other. */
static int kernel_object(struct verifier *v, uint32_t arg, uint32_t id, struct sub_arg *a)
{
	const struct btf *kernel = v->in->n_btfs ? v->in->btfs[0] : NULL;
	const struct btf_type *t = btf_strip(v->in->btf, id, NULL);
	const char *name = btf_type_name(v->in->btf, t), *flavour = strstr(name, "___");
	size_t len = flavour && flavour != name ? (size_t)(flavour - name) : strlen(name);
	uint32_t found = 0;

	if (!t || !len)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "arg#%u reference type has no name", arg);
	for (uint32_t i = 1; kernel && i < btf__type_cnt(kernel); i++) {
		const struct btf_type *k = btf__type_by_id(kernel, i);
		const char *other;

		if (btf_kind(k) != btf_kind(t))
			continue;
		other = btf_type_name(kernel, k);
		if (strncmp(other, name, len) != 0 || other[len])
			continue;
		found++;
		a->btf_id = i;
	}
	if (found != 1)
		return refuse(v, found ? -ESRCH : -ENOENT, PROBLEM_SHAPE,
			      "arg#%u: the kernel has %u such types of the name %.*s", arg, found, (int)len, name);
	a->kind = SUB_ARG_BTF;
	a->btf = kernel;
	return 0;
}

/* As the kernel's log writes kinds. */
static const char *kind_name(const struct btf_type *t)
{
	static const char *const names[] = {[BTF_KIND_UNKN] = "UNKNOWN", [BTF_KIND_PTR] = "PTR",
					    [BTF_KIND_ARRAY] = "ARRAY",  [BTF_KIND_STRUCT] = "STRUCT",
					    [BTF_KIND_UNION] = "UNION",  [BTF_KIND_FWD] = "FWD",
					    [BTF_KIND_FUNC] = "FUNC",    [BTF_KIND_FUNC_PROTO] = "FUNC_PROTO",
					    [BTF_KIND_VAR] = "VAR",      [BTF_KIND_INT] = "INT",
					    [BTF_KIND_ENUM] = "ENUM",    [BTF_KIND_FLOAT] = "FLOAT"};
	uint32_t kind = t ? btf_kind(t) : 0;

	return kind < ARRAY_SIZE(names) && names[kind] ? names[kind] : "UNKNOWN";
}

static int pointer_arg(struct verifier *v, uint32_t arg, uint32_t id, uint32_t tags, bool global, struct sub_arg *a)
{
	const struct btf *btf = v->in->btf;
	const struct btf_type *t = btf_strip(btf, id, NULL);
	int64_t size;
	int err;

	if ((tags & TAG_CTX) || btf_is_ctx(btf, id, v->prog_type)) {
		if (tags & ~(uint32_t)TAG_CTX)
			return bad_tags(v, arg);
		if ((tags & TAG_CTX) && !may_be_ctx(v, btf, id))
			return refuse(v, -EINVAL, PROBLEM_SHAPE,
				      "arg#%u: a context of this program type is not of type %s", arg,
				      btf_type_name(btf, t));
		a->kind = SUB_ARG_CTX;
		return 0;
	}
	if (t && btf_is_struct(t) && !strcmp(btf_type_name(btf, t), "bpf_dynptr")) {
		a->kind = SUB_ARG_DYNPTR;
		return tags ? bad_tags(v, arg) : 0;
	}
	if (tags & TAG_TRUSTED) {
		if (tags & TAG_NONNULL)
			return bad_tags(v, arg);
		a->flags = PTR_TRUSTED | (tags & TAG_NULLABLE ? PTR_NULL : 0);
		return kernel_object(v, arg, id, a);
	}
	if (tags & TAG_UNTRUSTED) {
		if (tags & ~(uint32_t)TAG_UNTRUSTED)
			return bad_tags(v, arg);
		if (!t || btf_is_void(t) || btf_is_int(t) || btf_is_any_enum(t)) {
			a->kind = SUB_ARG_MEM;
			a->flags = MEM_RDONLY | PTR_UNTRUSTED;
			return 0;
		}
		err = kernel_object(v, arg, id, a);
		/* Not reached: kernel_object() finds structs and unions only */
		if (!err && !btf_is_composite(t))
			return refuse(v, -EINVAL, PROBLEM_SHAPE,
				      "arg#%u: only structs and numbers may be untrusted pointers' targets", arg);
		a->flags = PTR_UNTRUSTED;
		return err;
	}
	if (tags & TAG_ARENA) {
		a->kind = SUB_ARG_ARENA;
		return tags & ~(uint32_t)TAG_ARENA ? bad_tags(v, arg) : 0;
	}
	/* Not reached: only global functions are asked, and exception callbacks, which must be global */
	if (!global)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "arg#%u of a static function is a pointer", arg);
	if (tags & TAG_NULLABLE)
		return bad_tags(v, arg);
	size = t && !btf_is_void(t) ? btf__resolve_size(btf, id) : -1;
	if (size < 0)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "arg#%u reference type('%s %s') size cannot be determined: %d",
			      arg, kind_name(t), btf_type_name(btf, t), -EINVAL);
	a->kind = SUB_ARG_MEM;
	a->flags = tags & TAG_NONNULL ? 0 : PTR_NULL;
	a->mem_size = (uint32_t)size;
	return 0;
}

int sub_args(struct verifier *v, uint32_t subprog)
{
	struct subprog *sub = &v->subprogs[subprog];
	const struct btf *btf = v->in->btf;
	const struct btf_type *t, *proto, *ret;
	const struct btf_param *p;
	uint32_t func_id;
	bool global;
	int err;

	if (sub->args_known)
		return 0;
	/* Not reached: what makes a function global is its record in BTF */
	if (!v->in->func_info)
		return refuse(v, -EFAULT, PROBLEM_SHAPE, "function #%u has no BTF", subprog);
	func_id = v->in->func_info[subprog].type_id;
	t = btf__type_by_id(btf, func_id);
	global = btf_vlen(t) == BTF_FUNC_GLOBAL;
	proto = btf__type_by_id(btf, t->type);
	if (!proto || !btf_is_func_proto(proto))
		return refuse(v, -EFAULT, PROBLEM_SHAPE, "function '%s' has no prototype in BTF", sub->name);
	if (btf_vlen(proto) > ARG_REGS)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "Global function %s() with %u > %d args. Buggy compiler.",
			      sub->name, btf_vlen(proto), ARG_REGS);
	ret = btf_strip(btf, proto->type, NULL);
	if (!ret || (!btf_is_int(ret) && !btf_is_any_enum(ret)))
		return refuse(v, -EINVAL, PROBLEM_SHAPE,
			      "Global function %s() doesn't return scalar. Only those are supported.", sub->name);
	p = btf_params(proto);
	for (uint32_t i = 0; i < btf_vlen(proto); i++) {
		struct sub_arg *a = &sub->args[i];
		uint32_t tags;

		*a = (struct sub_arg){.kind = SUB_ARG_SCALAR};
		err = find_tags(v, func_id, i, global, &tags);
		if (err)
			return err;
		t = btf_strip(btf, p[i].type, NULL);
		if (t && btf_is_ptr(t)) {
			err = pointer_arg(v, i, t->type, tags, global, a);
			if (err)
				return err;
			continue;
		}
		if (tags)
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "arg#%u has pointer tag, but is not a pointer type",
				      i);
		if (!t || (!btf_is_int(t) && !btf_is_any_enum(t)))
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "Arg#%u type %s in %s() is not supported yet.", i,
				      btf_type_name(btf, t), sub->name);
	}
	sub->n_args = btf_vlen(proto);
	sub->args_known = true;
	return 0;
}
