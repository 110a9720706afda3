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

static void say_arg(struct words *w, const struct refusal *f)
{
	const struct helper_desc *h = f->op == INSN_CALL_HELPER && f->insn->imm > 0
					      ? helper_for((uint32_t)f->insn->imm, f->v->prog_type, f->v->attach_type)
					      : NULL;
	uint32_t type = h && f->r->reg >= 1 && f->r->reg <= 5 ? h->args[f->r->reg - 1].type : ARG_NONE;

	add_arg(w, f);
	if (type < ARRAY_SIZE(arg_words) && arg_words[type]) {
		words_add(w, " must be %s", arg_words[type]);
		if (type == ARG_BTF_ID && h->args[f->r->reg - 1].btf)
			words_add(w, " of type struct %s", h->args[f->r->reg - 1].btf);
	} else {
		words_add(w, " is not of the type that it must be");
	}
	if (f->reg) {
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

	words_add(w, "%s returns ", f->path->end && f->path->end->curframe ? "The callback" : "The program");
	if (f->reg)
		words_reg(w, f->v, f->reg);
	else
		words_add(w, "what it may not");
	if (range)
		words_add(w, ", but %s %s must return a number in %s.",
			  f->path->end && f->path->end->curframe ? "this callback of a program of type"
								 : "a program of type",
			  type ? type->name : "this", range + strlen("should have been in "));
	else
		words_add(w, ".");
}

static void say_stack(struct words *w, const struct refusal *f)
{
	bool write = f->r->problem == PROBLEM_STACK_WRITE;

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
		words_add(w, write ? ".\nA frame has the 512 bytes from -512 to -1."
				   : ".\nThat part of the stack was never written, or lies outside the frame.");
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
	const struct reg *dst = s ? &s->frames[s->curframe]->regs[f->insn->dst_reg] : NULL;

	if (f->reg && f->reg->type == REG_SCALAR && dst && dst->type != REG_SCALAR) {
		words_add(w, "A number is added to a pointer (r%u, ", f->insn->dst_reg);
		words_reg(w, f->v, dst);
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

	add_arg(w, f);
	if (strstr(m, "Expected an initialized"))
		words_add(w, " must be a dynptr that was made before and not given back since.");
	else if (strstr(m, "uninitialized"))
		words_add(w, " must be a struct bpf_dynptr that holds nothing yet.");
	else if (strstr(m, "of type"))
		words_add(w, " is a dynptr over another kind of memory than the call takes.");
	else
		words_add(w, " is not a dynptr that can be used so.");
}

static void say_lock(struct words *w, const struct refusal *f)
{
	const struct state *s = f->path->end;
	bool holds = s && held(s, true);

	if (holds && f->op == INSN_EXIT)
		words_add(w, "The program can end here while it still holds a lock.");
	else if (holds)
		words_add(w, "The program holds a lock here, and with it may not do this.");
	else if (strstr(f->v->out->message, "must be held"))
		words_add(w,
			  "%s() works on a list or tree whose lock (the struct bpf_spin_lock beside it) is not held "
			  "here.",
			  *f->callee ? f->callee : "the call");
	else
		words_add(w, "The locks that are held here are not the ones that this needs: %s.", f->v->out->message);
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

static void say_depth(struct words *w, const struct refusal *f)
{
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

static void say_misaligned(struct words *w, const struct refusal *f)
{
	words_add(w, "The program ");
	add_access(w, f);
	words_add(w, " at an offset that is not a multiple of %u.", access_size(f->insn));
	if (f->reg) {
		words_add(w, " The pointer: ");
		add_reg(w, f);
		words_add(w, ".");
	}
}

static void say_message(struct words *w, const struct refusal *f)
{
	words_add(w, "%s.", f->v->out->message);
	if (f->reg) {
		words_add(w, "\nHere ");
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
	[PROBLEM_MISALIGNED] = {say_misaligned, false, true},
	[PROBLEM_READ_ONLY] = {say_read_only, false, false},
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
	if (w.text && *w.text >= 'a' && *w.text <= 'z' && strncmp(w.text, "r", 1) != 0 &&
	    strncmp(w.text, "bpf_", 4) != 0)
		*w.text = (char)(*w.text - 'a' + 'A');
	f->r->reason = w.text;
	f->r->suggestion = suggest(f);
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
	if (insn_text(v->insns, v->n, at, &opts, text, sizeof(text)) < 0)
		snprintf(text, sizeof(text), "(%02x)", v->insns[at].code);
	r->insn = strdup(text);
	f.insn = &v->insns[at];
	if (v->aux && v->aux[at].desc) {
		f.op = v->aux[at].desc->op;
		f.callee = words_callee(v, at);
	}
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
