/* SPDX-License-Identifier: BSD-2-Clause */
/* Why a memory access, a pointer or a value is refused, in plain words: the problems of a single instruction that works on data. */
#include "prog/types.h"
#include "verify/report_impl.h"

#include <bpf/btf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Offset of an access from the beginning of what the pointer points into: constant part. */
static int64_t access_off(const struct refusal *f)
{
	bool fixed = scalar_is_const(&f->reg->var);

	return (int64_t)f->reg->off + f->insn->off + (fixed ? (int64_t)f->reg->var.bits.value : 0);
}

void say_scalar(struct words *w, const struct refusal *f)
{
	words_add(w, "The program ");
	phrase_access(w, f);
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

void say_packet(struct words *w, const struct refusal *f)
{
	int64_t off;

	if (!is_access(f->insn)) {
		phrase_arg(w, f);
		words_add(w, " reaches beyond what is known to be there of the packet: r%d is ", f->r->reg);
		words_reg(w, f->v, f->reg);
		words_add(w, ".");
		return;
	}
	off = (int64_t)f->reg->off + f->insn->off;
	words_add(w, "The program ");
	phrase_access(w, f);
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

void say_ctx(struct words *w, const struct refusal *f)
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
	phrase_access(w, f);
	words_add(w, " at offset %" PRId64 " of its context", off);
	if (member && *member)
		words_add(w, " (struct %s, %s)", name, member);
	words_add(w, ", which a program of type %s may not do.", type ? type->name : "this");
}

void say_moved(struct words *w, const struct refusal *f)
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

void say_range(struct words *w, const struct refusal *f)
{
	uint32_t size;
	const char *what;

	if (!f->reg || !region_size(f, &size, &what)) {
		words_add(w, "The access can leave the memory that the pointer is good for");
		if (f->reg) {
			words_add(w, ": ");
			phrase_reg(w, f);
		}
		words_add(w, ".");
		return;
	}
	if (is_access(f->insn)) {
		int64_t least = f->reg->var.smin, most = (int64_t)f->reg->var.umax;
		int64_t off = (int64_t)f->reg->off + f->insn->off;

		words_add(w, "The program ");
		phrase_access(w, f);
		if (scalar_is_const(&f->reg->var))
			words_add(w, " at offset %" PRId64, off + least);
		else if (least < 0 || most >= 1 << 29)
			words_add(w, " at an offset that has no %s bound", least < 0 ? "lower" : "upper");
		else
			words_add(w, " at an offset from %" PRId64 " to %" PRId64, off + least, off + most);
		words_add(w, ", but %s has %u byte%s.", what, size, plural(size));
	} else {
		phrase_arg(w, f);
		words_add(w, " reaches outside %s, which has %u byte%s: ", what, size, plural(size));
		phrase_reg(w, f);
		words_add(w, ".");
	}
}

void say_unbounded(struct words *w, const struct refusal *f)
{
	if (is_call_op(f->op))
		phrase_arg(w, f);
	else
		words_add(w, "An offset");
	words_add(w, " needs an upper bound that the verifier knows, and one that is not negative");
	if (f->reg) {
		words_add(w, ": ");
		phrase_reg(w, f);
	}
	words_add(w, ".");
}

void say_null(struct words *w, const struct refusal *f)
{
	words_add(w, "The program ");
	if (is_access(f->insn)) {
		phrase_access(w, f);
		words_add(w, " through r%d, which was not compared with NULL: it is ", f->r->reg);
	} else {
		words_add(w, "uses r%d, which it did not compare with NULL: it is ", f->r->reg);
	}
	words_reg(w, f->v, f->reg);
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

void say_stack(struct words *w, const struct refusal *f)
{
	bool write = f->r->problem == PROBLEM_STACK_WRITE;
	const char *object, *at;
	int off, size;

	if (f->reg && REG_BASE(f->reg->type) == REG_STACK && is_access(f->insn)) {
		words_add(w, "The program ");
		phrase_access(w, f);
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
		phrase_arg(w, f);
		words_add(w, " must be the dynptr itself, and points into it or beside it.");
		return;
	}
	object = is_call_op(f->op) && f->reg && REG_BASE(f->reg->type) == REG_STACK && scalar_is_const(&f->reg->var)
			 ? object_at(f, (int64_t)f->reg->off + (int64_t)f->reg->var.bits.value)
			 : NULL;
	if (object) {
		phrase_arg(w, f);
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
		phrase_arg(w, f);
		words_add(w,
			  " is memory of the stack, and the call %s %d bytes from offset %d on.\n"
			  "A frame has the 512 bytes from -512 to -1.",
			  write ? "writes" : "takes", size, off);
		return;
	}
	if (is_call_op(f->op)) {
		phrase_arg(w, f);
		words_add(
			w,
			write ? " is memory of the stack that cannot be written so"
			      : " is memory of the stack that was not written whole before, or lies outside the frame");
		if (f->reg) {
			words_add(w, ": ");
			phrase_reg(w, f);
		}
		words_add(w, ".");
		return;
	}
	words_add(w, "r10, the frame pointer, may only be read.");
}

void say_uninit(struct words *w, const struct refusal *f)
{
	if (f->op == INSN_EXIT) {
		words_add(w, "The program ends without having set its return value (r0) on this path.");
		return;
	}
	if (is_call_op(f->op))
		phrase_arg(w, f);
	else
		words_add(w, "r%d", f->r->reg);
	words_add(w, " is used before it has a value.");
}

void say_arith(struct words *w, const struct refusal *f)
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
		phrase_reg(w, f);
		words_add(w, ".");
	} else if (f->reg && (f->reg->type & PTR_NULL)) {
		phrase_reg(w, f);
		words_add(w, ". It must be compared with NULL before it is moved.");
	} else {
		words_add(w, "Such arithmetic is not allowed with a pointer of this kind");
		if (f->reg) {
			words_add(w, ": ");
			phrase_reg(w, f);
		}
		words_add(w, ".");
	}
}

void say_div(struct words *w, const struct refusal *f)
{
	words_add(w, "The divisor is the constant 0.");
}

void say_read_only(struct words *w, const struct refusal *f)
{
	if (f->reg && REG_BASE(f->reg->type) == REG_MAP_VALUE)
		words_add(w, "Programs may not %s the values of map '%s'.",
			  strstr(f->v->out->message, "read from") ? "read" : "write to", f->reg->map->name);
	else if (f->reg)
		words_add(w, "The program writes to memory that it may only read: "), phrase_reg(w, f),
			words_add(w, ".");
	else
		words_add(w, "The program writes to memory that it may only read.");
}

void say_misaligned(struct words *w, const struct refusal *f)
{
	const char *size = strstr(f->v->out->message, " size ");

	if (is_call_op(f->op)) {
		phrase_arg(w, f);
		words_add(w, " must lie at a multiple of %s: ", size ? size + 6 : "its size");
		if (f->reg)
			phrase_reg(w, f);
		words_add(w, ".");
		return;
	}
	words_add(w, "The program ");
	phrase_access(w, f);
	words_add(w, " at an offset that is not a multiple of %u.", access_size(f->insn));
	if (f->reg) {
		words_add(w, " The pointer: ");
		phrase_reg(w, f);
		words_add(w, ".");
	}
}
