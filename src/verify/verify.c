/* SPDX-License-Identifier: BSD-2-Clause */
/* The way in: what is known before the walk, and what is left after it. */
#include "verify/verify.h"

#include "base/clock.h"
#include "base/util.h"
#include "prog/rules.h"
#include "verify/internal.h"
#include "verify/report.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Functions from BTF: names, and which are global. */
static int name_subprogs(struct verifier *v)
{
	for (uint32_t i = 0; i < v->n_subprogs; i++) {
		struct subprog *sub = &v->subprogs[i];
		const struct btf_type *t;

		sub->start = v->in->subprogs[i];
		sub->end = i + 1 < v->n_subprogs ? v->in->subprogs[i + 1] : v->n;
		sub->fastcall_stack_off = INT32_MAX;
		sub->name = "";
		if (!v->in->func_info)
			continue;
		t = btf__type_by_id(v->in->btf, v->in->func_info[i].type_id);
		if (!t || !btf_is_func(t))
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "invalid type id %u in func info",
				      v->in->func_info[i].type_id);
		sub->name = btf__name_by_offset(v->in->btf, t->name_off);
		sub->global = btf_vlen(t) == BTF_FUNC_GLOBAL && i;
	}
	return 0;
}

/* A function that may leave early (packet loads) or not come back (tail calls) must return a number. */
static bool returns_int(const struct verifier *v, uint32_t subprog)
{
	const struct btf *btf = v->in->btf;
	const struct btf_type *t = btf__type_by_id(btf, v->in->func_info[subprog].type_id);

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	t = t ? btf__type_by_id(btf, t->type) : NULL;
	while (t && (btf_is_mod(t) || btf_is_typedef(t)))
		t = btf__type_by_id(btf, t->type);
	return t && ((btf_is_int(t) && t->size <= 8 && t->size && !(t->size & (t->size - 1))) || btf_is_any_enum(t));
}

static int check_early_exits(struct verifier *v)
{
	for (uint32_t i = 1; i < v->n_subprogs; i++) {
		const struct subprog *sub = &v->subprogs[i];
		const char *what = sub->has_ld_abs ? "LD_ABS" : sub->has_tail_call ? "tail_call" : NULL;

		if (!what)
			continue;
		v->insn = sub->start;
		if (!v->in->func_info)
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "%s is not allowed in subprogs without BTF", what);
		if (!returns_int(v, i))
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "%s is only allowed in functions that return 'int'.",
				      what);
	}
	return 0;
}

static void set_rights(struct verifier *v)
{
	const struct verify_input *in = v->in;

	v->bpf_capable = in->caps & (VERIFY_CAP_BPF | VERIFY_CAP_SYS_ADMIN);
	v->allow_ptr_leaks = v->allow_uninit_stack = v->bypass_spec =
		in->caps & (VERIFY_CAP_PERFMON | VERIFY_CAP_SYS_ADMIN);
	v->strict_alignment = (in->flags & BPF_F_STRICT_ALIGNMENT) && !(in->flags & BPF_F_ANY_ALIGNMENT);
	v->test_state_freq = v->bpf_capable && (in->flags & BPF_F_TEST_STATE_FREQ);
	v->prog_type = in->prog_type;
	v->attach_type = prog_attach_type_fixup(in->prog_type, in->attach_type);
	if (in->prog_type == BPF_PROG_TYPE_EXT && in->attach.prog) {
		v->prog_type = in->attach.prog->prog_type;
		v->attach_type = in->attach.prog->attach_type;
	}
	if (in->own_type) {
		/* The helpers of a type that has neither frames nor sockets. */
		v->prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
		v->attach_type = BPF_CGROUP_DEVICE;
	}
	v->exception_callback = -1;
	v->log_level = in->log ? in->log_level : 0;
}

static int judge(struct verifier *v)
{
	int err = name_subprogs(v);

	if (!err)
		err = find_exception_callback(v);
	if (!err)
		err = cfg_build(v);
	if (!err)
		err = check_early_exits(v);
	if (!err)
		err = check_attach(v);
	if (!err)
		err = check_maps(v);
	if (!err)
		log_overview(v);
	if (!err)
		err = verify_subprogs(v);
	if (!err)
		err = check_stack_depth(v);
	if (!err)
		err = check_exceptions(v);
	return err;
}

static void free_paths(struct verifier *v)
{
	while (v->pending) {
		struct pending *p = v->pending;

		v->pending = p->next;
		path_free(v, p->state);
		v_free(v, p, sizeof(*p));
	}
	if (v->cur)
		path_free(v, v->cur);
	v->cur = NULL;
}

