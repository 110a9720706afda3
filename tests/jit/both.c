// SPDX-License-Identifier: BSD-2-Clause
#include "both.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const engine_names[ENGINES] = {"interpreter", "jit, plain", "jit, host features"};

static void reserve(struct builder *b, uint32_t more)
{
	if (b->n + more > b->cap) {
		b->cap = (b->n + more) * 2 + 64;
		b->insns = realloc(b->insns, b->cap * sizeof(*b->insns));
		if (!b->insns)
			abort();
	}
	if (!b->n_subprogs)
		b->subprogs[b->n_subprogs++] = 0;
}

uint32_t build(struct builder *b, enum insn_op op, uint32_t dst, uint32_t src, int64_t off, int64_t imm)
{
	reserve(b, 1);
	if (insn_encode(op, dst, src, off, imm, &b->insns[b->n])) {
		fprintf(stderr, "%s dst %u src %u off %lld imm %lld does not encode\n", insn_descs[op].name, dst, src,
			(long long)off, (long long)imm);
		abort();
	}
	return b->n++;
}

uint32_t build_wide(struct builder *b, enum insn_op op, uint32_t dst, uint64_t value)
{
	uint32_t at = b->n;

	reserve(b, 2);
	if (insn_encode_wide(op, dst, value, &b->insns[b->n]))
		abort();
	b->n += 2;
	return at;
}

uint32_t build_func(struct builder *b)
{
	if (b->n_subprogs == SKEP_MAX_SUBPROGS)
		abort();
	b->subprogs[b->n_subprogs++] = b->n;
	return b->n;
}

void build_land(struct builder *b, uint32_t insn)
{
	struct bpf_insn *in = &b->insns[insn];
	const struct insn_desc *d = insn_decode(in, NULL);
	int32_t dist = (int32_t)(b->n - insn - 1);

	if (d->off == FORM_JUMP) {
		if (dist != (int16_t)dist)
			abort();
		in->off = (int16_t)dist;
	} else {
		in->imm = dist;
	}
}

void build_free(struct builder *b)
{
	free(b->insns);
	*b = (struct builder){0};
}

int both_make(struct both *p, const struct builder *b)
{
	const uint32_t features[ENGINES] = {0, 0, jit_host_features()};
	int err;

	p->code.insns = b->insns;
	p->code.n_insns = b->n;
	memcpy(p->subprogs, b->subprogs, sizeof(p->subprogs));
	p->code.subprogs = p->subprogs;
	p->code.n_subprogs = b->n_subprogs;
	err = vm_prepare(&p->code, &p->vm);
	p->targets[ENGINE_VM].vm = p->vm;
	for (int i = ENGINE_JIT_PLAIN; i < ENGINES && !err; i++) {
		err = jit_compile_for(&p->code, features[i], &p->objs[i]);
		if (!err)
			err = jit_link(p->objs[i], &p->code, &p->texts[i]);
		p->targets[i].jit = p->texts[i].entry;
	}
	if (err)
		both_free(p);
	return err;
}

void both_free(struct both *p)
{
	vm_free(p->vm);
	p->vm = NULL;
	for (int i = ENGINE_JIT_PLAIN; i < ENGINES; i++) {
		jit_unlink(&p->texts[i]);
		jit_object_free(p->objs[i]);
		p->objs[i] = NULL;
	}
}

uint64_t both_run(const struct both *p, int engine, const uint64_t args[5], struct skep_env *env)
{
	if (engine == ENGINE_VM)
		return vm_run_args(p->vm, args, env);
	return jit_run_args(p->texts[engine].entry, args, env);
}
