/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel as the oracle of the kfunc table: every function that its BTF tags "bpf_kfunc" has a row and no other; every program type that
 * it loads, with the attach types that can matter, may call it exactly where kfunc_allowed() says so; and sleepable ones are
 * refused to others. "--print" lists what the kernel says: name, program types, and attach types where they decide.
 */
#include "../prog/oracle.h"
#include "btf/kernel.h"
#include "helper/kfunc.h"
#include "prog/points.h"
#include "prog/rules.h"
#include "prog/types.h"

#include <bpf/btf.h>
#include <inttypes.h>
#include <stdlib.h>

static struct btf *vmlinux;
static uint32_t asked, wrong;

struct way {
	uint32_t type, attach, flags, btf_id, shown_attach;
};

static struct way ways[512];
static uint32_t n_ways;

static int ask(const struct way *w, int32_t kfunc)
{
	const struct bpf_insn insns[] = {
		{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .imm = kfunc},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = prog_return_range(w->type, w->attach).min},
		{.code = BPF_JMP | BPF_EXIT},
	};
	struct oracle_prog p = {.type = w->type,
				.attach = w->attach,
				.flags = w->flags,
				.btf_id = w->btf_id,
				.insns = kfunc ? insns : insns + 1,
				.n = kfunc ? 3 : 2,
				.log_level = 1};

	return oracle_load(&p);
}

static void add(uint32_t type, uint32_t attach, uint32_t flags, const char *btf, uint32_t kind)
{
	struct way w = {.type = type, .attach = attach, .flags = flags, .shown_attach = attach};
	int id;

	if (btf) {
		id = btf__find_by_name_kind(vmlinux, btf, kind);
		if (id <= 0)
			return;
		w.btf_id = (uint32_t)id;
	}
	if (type == BPF_PROG_TYPE_STRUCT_OPS) {
		const struct btf_type *t = btf__type_by_id(vmlinux, w.btf_id);

		for (uint32_t m = 0; m < btf_vlen(t); m++)
			if (!strcmp(btf__name_by_offset(vmlinux, btf_members(t)[m].name_off), "ssthresh"))
				w.attach = m;
	}
	if (!oracle_judged(ask(&w, 0)))
		return;
	if (n_ways < ARRAY_SIZE(ways))
		ways[n_ways++] = w;
}

static void find_ways(void)
{
	for (uint32_t type = 1; type < SKEP_PROG_TYPE_MAX; type++) {
		uint32_t flags = prog_must_sleep(type) ? BPF_F_SLEEPABLE : 0;

		switch (type) {
		case BPF_PROG_TYPE_TRACING:
			add(type, BPF_TRACE_RAW_TP, 0, "btf_trace_sys_enter", BTF_KIND_TYPEDEF);
			add(type, BPF_TRACE_ITER, 0, "bpf_iter_task", BTF_KIND_FUNC);
			continue;
		case BPF_PROG_TYPE_STRUCT_OPS:
			add(type, 0, 0, "tcp_congestion_ops", BTF_KIND_STRUCT);
			continue;
		case BPF_PROG_TYPE_EXT:
		case BPF_PROG_TYPE_LSM:
			continue;
		}
		for (uint32_t attach = 0; attach < SKEP_ATTACH_MAX; attach++) {
			if (prog_attach_type_check(type, attach))
				continue;
			if (!prog_attach_type_check(type, 1000) && attach && attach != BPF_TRACE_ITER &&
			    attach != BPF_TRACE_KPROBE_MULTI && attach != SKEP_ATTACH_TRACE_KPROBE_SESSION &&
			    attach != SKEP_ATTACH_TRACE_UPROBE_SESSION && attach != SKEP_ATTACH_TRACE_UPROBE_MULTI)
				continue;
			add(type, attach, flags, NULL, 0);
		}
	}
}

static bool tagged(uint32_t func)
{
	for (uint32_t id = 1; id < btf__type_cnt(vmlinux); id++) {
		const struct btf_type *t = btf__type_by_id(vmlinux, id);

		if (btf_is_decl_tag(t) && t->type == func && btf_decl_tag(t)->component_idx == -1 &&
		    !strcmp(btf__name_by_offset(vmlinux, t->name_off), "bpf_kfunc"))
			return true;
	}
	return false;
}

/* The kernel's answer for one function and way: it may be called. */
static bool may(const struct way *w, uint32_t id, bool *sleeps)
{
	int err = ask(w, (int32_t)id);

	*sleeps = strstr(oracle_log, "must be sleepable to call");
	return !err || (!strstr(oracle_log, "is not allowed") && oracle_judged(err));
}

