/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skep check --kernel: which versions of Linux have what an object needs.
 *
 * Theory of operation
 *
 * Everything that an object needs and that came with some version is looked up in the tables (program and map types, helpers, kfuncs,
 * instructions) or in the short ones below (attach types, map flags, special fields), and becomes a need: a version and a reason. A version can load the
 * object when no need is newer. Of a program that 6.18 accepts, only instructions that some path reaches count; what CO-RE left out does not.
 *
 * What this does not prove, docs/check.md says: an older verifier may refuse what 6.18's accepts.
 */
#include "cli/check.h"

#include "base/util.h"
#include "bpf/object.h"
#include "helper/helper.h"
#include "helper/kfunc.h"
#include "insn/insn.h"
#include "map/map.h"
#include "prog/rules.h"
#include "prog/types.h"
#include "verify/record.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { VERSIONS_MAX = 32, NEEDS_MAX = 256 };
#define V(major, minor) ((major) << 8 | (minor))
enum { OLDEST = V(3, 18), NEWEST = V(6, 18) }; /* that the tables know */

struct versions {
	uint32_t n;
	uint32_t v[VERSIONS_MAX];
};

struct need {
	uint32_t since; /* V() */
	const char *prog; /* NULL: the object */
	char what[120];
};

struct needs {
	struct need all[NEEDS_MAX];
	uint32_t n;
	bool incomplete; /* a program is not known well enough to say more */
};

static bool parse_version(const char *text, size_t len, uint32_t *out)
{
	unsigned int major, minor;
	int used = 0;
	char room[16];

	if (!len || len >= sizeof(room))
		return false;
	memcpy(room, text, len);
	room[len] = 0;
	if (sscanf(room, "%3u.%3u%n", &major, &minor, &used) != 2 || (size_t)used != len || minor > 255)
		return false;
	*out = V(major, minor);
	return true;
}

struct versions *versions_parse(const char *text)
{
	struct versions *v = calloc(1, sizeof(*v));

	for (const char *at = text; v; at += strcspn(at, ",") + 1) {
		size_t len = strcspn(at, ",");

		if (v->n == VERSIONS_MAX || !parse_version(at, len, &v->v[v->n]) || v->v[v->n] < OLDEST ||
		    v->v[v->n] > NEWEST) {
			free(v);
			return NULL;
		}
		v->n++;
		if (!at[len])
			break;
	}
	return v;
}

/* Needs */

static void need(struct needs *n, const char *prog, uint32_t since, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void need(struct needs *n, const char *prog, uint32_t since, const char *fmt, ...)
{
	struct need *at = &n->all[n->n];
	va_list ap;

	if (since <= OLDEST)
		return;
	if (n->n == NEEDS_MAX) {
		n->incomplete = true;
		return;
	}
	*at = (struct need){.since = since, .prog = prog};
	va_start(ap, fmt);
	vsnprintf(at->what, sizeof(at->what), fmt, ap);
	va_end(ap);
	for (uint32_t i = 0; i < n->n; i++)
		if (n->all[i].since == since && n->all[i].prog == prog && !strcmp(n->all[i].what, at->what))
			return;
	n->n++;
}

static uint32_t since_of(const char *kernel)
{
	uint32_t v = OLDEST;

	parse_version(kernel, strlen(kernel), &v);
	return v;
}

/* Attach types that are part of a load, where they are younger than their program type. */
static const struct {
	uint32_t prog_type, attach_type, since;
	const char *name;
} attach_types[] = {
	{BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP, V(5, 8), "xdp/devmap"},
	{BPF_PROG_TYPE_XDP, BPF_XDP_CPUMAP, V(5, 9), "xdp/cpumap"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG, V(4, 18), "cgroup/sendmsg4"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG, V(4, 18), "cgroup/sendmsg6"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG, V(5, 2), "cgroup/recvmsg4"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG, V(5, 2), "cgroup/recvmsg6"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETPEERNAME, V(5, 8), "cgroup/getpeername4"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETPEERNAME, V(5, 8), "cgroup/getpeername6"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_GETSOCKNAME, V(5, 8), "cgroup/getsockname4"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_GETSOCKNAME, V(5, 8), "cgroup/getsockname6"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SKEP_ATTACH_CGROUP_UNIX_CONNECT, V(6, 7), "cgroup/connect_unix"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SKEP_ATTACH_CGROUP_UNIX_SENDMSG, V(6, 7), "cgroup/sendmsg_unix"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SKEP_ATTACH_CGROUP_UNIX_RECVMSG, V(6, 7), "cgroup/recvmsg_unix"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SKEP_ATTACH_CGROUP_UNIX_GETPEERNAME, V(6, 7), "cgroup/getpeername_unix"},
	{BPF_PROG_TYPE_CGROUP_SOCK_ADDR, SKEP_ATTACH_CGROUP_UNIX_GETSOCKNAME, V(6, 7), "cgroup/getsockname_unix"},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND, V(4, 17), "cgroup/post_bind4"},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET6_POST_BIND, V(4, 17), "cgroup/post_bind6"},
	{BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE, V(5, 9), "cgroup/sock_release"},
	{BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT_OR_MIGRATE, V(5, 14), "sk_reuseport/migrate"},
	{BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP, V(6, 0), "lsm_cgroup"},
	{BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER, V(5, 8), "iter"},
	{BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN, V(5, 7), "fmod_ret"},
};

