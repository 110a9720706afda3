/* SPDX-License-Identifier: BSD-2-Clause */
/* From a refusal to a report: what it is about, and why it is refused, in plain words. */
#include "base/util.h"
#include "helper/helper.h"
#include "insn/text.h"
#include "prog/types.h"
#include "verify/record.h"
#include "verify/report_impl.h"

#include <bpf/btf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What it is about */

static bool is_call_op(uint32_t op)
{
	return op == INSN_CALL_HELPER || op == INSN_CALL_KFUNC || op == INSN_CALL_SUBPROG;
}

/* The register that an instruction is refused for when the check did not name one. */
static int implied_reg(const struct verifier *v, const struct state *s, enum verify_problem problem)
{
	const struct bpf_insn *insn = &v->insns[v->insn];
	const struct reg *regs = s->frames[s->curframe]->regs;

	switch (BPF_CLASS(insn->code)) {
	case BPF_LDX:
		return insn->src_reg;
	case BPF_ST:
		return insn->dst_reg;
	case BPF_STX:
		return problem == PROBLEM_PTR_LEAK ? insn->src_reg : insn->dst_reg;
	case BPF_ALU:
	case BPF_ALU64:
		/* Of a pointer and a number, the number is what has no bounds. */
		if (problem == PROBLEM_PTR_ARITH && BPF_SRC(insn->code) == BPF_X && BPF_OP(insn->code) != BPF_MOV) {
			if (regs[insn->src_reg].type == REG_SCALAR)
				return regs[insn->dst_reg].type & PTR_NULL ? insn->dst_reg : insn->src_reg;
		}
		return insn->dst_reg;
	case BPF_JMP:
		if (v->aux[v->insn].desc->op == INSN_EXIT)
			return problem == PROBLEM_RETURN_RANGE || problem == PROBLEM_PTR_LEAK ? BPF_REG_0 : -1;
		return is_call_op(v->aux[v->insn].desc->op) ? -1 : insn->dst_reg;
	default:
		return -1;
	}
}

/* Problems that are about no value: the place tells all. */
static bool about_value(enum verify_problem problem)
{
	switch (problem) {
	case PROBLEM_REF_LEAK:
	case PROBLEM_STACK_DEPTH:
	case PROBLEM_RCU:
	case PROBLEM_DIV_ZERO:
	case PROBLEM_LOOP:
	case PROBLEM_TOO_COMPLEX:
	case PROBLEM_SHAPE:
	case PROBLEM_HELPER:
	case PROBLEM_SLEEP:
	case PROBLEM_GPL:
	case PROBLEM_ATTACH:
	case PROBLEM_NOT_SUPPORTED:
	case PROBLEM_MEMORY:
		return false;
	default:
		return true;
	}
}

static const struct ref *held(const struct state *s, bool locks)
{
	for (uint32_t i = 0; i < s->n_refs; i++)
		if (s->refs[i].id && (s->refs[i].kind == REF_PTR) != locks)
			return &s->refs[i];
	return NULL;
}

static struct subject subject_of(const struct refusal *f, const struct state *s, int blamed)
{
	const struct verifier *v = f->v;
	struct subject about = {.reg = -1, .slot = -1};
	const struct ref *ref = NULL;

	if (f->r->problem == PROBLEM_LOOP) {
		about.loop = true;
		return about;
	}
	if (f->op == INSN_EXIT && f->r->problem == PROBLEM_REF_LEAK)
		ref = held(s, false);
	else if (f->r->problem == PROBLEM_LOCK)
		ref = held(s, true);
	if (ref) {
		about.id = ref->id;
		about.taken_at = ref->insn;
		return about;
	}
	/* Of a call, the register that the message names: a check of one argument may look at another, its size. */
	if (is_call_op(f->op) && v->out->message[0] == 'R' && v->out->message[1] >= '1' && v->out->message[1] <= '5' &&
	    v->out->message[2] == ' ')
		blamed = v->out->message[1] - '0';
	if (about_value(f->r->problem))
		about.reg = blamed >= 0 ? blamed : implied_reg(v, s, f->r->problem);
	return about;
}

/* Words */

static uint32_t access_size(const struct bpf_insn *insn)
{
	static const uint8_t sizes[] = {4, 2, 1, 8};

	return sizes[BPF_SIZE(insn->code) >> 3];
}

static bool is_access(const struct bpf_insn *insn)
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

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

/* "reads 4 bytes at offset 12 of", "hands" of a call */
static void add_access(struct words *w, const struct refusal *f)
{
	bool write = BPF_CLASS(f->insn->code) != BPF_LDX;

	words_add(w, "%s %u byte%s", write ? "writes" : "reads", access_size(f->insn), plural(access_size(f->insn)));
}

/* "argument 2 of bpf_map_lookup_elem()" */
static void add_arg(struct words *w, const struct refusal *f)
{
	if (f->r->reg >= 1)
		words_add(w, "argument %d of %s()", f->r->reg, *f->callee ? f->callee : "the function");
	else
		words_add(w, "an argument of %s()", *f->callee ? f->callee : "the function");
}

/* What the check said, without a full stop. */
static void add_message(struct words *w, const struct refusal *f)
{
	const char *m = f->v->out->message;
	size_t n = strlen(m);

	words_add(w, "%.*s", (int)(n && m[n - 1] == '.' ? n - 1 : n), m);
}

static bool says(const struct refusal *f, const char *text)
{
	return strstr(f->v->out->message, text);
}

static void add_reg(struct words *w, const struct refusal *f)
{
	words_add(w, "r%d is ", f->r->reg);
	words_reg(w, f->v, f->reg);
}

