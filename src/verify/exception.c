/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions: bpf_throw() ends the program from wherever it is called, and the whole call chain with it.
 *
 * Nothing may be held then, by any function of the chain. What is thrown becomes the program's return value, or the argument of the exception callback, a
 * global function that a tag of the main function names ("exception_callback:NAME"); its return value then is the program's. A callback may not throw (it would unwind
 * through the kernel's frames), and nobody calls the exception callback but the kernel.
 */
#include "base/util.h"
#include "verify/kcall.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "exception_callback:";

/* The name that the main function's tag gives; NULL: none. */
static int tagged_name(struct verifier *v, const char **name)
{
	const struct btf *btf = v->in->btf;
	uint32_t main_id = v->in->func_info[0].type_id;

	*name = NULL;
	for (uint32_t i = 1; i < btf__type_cnt(btf); i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);
		const char *tag;

		if (!btf_is_decl_tag(t) || t->type != main_id || btf_decl_tag(t)->component_idx != -1)
			continue;
		tag = btf__name_by_offset(btf, t->name_off);
		if (strncmp(tag, prefix, sizeof(prefix) - 1) != 0)
			continue;
		if (*name)
			return refuse(v, -EEXIST, PROBLEM_SHAPE, "multiple exception callback tags for main subprog");
		*name = tag + sizeof(prefix) - 1;
	}
	return 0;
}

uint32_t exception_callback_insn(const struct btf *btf, const struct bpf_func_info *info, uint32_t n)
{
	const char *name = NULL;
	int32_t id;

	for (uint32_t i = 1; n > 1 && i < btf__type_cnt(btf) && !name; i++) {
		const struct btf_type *t = btf__type_by_id(btf, i);

		if (btf_is_decl_tag(t) && t->type == info[0].type_id && btf_decl_tag(t)->component_idx == -1 &&
		    !strncmp(btf__name_by_offset(btf, t->name_off), prefix, sizeof(prefix) - 1))
			name = btf__name_by_offset(btf, t->name_off) + sizeof(prefix) - 1;
	}
	id = name ? btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) : -1;
	for (uint32_t i = 1; id > 0 && i < n; i++)
		if (info[i].type_id == (uint32_t)id)
			return info[i].insn_off;
	return 0;
}

int find_exception_callback(struct verifier *v)
{
	const char *name;
	struct subprog *sub;
	uint32_t i = 1;
	int32_t id;
	int err;

	if (!v->in->btf || !v->in->func_info)
		return 0;
	err = tagged_name(v, &name);
	if (err || !name)
		return err;
	id = btf__find_by_name_kind(v->in->btf, name, BTF_KIND_FUNC);
	if (id < 0)
		return refuse(v, id, PROBLEM_SHAPE, "exception callback '%s' could not be found in BTF", name);
	if (btf_vlen(btf__type_by_id(v->in->btf, (uint32_t)id)) != BTF_FUNC_GLOBAL)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "exception callback '%s' must have global linkage", name);
	while (i < v->n_subprogs && v->in->func_info[i].type_id != (uint32_t)id)
		i++;
	if (i == v->n_subprogs)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "exception callback type id not found in func_info");
	sub = &v->subprogs[i];
	sub->is_callback = sub->is_async_callback = sub->is_exception_callback = true;
	v->exception_callback = (int32_t)i;
	err = sub_args(v, i);
	if (err)
		return err;
	if (sub->n_args != 1 || sub->args[0].kind != SUB_ARG_SCALAR)
		return refuse(v, -EINVAL, PROBLEM_SHAPE, "exception cb only supports single integer argument");
	return 0;
}

bool kfunc_throws(const struct kfunc_desc *k)
{
	return kfunc_id(k) == KF_THROW;
}

int check_throw(struct verifier *v)
{
	int err = 0;

	v->seen_exception = true;
	if (v->exception_callback < 0)
		err = check_return(v, BPF_REG_1);
	return err ? err : check_resources(v, true, true, "bpf_throw");
}

/* What runs below a callback: marks its functions. */
static void reach(const struct verifier *v, uint32_t subprog, bool *seen)
{
	const struct subprog *sub = &v->subprogs[subprog];

	if (seen[subprog])
		return;
	seen[subprog] = true;
	for (uint32_t i = sub->start; i < sub->end; i++) {
		int32_t to;

		if (!v->aux[i].desc || (v->aux[i].desc->op != INSN_CALL_SUBPROG && v->aux[i].desc->op != INSN_LD_FUNC))
			continue;
		to = subprog_find(v, (uint32_t)((int64_t)i + v->insns[i].imm + 1));
		if (to >= 0)
			reach(v, (uint32_t)to, seen);
	}
}

static int check_below_callbacks(struct verifier *v, const bool *seen)
{
	for (uint32_t i = 0; i < v->n; i++) {
		uint32_t subprog;

		if (!v->aux[i].desc || v->aux[i].desc->op != INSN_CALL_KFUNC || !v->aux[i].kfunc ||
		    !kfunc_throws(v->aux[i].kfunc))
			continue;
		subprog = subprog_of(v, i);
		if (!seen[subprog])
			continue;
		v->insn = i;
		return refuse(v, -EINVAL, PROBLEM_SHAPE,
			      "bpf_throw kfunc (insn %u) cannot be called from callback subprog %u", i, subprog);
	}
	return 0;
}

static int check_callback_calls(struct verifier *v, bool *seen)
{
	if (v->exception_callback < 0)
		return 0;
	for (uint32_t i = 0; i < v->n; i++)
		if (v->aux[i].desc && v->aux[i].desc->op == INSN_CALL_SUBPROG &&
		    subprog_find(v, (uint32_t)((int64_t)i + v->insns[i].imm + 1)) == v->exception_callback) {
			v->insn = i;
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "insn %u cannot call exception cb directly", i);
		}
	reach(v, (uint32_t)v->exception_callback, seen);
	for (uint32_t i = 0; i < v->n_subprogs; i++)
		if (seen[i] && v->subprogs[i].has_tail_call)
			return refuse(v, -EINVAL, PROBLEM_SHAPE, "cannot tail call within exception cb");
	return 0;
}

int check_exceptions(struct verifier *v)
{
	bool *seen = calloc(v->n_subprogs + 1, sizeof(*seen));
	int err;

	if (!seen)
		return -ENOMEM;
	err = check_callback_calls(v, seen);
	for (uint32_t i = 1; i < v->n_subprogs; i++)
		if (v->subprogs[i].is_callback)
			reach(v, i, seen);
	if (!err)
		err = check_below_callbacks(v, seen);
	free(seen);
	return err;
}
