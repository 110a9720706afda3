/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program owes, in plain words: what it took and must give back, what must be held or be there first, and what it may hand out in the end. */
#include "prog/types.h"
#include "verify/report_impl.h"

#include <string.h>

void say_leak(struct words *w, const struct refusal *f)
{
	if (f->op != INSN_EXIT) {
		words_add(w, "What is released here was not taken before, or was given back already.");
		return;
	}
	words_add(w, "The program can end here while it still holds ");
	if (f->origin && f->origin->after.ref_id) {
		struct reg taken = f->origin->after;

		taken.type &= ~(uint32_t)PTR_NULL;
		words_reg(w, f->v, &taken);
	} else {
		words_add(w, "a reference");
	}
	if (f->origin)
		words_add(w, " that %s() gave it", words_callee(f->v, f->origin->insn));
	words_add(w, ".");
}

void say_return(struct words *w, const struct refusal *f)
{
	const struct prog_type_desc *type = prog_type_find(f->v->prog_type);
	const char *range = strstr(f->v->out->message, "should have been in ");

	bool callback = (f->path->end && f->path->end->curframe) || says(f, "callback return");

	words_add(w, "%s %s ", callback ? "The callback" : "The program",
		  f->op == INSN_CALL_KFUNC ? "throws" : "returns");
	if (f->reg)
		words_reg(w, f->v, f->reg);
	else
		words_add(w, "what it may not");
	if (range)
		words_add(w, ", but %s %s must return a number in %s.",
			  callback ? "this callback of a program of type" : "a program of type",
			  type ? type->name : "this", range + strlen("should have been in "));
	else
		words_add(w, ".");
}

void say_ptr_leak(struct words *w, const struct refusal *f)
{
	words_add(w, "The program was loaded without the right to see kernel addresses, and ");
	if (f->reg) {
		phrase_reg(w, f);
		words_add(w, ", would end up where they can be seen.");
	} else {
		words_add(w, "one would end up where it can be seen.");
	}
}

void say_dynptr(struct words *w, const struct refusal *f)
{
	const char *m = f->v->out->message;

	if (!is_call_op(f->op)) {
		words_add(w, "The program writes to the stack where a dynptr lies that still has to be given back.");
		return;
	}
	phrase_arg(w, f);
	if (strstr(m, "unacquired reference"))
		words_add(w, " is a dynptr that was not made before, or was given back already.");
	else if (strstr(m, "Expected an initialized"))
		words_add(w, " must be a dynptr that was made before and not given back since.");
	else if (strstr(m, "uninitialized"))
		words_add(w, " must be a struct bpf_dynptr that holds nothing yet.");
	else if (strstr(m, "Unsupported reg type"))
		words_add(
			w,
			" makes a dynptr of memory that a dynptr cannot stand for: only values of maps and the like.");
	else if (strstr(m, "potential write to dynptr"))
		words_add(w, " reaches over a dynptr on the stack, which the call would overwrite.");
	else if (strstr(m, "of type"))
		words_add(w, " is a dynptr over another kind of memory than the call takes.");
	else
		words_add(w, " is not a dynptr that can be used so.");
}

void say_lock(struct words *w, const struct refusal *f)
{
	const struct state *s = f->path->end;
	bool holds = s && (s->n_locks || held_ref(s, true));

	if (says(f, "bpf_preempt_disable-ed"))
		words_add(w, "%s where bpf_preempt_disable() is still in force.",
			  f->op == INSN_EXIT ? "The program can end here," : "This may not be done");
	else if (says(f, "bpf_local_irq_save-ed"))
		words_add(w, "%s where bpf_local_irq_save() is still in force.",
			  f->op == INSN_EXIT ? "The program can end here," : "This may not be done");
	else if (says(f, "has no valid bpf_spin_lock") || says(f, "doesn't point to 'struct bpf_spin_lock'"))
		words_add(w, "%s() must be given the address of a struct bpf_spin_lock, and there is none (%s).",
			  *f->callee ? f->callee : "The call", f->v->out->message);
	else if (holds && f->op == INSN_EXIT)
		words_add(w, "The program can end here while it still holds a lock.");
	else if (holds)
		words_add(w, "The program holds a lock here, and with it may not do this (%s).", f->v->out->message);
	else if (strstr(f->v->out->message, "must be held"))
		words_add(w,
			  "%s() works on a list or tree whose lock (the struct bpf_spin_lock beside it) is not held "
			  "here.",
			  *f->callee ? f->callee : "the call");
	else
		words_add(w, "The locks that are held here are not the ones that this needs: %s.", f->v->out->message);
}

void say_iter(struct words *w, const struct refusal *f)
{
	if (!is_call_op(f->op) || (!says(f, "expected an initialized") && !says(f, "expected uninitialized"))) {
		say_message(w, f);
		return;
	}
	phrase_arg(w, f);
	words_add(w, says(f, "expected an initialized")
			     ? " must be an iterator that its _new() function made and that was not destroyed since."
			     : " must be a variable that holds no iterator yet.");
}

void say_rcu(struct words *w, const struct refusal *f)
{
	if (f->op == INSN_EXIT)
		words_add(w, "The program can end here inside an RCU section: bpf_rcu_read_unlock() was not called.");
	else if (says(f, "expected an RCU CS"))
		words_add(w,
			  "%s() gives kernel objects that only RCU keeps alive, and the program is in no RCU section "
			  "here.",
			  f->callee);
	else if (says(f, "unmatched"))
		words_add(w, "bpf_rcu_read_unlock() is called where no bpf_rcu_read_lock() came before.");
	else
		say_message(w, f);
}
