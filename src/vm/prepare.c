/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From checked code to the interpreter's form.
 *
 * Slots keep their numbers, so jump distances carry over; what a handler would
 * otherwise look up is written into its slot: the address of a helper, of a jump's
 * or call's target, of a map. Whatever could lead the interpreter outside its own
 * array is checked here once more, since that costs nothing: jump targets, and an
 * EXIT behind the last slot.
 */
#include "vm/internal.h"
#include "base/util.h"

#include <errno.h>
#include <string.h>

/* A program while it is being prepared. */
struct prep {
	const struct skep_code *code;
	struct vm_prog *prog;
	const void *const *handlers;
	bool callx;
};

/* target - the slot at a distance from the instruction after @i, NULL when it is outside. */
static const struct vm_insn *target(const struct prep *p, uint32_t i, int64_t dist)
{
	int64_t to = (int64_t)i + 1 + dist;

	return to >= 0 && to < p->code->n_insns ? &p->prog->insns[to] : NULL;
}

/* ref - the ref that an instruction names when it exists and is of the kind expected. */
static const struct code_ref *ref(const struct prep *p, const struct bpf_insn *insn, enum code_ref_kind kind)
{
	const struct skep_code *c = p->code;

	return (uint32_t)insn->imm < c->n_refs && c->refs[insn->imm].kind == kind ? &c->refs[insn->imm] : NULL;
}

/* call - fill the slot of a call to C: a missing function becomes the handler that ends the run. */
static void call(const struct prep *p, struct vm_insn *v, skep_fn fn)
{
	v->fn = fn;
	if (!fn)
		v->handler = p->handlers[VM_NO_HELPER];
}

/*
 * wide - fill both slots of a 64-bit immediate.
 * @insn, @v: the first of the two slots
 */
static int wide(const struct prep *p, uint32_t i, enum insn_op op, const struct bpf_insn *insn, struct vm_insn *v)
{
	const struct code_ref *r;

	if (i + 1 >= p->code->n_insns)
		return -EINVAL;
	v[1].handler = p->handlers[INSN_EXIT];
	switch (op) {
	case INSN_LDIMM64:
		v[1].value = (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;
		return 0;
	case INSN_LD_FUNC:
		v[1].target = target(p, i, insn->imm);
		return v[1].target ? 0 : -EINVAL;
	case INSN_LD_MAP_FD:
		r = ref(p, insn, REF_MAP);
		break;
	case INSN_LD_MAP_VALUE:
		r = ref(p, insn, REF_VALUE);
		break;
	case INSN_LD_VAR:
		r = ref(p, insn, REF_KSYM);
		break;
	default: /* LD_MAP_IDX, LD_MAP_IDX_VALUE: resolved code has none */
		return -EINVAL;
	}
	if (!r)
		return -EINVAL;
	v[1].value = r->addr + (op == INSN_LD_MAP_VALUE ? (uint32_t)insn[1].imm : 0);
	return 0;
}

/* slot - fill the slot (both slots of a wide one) of instruction @i. */
static int slot(struct prep *p, uint32_t i)
{
	const struct bpf_insn *insn = &p->code->insns[i];
	const struct insn_desc *d = insn_decode(insn, NULL);
	struct vm_insn *v = &p->prog->insns[i];
	const struct code_ref *r;

	if (!d)
		return -EINVAL;
	*v = (struct vm_insn){.handler = p->handlers[d->op],
			      .dst = insn->dst_reg,
			      .src = insn->src_reg,
			      .off = insn->off,
			      .imm = insn->imm};
	if (insn_is_wide(insn))
		return wide(p, i, d->op, insn, v);
	switch (d->op) {
	case INSN_JA:
	case INSN_GOTOL:
	case INSN_CALL_SUBPROG:
		v->target = target(p, i, insn_jump_dist(d, insn));
		return v->target ? 0 : -EINVAL;
	case INSN_CALL_HELPER:
		if (insn->imm == BPF_FUNC_tail_call)
			v->handler = p->handlers[VM_TAIL_CALL];
		else
			call(p, v, (uint32_t)insn->imm < p->code->n_helpers ? p->code->helpers[insn->imm] : NULL);
		return 0;
	case INSN_CALL_KFUNC:
		r = ref(p, insn, REF_KFUNC);
		if (!r)
			return -EINVAL;
		call(p, v, (skep_fn)(uintptr_t)r->addr);
		return 0;
	case INSN_CALLX:
		/* The register needs the slot's bytes; the program is found behind the last slot. */
		v->imm = (int32_t)(p->code->n_insns + 1 - i);
		p->callx = true;
		return 0;
	default:
		if (d->off == FORM_JUMP && !target(p, i, insn->off))
			return -EINVAL;
		return 0;
	}
}

int vm_prepare(const struct skep_code *code, struct vm_prog **out)
{
	struct vm_prog *prog;

	if (code->n_insns == 0 || code->n_insns > SKEP_MAX_INSNS)
		return -EINVAL;
	prog = calloc(1, sizeof(*prog) + ((size_t)code->n_insns + 2) * sizeof(prog->insns[0]));
	if (!prog)
		return -ENOMEM;
	struct prep p = {.code = code, .prog = prog, .handlers = vm_handlers()};
	int err = 0;

	prog->n_insns = code->n_insns;
	for (uint32_t i = 0; i < code->n_insns && !err; i += insn_is_wide(&code->insns[i]) ? 2 : 1)
		err = slot(&p, i);
	prog->insns[code->n_insns].handler = p.handlers[INSN_EXIT];
	prog->insns[code->n_insns + 1].handler = p.handlers[INSN_EXIT];
	prog->insns[code->n_insns + 1].prog = prog;
	if (!err && p.callx && code->n_helpers) {
		skep_fn *copy = malloc(code->n_helpers * sizeof(*copy));

		if (copy)
			memcpy(copy, code->helpers, code->n_helpers * sizeof(*copy));
		else
			err = -ENOMEM;
		prog->helpers = copy;
		prog->n_helpers = code->n_helpers;
	}
	if (err) {
		vm_free(prog);
		return err;
	}
	*out = prog;
	return 0;
}

bool vm_holds(const struct vm_prog *prog, uint64_t fn)
{
	return prog && fn - (uintptr_t)prog->insns < prog->n_insns * sizeof(prog->insns[0]);
}

void vm_free(struct vm_prog *prog)
{
	if (!prog)
		return;
	free((void *)prog->helpers);
	free(prog);
}
