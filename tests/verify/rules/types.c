/* SPDX-License-Identifier: BSD-2-Clause */
/* The BTF of types.bpf.c, and what not every clang puts there. */
#include "rules.h"

#include <bpf/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

static int tagged(struct btf *b, const char *tag, const char *name)
{
	return btf__add_ptr(b, btf__add_type_tag(b, tag, btf__find_by_name_kind(b, name, BTF_KIND_STRUCT)));
}

/* What not every clang makes: tags of pointers, and a function of six arguments. */
static void add_types(struct btf *b)
{
	static const struct {
		const char *name, *tag, *to;
	} fields[] = {{"plain", "kptr_untrusted", "task_struct"},
		      {"ref", "kptr", "task_struct"},
		      {"own", "kptr", "small"},
		      {"percpu", "percpu_kptr", "small"},
		      {"cgrp", "kptr", "cgroup"}};
	int i = btf__find_by_name_kind(b, "int", BTF_KIND_INT), data = btf__find_by_name(b, "u64"), proto, types[5];

	for (size_t k = 0; k < ARRAY_SIZE(fields); k++)
		types[k] = tagged(b, fields[k].tag, fields[k].to);
	btf__add_struct(b, "kptr_value", 48);
	btf__add_field(b, "data", data, 0, 0);
	for (uint32_t k = 0; k < ARRAY_SIZE(fields); k++)
		btf__add_field(b, fields[k].name, types[k], 64 + k * 64, 0);
	btf__add_struct(b, "kp_node", 16);
	btf__add_field(b, "data", data, 0, 0);
	btf__add_field(b, "kp", types[2], 64, 0);
	types[0] = tagged(b, "uptr", "small");
	btf__add_struct(b, "uptr_value", 16);
	btf__add_field(b, "data", data, 0, 0);
	btf__add_field(b, "user", types[0], 64, 0);
	proto = btf__add_func_proto(b, i);
	for (int k = 0; k < 6; k++)
		btf__add_func_param(b, "a", i);
	btf__add_func(b, "g_six", BTF_FUNC_GLOBAL, proto);
}

struct btf *rules_load_types(const char *path)
{
	struct btf *b = btf__parse(path, NULL);

	if (b)
		add_types(b);
	return b;
}

/*
 * A kernel as no compiler makes it ("kernel=odd"): what the verifier asks of the BTF that skep check --btf FILE may bring. No kernel is
 * asked about such programs. Type 1 has no name.
 */
static int proto(struct btf *b, int ret, const char *const *names, const int *types, int n)
{
	int id = btf__add_func_proto(b, ret);

	for (int i = 0; i < n; i++)
		btf__add_func_param(b, names[i], types[i]);
	return id;
}

static void func(struct btf *b, const char *name, int ret, const char *const *names, const int *types, int n)
{
	btf__add_func(b, name, BTF_FUNC_GLOBAL, proto(b, ret, names, types, n));
}

struct btf *rules_odd_kernel(void)
{
	static const char *const plain[] = {"a", "b", "c", "d", "e", "f"};
	struct btf *b = btf__new_empty();
	int ptr, i, u, real, fwd, task, task_ptr, fwd_ptr, u_ptr, one[6], two[2], var;

	if (!b)
		return NULL;
	ptr = btf__add_ptr(b, 0);
	i = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
	u = btf__add_int(b, "u64", 8, 0);
	btf__add_int(b, "char", 1, BTF_INT_SIGNED);
	real = btf__add_float(b, "double", 8);
	fwd = btf__add_fwd(b, "nobody", BTF_FWD_STRUCT);
	fwd_ptr = btf__add_ptr(b, fwd);
	u_ptr = btf__add_ptr(b, u);
	/* A hole behind pid, and a member of no size. */
	task = btf__add_struct(b, "task_struct", 32);
	btf__add_field(b, "pid", i, 0, 0);
	btf__add_field(b, "start", u, 64, 0);
	btf__add_field(b, "odd", fwd, 128, 0);
	task_ptr = btf__add_ptr(b, task);

	/* Hooks */
	one[0] = btf__add_ptr(b, btf__add_type_tag(b, "user", task));
	func(b, "odd_user", i, plain, one, 1);
	btf__add_func(b, "odd_no_proto", BTF_FUNC_GLOBAL, i);
	btf__add_func(b, "bpf_iter_odd", BTF_FUNC_GLOBAL, i);
	btf__add_typedef(b, "btf_trace_odd_int", i);
	two[0] = ptr;
	two[1] = task_ptr;
	btf__add_typedef(b, "btf_trace_odd", btf__add_ptr(b, proto(b, 0, plain, two, 2)));
	two[1] = real;
	btf__add_typedef(b, "btf_trace_odd_real", btf__add_ptr(b, proto(b, 0, plain, two, 2)));
	two[1] = 0;
	btf__add_typedef(b, "btf_trace_odd_none", btf__add_ptr(b, proto(b, 0, plain, two, 2)));