/* Instructions: the version that an isa level came with (0: see special()), and what is younger than its level. */
static const struct {
	uint32_t since;
	const char *name;
} isas[] = {
	[1] = {V(3, 18), ""},
	[2] = {V(4, 14), "-mcpu=v2 (jumps with <, <=)"},
	[3] = {V(5, 1), "-mcpu=v3 (32-bit jumps)"},
	[4] = {V(6, 6), "-mcpu=v4 (sign extension, gotol, signed division)"},
};

static const struct {
	uint32_t op, since;
	const char *name;
} special_insns[] = {
	{INSN_MAY_GOTO, V(6, 9), "may_goto"},
	{INSN_CALL_SUBPROG, V(4, 16), "calls of BPF functions"},
	{INSN_CALL_KFUNC, V(5, 13), "calls of kernel functions"},
	{INSN_LD_MAP_VALUE, V(5, 2), "global variables"},
	{INSN_LD_MAP_IDX, V(5, 14), "maps by index"},
	{INSN_LD_MAP_IDX_VALUE, V(5, 14), "maps by index"},
	{INSN_LD_VAR, V(5, 10), "kernel variables (__ksym)"},
	{INSN_LD_FUNC, V(5, 13), "callbacks"},
	{INSN_XCHG32, V(5, 12), "atomic exchange"},
	{INSN_XCHG64, V(5, 12), "atomic exchange"},
	{INSN_CMPXCHG32, V(5, 12), "atomic compare-exchange"},
	{INSN_CMPXCHG64, V(5, 12), "atomic compare-exchange"},
};

static void need_insn(struct needs *n, const char *prog, const struct insn_desc *d, const struct bpf_insn *insn)
{
	if (insn_is_addr_cast(insn)) {
		need(n, prog, V(6, 9), "arena addresses");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(special_insns); i++)
		if (special_insns[i].op == d->op) {
			need(n, prog, special_insns[i].since, "%s", special_insns[i].name);
			return;
		}
	/* What level 3 has of atomic operations came later than its jumps; a plain add is as old as any. */
	if (BPF_CLASS(insn->code) == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC) {
		if (d->isa >= 5)
			need(n, prog, V(6, 15), "load-acquire, store-release");
		else if (d->isa == 3)
			need(n, prog, V(5, 12), "atomic operations");
	} else if (d->isa == 3 && BPF_CLASS(insn->code) != BPF_JMP32) {
		need(n, prog, V(5, 1), "%s", isas[3].name);
	} else if (d->isa < ARRAY_SIZE(isas)) {
		need(n, prog, isas[d->isa].since, "%s", isas[d->isa].name);
	}
}