/* Offset of an access from the beginning of what the pointer points into: constant part. */
static int64_t access_off(const struct refusal *f)
{
	bool fixed = scalar_is_const(&f->reg->var);

	return (int64_t)f->reg->off + f->insn->off + (fixed ? (int64_t)f->reg->var.bits.value : 0);
}

static void say_message(struct words *w, const struct refusal *f)
{
	add_message(w, f);
	words_add(w, ".");
	if (f->reg) {
		words_add(w, "\nHere ");
		add_reg(w, f);
		words_add(w, ".");
	}
}

static void say_scalar(struct words *w, const struct refusal *f)
{
	words_add(w, "The program ");
	add_access(w, f);
	if (f->lost) {
		words_add(w, " through r%d, which was a pointer until %s() made it invalid.", f->r->reg,
			  words_callee(f->v, f->lost->insn));
		return;
	}
	words_add(w, " of memory through r%d, which is no pointer: it is ", f->r->reg);
	words_reg(w, f->v, f->reg);
	words_add(
		w,
		".\nAn address that was computed, read from memory or kept in an integer is a number to the verifier.");
}

static void say_packet(struct words *w, const struct refusal *f)
{
	int64_t off;

	if (!is_access(f->insn)) {
		add_arg(w, f);
		words_add(w, " reaches beyond what is known to be there of the packet: r%d is ", f->r->reg);
		words_reg(w, f->v, f->reg);
		words_add(w, ".");
		return;
	}
	off = (int64_t)f->reg->off + f->insn->off;
	words_add(w, "The program ");
	add_access(w, f);
	words_add(w, " at offset %" PRId64 " of the packet", off);
	if (!scalar_is_const(&f->reg->var))
		words_add(w, " plus a number that varies");
	if (f->reg->range <= 0)
		words_add(w, ", but never made sure that the packet is that long.");
	else
		words_add(w, ", but made sure of %d byte%s only.", f->reg->range, plural((uint32_t)f->reg->range));
}

/* The struct that a program type's context has in C. */
static const char *ctx_struct(uint32_t prog_type)
{
	switch (prog_type) {
	case BPF_PROG_TYPE_XDP:
		return "xdp_md";
	case BPF_PROG_TYPE_SOCKET_FILTER:
	case BPF_PROG_TYPE_SCHED_CLS:
	case BPF_PROG_TYPE_SCHED_ACT:
	case BPF_PROG_TYPE_CGROUP_SKB:
	case BPF_PROG_TYPE_SK_SKB:
		return "__sk_buff";
	case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
		return "bpf_sock_addr";
	case BPF_PROG_TYPE_CGROUP_SOCK:
		return "bpf_sock";
	case BPF_PROG_TYPE_SOCK_OPS:
		return "bpf_sock_ops";
	default:
		return NULL;
	}
}

/* The member of the program's own struct @name at an offset, NULL when BTF does not tell. */
static const char *member_at(const struct verifier *v, const char *name, int64_t off)
{
	const struct btf *btf = v->in->btf;
	int32_t id = btf && name ? btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) : -1;
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (uint32_t)id) : NULL;
	const char *found = NULL;

	for (uint32_t i = 0; t && i < btf_vlen(t); i++) {
		const struct btf_member *m = &btf_members(t)[i];
		int64_t at = btf_member_bit_offset(t, i) / 8;

		if (at <= off && at + btf__resolve_size(btf, m->type) > off)
			found = btf__name_by_offset(btf, m->name_off);
	}
	return found;
}

static void say_ctx(struct words *w, const struct refusal *f)
{
	const struct prog_type_desc *type = prog_type_find(f->v->prog_type);
	const char *name = ctx_struct(f->v->prog_type), *member;
	int64_t off;

	if (!f->reg || !is_access(f->insn)) {
		words_add(w, "The context of the program cannot be used so.");
		return;
	}
	off = access_off(f);
	member = member_at(f->v, name, off);
	words_add(w, "The program ");
	add_access(w, f);
	words_add(w, " at offset %" PRId64 " of its context", off);
	if (member && *member)
		words_add(w, " (struct %s, %s)", name, member);
	words_add(w, ", which a program of type %s may not do.", type ? type->name : "this");
}

static void say_moved(struct words *w, const struct refusal *f)
{
	if (!f->reg) {
		words_add(w, "A pointer that was moved is used where it must be as it was given.");
		return;
	}
	words_add(w, "r%d is ", f->r->reg);
	words_reg(w, f->v, f->reg);
	if (f->reg->type & PTR_NULL) {
		words_add(w, ". It was not compared with NULL.");
		return;
	}
	words_add(w, ". Such a pointer may be used only as it was given, with a constant offset in the access itself.");
}

/* Memory of a known size: what the pointer can reach, and what there is. */
static bool region_size(const struct refusal *f, uint32_t *size, const char **what)
{
	switch (REG_BASE(f->reg->type)) {
	case REG_MAP_VALUE:
		*size = f->reg->map->value_size;
		*what = "the map's value";
		return true;
	case REG_MAP_KEY:
		*size = f->reg->map->key_size;
		*what = "the map's key";
		return true;
	case REG_MEM:
		*size = f->reg->mem_size;
		*what = f->reg->type & MEM_RINGBUF ? "the record" : "the memory";
		return true;
	default:
		return false;
	}
}

