/* SPDX-License-Identifier: BSD-2-Clause */
/* The next step after a refusal, as concrete as what is known of the program allows. */
#include "base/util.h"
#include "helper/helper.h"
#include "helper/kfunc.h"
#include "prog/types.h"
#include "verify/report_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What leaves the program without harm. */
static const char *leave(const struct refusal *f)
{
	if (f->path->end && f->path->end->curframe)
		return "return 0;";
	switch (f->v->prog_type) {
	case BPF_PROG_TYPE_XDP:
		return "return XDP_PASS;";
	case BPF_PROG_TYPE_SCHED_CLS:
		return "return TC_ACT_OK;";
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
	case BPF_PROG_TYPE_CGROUP_SOCK:
		return "return 1;";
	default:
		return "return 0;";
	}
}

/* "before line 12", "before instruction 12" */
static void add_before(struct words *w, const struct report_place *at)
{
	if (at->file)
		words_add(w, "before line %u", at->line);
	else
		words_add(w, "before instruction %u", at->insn);
}

static void add_at(struct words *w, const struct report_place *at)
{
	if (at->file)
		words_add(w, "line %u", at->line);
	else
		words_add(w, "instruction %u", at->insn);
}

/* Suggestions by problem */

/* What the program calls its context: of "ctx->data". */
static void ctx_name(const struct refusal *f, char *name, size_t size)
{
	for (uint32_t i = 0; i < f->r->n_events; i++) {
		const char *source = f->r->events[i].at.source, *at = strstr(source, "->data");

		if (at && source_word(source, at, name, size))
			return;
	}
	snprintf(name, size, "ctx");
}

static void help_packet(struct words *w, const struct refusal *f)
{
	bool end_known = is_access(f->insn);
	char name[64];

	if (!f->reg) {
		words_add(w, "Compare the pointer with data_end before the access.");
		return;
	}
	if (f->reg->var.smin < 0 && !scalar_is_const(&f->reg->var)) {
		words_add(w, "Make the offset unsigned and bound it, and compare the moved pointer with data_end ");
		add_before(w, &f->r->at);
		words_add(w, ".");
		return;
	}
	if (source_base(&f->r->at, name, sizeof(name))) {
		words_add(w, "Add \"if ((void *)(%s + 1) > data_end) %s\" ", name, leave(f));
	} else if (end_known && scalar_is_const(&f->reg->var)) {
		words_add(w, "Add \"if (data + %" PRId64 " > data_end) %s\" ",
			  (int64_t)f->reg->off + f->insn->off + access_size(f->insn), leave(f));
	} else {
		words_add(w, "Compare the pointer plus the size of the access with data_end, and leave when it is "
			     "greater, ");
	}
	add_before(w, &f->r->at);
	ctx_name(f, name, sizeof(name));
	words_add(w, ", where data_end is (void *)(long)%s->data_end.", name);
	if (f->reg->range > 0)
		words_add(w, "\nA check before the pointer was moved, or of fewer bytes, does not count.");
	else if (f->r->n_events)
		words_add(w, "\nA check counts for pointers that were made of the one that was compared, and is gone "
			     "after calls that "
			     "can change the packet.");
}

/* The name of what may be NULL: where it was assigned, or where it is used. */
static bool pointer_name(const struct refusal *f, char *name, size_t size)
{
	struct report_place at;

	if (f->origin) {
		report_place_of(f->v->in, f->origin->insn, &at);
		if (source_target(&at, name, size))
			return true;
	}
	return source_base(&f->r->at, name, size);
}

static bool was_called(const struct refusal *f, const struct step *t)
{
	return t && *words_callee(f->v, t->insn);
}

