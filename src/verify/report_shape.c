/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of a program that is not well formed. insn_check() refused it before there was anything to verify, so there is no path: only a place, and for
 * functions that call each other the chain of calls. What people need here is what their compiler or their assembly did to get there.
 */
#include "base/util.h"
#include "insn/check.h"
#include "insn/text.h"
#include "verify/report_impl.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct malformed {
	const struct verify_input *in;
	const struct insn_shape *shape;
	const struct bpf_insn *insn;
};

/* The function that begins at a slot, from BTF. */
static bool name_function(void *arg, uint32_t slot, char *buf, size_t size)
{
	const struct verify_input *in = arg;

	for (uint32_t i = 0; in->btf && in->func_info && i < in->n_subprogs; i++) {
		const struct btf_type *t = btf__type_by_id(in->btf, in->func_info[i].type_id);

		if (in->subprogs[i] != slot || !t)
			continue;
		snprintf(buf, size, "%s", btf__name_by_offset(in->btf, t->name_off));
		return *buf;
	}
	return false;
}

/* "f()", or "the function at instruction 7" */
static void add_function(struct words *w, const struct verify_input *in, int64_t slot)
{
	char name[64];

	if (slot >= 0 && name_function((void *)in, (uint32_t)slot, name, sizeof(name)))
		words_add(w, "%s()", name);
	else
		words_add(w, "the function at instruction %lld", (long long)slot);
}

static int64_t target(uint32_t at, const struct bpf_insn *insn)
{
	const struct insn_desc *d = insn_decode_any(insn);

	if (d && (d->op == INSN_CALL_SUBPROG || d->op == INSN_LD_FUNC))
		return (int64_t)at + 1 + insn->imm;
	return (int64_t)at + 1 + (d ? insn_jump_dist(d, insn) : 0);
}

static void say_size(struct words *w, const struct malformed *m)
{
	words_add(w, "The program has %u instructions; 1 to %d are possible.", m->in->n_insns, SKEP_MAX_INSNS);
}

static void say_decode(struct words *w, const struct malformed *m)
{
	const uint8_t *b = (const uint8_t *)m->insn;

	words_add(w, "The bytes %02x %02x %02x%02x %02x%02x%02x%02x are no instruction that the kernel knows: %s.",
		  b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], m->shape->reason);
}

static void say_wide(struct words *w, const struct malformed *m)
{
	words_add(
		w,
		"A load of a 64-bit constant (or of a map) takes two slots, and here the two do not fit together: %s.",
		m->shape->reason);
}

/* Compilers before clang 19 put the register's number into the immediate. */
static bool is_callx(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL | BPF_X);
}

static void say_callx(struct words *w, const struct malformed *m)
{
	words_add(w,
		  "The program calls the function whose address is in r%d. eBPF programs can call only what is named "
		  "in the call itself: there are no function pointers.",
		  m->insn->imm ? m->insn->imm : m->insn->dst_reg);
}

static const char *leads(const struct bpf_insn *insn)
{
	const struct insn_desc *d = insn_decode_any(insn);

	return d && d->op == INSN_CALL_SUBPROG ? "call" : d && d->op == INSN_LD_FUNC ? "address of a function" : "jump";
}

static void say_outside(struct words *w, const struct malformed *m)
{
	int64_t to = target(m->shape->insn, m->insn);

	if (to >= 0 && to < m->in->n_insns)
		words_add(w,
			  "This %s leads to slot %lld, the second half of a 64-bit constant, which is no instruction.",
			  leads(m->insn), (long long)to);
	else
		words_add(w, "This %s leads to instruction %lld, and the program has only 0 to %u.", leads(m->insn),
			  (long long)to, m->in->n_insns - 1);
}

static void say_leaves(struct words *w, const struct malformed *m)
{
	words_add(w, "This jumps to instruction %lld, which belongs to another function. A jump stays in its own.",
		  (long long)target(m->shape->insn, m->insn));
}

static void say_functions(struct words *w, const struct malformed *m)
{
	words_add(w, "The program has more than %d functions.", SKEP_MAX_SUBPROGS);
}

static void say_end(struct words *w, const struct malformed *m)
{
	struct report_place at;

	report_place_of(m->in, m->shape->insn, &at);
	words_add(w, "The last instruction of %s%s is no return and no jump: what comes after it would run as well.",
		  *at.function ? at.function : "the function", *at.function ? "()" : "");
}

static void say_unreachable(struct words *w, const struct malformed *m)
{
	words_add(w, "No path through the program comes to this instruction: what stands before it always goes "
		     "elsewhere, and "
		     "nothing jumps here or calls it.");
}

static void say_recursion(struct words *w, const struct malformed *m)
{
	add_function(w, m->in, target(m->shape->insn, m->insn));
	words_add(w,
		  " calls itself%s. eBPF programs have no recursion: their stack must have an end that is known before "
		  "they run.",
		  m->shape->n_chain > 1 ? " through other functions" : "");
}

static void say_chain(struct words *w, const struct malformed *m)
{
	words_add(w, "Functions call each other %u deep here; at most %d are allowed.", m->shape->n_chain + 1,
		  SKEP_MAX_CALL_FRAMES);
}

