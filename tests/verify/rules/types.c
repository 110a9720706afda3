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

void rules_load_kernel(void)
{
	struct utsname u;

	if (getenv("RULES_NO_BTF") || uname(&u) || strncmp(u.release, "6.18.", 5) != 0)
		return;
	rules_vmlinux = btf__load_vmlinux_btf();
	rules_kernel_types = rules_vmlinux ? kernel_types_new(rules_vmlinux) : NULL;
}