static const struct {
	uint32_t field, since;
	const char *name;
} special_fields[] = {
	{FIELD_SPIN_LOCK, V(5, 1), "bpf_spin_lock"},
	{FIELD_TIMER, V(5, 15), "bpf_timer"},
	{FIELD_KPTR_UNREF, V(5, 19), "kptr"},
	{FIELD_KPTR_REF, V(5, 19), "kptr"},
	{FIELD_KPTR_PERCPU, V(6, 7), "percpu_kptr"},
	{FIELD_LIST_HEAD, V(6, 2), "bpf_list_head"},
	{FIELD_RB_ROOT, V(6, 3), "bpf_rb_root"},
	{FIELD_REFCOUNT, V(6, 4), "bpf_refcount"},
	{FIELD_WORKQUEUE, V(6, 10), "bpf_wq"},
	{FIELD_UPTR, V(6, 13), "uptr"},
	{FIELD_RES_SPIN_LOCK, V(6, 15), "bpf_res_spin_lock"},
	{FIELD_TASK_WORK, V(6, 18), "bpf_task_work"},
};

static const struct {
	uint32_t flag, since;
	const char *name;
} map_flags[] = {
	{BPF_F_NO_PREALLOC, V(4, 6), "BPF_F_NO_PREALLOC"},
	{BPF_F_NO_COMMON_LRU, V(4, 10), "BPF_F_NO_COMMON_LRU"},
	{BPF_F_NUMA_NODE, V(4, 14), "BPF_F_NUMA_NODE"},
	{BPF_F_RDONLY, V(4, 15), "BPF_F_RDONLY"},
	{BPF_F_STACK_BUILD_ID, V(4, 17), "BPF_F_STACK_BUILD_ID"},
	{BPF_F_ZERO_SEED, V(5, 0), "BPF_F_ZERO_SEED"},
	{BPF_F_WRONLY_PROG, V(5, 2), "BPF_F_WRONLY_PROG"},
	{BPF_F_CLONE, V(5, 4), "BPF_F_CLONE"},
	{BPF_F_PRESERVE_ELEMS, V(5, 10), "BPF_F_PRESERVE_ELEMS"},
	{BPF_F_INNER_MAP, V(5, 10), "BPF_F_INNER_MAP"},
};

static void need_maps(struct needs *n, const struct check *c)
{
	struct bpf_map *map;

	if (!c->obj)
		return;
	bpf_object__for_each_map(map, object_libbpf(c->obj))
	{
		const struct map_type_desc *t = map_type_find((uint32_t)bpf_map__type(map));

		if (t)
			need(n, NULL, since_of(t->kernel), "map type %s ('%s')", t->name, bpf_map__name(map));
		/* What libbpf asks for its own maps (.bss, .rodata) it takes back where the kernel does not have it. */
		for (size_t i = 0; i < ARRAY_SIZE(map_flags) && !bpf_map__is_internal(map); i++)
			if (bpf_map__map_flags(map) & map_flags[i].flag)
				need(n, NULL, map_flags[i].since, "map flag %s ('%s')", map_flags[i].name,
				     bpf_map__name(map));
		if (bpf_map__map_flags(map) & BPF_F_MMAPABLE && !bpf_map__is_internal(map))
			need(n, NULL, V(5, 5), "map flag BPF_F_MMAPABLE ('%s')", bpf_map__name(map));
	}
}

/* A cycle in the control flow of a function: a jump back to an instruction that is still open. */
enum { OPEN = 1, DONE = 2 };

static bool has_loop(const struct skep_code *code)
{
	uint8_t *mark = calloc(code->n_insns + 1, 1);
	uint32_t *stack = malloc((code->n_insns + (size_t)1) * sizeof(*stack)), n;
	uint8_t *turn = calloc(code->n_insns + 1, 1);
	bool found = false;

	for (uint32_t s = 0; mark && stack && turn && s < code->n_subprogs && !found; s++) {
		n = 0;
		stack[n++] = code->subprogs[s];
		mark[code->subprogs[s]] = OPEN;
		while (n && !found) {
			uint32_t at = stack[n - 1], next[2], ways = 0;
			const struct bpf_insn *insn = &code->insns[at];
			const struct insn_desc *d = insn_decode_any(insn);
			bool jump = d->op == INSN_JA || d->op == INSN_GOTOL;

			if (d->op == INSN_EXIT) {
				ways = 0;
			} else if (jump || ((BPF_CLASS(insn->code) == BPF_JMP || BPF_CLASS(insn->code) == BPF_JMP32) &&
					    BPF_OP(insn->code) != BPF_CALL)) {
				if (!jump)
					next[ways++] = at + 1;
				/* may_goto ends by itself, and its kernels know loops */
				if (d->op != INSN_MAY_GOTO)
					next[ways++] = (uint32_t)((int64_t)at + 1 + insn_jump_dist(d, insn));
			} else {
				next[ways++] = at + 1 + insn_is_wide(insn);
			}
			if (turn[at] == ways) {
				mark[at] = DONE;
				n--;
				continue;
			}
			at = next[turn[at]++];
			if (at >= code->n_insns)
				continue;
			found = mark[at] == OPEN;
			if (!mark[at]) {
				mark[at] = OPEN;
				stack[n++] = at;
			}
		}
	}
	free(mark);
	free(stack);
	free(turn);
	return found;
}