static void say_range(struct words *w, const struct refusal *f)
{
	uint32_t size;
	const char *what;

	if (!f->reg || !region_size(f, &size, &what)) {
		words_add(w, "The access can leave the memory that the pointer is good for");
		if (f->reg) {
			words_add(w, ": ");
			add_reg(w, f);
		}
		words_add(w, ".");
		return;
	}
	if (is_access(f->insn)) {
		int64_t least = f->reg->var.smin, most = (int64_t)f->reg->var.umax;
		int64_t off = (int64_t)f->reg->off + f->insn->off;

		words_add(w, "The program ");
		add_access(w, f);
		if (scalar_is_const(&f->reg->var))
			words_add(w, " at offset %" PRId64, off + least);
		else if (least < 0 || most >= 1 << 29)
			words_add(w, " at an offset that has no %s bound", least < 0 ? "lower" : "upper");
		else
			words_add(w, " at an offset from %" PRId64 " to %" PRId64, off + least, off + most);
		words_add(w, ", but %s has %u byte%s.", what, size, plural(size));
	} else {
		add_arg(w, f);
		words_add(w, " reaches outside %s, which has %u byte%s: ", what, size, plural(size));
		add_reg(w, f);
		words_add(w, ".");
	}
}

static void say_unbounded(struct words *w, const struct refusal *f)
{
	if (is_call_op(f->op))
		add_arg(w, f);
	else
		words_add(w, "An offset");
	words_add(w, " needs an upper bound that the verifier knows, and one that is not negative");
	if (f->reg) {
		words_add(w, ": ");
		add_reg(w, f);
	}
	words_add(w, ".");
}

static void say_null(struct words *w, const struct refusal *f)
{
	words_add(w, "The program ");
	if (is_access(f->insn)) {
		add_access(w, f);
		words_add(w, " through r%d, which was not compared with NULL: it is ", f->r->reg);
	} else {
		words_add(w, "uses r%d, which it did not compare with NULL: it is ", f->r->reg);
	}
	words_reg(w, f->v, f->reg);
	words_add(w, ".");
}

static void say_null_arg(struct words *w, const struct refusal *f)
{
	add_arg(w, f);
	words_add(w, " must not be NULL");
	if (f->reg) {
		words_add(w, ", and ");
		add_reg(w, f);
	}
	words_add(w, ".");
}

/* What a helper's argument must be. */
static const char *const arg_words[] = {
	[ARG_CONST_MAP_PTR] = "a map",
	[ARG_MAP_KEY] = "memory that holds a key of the map",
	[ARG_MAP_VALUE] = "memory that holds a value of the map",
	[ARG_MEM] = "memory: the stack, a map's value, a record",
	[ARG_MEM_FIXED] = "memory: the stack, a map's value, a record",
	[ARG_SIZE] = "a size",
	[ARG_SIZE_OR_ZERO] = "a size",
	[ARG_CONST_SIZE_OR_ZERO] = "a constant size",
	[ARG_CTX] = "the program's context",
	[ARG_CONST_ALLOC_SIZE] = "a constant size",
	[ARG_RINGBUF_MEM] = "a record that bpf_ringbuf_reserve() gave",
	[ARG_SPIN_LOCK] = "a struct bpf_spin_lock in a map's value",
	[ARG_TIMER] = "a struct bpf_timer in a map's value",
	[ARG_KPTR] = "a kptr in a map's value",
	[ARG_DYNPTR] = "a struct bpf_dynptr on the stack",
	[ARG_FUNC] = "a static function of the program",
	[ARG_STACK] = "memory of the stack, or NULL",
	[ARG_CONST_STR] = "a constant string in a read-only map (.rodata)",
	[ARG_BTF_ID] = "a kernel object",
	[ARG_SOCK_COMMON] = "a socket",
	[ARG_BTF_SOCK_COMMON] = "a socket",
	[ARG_SOCKET] = "a socket",
	[ARG_PERCPU_BTF_ID] = "a per-CPU kernel variable",
	[ARG_LONG_PTR] = "memory of a long",
	[ARG_INT_PTR] = "memory of an int",
};

/* What kernel functions ask of an argument, by what the check says. */
static const struct {
	const char *message, *must;
} kernel_args[] = {
	{"must be a rcu pointer",
	 "be a kernel object that cannot go away meanwhile: an argument of the hook, one that the program "
	 "acquired, or one that RCU protects"},
	{"must be referenced or trusted",
	 "be a kernel object that cannot go away meanwhile: an argument of the hook, or one that the "
	 "program acquired"},
	{"expects refcounted", "be something that the program itself acquired before"},
	{"must be referenced", "be something that the program itself acquired before"},
	{"must point to scalar, or struct with scalar", "be the kernel's own object, not memory of the program"},
	{"must have zero offset", "point to the beginning of the object"},
	{"must be a known constant", "be a constant"},
	{"type ID argument must be", "name a struct of the program"},
	{"is not a scalar", "be a number"},
	{"expects pointer to ctx", "be the program's context"},
};

static void say_arg(struct words *w, const struct refusal *f)
{
	const struct helper_desc *h = f->op == INSN_CALL_HELPER && f->insn->imm > 0
					      ? helper_for((uint32_t)f->insn->imm, f->v->prog_type, f->v->attach_type)
					      : NULL;
	uint32_t type = h && f->r->reg >= 1 && f->r->reg <= 5 ? h->args[f->r->reg - 1].type : ARG_NONE;
	const char *type_name;

	add_arg(w, f);
	if (type < ARRAY_SIZE(arg_words) && arg_words[type]) {
		words_add(w, " must be %s", arg_words[type]);
		if (type == ARG_BTF_ID && h->args[f->r->reg - 1].btf)
			words_add(w, " of type struct %s", h->args[f->r->reg - 1].btf);
	} else {
		size_t i = 0;

		while (i < ARRAY_SIZE(kernel_args) && !says(f, kernel_args[i].message))
			i++;
		if (i < ARRAY_SIZE(kernel_args)) {
			words_add(w, " must %s", kernel_args[i].must);
		} else if ((type_name = strstr(f->v->out->message, "expected pointer to "))) {
			type_name += strlen("expected pointer to ");
			words_add(w, " must be a pointer to a %.*s", (int)strcspn(type_name, " "), type_name);
			if (!strncmp(type_name, "struct ", 7))
				words_add(w, " %.*s", (int)strcspn(type_name + 7, " "), type_name + 7);
		} else {
			words_add(w, " is not as it must be (");
			add_message(w, f);
			words_add(w, ")");
		}
	}
	if (f->lost) {
		words_add(w, ", but r%d was a pointer only until %s() made it invalid", f->r->reg,
			  words_callee(f->v, f->lost->insn));
	} else if (f->reg) {
		words_add(w, ", but ");
		add_reg(w, f);
	}
	words_add(w, ".");
}