static void try_func(const char *name, uint32_t id, bool print)
{
	const struct kfunc_desc *k = kfunc_find(name);
	uint64_t types = 0, yes = 0, no = 0;

	if (!k && !print) {
		printf("%s: the table has no such row\n", name);
		wrong++;
		return;
	}
	for (uint32_t i = 0; i < n_ways; i++) {
		const struct way *w = &ways[i];
		bool sleeps, kernel = may(w, id, &sleeps);

		asked++;
		if (print) {
			if (kernel) {
				types |= 1ull << w->type;
				yes |= 1ull << w->shown_attach;
			}
			continue;
		}
		if (kernel != kfunc_allowed(k, w->type, w->shown_attach)) {
			wrong++;
			printf("%s, %s, attach type %u: the kernel says %s\n", name, prog_type_find(w->type)->name,
			       w->shown_attach, kernel ? "yes" : "no");
		} else if (kernel && !(w->flags & BPF_F_SLEEPABLE) && sleeps != !!(k->flags & KFUNC_SLEEPABLE)) {
			wrong++;
			printf("%s, %s: sleeps: the kernel says %s\n", name, prog_type_find(w->type)->name,
			       sleeps ? "yes" : "no");
		}
	}
	if (!print)
		return;
	for (uint32_t i = 0; i < n_ways; i++) {
		bool sleeps;

		if (types >> ways[i].type & 1 && !may(&ways[i], id, &sleeps))
			no |= 1ull << ways[i].shown_attach;
	}
	printf("%s %" PRIx64 " %" PRIx64 "\n", name, types, no ? yes & ~no : 0);
}

/*
 * The kernel keeps its lists of trusted fields as structs of their own: "task_struct__safe_rcu" has the members that are RCU-protected.
 * Every such member must be listed as that, and the lists have nothing more.
 */
static uint32_t fields_of_trust(void)
{
	static const struct {
		const char *suffix;
		enum btf_field_trust trust;
	} lists[] = {
		{"__safe_rcu", BTF_FIELD_RCU},
		{"__safe_rcu_or_null", BTF_FIELD_RCU_OR_NULL},
		{"__safe_trusted", BTF_FIELD_TRUSTED},
		{"__safe_trusted_or_null", BTF_FIELD_TRUSTED_OR_NULL},
	};
	uint32_t n = 0;

	for (uint32_t id = 1; id < btf__type_cnt(vmlinux); id++) {
		const struct btf_type *t = btf__type_by_id(vmlinux, id);
		const char *name = btf__name_by_offset(vmlinux, t->name_off), *at = strstr(name, "__safe_");
		char type[128];

		if (!btf_is_struct(t) || !at || (size_t)(at - name) >= sizeof(type))
			continue;
		memcpy(type, name, (size_t)(at - name));
		type[at - name] = 0;
		for (uint32_t l = 0; l < ARRAY_SIZE(lists); l++)
			for (uint32_t m = 0; !strcmp(at, lists[l].suffix) && m < btf_vlen(t); m++) {
				const char *field = btf__name_by_offset(vmlinux, btf_members(t)[m].name_off);

				n++;
				asked++;
				if (btf_field_trust(type, field) != lists[l].trust) {
					wrong++;
					printf("%s.%s: the kernel lists it as %s\n", type, field, at);
				}
			}
	}
	return n;
}

/* A type as text: qualifiers, pointers and the name; typedefs by their own name. */
static void spell(const struct btf *btf, uint32_t id, char *buf, size_t size)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	char inner[128];

	if (!id) {
		snprintf(buf, size, "void");
	} else if (btf_is_type_tag(t)) {
		spell(btf, t->type, buf, size); /* __user */
	} else if (btf_is_ptr(t) || btf_is_const(t)) {
		spell(btf, t->type, inner, sizeof(inner));
		snprintf(buf, size, btf_is_ptr(t) ? "%s *" : "const %s", inner);
	} else {
		const char *name = btf__name_by_offset(btf, t->name_off);

		/* Two compilers, two names. */
		if (!strcmp(name, "long unsigned int"))
			name = "unsigned long";
		if (!strcmp(name, "long int"))
			name = "long";
		snprintf(buf, size, "%s", name);
	}
}

static void spell_proto(const struct btf *btf, uint32_t func, char *buf, size_t size)
{
	const struct btf_type *proto = btf__type_by_id(btf, btf__type_by_id(btf, func)->type);
	char type[160];
	size_t n;

	spell(btf, proto->type, type, sizeof(type));
	n = (size_t)snprintf(buf, size, "%s(", type);
	for (uint32_t i = 0; i < btf_vlen(proto) && n < size; i++) {
		const char *name = btf__name_by_offset(btf, btf_params(proto)[i].name_off);

		spell(btf, btf_params(proto)[i].type, type, sizeof(type));
		/* System calls without arguments call their registers so. */
		n += (size_t)snprintf(buf + n, size - n, "%s%s %s", i ? ", " : "", type,
				      strcmp(name, "__unused") ? name : "regs");
	}
}