static void help_null(struct words *w, const struct refusal *f)
{
	struct report_place at;
	char name[64];

	if (f->origin && !was_called(f, f->origin)) {
		report_place_of(f->v->in, f->origin->insn, &at);
		if (!source_target(&at, name, sizeof(name)) || (at.line == f->r->at.line && at.file)) {
			words_add(w, "Keep the pointer in a variable first, and add \"if (!pointer) %s\" ", leave(f));
		} else {
			words_add(w, "Add \"if (!%s) %s\" ", name, leave(f));
		}
		add_before(w, &f->r->at);
		words_add(w, ": what is read at ");
		add_at(w, &at);
		words_add(w, " may be NULL.");
		return;
	}
	if (pointer_name(f, name, sizeof(name)))
		words_add(w, "Add \"if (!%s) %s\" ", name, leave(f));
	else
		words_add(w, "Compare the pointer with NULL, and leave when it is, ");
	add_before(w, &f->r->at);
	if (f->origin) {
		report_place_of(f->v->in, f->origin->insn, &at);
		words_add(w, ": %s() of ", words_callee(f->v, f->origin->insn));
		add_at(w, &at);
		words_add(w, " gives NULL when there is nothing to give");
	}
	words_add(w, ".");
}

/* Was the pointer moved by a register on the path, and not by a constant? */
static bool was_indexed(const struct refusal *f)
{
	for (uint32_t i = f->path->n; f->reg && i--;) {
		const struct step *t = &f->path->steps[i];

		if (f->v->insns[t->insn].code == (BPF_ALU64 | BPF_ADD | BPF_X) && t->after.type == f->reg->type &&
		    t->after.off == f->reg->off && t->after.var.umax == f->reg->var.umax)
			return true;
	}
	return false;
}

static void help_range(struct words *w, const struct refusal *f)
{
	if (f->reg && (!scalar_is_const(&f->reg->var) || was_indexed(f))) {
		uint32_t size = REG_BASE(f->reg->type) == REG_MAP_VALUE ? f->reg->map->value_size
				: REG_BASE(f->reg->type) == REG_MEM     ? f->reg->mem_size
									: 0;

		words_add(w, "Bound the index right ");
		add_before(w, &f->r->at);
		words_add(w,
			  ": use an unsigned variable and \"if (i >= N) %s\", or \"i &= N - 1\" where N is a power of "
			  "two",
			  leave(f));
		if (size)
			words_add(w, " (%u bytes in all)", size);
		words_add(w, ".\nThe compiler may keep the checked value in another register than the one that is "
			     "used: bound the "
			     "very variable that indexes.");
		return;
	}
	words_add(w, "Make the memory larger or the access smaller: its offset is a constant here.");
}

static void help_unbounded(struct words *w, const struct refusal *f)
{
	words_add(w, "Bound it ");
	add_before(w, &f->r->at);
	words_add(w, ": \"if (n > MAX) %s\" with an unsigned n, or \"n &= MAX - 1\" where MAX is a power of two.",
		  leave(f));
}

static void help_scalar(struct words *w, const struct refusal *f)
{
	const char *taker = f->lost ? words_callee(f->v, f->lost->insn) : "";

	if (f->lost &&
	    (!strncmp(taker, "bpf_skb_", 8) || !strncmp(taker, "bpf_xdp_", 8) || !strncmp(taker, "bpf_msg_", 8))) {
		words_add(w,
			  "%s() can move the packet: read data and data_end from the context again after it, and "
			  "compare them again.",
			  taker);
		return;
	}
	if (f->lost) {
		words_add(w, "Use what the pointer leads to before %s(), or take it anew after it.", taker);
		return;
	}
	words_add(w, "Read foreign memory with bpf_probe_read_kernel() or bpf_probe_read_user(), or keep the pointer "
		     "in a variable of "
		     "pointer type all the way from where it was given.");
}

static void help_ctx(struct words *w, const struct refusal *f)
{
	words_add(w, "Read the members of the context by their names and in their own size; which of them can be read "
		     "or written "
		     "depends on the program type.");
}

static void help_moved(struct words *w, const struct refusal *f)
{
	if (f->reg && (f->reg->type & PTR_NULL)) {
		help_null(w, f);
		return;
	}
	if (BPF_CLASS(f->insn->code) == BPF_JMP) {
		words_add(w, "Pass the pointer as it was given.");
		return;
	}
	words_add(w, "Access members of the original pointer by name (ctx->member), not through a pointer into it or "
		     "by a variable "
		     "index.");
}