static void say_leak(struct words *w, const struct refusal *f)
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

static void say_return(struct words *w, const struct refusal *f)
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

/* A dynptr or iterator at a place of the stack: what it is called. */
static const char *object_at(const struct refusal *f, int64_t off)
{
	const struct state *s = f->path->end;
	const struct slot *slot = s && off < 0 && off >= -MAX_STACK && f->reg->frame <= s->curframe
					  ? slot_get(s->frames[f->reg->frame], (uint32_t)(-off - 1) / 8)
					  : NULL;

	if (!slot)
		return NULL;
	switch (slot->kind[0]) {
	case SLOT_DYNPTR:
		return "a dynptr";
	case SLOT_ITER:
		return "an iterator";
	case SLOT_IRQ:
		return "saved interrupt flags";
	default:
		return NULL;
	}
}

static void say_stack(struct words *w, const struct refusal *f)
{
	bool write = f->r->problem == PROBLEM_STACK_WRITE;
	const char *object, *at;
	int off, size;

	if (f->reg && REG_BASE(f->reg->type) == REG_STACK && is_access(f->insn)) {
		words_add(w, "The program ");
		add_access(w, f);
		if (scalar_is_const(&f->reg->var))
			words_add(w, " at offset %" PRId64 " of its stack frame", access_off(f));
		else if (f->reg->var.smin > INT32_MIN && f->reg->var.smax < INT32_MAX)
			words_add(w, " at an offset from %" PRId64 " to %" PRId64 " of its stack frame",
				  f->reg->off + f->insn->off + f->reg->var.smin,
				  f->reg->off + f->insn->off + f->reg->var.smax);
		else
			words_add(w, " of its stack at an offset without a bound");
		object = scalar_is_const(&f->reg->var) ? object_at(f, access_off(f)) : NULL;
		if (object) {
			words_add(w, ".\nThere lies %s, and only the functions that are made for it may touch it.",
				  object);
			return;
		}
		words_add(w, write ? ".\nA frame has the 512 bytes from -512 to -1."
				   : ".\nThat part of the stack was never written, or lies outside the frame.");
		return;
	}
	if (is_call_op(f->op) && says(f, "dynptr at an offset")) {
		add_arg(w, f);
		words_add(w, " must be the dynptr itself, and points into it or beside it.");
		return;
	}
	object = is_call_op(f->op) && f->reg && REG_BASE(f->reg->type) == REG_STACK && scalar_is_const(&f->reg->var)
			 ? object_at(f, (int64_t)f->reg->off + (int64_t)f->reg->var.bits.value)
			 : NULL;
	if (object) {
		add_arg(w, f);
		words_add(w,
			  " is memory of the stack where %s lies, and only the functions that are made for it may "
			  "touch it.",
			  object);
		return;
	}
	at = strstr(f->v->out->message, " off");
	if (is_call_op(f->op) && at &&
	    (sscanf(at, " off=%d size=%d", &off, &size) == 2 || sscanf(at, " off %d+0 size %d", &off, &size) == 2) &&
	    (off < -MAX_STACK || off + size > 0)) {
		add_arg(w, f);
		words_add(w,
			  " is memory of the stack, and the call %s %d bytes from offset %d on.\n"
			  "A frame has the 512 bytes from -512 to -1.",
			  write ? "writes" : "takes", size, off);
		return;
	}
	if (is_call_op(f->op)) {
		add_arg(w, f);
		words_add(
			w,
			write ? " is memory of the stack that cannot be written so"
			      : " is memory of the stack that was not written whole before, or lies outside the frame");
		if (f->reg) {
			words_add(w, ": ");
			add_reg(w, f);
		}
		words_add(w, ".");
		return;
	}
	words_add(w, "r10, the frame pointer, may only be read.");
}

static void say_uninit(struct words *w, const struct refusal *f)
{
	if (f->op == INSN_EXIT) {
		words_add(w, "The program ends without having set its return value (r0) on this path.");
		return;
	}
	if (is_call_op(f->op))
		add_arg(w, f);
	else
		words_add(w, "r%d", f->r->reg);
	words_add(w, " is used before it has a value.");
}