/* A function's stack as the kernel counts it in the end: what it adds for may_goto and for a bpf_loop() made inline is not the program's. */
static uint32_t kernel_stack(const struct verifier *v, const struct subprog *sub)
{
	enum { MAY_GOTO_STACK = 16, LOOP_STACK = 24 };
	bool may_goto = false, loop = false;

	for (uint32_t i = sub->start; !v->out->err && i < sub->end; i++) {
		const struct insn_aux *a = &v->aux[i];

		if (!v->out->insns[i].seen || !a->desc)
			continue;
		if (a->desc->op == INSN_MAY_GOTO)
			may_goto = true;
		else if (a->loop_fit)
			loop = true;
	}
	if (!may_goto && !loop)
		return sub->stack_depth;
	return ((sub->stack_depth + 7) & ~7u) + (may_goto ? MAY_GOTO_STACK : 0) + (loop ? LOOP_STACK : 0);
}

static void report_statistics(struct verifier *v)
{
	const struct verify_result *out = v->out;
	char line[512];
	int n;

	if (!v->log_level)
		return;
	log_insn_end(v);
	if (v->log_level & 4) {
		n = snprintf(line, sizeof(line), "verification time %llu usec\nstack depth ",
			     (unsigned long long)out->time_ns / 1000);
		for (uint32_t i = 0; v->subprogs && i < v->n_subprogs && n < (int)sizeof(line) - 16; i++)
			n += snprintf(line + n, sizeof(line) - (size_t)n, "%s%u", i ? "+" : "",
				      kernel_stack(v, &v->subprogs[i]));
		/* The callback that the kernel adds where the program has none. */
		if (!out->err && v->seen_exception && v->exception_callback < 0 && n < (int)sizeof(line) - 16)
			n += snprintf(line + n, sizeof(line) - (size_t)n, "+0");
		v->in->log(v->in->log_arg, line, (size_t)n);
		v->in->log(v->in->log_arg, "\n", 1);
	}
	n = snprintf(
		line, sizeof(line),
		/* mark_read: 6.18 tracks reads in another way, and always writes 0. */
		"processed %u insns (limit %d) max_states_per_insn %u total_states %u peak_states %u mark_read 0\n",
		out->insns_processed, INSN_LIMIT, out->max_states_per_insn, out->total_states, out->peak_states);
	v->in->log(v->in->log_arg, line, (size_t)n);
}

int verify(const struct verify_input *in, struct verify_result *out)
{
	struct verifier v = {.in = in, .out = out, .n = in->n_insns, .insns = in->insns, .n_subprogs = in->n_subprogs};
	uint64_t start = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	int err = -ENOMEM;

	*out = (struct verify_result){0};
	out->insns = calloc(in->n_insns ? in->n_insns : 1, sizeof(*out->insns));
	out->subprog_stack = calloc(in->n_subprogs ? in->n_subprogs : 1, sizeof(*out->subprog_stack));
	v.aux = calloc(in->n_insns ? in->n_insns : 1, sizeof(*v.aux));
	v.subprogs = calloc(in->n_subprogs ? in->n_subprogs : 1, sizeof(*v.subprogs));
	set_rights(&v);
	if (out->insns && out->subprog_stack && v.aux && v.subprogs)
		err = judge(&v);
	/* Not a rule: the allocation that failed has decided; this words it */
	if (err == -ENOMEM)
		refuse(&v, err, PROBLEM_MEMORY, "out of memory after %u instructions", v.insns_processed);
	if (err && in->explain)
		explain(&v);
	free_paths(&v);
	prune_free(&v);
	object_list_free(&v);
	out->err = err;
	out->insns_processed = v.insns_processed;
	out->mark_read = v.longest_mark_read;
	out->peak_memory = v.peak_memory + in->n_insns * (sizeof(*v.aux) + sizeof(*out->insns));
	for (uint32_t i = 0; out->subprog_stack && v.subprogs && i < in->n_subprogs; i++)
		out->subprog_stack[i] = (uint16_t)v.subprogs[i].stack_depth;
	out->time_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - start;
	report_statistics(&v);
	if (!err)
		export_facts(&v);
	free(v.aux);
	free(v.subprogs);
	return err;
}

void verify_result_free(struct verify_result *out)
{
	free(out->insns);
	free(out->subprog_stack);
	report_free(out->report);
	*out = (struct verify_result){0};
}