#define COMPILED "No compiler writes this: look at inline assembly, or at the tool that made or changed these bytes."

static const struct {
	enum verify_problem problem;
	void (*say)(struct words *w, const struct malformed *m);
	const char *help;
} kinds[] = {
	[INSN_FAULT_SIZE] = {PROBLEM_TOO_COMPLEX, say_size,
			     "Unroll fewer loops, and share code in functions that are not inlined."},
	[INSN_FAULT_DECODE] =
		{PROBLEM_SHAPE, say_decode,
		 "A compiler that is newer than the kernel may use instructions that the kernel lacks: compile with "
		 "-mcpu=v3. Else look at inline assembly, or at the tool that made or changed these bytes."},
	[INSN_FAULT_WIDE] = {PROBLEM_SHAPE, say_wide,
			     "In assembly write the constant as one instruction (\"r1 = 5 ll\"), in C structs as "
			     "BPF_LD_IMM64() or BPF_LD_MAP_FD(), which make both slots."},
	[INSN_FAULT_CALLX] =
		{PROBLEM_SHAPE, say_callx,
		 "Choose with if or switch and call each function by its name; or put programs into a "
		 "BPF_MAP_TYPE_PROG_ARRAY and use bpf_tail_call(). bpf_loop() and bpf_for_each_map_elem() take "
		 "a callback."},
	[INSN_FAULT_OUTSIDE] = {PROBLEM_SHAPE, say_outside, COMPILED},
	[INSN_FAULT_LEAVES] =
		{PROBLEM_SHAPE, say_leaves,
		 "Call the function, or make it inline (static __always_inline). Labels of inline assembly need %= "
		 "in their names, so that each copy has its own."},
	[INSN_FAULT_FUNCTIONS] = {PROBLEM_SHAPE, say_functions,
				  "Let the compiler inline some: static __always_inline."},
	[INSN_FAULT_END] =
		{PROBLEM_SHAPE, say_end,
		 "The compiler leaves the return out where it believes that the end is never reached: after a missing "
		 "\"return\", __builtin_unreachable(), an endless loop, or the use of a variable that was never "
		 "set. Compile with -Wall and mend what it says."},
	[INSN_FAULT_UNREACHABLE] =
		{PROBLEM_SHAPE, say_unreachable,
		 "Remove it. A compiler leaves such code out by itself: look at inline assembly after an "
		 "\"exit\" or a \"goto\"."},
	[INSN_FAULT_RECURSION] =
		{PROBLEM_STACK_DEPTH, say_recursion,
		 "Make it a loop with a bound (for, bpf_for(), bpf_loop()) that keeps what it still has to do "
		 "in an array of fixed size; or let the program start again with bpf_tail_call()."},
	[INSN_FAULT_DEPTH] = {PROBLEM_STACK_DEPTH, say_chain,
			      "Let the compiler inline some of them: static __always_inline, and no __noinline."},
};

static void add_calls(struct verify_report *r, const struct malformed *m)
{
	const struct insn_shape *shape = m->shape;

	for (uint32_t i = 0; i < shape->n_chain && r->n_events < REPORT_EVENTS; i++) {
		struct report_event *e = &r->events[r->n_events];
		struct words w = {0};

		report_place_of(m->in, shape->chain[i], &e->at);
		if (*e->at.function)
			words_add(&w, "%s() ", e->at.function);
		words_add(&w, "calls ");
		add_function(&w, m->in, target(shape->chain[i], &m->in->insns[shape->chain[i]]));
		e->text = w.text;
		r->n_events += w.text != NULL;
	}
}

struct verify_report *report_shape(const struct verify_input *in, const struct insn_shape *shape)
{
	enum insn_fault fault = shape->fault;
	const struct insn_text_opts opts = {.helper = words_helper, .subprog = name_function, .arg = (void *)in};
	struct malformed m = {.in = in, .shape = shape, .insn = &in->insns[shape->insn]};
	struct verify_report *r;
	struct words why = {0};
	char text[256];

	if (shape->fault == INSN_FAULT_NONE || shape->fault >= ARRAY_SIZE(kinds) || !kinds[shape->fault].say ||
	    shape->insn >= in->n_insns)
		return NULL;
	if (fault == INSN_FAULT_DECODE && is_callx(m.insn))
		fault = INSN_FAULT_CALLX;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->problem = kinds[fault].problem;
	r->reg = -1;
	report_place_of(in, shape->insn, &r->at);
	if (insn_text(in->insns, in->n_insns, shape->insn, &opts, text, sizeof(text)) < 0)
		snprintf(text, sizeof(text), fault == INSN_FAULT_CALLX ? "(%02x) callx r%d" : "(%02x)", m.insn->code,
			 m.insn->imm ? m.insn->imm : m.insn->dst_reg);
	r->insn = strdup(text);
	kinds[fault].say(&why, &m);
	r->reason = why.text;
	r->suggestion = strdup(kinds[fault].help);
	add_calls(r, &m);
	if (r->reason && r->insn)
		return r;
	report_free(r);
	return NULL;
}