static void say_arith(struct words *w, const struct refusal *f)
{
	const struct state *s = f->path->end;
	const struct reg *regs = s ? s->frames[s->curframe]->regs : NULL;
	bool by_reg = BPF_SRC(f->insn->code) == BPF_X && f->insn->src_reg < BPF_REG_10;
	uint32_t other = regs && f->r->reg == f->insn->dst_reg && by_reg ? f->insn->src_reg : f->insn->dst_reg;
	const struct reg *pointer = regs && other <= BPF_REG_10 ? &regs[other] : NULL;

	if (f->reg && f->reg->type == REG_SCALAR && pointer && pointer->type != REG_SCALAR) {
		words_add(w, "A number is added to a pointer (r%u, ", other);
		words_reg(w, f->v, pointer);
		words_add(w, ") that can be moved by a bounded number only, and ");
		add_reg(w, f);
		words_add(w, ".");
	} else if (f->reg && (f->reg->type & PTR_NULL)) {
		add_reg(w, f);
		words_add(w, ". It must be compared with NULL before it is moved.");
	} else {
		words_add(w, "Such arithmetic is not allowed with a pointer of this kind");
		if (f->reg) {
			words_add(w, ": ");
			add_reg(w, f);
		}
		words_add(w, ".");
	}
}

static void say_ptr_leak(struct words *w, const struct refusal *f)
{
	words_add(w, "The program was loaded without the right to see kernel addresses, and ");
	if (f->reg) {
		add_reg(w, f);
		words_add(w, ", would end up where they can be seen.");
	} else {
		words_add(w, "one would end up where it can be seen.");
	}
}