/* What gives back what a call took. */
static const char *release_of(const char *taker)
{
	static const struct {
		const char *piece, *release;
	} pairs[] = {
		{"bpf_ringbuf_reserve_dynptr", "bpf_ringbuf_submit_dynptr() or bpf_ringbuf_discard_dynptr()"},
		{"bpf_ringbuf_reserve", "bpf_ringbuf_submit() or bpf_ringbuf_discard()"},
		{"bpf_sk_lookup", "bpf_sk_release()"},
		{"bpf_skc_lookup", "bpf_sk_release()"},
		{"bpf_sk_fullsock", "bpf_sk_release()"},
		{"bpf_obj_new", "bpf_obj_drop(), or by putting it into a map, list or tree"},
		{"bpf_percpu_obj_new", "bpf_percpu_obj_drop()"},
		{"bpf_kptr_xchg", "its release function, or by putting it back with bpf_kptr_xchg()"},
		{"bpf_task_", "bpf_task_release()"},
		{"bpf_cgroup_", "bpf_cgroup_release()"},
		{"bpf_cpumask_", "bpf_cpumask_release()"},
		{"bpf_list_pop", "bpf_obj_drop()"},
		{"bpf_rbtree_remove", "bpf_obj_drop()"},
		{"bpf_refcount_acquire", "bpf_obj_drop()"},
		{"bpf_xdp_ct_", "bpf_ct_release()"},
		{"bpf_skb_ct_", "bpf_ct_release()"},
		{"bpf_iter_", "the iterator's destroy function"},
		{"bpf_get_task_exe_file", "bpf_put_file()"},
		{"bpf_lookup_user_key", "bpf_key_put()"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (!strncmp(taker, pairs[i].piece, strlen(pairs[i].piece)))
			return pairs[i].release;
	return "the function that releases it";
}

static void help_leak(struct words *w, const struct refusal *f)
{
	struct report_place at;
	char name[64];

	if (!f->origin || f->op != INSN_EXIT) {
		words_add(w, "Release what was taken exactly once on every path.");
		return;
	}
	report_place_of(f->v->in, f->origin->insn, &at);
	words_add(w, "Give ");
	words_add(w, "%s", source_target(&at, name, sizeof(name)) ? name : "it");
	words_add(w, " (taken at ");
	add_at(w, &at);
	words_add(w, ") back with %s on every path that ends with it, also on early returns.",
		  release_of(words_callee(f->v, f->origin->insn)));
}

static void help_return(struct words *w, const struct refusal *f)
{
	words_add(w, "Return one of the values that %s, or bound the number before it is returned.",
		  says(f, "callback return") ? "the caller of the callback knows" : "the program type knows");
}

static void help_stack(struct words *w, const struct refusal *f)
{
	if (says(f, "frame pointer is read only"))
		words_add(w, "Copy r10 to another register, and change the copy.");
	else if (says(f, "dynptr at an offset"))
		words_add(w, "Pass the address of the struct bpf_dynptr variable itself.");
	else if (strstr(f->r->reason, "the functions that are made for it"))
		words_add(w, "Read and write what a dynptr stands for with bpf_dynptr_read(), bpf_dynptr_write(), "
			     "bpf_dynptr_data() "
			     "or bpf_dynptr_slice(); what an iterator gives, with its _next() function.");
	else if (strstr(f->r->reason, ", and the call "))
		words_add(w, "Hand over the buffer's own size (sizeof(buffer)); large buffers belong into a map (a "
			     "per-CPU array "
			     "of one element).");
	else if (f->r->problem == PROBLEM_STACK_WRITE)
		words_add(w, "Keep offsets within the variable; large buffers belong into a map (a per-CPU array of "
			     "one element).");
	else
		words_add(w,
			  "Initialise the variable where it is declared (\"= {}\"; __builtin_memset() also clears the "
			  "padding of structs) "
			  "%sbefore it is read.",
			  "");
}

static void help_uninit(struct words *w, const struct refusal *f)
{
	if (f->op == INSN_EXIT)
		words_add(w, "Return a value on every path.");
	else if (f->r->reg >= 1 && f->r->reg <= 5)
		words_add(w, "Initialise the variable on every path. r1 to r5 lose their values in every call, so code "
			     "in assembly must "
			     "keep them in r6 to r9.");
	else
		words_add(w, "Initialise the variable on every path that leads here.");
}

static void help_arith(struct words *w, const struct refusal *f)
{
	char name[64];

	if (f->reg && (f->reg->type & PTR_NULL)) {
		if (pointer_name(f, name, sizeof(name)))
			words_add(w, "Add \"if (!%s) %s\" ", name, leave(f));
		else
			words_add(w, "Compare the pointer with NULL ");
		add_before(w, &f->r->at);
		words_add(w, ".");
		return;
	}
	if (f->reg && f->reg->type == REG_SCALAR) {
		words_add(w, "Bound the number on both sides ");
		add_before(w, &f->r->at);
		words_add(w, ": an unsigned type, and \"if (n > MAX) %s\" or \"n &= MASK\".", leave(f));
		return;
	}
	words_add(w, "Use the pointer as it was given, or compute with a copy of the number that it was made from.");
}

static void help_dynptr(struct words *w, const struct refusal *f)
{
	if (says(f, "Unsupported reg type"))
		words_add(w, "Make it of a map's value: bpf_dynptr_from_mem(value, sizeof(*value), 0, &ptr).");
	else if (says(f, "potential write to dynptr"))
		words_add(w, "Give the buffer no more bytes than it has: it lies beside the dynptr.");
	else if (strstr(f->v->out->message, "Expected an initialized"))
		words_add(w, "Make it first with bpf_dynptr_from_mem(), bpf_ringbuf_reserve_dynptr() or the like, look "
			     "at what that returns, "
			     "and do not use it after it was given back.");
	else
		words_add(w, "A dynptr is made once, used, and given back; it lies on the stack as struct bpf_dynptr "
			     "and only its own "
			     "functions touch it.");
}

static void help_lock(struct words *w, const struct refusal *f)
{
	const char *m = f->v->out->message;

	if (strstr(m, "bpf_preempt_disable-ed"))
		words_add(w, "Call bpf_preempt_enable() on every path, before that.");
	else if (strstr(m, "bpf_local_irq_save-ed"))
		words_add(w, "Call bpf_local_irq_restore() on every path, before that.");
	else if (strstr(m, "has no valid bpf_spin_lock") || strstr(m, "doesn't point to 'struct bpf_spin_lock'"))
		words_add(w, "Put a member of type struct bpf_spin_lock into the map's value (or the object) and pass "
			     "its address; "
			     "what it protects lies in the same value.");
	else if (strstr(m, "must be held"))
		words_add(w, "Call bpf_spin_lock() on the lock in the same map value (or object) first, and "
			     "bpf_spin_unlock() after it.");
	else if (f->op == INSN_EXIT)
		words_add(w, "Call bpf_spin_unlock() on every path before the program returns.");
	else
		words_add(w, "Take one lock at a time, do nothing but loads, stores and the lock's own functions while "
			     "it is held, and give it back "
			     "on every path.");
}

static void help_loop(struct words *w, const struct refusal *f)
{
	words_add(w, "Count iterations in a variable that the loop's condition tests (\"for (i = 0; i < MAX; i++)\"), "
		     "or use bpf_loop(), "
		     "bpf_for() or may_goto.");
}

static void help_complex(struct words *w, const struct refusal *f)
{
	words_add(w, "Make the loop shorter or its body simpler; move the body to a static function called by "
		     "bpf_loop(), or into a global "
		     "(non-static) function, which is verified once.");
}

static void help_depth(struct words *w, const struct refusal *f)
{
	words_add(w, "Move large local variables to a map (a per-CPU array of one element), or inline a function.");
}

static void help_div(struct words *w, const struct refusal *f)
{
	words_add(w, "Divide by something else; a divisor that varies may be 0 and then gives 0.");
}

static void help_gpl(struct words *w, const struct refusal *f)
{
	words_add(w, "Give the object a GPL-compatible licence: char LICENSE[] SEC(\"license\") = \"GPL\"; or do "
		     "without the call.");
}

/* Who may call a kernel function: the types that have it. */
static void help_kfunc(struct words *w, const struct refusal *f)
{
	const struct kfunc_desc *k = kfunc_find(f->callee);
	uint32_t n = 0;

	if (!k || !k->prog_types) {
		words_add(w, "Do without %s(): the kernel offers it to no program of this kind.", f->callee);
		return;
	}
	words_add(w, "Programs of these types may call %s():", f->callee);
	for (uint32_t i = 0; i < prog_types_n; i++)
		if (prog_types[i].name && prog_types[i].type < 64 && (k->prog_types >> prog_types[i].type & 1))
			words_add(w, "%s %s", n++ ? "," : "", prog_types[i].name);
	words_add(w, "%s.", k->attach_types ? " (with some attach types only)" : "");
}

static void help_call(struct words *w, const struct refusal *f)
{
	const struct helper_desc *h =
		f->op == INSN_CALL_HELPER && f->insn->imm > 0 ? helper_find((uint32_t)f->insn->imm) : NULL;

	if (h && says(f, "not allowed in probe"))
		words_add(w,
			  "%s() may be called from a few kernel functions only, where it cannot deadlock: attach to "
			  "another.",
			  h->name);
	else if (f->op == INSN_CALL_KFUNC && *f->callee)
		help_kfunc(w, f);
	else if (h)
		words_add(w, "'skep list helpers' tells which program types have %s().", h->name);
	else
		words_add(w, "Ask for it before it is used: bpf_core_field_exists(), bpf_core_type_exists(), or a "
			     "__weak declaration and a "
			     "comparison with NULL.");
}

static void help_sleep(struct words *w, const struct refusal *f)
{
	words_add(w, "Make the program sleepable (SEC(\"fentry.s/...\"), \"lsm.s/...\", \"syscall\"), and call it "
		     "outside locks, RCU and "
		     "preempt-disabled sections.");
}

static void help_ptr_leak(struct words *w, const struct refusal *f)
{
	words_add(w, "Store or return what the pointer points to, not the pointer; or load with CAP_PERFMON.");
}

/* Arguments of kernel functions, by what the check says. */
static void help_kernel_arg(struct words *w, const struct refusal *f)
{
	static const struct {
		const char *message, *help;
	} kinds[] = {
		{"must be a rcu pointer", "Pass an argument of the hook as it came, take the object with its acquire "
					  "function, or read it between "
					  "bpf_rcu_read_lock() and bpf_rcu_read_unlock() and compare it with NULL."},
		{"must be referenced or trusted",
		 "Pass an argument of the hook as it came, or take the object with its acquire function first."},
		{"expects refcounted",
		 "Release what the program acquired itself, once; what a hook or a map lends stays."},
		{"must be referenced",
		 "Take the object first: with its acquire function, bpf_obj_new(), or out of its list or map."},
		{"must point to scalar, or struct with scalar",
		 "Pass a pointer that the kernel gave: an argument of the hook, or the result of a function that looks "
		 "it up."},
		{"must have zero offset", "Pass the pointer as it was given."},
		{"must be a known constant",
		 "Use sizeof() or another number that is known when the program is compiled."},
		{"expected pointer to struct",
		 "Pass a pointer of the type that the function declares; a cast does not change what "
		 "the kernel knows of it."},
		{"type ID argument must be",
		 "Use bpf_obj_new(typeof(struct ...)) with a struct that the program defines."},
	};

	if (f->lost) {
		words_add(w, "Use the pointer before %s(), or take it anew after it.",
			  words_callee(f->v, f->lost->insn));
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (says(f, kinds[i].message)) {
			words_add(w, "%s", kinds[i].help);
			return;
		}
}

/* What is wrong with functions, where their declarations tell. */
static void help_shape(struct words *w, const struct refusal *f)
{
	static const struct {
		const char *message, *help;
	} kinds[] = {
		{"doesn't return scalar", "Let it return int (or another integer or an enum), or make it static."},
		{"only allowed in functions that return 'int'",
		 "Let the function return int: a packet load or tail call may leave it early "
		 "with a number."},
		{"not allowed in subprogs without BTF",
		 "Compile with -g, or make the function inline (static __always_inline)."},
		{"size cannot be determined",
		 "Define the type that the argument points to (it is only declared), or make the function "
		 "static."},
		{"bpf_throw kfunc", "Leave the callback with a value that ends the loop, and throw after it."},
		{"cannot call exception cb",
		 "Call another function there: an exception callback runs only when something is thrown."},
		{"multiple exception callback", "Name one callback: __exception_cb(name) once."},
		{"exception callback",
		 "Let __exception_cb() name a global function of the program that takes one u64 and returns an "
		 "integer."},
		{"arg#", "Make the function static, or give its arguments types that a function can be verified with "
			 "by itself: numbers, "
			 "the context, pointers to structs of known size, and the __arg_ tags of bpf_helpers.h."},
	};

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (says(f, kinds[i].message)) {
			words_add(w, "%s", kinds[i].help);
			return;
		}
}

static void help_attach(struct words *w, const struct refusal *f)
{
	if (says(f, "is not a supported struct"))
		words_add(w, "Put the program into a map of SEC(\".struct_ops\") whose type is a struct that the "
			     "kernel takes, such as "
			     "struct tcp_congestion_ops.");
	else if (says(f, "disabled hook"))
		words_add(w, "Attach to another hook.");
	else if (says(f, "is not sleepable"))
		words_add(w, "Leave the \".s\" out of the section's name (SEC(\"fentry/...\"), SEC(\"lsm/...\")).");
	else if (says(f, "not modifiable"))
		words_add(w, "fmod_ret takes functions that may fail on purpose (ALLOW_ERROR_INJECTION) and "
			     "security_*() only; fexit "
			     "sees the result of any.");
	else
		words_add(w, "The section's name says what the program attaches to: SEC(\"fentry/FUNCTION\"), "
			     "SEC(\"tp_btf/TRACEPOINT\"), "
			     "SEC(\"lsm/HOOK\"), SEC(\"iter/KIND\").");
}

static void help_arg(struct words *w, const struct refusal *f)
{
	const struct helper_desc *h =
		f->op == INSN_CALL_HELPER && f->insn->imm > 0 ? helper_find((uint32_t)f->insn->imm) : NULL;

	if (f->reg && (f->reg->type & PTR_NULL)) {
		help_null(w, f);
		return;
	}
	switch (h && f->r->reg >= 1 && f->r->reg <= 5 ? h->args[f->r->reg - 1].type : ARG_NONE) {
	case ARG_MAP_KEY:
	case ARG_MAP_VALUE:
		words_add(w, "Put it into a local variable and pass that variable's address (&key).");
		break;
	case ARG_MEM:
	case ARG_MEM_FIXED:
		words_add(w, "Pass the address of a variable or of a buffer.");
		break;
	case ARG_CTX:
		words_add(w, "Pass the pointer that the program was called with, unchanged.");
		break;
	default:
		help_kernel_arg(w, f);
		break;
	}
}

static void help_iter(struct words *w, const struct refusal *f)
{
	words_add(w, "An iterator lies on the stack, is made by its _new() function, stepped by _next() until that "
		     "gives NULL, and ended by "
		     "_destroy() on every path; bpf_for() and bpf_for_each() write that.");
}

static void help_rcu(struct words *w, const struct refusal *f)
{
	words_add(w, "Call bpf_rcu_read_lock() and bpf_rcu_read_unlock() in pairs on every path, one pair at a time, "
		     "and use what the section "
		     "protects only inside it.");
}

static void help_read_only(struct words *w, const struct refusal *f)
{
	if (f->reg && REG_BASE(f->reg->type) == REG_MAP_VALUE)
		words_add(w, "A variable that changes must not be const (.rodata); maps lose BPF_F_RDONLY_PROG when "
			     "programs are to write.");
	else
		words_add(w, "Copy it to the stack or to a map's value, and change the copy.");
}

static void help_map(struct words *w, const struct refusal *f)
{
	if (says(f, "map_uid"))
		words_add(w, "Hand over the map that the value was looked up in, and look it up once: each look-up in "
			     "a map of maps "
			     "counts as another map.");
	else if (says(f, "tracing progs cannot use"))
		words_add(w, "Keep such values in maps that no kprobe, tracepoint, raw_tp or perf_event program uses: "
			     "fentry and lsm programs may have them.");
	else
		words_add(w, "Use a map of a type that the call takes: bpf-helpers(7) names them at each helper.");
}

static void help_kernel_object(struct words *w, const struct refusal *f)
{
	if (says(f, "direct access to")) {
		words_add(w, "Leave it to the functions that are made for it: bpf_spin_lock(), bpf_list_push_front(), "
			     "bpf_timer_init() and so on.");
		return;
	}
	if (says(f, "beyond the end of")) {
		words_add(w, "Read no more than the member has (sizeof).");
		return;
	}
	words_add(w, "Read members with BPF_CORE_READ() or bpf_probe_read_kernel(); kernel objects are changed by "
		     "kernel functions only.");
}

static void help_misaligned(struct words *w, const struct refusal *f)
{
	words_add(w, "Align the variable or member to its size, or copy its bytes one by one (__builtin_memcpy() of a "
		     "packed struct).");
}

static void (*const helps[PROBLEM_COUNT])(struct words *w, const struct refusal *f) = {
	[PROBLEM_SCALAR_ACCESS] = help_scalar,
	[PROBLEM_PACKET_RANGE] = help_packet,
	[PROBLEM_CTX_ACCESS] = help_ctx,
	[PROBLEM_VAR_CTX] = help_moved,
	[PROBLEM_MEM_RANGE] = help_range,
	[PROBLEM_UNBOUNDED] = help_unbounded,
	[PROBLEM_NULL_ACCESS] = help_null,
	[PROBLEM_NULL_ARG] = help_null,
	[PROBLEM_ARG_TYPE] = help_arg,
	[PROBLEM_REF_LEAK] = help_leak,
	[PROBLEM_RETURN_RANGE] = help_return,
	[PROBLEM_STACK_WRITE] = help_stack,
	[PROBLEM_STACK_READ] = help_stack,
	[PROBLEM_STACK_DEPTH] = help_depth,
	[PROBLEM_UNINIT] = help_uninit,
	[PROBLEM_PTR_ARITH] = help_arith,
	[PROBLEM_PTR_LEAK] = help_ptr_leak,
	[PROBLEM_DYNPTR] = help_dynptr,
	[PROBLEM_LOCK] = help_lock,
	[PROBLEM_DIV_ZERO] = help_div,
	[PROBLEM_LOOP] = help_loop,
	[PROBLEM_TOO_COMPLEX] = help_complex,
	[PROBLEM_HELPER] = help_call,
	[PROBLEM_SLEEP] = help_sleep,
	[PROBLEM_ITER] = help_iter,
	[PROBLEM_RCU] = help_rcu,
	[PROBLEM_READ_ONLY] = help_read_only,
	[PROBLEM_MAP] = help_map,
	[PROBLEM_BTF_ACCESS] = help_kernel_object,
	[PROBLEM_MISALIGNED] = help_misaligned,
	[PROBLEM_GPL] = help_gpl,
	[PROBLEM_SHAPE] = help_shape,
	[PROBLEM_ATTACH] = help_attach,
};

char *suggest(const struct refusal *f)
{
	struct words w = {0};

	if (helps[f->r->problem])
		helps[f->r->problem](&w, f);
	return w.text;
}
