/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What BTF says of a kfunc's argument: its type without modifiers, the suffix of its name, the struct that it points to.
 */
#include "base/util.h"
#include "verify/kcall.h"

#include <bpf/btf.h>
#include <string.h>

const struct btf_type *skip_modifiers(const struct btf *btf, uint32_t id, uint32_t *resolved)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
		id = t->type;
		t = btf__type_by_id(btf, id);
	}
	if (resolved)
		*resolved = id;
	return t;
}

const char *type_name(const struct btf *btf, const struct btf_type *t)
{
	const char *name = t ? btf__name_by_offset(btf, t->name_off) : NULL;

	return name ? name : "";
}

bool is_scalar_type(const struct btf_type *t)
{
	return btf_is_int(t) || btf_is_any_enum(t);
}

bool is_scalar_struct(const struct btf *btf, const struct btf_type *t, uint32_t depth)
{
	const struct btf_member *m;

	if (!btf_is_composite(t) || depth > 3)
		return false;
	m = btf_members(t);
	for (uint32_t i = 0; i < btf_vlen(t); i++) {
		const struct btf_type *mt = skip_modifiers(btf, m[i].type, NULL);

		if (mt && btf_is_composite(mt)) {
			if (!is_scalar_struct(btf, mt, depth + 1))
				return false;
			continue;
		}
		if (mt && btf_is_array(mt)) {
			if (!btf_array(mt)->nelems)
				return false;
			mt = skip_modifiers(btf, btf_array(mt)->type, NULL);
		}
		if (!mt || !is_scalar_type(mt))
			return false;
	}
	return true;
}

bool arg_has_suffix(const struct btf *btf, const struct btf_param *p, const char *suffix)
{
	const char *name = btf__name_by_offset(btf, p->name_off);
	size_t len = name ? strlen(name) : 0, n = strlen(suffix);

	return name && len >= n && !strcmp(name + len - n, suffix);
}

static const struct btf_type *pointed_to(const struct btf *btf, const struct btf_param *p)
{
	const struct btf_type *t = skip_modifiers(btf, p->type, NULL);

	return t && btf_is_ptr(t) ? skip_modifiers(btf, t->type, NULL) : NULL;
}

bool arg_is_struct(const struct btf *btf, const struct btf_param *p, const char *name)
{
	const struct btf_type *t = pointed_to(btf, p);

	return t && btf_is_struct(t) && !strcmp(type_name(btf, t), name);
}

bool arg_is_func(const struct btf *btf, const struct btf_param *p)
{
	const struct btf_type *t = pointed_to(btf, p);

	return t && btf_is_func_proto(t);
}

/* Contexts: what programs call them, and what the kernel has behind it. Types whose context has no name are not here. */
static const struct {
	const char *user, *kernel;
} contexts[SKEP_PROG_TYPE_MAX] = {
	[BPF_PROG_TYPE_SOCKET_FILTER] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_SCHED_CLS] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_SCHED_ACT] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_XDP] = {"xdp_md", "xdp_buff"},
	[BPF_PROG_TYPE_CGROUP_SKB] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_CGROUP_SOCK] = {"bpf_sock", "sock"},
	[BPF_PROG_TYPE_CGROUP_SOCK_ADDR] = {"bpf_sock_addr", "bpf_sock_addr_kern"},
	[BPF_PROG_TYPE_LWT_IN] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_LWT_OUT] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_LWT_XMIT] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_LWT_SEG6LOCAL] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_SOCK_OPS] = {"bpf_sock_ops", "bpf_sock_ops_kern"},
	[BPF_PROG_TYPE_SK_SKB] = {"__sk_buff", "sk_buff"},
	[BPF_PROG_TYPE_SK_MSG] = {"sk_msg_md", "sk_msg"},
	[BPF_PROG_TYPE_FLOW_DISSECTOR] = {"__sk_buff", "bpf_flow_dissector"},
	[BPF_PROG_TYPE_KPROBE] = {"pt_regs", "pt_regs"},
	[BPF_PROG_TYPE_PERF_EVENT] = {"bpf_perf_event_data", "bpf_perf_event_data_kern"},
	[BPF_PROG_TYPE_RAW_TRACEPOINT] = {"bpf_raw_tracepoint_args", NULL},
	[BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE] = {"bpf_raw_tracepoint_args", NULL},
	[BPF_PROG_TYPE_CGROUP_DEVICE] = {"bpf_cgroup_dev_ctx", "bpf_cgroup_dev_ctx"},
	[BPF_PROG_TYPE_CGROUP_SYSCTL] = {"bpf_sysctl", "bpf_sysctl_kern"},
	[BPF_PROG_TYPE_CGROUP_SOCKOPT] = {"bpf_sockopt", "bpf_sockopt_kern"},
	[BPF_PROG_TYPE_SK_REUSEPORT] = {"sk_reuseport_md", "sk_reuseport_kern"},
	[BPF_PROG_TYPE_SK_LOOKUP] = {"bpf_sk_lookup", "bpf_sk_lookup_kern"},
	[SKEP_PROG_TYPE_NETFILTER] = {"bpf_nf_ctx", "bpf_nf_ctx"},
};

const char *kernel_ctx(uint32_t prog_type)
{
	return prog_type < SKEP_PROG_TYPE_MAX ? contexts[prog_type].kernel : NULL;
}

bool arg_is_ctx(const struct verifier *v, const struct btf *btf, const struct btf_param *p)
{
	const char *user = v->prog_type < SKEP_PROG_TYPE_MAX ? contexts[v->prog_type].user : NULL, *name;
	const struct btf_type *t = skip_modifiers(btf, p->type, NULL);
	uint32_t id;

	if (!t || !btf_is_ptr(t) || !user)
		return false;
	if (v->prog_type == BPF_PROG_TYPE_KPROBE) {
		const struct btf_type *d = btf__type_by_id(btf, t->type);

		while (d && btf_is_mod(d))
			d = btf__type_by_id(btf, d->type);
		if (d && btf_is_typedef(d) && !strcmp(type_name(btf, d), "bpf_user_pt_regs_t"))
			return true;
	}
	t = skip_modifiers(btf, t->type, &id);
	if (!t || !btf_is_composite(t))
		return false;
	name = type_name(btf, t);
	return !strcmp(name, user) || (!strcmp(user, "__sk_buff") && !strcmp(name, "sk_buff")) ||
	       (!strcmp(user, "xdp_md") && !strcmp(name, "xdp_buff"));
}