static void say_dynptr(struct words *w, const struct refusal *f)
{
	const char *m = f->v->out->message;

	if (!is_call_op(f->op)) {
		words_add(w, "The program writes to the stack where a dynptr lies that still has to be given back.");
		return;
	}
	add_arg(w, f);
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

static void say_lock(struct words *w, const struct refusal *f)
{
	const struct state *s = f->path->end;
	bool holds = s && (s->n_locks || held(s, true));

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

static void say_iter(struct words *w, const struct refusal *f)
{
	if (!is_call_op(f->op) || (!says(f, "expected an initialized") && !says(f, "expected uninitialized"))) {
		say_message(w, f);
		return;
	}
	add_arg(w, f);
	words_add(w, says(f, "expected an initialized")
			     ? " must be an iterator that its _new() function made and that was not destroyed since."
			     : " must be a variable that holds no iterator yet.");
}

static void say_rcu(struct words *w, const struct refusal *f)
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

static void say_loop(struct words *w, const struct refusal *f)
{
	words_add(
		w,
		"The loop comes back to this instruction with nothing changed that its end depends on: it would go on "
		"for ever.");
}

static int by_visits(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return x[1] > y[1] ? -1 : x[1] < y[1] ? 1 : x[0] < y[0] ? -1 : 1;
}

static int by_line(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return x[2] < y[2] ? -1 : x[2] > y[2];
}

/* The lines that took most of the instructions. */
static void say_complex(struct words *w, const struct refusal *f)
{
	const struct verifier *v = f->v;
	uint32_t(*lines)[3] = calloc(v->in->n_line_info + 1, sizeof(*lines)), n = 0; /* instruction, visits, line */

	words_add(w, "The verifier follows every path, and gave up after %u instructions", v->insns_processed);
	if (strstr(v->out->message, "jumps"))
		words_add(w, " with too many branches still open");
	words_add(w, ".");
	for (uint32_t i = 0; lines && i < v->in->n_line_info; i++) {
		uint32_t end = i + 1 < v->in->n_line_info ? v->in->line_info[i + 1].insn_off : v->n;
		struct report_place at;

		lines[i][0] = v->in->line_info[i].insn_off;
		report_place_of(v->in, lines[i][0], &at);
		lines[i][2] = at.line;
		for (uint32_t k = lines[i][0]; k < end && k < v->n; k++)
			lines[i][1] += v->out->insns[k].visits;
	}
	if (lines && v->in->n_line_info) {
		qsort(lines, v->in->n_line_info, sizeof(*lines), by_line);
		for (uint32_t i = 1; i < v->in->n_line_info; i++) {
			if (lines[n][2] == lines[i][2])
				lines[n][1] += lines[i][1];
			else
				memmove(lines[++n], lines[i], sizeof(*lines));
		}
		n++;
		qsort(lines, n, sizeof(*lines), by_visits);
		words_add(w, " Most of them at:");
		for (uint32_t i = 0; i < 3 && i < n && lines[i][1]; i++) {
			struct report_place at;

			report_place_of(v->in, lines[i][0], &at);
			words_add(w, "\n%3u %%  line %u  %s",
				  (uint32_t)((uint64_t)lines[i][1] * 100 / MAX(v->insns_processed, 1u)), at.line,
				  at.source);
		}
	}
	free(lines);
}

/* Bytes of stack of a function and what it calls, the deepest way; via: the calls of that way. */
static uint32_t deepest(const struct verifier *v, uint32_t subprog, uint32_t *sums, uint32_t *via, uint32_t level)
{
	const struct subprog *sub = &v->subprogs[subprog];
	uint32_t most = 0;

	if (sums[subprog] || level > SKEP_MAX_SUBPROGS)
		return sums[subprog];
	via[subprog] = ~0u;
	for (uint32_t i = sub->start; i < sub->end; i++) {
		int32_t to;
		uint32_t sum;

		if (!v->aux[i].desc || (v->aux[i].desc->op != INSN_CALL_SUBPROG && v->aux[i].desc->op != INSN_LD_FUNC))
			continue;
		to = subprog_find(v, (uint32_t)((int64_t)i + v->insns[i].imm + 1));
		if (to < 0 || (uint32_t)to == subprog)
			continue;
		sum = deepest(v, (uint32_t)to, sums, via, level + 1);
		if (sum > most) {
			most = sum;
			via[subprog] = i;
		}
	}
	sums[subprog] = most + MAX(1u, (sub->stack_depth + 15) & ~15u);
	return sums[subprog];
}

static void add_depth_event(struct verify_report *r, const struct verifier *v, uint32_t subprog, uint32_t call)
{
	struct report_event *e = &r->events[r->n_events];
	const char *name = sub_name(v, subprog);
	struct words w = {0};

	if (r->n_events == REPORT_EVENTS)
		return;
	report_place_of(v->in, call == ~0u ? v->subprogs[subprog].start : call, &e->at);
	if (*name)
		words_add(&w, "%s() has %u bytes of stack", name, v->subprogs[subprog].stack_depth);
	else
		words_add(&w, "the function at instruction %u has %u bytes of stack", v->subprogs[subprog].start,
			  v->subprogs[subprog].stack_depth);
	if (call != ~0u)
		words_add(&w, ", and calls %s%s", words_callee(v, call), *words_callee(v, call) ? "()" : "another");
	e->text = w.text;
	r->n_events += w.text != NULL;
}

/* The calls and their stacks as the path of a report, and the place where they begin. */
static void add_depths(const struct refusal *f)
{
	const struct verifier *v = f->v;
	uint32_t *sums = calloc(v->n_subprogs, sizeof(*sums)), *via = calloc(v->n_subprogs, sizeof(*via));

	if (sums && via && says(f, "Too large"))
		for (uint32_t at = 0, n = 0; n < MAX_FRAMES; n++) {
			deepest(v, at, sums, via, 0);
			add_depth_event(f->r, v, at, via[at]);
			if (via[at] == ~0u)
				break;
			at = (uint32_t)subprog_find(v, (uint32_t)((int64_t)via[at] + v->insns[via[at]].imm + 1));
		}
	free(sums);
	free(via);
}

static void say_depth(struct words *w, const struct refusal *f)
{
	unsigned int calls, bytes;

	if (sscanf(f->v->out->message, "combined stack size of %u calls is %u", &calls, &bytes) == 2) {
		words_add(w,
			  "%u functions that call each other need %u bytes of stack together; a program has 512. Each "
			  "counts "
			  "in steps of 16.",
			  calls, bytes);
		return;
	}
	words_add(w,
		  "The functions that call each other here need more stack together than the 512 bytes that a program "
		  "has, "
		  "or are more than 8 deep (%s).",
		  f->v->out->message);
}

static void say_div(struct words *w, const struct refusal *f)
{
	words_add(w, "The divisor is the constant 0.");
}

static void say_read_only(struct words *w, const struct refusal *f)
{
	if (f->reg && REG_BASE(f->reg->type) == REG_MAP_VALUE)
		words_add(w, "Programs may not %s the values of map '%s'.",
			  strstr(f->v->out->message, "read from") ? "read" : "write to", f->reg->map->name);
	else if (f->reg)
		words_add(w, "The program writes to memory that it may only read: "), add_reg(w, f), words_add(w, ".");
	else
		words_add(w, "The program writes to memory that it may only read.");
}

static void say_call(struct words *w, const struct refusal *f)
{
	const struct prog_type_desc *type = prog_type_find(f->v->prog_type);

	if (is_call_op(f->op) && *f->callee)
		words_add(w, "A program of type %s may not call %s() here.", type ? type->name : "this", f->callee);
	else if (f->insn->imm == 195896080 || (f->insn->imm >= 2001000000 && f->insn->imm < 2004000000))
		words_add(w, "This part of the program needs a type, field, map or function that the kernel does not "
			     "have, and it can be "
			     "reached.");
	else
		words_add(w, "The kernel has no such function for this program.");
}

static void say_gpl(struct words *w, const struct refusal *f)
{
	if (*f->callee)
		words_add(w, "%s() is for programs under a GPL-compatible licence only.", f->callee);
	else
		words_add(w, "This is for programs under a GPL-compatible licence only.");
}

static void say_sleep(struct words *w, const struct refusal *f)
{
	if (is_call_op(f->op) && *f->callee)
		words_add(w, "%s() may sleep, and here the program may not (", f->callee);
	else
		words_add(w, "The program would sleep where it may not (");
	add_message(w, f);
	words_add(w, ").");
}

static const char *map_type_name(uint32_t type)
{
	static const char *const names[] = {
		[BPF_MAP_TYPE_HASH] = "a hash table",
		[BPF_MAP_TYPE_ARRAY] = "an array",
		[BPF_MAP_TYPE_PROG_ARRAY] = "a prog array",
		[BPF_MAP_TYPE_PERF_EVENT_ARRAY] = "a perf event array",
		[BPF_MAP_TYPE_PERCPU_HASH] = "a per-CPU hash table",
		[BPF_MAP_TYPE_PERCPU_ARRAY] = "a per-CPU array",
		[BPF_MAP_TYPE_STACK_TRACE] = "a stack trace map",
		[BPF_MAP_TYPE_CGROUP_ARRAY] = "a cgroup array",
		[BPF_MAP_TYPE_LRU_HASH] = "an LRU hash table",
		[BPF_MAP_TYPE_LPM_TRIE] = "an LPM trie",
		[BPF_MAP_TYPE_ARRAY_OF_MAPS] = "an array of maps",
		[BPF_MAP_TYPE_HASH_OF_MAPS] = "a hash of maps",
		[BPF_MAP_TYPE_DEVMAP] = "a devmap",
		[BPF_MAP_TYPE_SOCKMAP] = "a sockmap",
		[BPF_MAP_TYPE_CPUMAP] = "a cpumap",
		[BPF_MAP_TYPE_XSKMAP] = "an xskmap",
		[BPF_MAP_TYPE_SOCKHASH] = "a sockhash",
		[BPF_MAP_TYPE_CGROUP_STORAGE] = "cgroup storage",
		[BPF_MAP_TYPE_REUSEPORT_SOCKARRAY] = "a reuseport sockarray",
		[BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE] = "per-CPU cgroup storage",
		[BPF_MAP_TYPE_QUEUE] = "a queue",
		[BPF_MAP_TYPE_STACK] = "a stack",
		[BPF_MAP_TYPE_SK_STORAGE] = "socket storage",
		[BPF_MAP_TYPE_RINGBUF] = "a ring buffer",
		[BPF_MAP_TYPE_INODE_STORAGE] = "inode storage",
		[BPF_MAP_TYPE_TASK_STORAGE] = "task storage",
		[BPF_MAP_TYPE_BLOOM_FILTER] = "a bloom filter",
	};

	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "a map of another type";
}

/* The map that a call was given. */
static const struct verify_map *map_of_call(const struct refusal *f)
{
	const struct state *s = f->path->end;

	for (uint32_t i = BPF_REG_1; s && i <= BPF_REG_5; i++)
		if (s->frames[s->curframe]->regs[i].type == REG_MAP_PTR)
			return s->frames[s->curframe]->regs[i].map;
	return NULL;
}

static void say_map(struct words *w, const struct refusal *f)
{
	const struct verify_map *map = is_call_op(f->op) ? map_of_call(f) : NULL;

	if (says(f, "cannot pass map_type") && map && *f->callee) {
		words_add(w, "%s() cannot be used with map '%s', which is %s", f->callee, map->name,
			  map_type_name(map->type));
		if (map->type == BPF_MAP_TYPE_SOCKMAP || map->type == BPF_MAP_TYPE_SOCKHASH)
			words_add(w, ", from a program of this type");
		words_add(w, ".");
	} else if (says(f, "map_uid")) {
		words_add(w, "The timer or work queue lies in a value of one map, and the map that is handed over with "
			     "it may "
			     "be another.");
	} else {
		say_message(w, f);
	}
}

static void say_attach(struct words *w, const struct refusal *f)
{
	const struct prog_type_desc *type = prog_type_find(f->v->in->prog_type);

	if (says(f, "is not a supported struct"))
		words_add(w, "The program is a member of no struct_ops that the kernel has: no map in \".struct_ops\" "
			     "that the "
			     "kernel knows names it.");
	else if (says(f, "disabled hook"))
		words_add(w, "No program may attach to this LSM hook: the kernel keeps it for itself (%s).",
			  f->v->out->message);
	else {
		words_add(w, "The program (of type %s) cannot be attached to what it names: ",
			  type ? type->name : "unknown");
		add_message(w, f);
		words_add(w, ".");
	}
}

static void say_misaligned(struct words *w, const struct refusal *f)
{
	const char *size = strstr(f->v->out->message, " size ");

	if (is_call_op(f->op)) {
		add_arg(w, f);
		words_add(w, " must lie at a multiple of %s: ", size ? size + 6 : "its size");
		if (f->reg)
			add_reg(w, f);
		words_add(w, ".");
		return;
	}
	words_add(w, "The program ");
	add_access(w, f);
	words_add(w, " at an offset that is not a multiple of %u.", access_size(f->insn));
	if (f->reg) {
		words_add(w, " The pointer: ");
		add_reg(w, f);
		words_add(w, ".");
	}
}

/* @reg: the sentence speaks of the register, and there must be one. */
static const struct {
	void (*say)(struct words *w, const struct refusal *f);
	bool reg, access;
} sayings[PROBLEM_COUNT] = {
	[PROBLEM_SCALAR_ACCESS] = {say_scalar, true, true},
	[PROBLEM_PACKET_RANGE] = {say_packet, true, false},
	[PROBLEM_CTX_ACCESS] = {say_ctx, false, false},
	[PROBLEM_VAR_CTX] = {say_moved, false, false},
	[PROBLEM_MEM_RANGE] = {say_range, false, false},
	[PROBLEM_UNBOUNDED] = {say_unbounded, false, false},
	[PROBLEM_NULL_ACCESS] = {say_null, true, false},
	[PROBLEM_NULL_ARG] = {say_null_arg, false, false},
	[PROBLEM_ARG_TYPE] = {say_arg, false, false},
	[PROBLEM_REF_LEAK] = {say_leak, false, false},
	[PROBLEM_RETURN_RANGE] = {say_return, false, false},
	[PROBLEM_STACK_WRITE] = {say_stack, false, false},
	[PROBLEM_STACK_READ] = {say_stack, false, false},
	[PROBLEM_STACK_DEPTH] = {say_depth, false, false},
	[PROBLEM_UNINIT] = {say_uninit, true, false},
	[PROBLEM_PTR_ARITH] = {say_arith, false, false},
	[PROBLEM_PTR_LEAK] = {say_ptr_leak, false, false},
	[PROBLEM_DYNPTR] = {say_dynptr, false, false},
	[PROBLEM_LOCK] = {say_lock, false, false},
	[PROBLEM_DIV_ZERO] = {say_div, false, false},
	[PROBLEM_MISALIGNED] = {say_misaligned, false, false},
	[PROBLEM_ITER] = {say_iter, false, false},
	[PROBLEM_RCU] = {say_rcu, false, false},
	[PROBLEM_READ_ONLY] = {say_read_only, false, false},
	[PROBLEM_SLEEP] = {say_sleep, false, false},
	[PROBLEM_MAP] = {say_map, false, false},
	[PROBLEM_ATTACH] = {say_attach, false, false},
	[PROBLEM_LOOP] = {say_loop, false, false},
	[PROBLEM_TOO_COMPLEX] = {say_complex, false, false},
	[PROBLEM_HELPER] = {say_call, false, false},
	[PROBLEM_GPL] = {say_gpl, false, false},
};

/* The report */

static bool name_helper(void *arg, uint32_t id, char *buf, size_t size)
{
	const struct helper_desc *h = helper_find(id);

	(void)arg;
	if (h)
		snprintf(buf, size, "%s", h->name);
	return h != NULL;
}

static bool name_kfunc(void *arg, const struct bpf_insn *insn, char *buf, size_t size)
{
	const struct verifier *v = arg;
	const char *name = words_callee(v, (uint32_t)(insn - v->insns));

	if (*name)
		snprintf(buf, size, "%s", name);
	return *name;
}

static bool name_subprog(void *arg, uint32_t slot, char *buf, size_t size)
{
	const struct verifier *v = arg;
	int32_t sub = subprog_find(v, slot);

	if (sub < 0 || !*sub_name(v, (uint32_t)sub))
		return false;
	snprintf(buf, size, "%s", sub_name(v, (uint32_t)sub));
	return true;
}

static bool name_map(void *arg, const struct bpf_insn insn[2], char *buf, size_t size)
{
	const struct verifier *v = arg;
	const struct verify_map *map;

	if ((insn->src_reg != BPF_PSEUDO_MAP_FD && insn->src_reg != BPF_PSEUDO_MAP_VALUE) ||
	    (uint32_t)insn->imm >= v->in->n_maps)
		return false;
	map = v->in->maps[insn->imm];
	if (insn->src_reg == BPF_PSEUDO_MAP_FD)
		snprintf(buf, size, "map[%s]", map->name);
	else
		snprintf(buf, size, "map[%s][0]+%d", map->name, insn[1].imm);
	return true;
}

static const struct step *origin_of(const struct path *path, const struct subject *about, const struct reg *reg)
{
	for (uint32_t i = path->n; i--;) {
		const struct step *t = &path->steps[i];

		if (about->id ? t->insn == about->taken_at
			      : reg && reg->id && t->after.id == reg->id && t->after.type == reg->type &&
					t->dst.id != reg->id && t->src.id != reg->id)
			return t;
	}
	return NULL;
}

static void tell(struct refusal *f, int blamed)
{
	struct verifier *v = f->v;
	const struct state *s = f->path->end;
	struct words w = {0};
	struct subject about = {.reg = -1, .slot = -1};

	if (s) {
		about = subject_of(f, s, blamed);
		f->r->reg = about.reg;
		if (about.reg >= 0)
			f->reg = &s->frames[s->curframe]->regs[about.reg];
		f->origin = origin_of(f->path, &about, f->reg);
		slice(v, f->path, &about, f->r);
		f->lost = about.lost;
	}
	if (sayings[f->r->problem].say && (f->reg || !sayings[f->r->problem].reg) &&
	    (is_access(f->insn) || !sayings[f->r->problem].access))
		sayings[f->r->problem].say(&w, f);
	else
		say_message(&w, f);
	/* A word of English begins a sentence with a capital; a name stays as it is. */
	if (w.text && *w.text >= 'a' && *w.text <= 'z' && w.text[strspn(w.text, "abcdefghijklmnopqrstuvwxyz")] == ' ')
		*w.text = (char)(*w.text - 'a' + 'A');
	f->r->reason = w.text;
	f->r->suggestion = suggest(f);
}

/* An instruction that writes r10 is none to the disassembler: it is shown as if it wrote r0. */
static bool text_of_r10(const struct bpf_insn *insn, const struct insn_text_opts *opts, char text[256])
{
	struct bpf_insn other = *insn;
	char rest[250];

	other.dst_reg = BPF_REG_0;
	if (insn->dst_reg != BPF_REG_10 || insn_is_wide(insn) ||
	    insn_text(&other, 1, 0, opts, rest, sizeof(rest)) < 0 || (strncmp(rest, "r0", 2) && strncmp(rest, "w0", 2)))
		return false;
	snprintf(text, 256, "%c10%s", rest[0], rest + 2);
	return true;
}

void explain(struct verifier *v)
{
	const struct insn_text_opts opts = {
		.helper = name_helper, .kfunc = name_kfunc, .subprog = name_subprog, .ref = name_map, .arg = v};
	struct verify_report *r = calloc(1, sizeof(*r));
	struct path path = {0};
	char text[256];
	int blamed = v->blamed;
	uint32_t at = v->out->insn;
	struct refusal f = {.v = v, .path = &path, .r = r, .callee = ""};

	if (!r || at >= v->n || v->out->problem == PROBLEM_NONE || v->out->problem == PROBLEM_MEMORY) {
		free(r);
		return;
	}
	r->problem = v->out->problem;
	r->reg = -1;
	report_place_of(v->in, at, &r->at);
	if (insn_text(v->insns, v->n, at, &opts, text, sizeof(text)) < 0 && !text_of_r10(&v->insns[at], &opts, text))
		snprintf(text, sizeof(text), "(%02x)", v->insns[at].code);
	r->insn = strdup(text);
	f.insn = &v->insns[at];
	if (v->aux && v->aux[at].desc) {
		f.op = v->aux[at].desc->op;
		f.callee = words_callee(v, at);
	}
	if (r->problem == PROBLEM_STACK_DEPTH && v->aux && !v->cur)
		add_depths(&f);
	/* Refusals of the walk have a state; those before and after it, only a place. */
	if (v->cur && v->insn == at && r->problem != PROBLEM_TOO_COMPLEX)
		follow(v, &path);
	tell(&f, blamed);
	path_drop(v, &path);
	if (!r->reason || !r->insn) {
		report_free(r);
		return;
	}
	v->out->report = r;
}
