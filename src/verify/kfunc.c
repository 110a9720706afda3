/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of kfuncs. */
#include "helper/kfunc.h"
#include "verify/call.h"

#include <bpf/btf.h>
#include <errno.h>
#include <string.h>

const struct kfunc_desc *kfunc_of(const struct verifier *v, const struct bpf_insn *insn)
{
	const struct btf *btf = insn->off >= 0 && (uint32_t)insn->off < v->in->n_btfs ? v->in->btfs[insn->off] : NULL;
	const struct btf_type *t = btf && insn->imm > 0 ? btf__type_by_id(btf, (uint32_t)insn->imm) : NULL;

	return t && btf_is_func(t) ? kfunc_find(btf__name_by_offset(btf, t->name_off)) : NULL;
}

static bool is(const struct kfunc_desc *k, const char *name)
{
	return !strcmp(k->name, name);
}

bool kfunc_calls_back_sync(const struct kfunc_desc *k)
{
	return is(k, "bpf_rbtree_add_impl");
}

bool kfunc_calls_back_async(const struct kfunc_desc *k)
{
	return is(k, "bpf_wq_set_callback_impl") || is(k, "bpf_task_work_schedule_signal_impl") ||
	       is(k, "bpf_task_work_schedule_resume_impl");
}

bool kfunc_moves_packet(const struct kfunc_desc *k)
{
	return is(k, "bpf_xdp_pull_data");
}

int check_kfunc_call(struct verifier *v, const struct bpf_insn *insn, uint32_t at)
{
	const struct kfunc_desc *k = v->aux[at].kfunc;

	return refuse(v, -ENOTSUPP, PROBLEM_NOT_SUPPORTED, "calls of kernel functions are not supported yet: %s",
		      k ? k->name : "one that Linux 6.18 does not have");
}