static const char *kfunc_name(const struct check *c, const struct bpf_insn *insn)
{
	const struct btf *btf = c->hive->kernel ? c->hive->kernel->btf : NULL;
	const struct btf_type *t =
		btf && insn->imm > 0 && !insn->off ? btf__type_by_id(btf, (uint32_t)insn->imm) : NULL;

	return t ? btf__name_by_offset(btf, t->name_off) : NULL;
}

static void need_code(struct needs *n, const struct check *c, const struct check_prog *p)
{
	const struct hive_prog *prog = p->job->prog;
	const struct verify_insn *facts = p->verdict == CHECK_ACCEPT ? p->job->result.insns : NULL;
	const struct skep_code *code = &prog->code;

	for (uint32_t i = 0; i < code->n_insns; i++) {
		const struct bpf_insn *insn = &code->insns[i];
		const struct insn_desc *d = insn_decode_any(insn);
		const struct helper_desc *h;
		const struct kfunc_desc *k;
		const char *name;

		if (!d || (facts && !facts[i].seen)) {
			i += insn_is_wide(insn);
			continue;
		}
		need_insn(n, p->name, d, insn);
		if (d->op == INSN_CALL_HELPER && (h = helper_find((uint32_t)insn->imm)))
			need(n, p->name, since_of(h->kernel), "%s()", h->name);
		if (d->op == INSN_CALL_KFUNC && (name = kfunc_name(c, insn)) && (k = kfunc_find(name)))
			need(n, p->name, since_of(k->kernel), "%s()", name);
		i += insn_is_wide(insn);
	}
	for (uint32_t i = 1; prog->btf && i < prog->n_func_info; i++) {
		const struct btf_type *t = btf__type_by_id(prog->btf->btf, prog->func_info[i].type_id);

		if (t && btf_vlen(t) == BTF_FUNC_GLOBAL)
			need(n, p->name, V(5, 6), "global functions ('%s')",
			     btf__name_by_offset(prog->btf->btf, t->name_off));
	}
	if (code->n_insns > 4096)
		need(n, p->name, V(5, 2), "more than 4096 instructions (%u)", code->n_insns);
	if (p->job->result.insns_processed > 131072)
		need(n, p->name, V(5, 2), "more than 131072 instructions processed (%u)",
		     p->job->result.insns_processed);
	if (has_loop(code))
		need(n, p->name, V(5, 3), "loops");
}

static void need_prog(struct needs *n, const struct check *c, const struct check_prog *p)
{
	const struct hive_prog *prog = p->job ? p->job->prog : NULL;
	const struct prog_type_desc *type = prog ? prog_type_find(prog->type) : NULL;

	if (!type || !p->job->result.insns) {
		n->incomplete = true;
		return;
	}
	need(n, p->name, since_of(type->kernel), "program type %s", type->name);
	for (size_t i = 0; i < ARRAY_SIZE(attach_types); i++)
		if (attach_types[i].prog_type == prog->type &&
		    attach_types[i].attach_type == prog->expected_attach_type)
			need(n, p->name, attach_types[i].since, "attach type %s", attach_types[i].name);
	if (prog->flags & BPF_F_SLEEPABLE)
		need(n, p->name, V(5, 10), "sleepable programs");
	if (prog->flags & BPF_F_XDP_HAS_FRAGS)
		need(n, p->name, V(5, 18), "XDP with fragments");
	for (uint32_t i = 0; i < prog->n_maps; i++)
		for (size_t k = 0; k < ARRAY_SIZE(special_fields); k++)
			if (prog->maps[i]->record && (prog->maps[i]->record->mask & special_fields[k].field))
				need(n, NULL, special_fields[k].since, "%s in values of map '%s'",
				     special_fields[k].name, prog->maps[i]->map->name);
	need_code(n, c, p);
}