	/* Structs that programs implement */
	one[0] = task_ptr;
	one[1] = btf__add_ptr(b, proto(b, i, plain, one, 1));
	one[2] = btf__add_ptr(b, proto(b, ptr, plain, one, 1));
	btf__add_struct(b, "bpf_dummy_ops", 16);
	btf__add_field(b, "test_1", one[1], 0, 0);
	btf__add_field(b, "test_ptr", one[2], 64, 0);
	btf__add_struct(b, "bpf_struct_ops_bpf_dummy_ops", 16);
	func(b, "bpf_dummy_ops__test_1", i, (const char *const[]){"task__ref"}, &task_ptr, 1);
	btf__add_struct(b, "odd_ops", 8);
	btf__add_field(b, "run", one[1], 0, 0);
	btf__add_struct(b, "bpf_struct_ops_odd_ops", 8);

	/* Variables */
	var = btf__add_var(b, "odd_var", BTF_VAR_GLOBAL_ALLOCATED, fwd);
	var = btf__add_var(b, "odd_percpu", BTF_VAR_GLOBAL_ALLOCATED, fwd);
	btf__add_datasec(b, ".data..percpu", 8);
	btf__add_datasec_var_info(b, var, 0, 8);

	/* Kernel functions, with other prototypes than they have. */
	for (int k = 0; k < 6; k++)
		one[k] = i;
	func(b, "bpf_strlen", i, plain, one, 6);
	func(b, "bpf_strchr", i, plain, &real, 1);
	func(b, "bpf_strcmp", real, NULL, NULL, 0);
	func(b, "bpf_strstr", fwd_ptr, NULL, NULL, 0);
	func(b, "bpf_strspn", i, (const char *const[]){"rdonly_buf_size"}, &u, 1);
	btf__add_func(b, "bpf_strcspn", BTF_FUNC_GLOBAL, i);
	one[0] = btf__add_ptr(b, btf__add_struct(b, "bpf_list_head", 16));
	func(b, "bpf_strrchr", i, plain, one, 1);
	one[0] = btf__add_ptr(b, btf__add_struct(b, "bpf_res_spin_lock", 4));
	func(b, "bpf_strchrnul", i, plain, one, 1);
	one[0] = btf__add_ptr(b, btf__add_struct(b, "bpf_dynptr", 16));
	func(b, "bpf_strnlen", i, (const char *const[]){"ptr__uninit"}, one, 1);
	one[0] = btf__add_ptr(b, btf__add_struct(b, "bpf_list_node", 24));
	func(b, "bpf_strnchr", i, plain, one, 1);
	func(b, "bpf_list_pop_front", one[0], NULL, NULL, 0);
	func(b, "bpf_dynptr_slice", ptr, NULL, NULL, 0);
	two[0] = u;
	two[1] = ptr;
	func(b, "bpf_obj_new_impl", ptr, (const char *const[]){"id__k", "meta__ign"}, two, 2);
	two[0] = ptr;
	func(b, "bpf_obj_drop_impl", 0, (const char *const[]){"p__alloc", "meta__ign"}, two, 2);
	one[0] = u_ptr;
	func(b, "bpf_iter_num_new", i, plain, one, 1);
	func(b, "bpf_task_acquire", task_ptr, plain, &task_ptr, 1);
	two[0] = two[1] = task_ptr;
	func(b, "bpf_task_release", 0, plain, two, 2);
	func(b, "bpf_cgroup_release", 0, plain, &task_ptr, 1);
	func(b, "bpf_strcasecmp", i, plain, &task_ptr, 1);
	return b;
}

/* The cases' BTF with a struct and a function more, which no kernel would load. */
struct btf *rules_odd_types(void)
{
	uint32_t size;
	const void *raw = btf__raw_data(rules_types, &size);
	struct btf *b = raw ? btf__new(raw, size) : NULL;
	int lock;

	if (!b)
		return NULL;
	lock = btf__find_by_name_kind(b, "bpf_spin_lock", BTF_KIND_STRUCT);
	btf__add_struct(b, "two_locks", 8);
	btf__add_field(b, "a", lock, 0, 0);
	btf__add_field(b, "b", lock, 32, 0);
	btf__add_func(b, "no_proto", BTF_FUNC_GLOBAL, btf__find_by_name_kind(b, "int", BTF_KIND_INT));
	return b;
}

void rules_load_kernel(void)
{
	struct utsname u;

	if (getenv("RULES_NO_BTF") || uname(&u) || strncmp(u.release, "6.18.", 5) != 0)
		return;
	rules_vmlinux = btf__load_vmlinux_btf();
	rules_kernel_types = rules_vmlinux ? kernel_types_new(rules_vmlinux) : NULL;
}
