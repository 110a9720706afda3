/* SPDX-License-Identifier: BSD-2-Clause */
/* Parts of the sentences in a report: the access, the argument, the register that a refusal is about. */
#include "verify/report_impl.h"

#include <string.h>

bool is_call_op(uint32_t op)
{
	return op == INSN_CALL_HELPER || op == INSN_CALL_KFUNC || op == INSN_CALL_SUBPROG;
}

bool is_access(const struct bpf_insn *insn)
{
	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
	case BPF_ST:
	case BPF_STX:
		return true;
	default:
		return false;
	}
}

const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

const struct ref *held_ref(const struct state *s, bool locks)
{
	for (uint32_t i = 0; i < s->n_refs; i++)
		if (s->refs[i].id && (s->refs[i].kind == REF_PTR) != locks)
			return &s->refs[i];
	return NULL;
}

bool says(const struct refusal *f, const char *text)
{
	return strstr(f->v->out->message, text);
}

void phrase_access(struct words *w, const struct refusal *f)
{
	bool write = BPF_CLASS(f->insn->code) != BPF_LDX;

	words_add(w, "%s %u byte%s", write ? "writes" : "reads", access_size(f->insn), plural(access_size(f->insn)));
}

void phrase_arg(struct words *w, const struct refusal *f)
{
	if (f->r->reg >= 1)
		words_add(w, "argument %d of %s()", f->r->reg, *f->callee ? f->callee : "the function");
	else
		words_add(w, "an argument of %s()", *f->callee ? f->callee : "the function");
}

void phrase_reg(struct words *w, const struct refusal *f)
{
	words_add(w, "r%d is ", f->r->reg);
	words_reg(w, f->v, f->reg);
}

void phrase_message(struct words *w, const struct refusal *f)
{
	const char *m = f->v->out->message;
	size_t n = strlen(m);

	words_add(w, "%.*s", (int)(n && m[n - 1] == '.' ? n - 1 : n), m);
}

void say_message(struct words *w, const struct refusal *f)
{
	phrase_message(w, f);
	words_add(w, ".");
	if (f->reg) {
		words_add(w, "\nHere ");
		phrase_reg(w, f);
		words_add(w, ".");
	}
}