/* A function that is presented has the kernel's prototype, where the kernel has it. */
static void compare_protos(const struct btf *presented, uint32_t here, const char *name)
{
	int there = btf__find_by_name_kind(vmlinux, name, BTF_KIND_FUNC);
	char a[512] = "", b[512] = "";

	asked++;
	if (there <= 0)
		return;
	spell_proto(presented, here, a, sizeof(a));
	spell_proto(vmlinux, (uint32_t)there, b, sizeof(b));
	if (strcmp(a, b) != 0) {
		wrong++;
		printf("%s: presented as %s, in the kernel %s\n", name, a, b);
	}
}

/* Where a program on tasks attaches by a function's name; NULL: nowhere. */
static const struct hook_point *point_of(const char *function)
{
	static const char lsm[] = "bpf_lsm_";

	return strncmp(function, lsm, sizeof(lsm) - 1) ? points_find(POINT_FUNCTION, function)
						       : points_find(POINT_LSM, function + sizeof(lsm) - 1);
}

/* Every place to attach to that is served is presented. */
static void points_are_presented(const struct btf *presented)
{
	const struct hook_point *p;

	for (uint32_t i = 0; (p = points_at(i)); i++) {
		char name[128];

		if (p->truth == POINT_ABSENT || p->kind == POINT_TRACEPOINT)
			continue;
		snprintf(name, sizeof(name), "%s%s",
			 p->kind == POINT_LSM      ? "bpf_lsm_"
			 : p->kind == POINT_RAW_TP ? "btf_trace_"
						   : "",
			 p->name);
		asked++;
		if (btf__find_by_name_kind(presented, name,
					   p->kind == POINT_RAW_TP ? BTF_KIND_TYPEDEF : BTF_KIND_FUNC) <= 0) {
			wrong++;
			printf("%s is served, and not presented\n", name);
		}
	}
}

/*
 * Programs in the hive find exactly the functions that have an implementation, and those that they can be attached to, with the kernel's prototypes. What
 * a pointer leads to is there whole.
 */
static void what_is_presented(void)
{
	struct btf *presented = btf__new(kernel_btf, (uint32_t)kernel_btf_len);

	for (uint32_t id = 1; presented && id < btf__type_cnt(presented); id++) {
		const struct btf_type *t = btf__type_by_id(presented, id);
		const char *name = btf__name_by_offset(presented, t->name_off);
		const struct kfunc_desc *k;

		if (btf_is_fwd(t)) {
			wrong++;
			printf("%s is presented without its members\n", name);
		}
		if (!btf_is_func(t))
			continue;
		k = kfunc_find(name);
		if (k ? !k->fn : !point_of(name)) {
			wrong++;
			printf("%s is presented, and nothing implements or calls it\n", name);
		}
		compare_protos(presented, id, name);
	}
	for (uint32_t i = 0; presented && i < kfuncs_n; i++)
		if (kfuncs[i].fn && btf__find_by_name_kind(presented, kfuncs[i].name, BTF_KIND_FUNC) <= 0) {
			wrong++;
			printf("%s is implemented, and not presented\n", kfuncs[i].name);
		}
	if (presented)
		points_are_presented(presented);
	else
		wrong++;
	btf__free(presented);
}

int main(int argc, char **argv)
{
	bool print = argc > 1 && !strcmp(argv[1], "--print");
	uint32_t found = 0;

	if (!oracle_there())
		return ORACLE_SKIP;
	vmlinux = btf__load_vmlinux_btf();
	if (!vmlinux) {
		printf("skipped: the kernel has no BTF\n");
		return ORACLE_SKIP;
	}
	find_ways();
	for (uint32_t id = 1; id < btf__type_cnt(vmlinux); id++) {
		const struct btf_type *t = btf__type_by_id(vmlinux, id);
		uint32_t func;

		if (!btf_is_decl_tag(t) || btf_decl_tag(t)->component_idx != -1 ||
		    strcmp(btf__name_by_offset(vmlinux, t->name_off), "bpf_kfunc"))
			continue;
		func = t->type;
		found++;
		try_func(btf__name_by_offset(vmlinux, btf__type_by_id(vmlinux, func)->name_off), func, print);
	}
	/* A row that the kernel at hand does not tag would stand untested. */
	for (uint32_t i = 0; i < kfuncs_n; i++) {
		int id = btf__find_by_name_kind(vmlinux, kfuncs[i].name, BTF_KIND_FUNC);

		if (!print && (id <= 0 || !tagged((uint32_t)id))) {
			wrong++;
			printf("%s: the kernel has no such kfunc\n", kfuncs[i].name);
		}
	}
	if (print)
		return 0;
	if (fields_of_trust() != btf_field_trusts_n) {
		wrong++;
		printf("the table of trusted fields has rows that the kernel has not\n");
	}
	what_is_presented();
	btf__free(vmlinux);
	printf("%u kfuncs, %u ways, %u questions, %u differences\n", found, n_ways, asked, wrong);
	return wrong != 0 || !found;
}