static int by_since(const void *a, const void *b)
{
	const struct need *x = a, *y = b;

	return x->since > y->since ? -1 : x->since < y->since ? 1 : strcmp(x->what, y->what);
}

/* Newest first. NULL without memory. */
static struct needs *needs_of(const struct check *c)
{
	struct needs *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	need_maps(n, c);
	for (uint32_t i = 0; i < c->n_progs; i++)
		need_prog(n, c, &c->progs[i]);
	qsort(n->all, n->n, sizeof(*n->all), by_since);
	return n;
}

static bool refused(const struct check *c)
{
	for (uint32_t i = 0; i < c->n_progs; i++)
		if (c->progs[i].verdict != CHECK_ACCEPT)
			return true;
	return c->cause;
}

static const char *version_text(uint32_t v, char buf[16])
{
	snprintf(buf, 16, "%u.%u", v >> 8, v & 0xff);
	return buf;
}

static void print_missing(const struct needs *n, uint32_t version)
{
	enum { SHOWN = 8 };
	uint32_t count = 0;
	char buf[16];

	while (count < n->n && n->all[count].since > version)
		count++;
	for (uint32_t i = 0; i < count && i < SHOWN; i++)
		printf("           since %-5s %s%s%s\n", version_text(n->all[i].since, buf), n->all[i].what,
		       n->all[i].prog ? ", in " : "", n->all[i].prog ? n->all[i].prog : "");
	if (count > SHOWN)
		printf("           and %u more (--json has all)\n", count - SHOWN);
}

void versions_print(const struct versions *v, const struct check *c)
{
	struct needs *n = needs_of(c);
	bool no = refused(c);
	char buf[16];

	if (!n)
		return;
	printf("kernels\n");
	for (uint32_t i = 0; i < v->n; i++) {
		bool lacks = n->n && n->all[0].since > v->v[i];

		if (lacks)
			printf("  %-6s   %slacks%s what it needs:\n", version_text(v->v[i], buf),
			       paint(stdout, PAINT_RED), paint(stdout, PAINT_OFF));
		else
			printf("  %-6s   %shas%s what it needs%s\n", version_text(v->v[i], buf),
			       paint(stdout, no ? PAINT_YELLOW : PAINT_GREEN), paint(stdout, PAINT_OFF),
			       no ? ", but not all programs load (see above)" : "");
		print_missing(n, v->v[i]);
	}
	printf("  first    %s%s%s%s\n", version_text(n->n ? n->all[0].since : OLDEST, buf), n->n ? ", for " : "",
	       n->n ? n->all[0].what : "", n->incomplete ? " (of the programs that could be loaded)" : "");
	free(n);
}

struct json_object *versions_json(const struct versions *v, const struct check *c)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	struct needs *n = needs_of(c);
	char buf[16];

	for (uint32_t i = 0; n && i < v->n; i++) {
		struct json_object *one = json_object_new_object(), *missing = json_object_new_array();

		for (uint32_t k = 0; k < n->n && n->all[k].since > v->v[i]; k++) {
			struct json_object *m = json_object_new_object();

			json_object_object_add(m, "what", json_object_new_string(n->all[k].what));
			json_object_object_add(m, "since", json_object_new_string(version_text(n->all[k].since, buf)));
			json_object_object_add(m, "program",
					       n->all[k].prog ? json_object_new_string(n->all[k].prog) : NULL);
			json_object_array_add(missing, m);
		}
		json_object_object_add(one, "version", json_object_new_string(version_text(v->v[i], buf)));
		json_object_object_add(one, "loads",
				       json_object_new_boolean(!refused(c) && !json_object_array_length(missing)));
		json_object_object_add(one, "missing", missing);
		json_object_array_add(list, one);
	}
	json_object_object_add(o, "versions", list);
	json_object_object_add(o, "first",
			       n ? json_object_new_string(version_text(n->n ? n->all[0].since : OLDEST, buf)) : NULL);
	json_object_object_add(o, "complete", json_object_new_boolean(n && !n->incomplete));
	free(n);
	return o;
}
