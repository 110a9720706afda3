/* SPDX-License-Identifier: BSD-2-Clause */
/* What the verifier knows, in words that need no manual. */
#include "base/util.h"
#include "helper/helper.h"
#include "verify/report_impl.h"

#include <bpf/btf.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void words_add(struct words *w, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if (w->n + (size_t)n + 1 > w->room) {
		size_t room = (w->n + (size_t)n + 1) * 2;
		char *text = realloc(w->text, room);

		if (!text)
			return;
		w->text = text;
		w->room = room;
	}
	va_start(ap, fmt);
	w->n += (size_t)vsnprintf(w->text + w->n, w->room - w->n, fmt, ap);
	va_end(ap);
}

static const char *type_name(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf ? btf__type_by_id(btf, id) : NULL;

	return t ? btf__name_by_offset(btf, t->name_off) : "";
}

/* Numbers beyond a few digits are easier to read in hexadecimal when they are a round bit pattern. */
static void add_unsigned(struct words *w, uint64_t n)
{
	if (n > 0xffff && (!(n & (n + 1)) || !(n & 0xff)))
		words_add(w, "%#" PRIx64, n);
	else
		words_add(w, "%" PRIu64, n);
}

static void add_scalar(struct words *w, const struct scalar *s)
{
	if (scalar_is_const(s)) {
		words_add(w, "the number ");
		if ((int64_t)s->bits.value < 0)
			words_add(w, "%" PRId64, (int64_t)s->bits.value);
		else
			add_unsigned(w, s->bits.value);
	} else if (s->smin >= 0 || s->umax != UINT64_MAX) {
		if (s->umin || s->umax < INT64_MAX) {
			words_add(w, "a number from ");
			add_unsigned(w, s->umin);
			words_add(w, " to ");
			add_unsigned(w, s->umax);
		} else {
			words_add(w, "a number that is not negative");
		}
	} else if (s->smin != INT64_MIN && s->smax != INT64_MAX) {
		words_add(w, "a number from %" PRId64 " to %" PRId64, s->smin, s->smax);
	} else if (s->smax != INT64_MAX) {
		words_add(w, "a number of at most %" PRId64, s->smax);
	} else if (s->smin != INT64_MIN) {
		words_add(w, "a number of at least %" PRId64, s->smin);
	} else if (s->umax32 != UINT32_MAX) {
		words_add(w, "a number whose low 32 bits are at most ");
		add_unsigned(w, s->umax32);
	} else if (s->umin) {
		words_add(w, "a number that, taken as unsigned, is at least ");
		add_unsigned(w, s->umin);
	} else {
		words_add(w, "any number");
	}
}

/* The offset of a pointer, where it is not 0. */
static void add_offset(struct words *w, const struct reg *r)
{
	bool moved = !scalar_is_const(&r->var);
	int64_t fixed = r->off + (moved ? 0 : (int64_t)r->var.bits.value);

	if (fixed)
		words_add(w, " %c %" PRId64, fixed < 0 ? '-' : '+', fixed < 0 ? -fixed : fixed);
	if (moved) {
		words_add(w, " + ");
		add_scalar(w, &r->var);
	}
}

static void add_map(struct words *w, const struct reg *r, const char *what)
{
	if (r->map && r->map->name[0])
		words_add(w, "%smap '%s'", what, r->map->name);
	else
		words_add(w, "%sa map", what);
}

static const char *dynptr_of(uint32_t type)
{
	return type & (DYNPTR_SKB | DYNPTR_XDP) ? "a packet's bytes" : "a dynptr's bytes";
}

void words_reg(struct words *w, const struct verifier *v, const struct reg *r)
{
	switch (REG_BASE(r->type)) {
	case REG_NOT_INIT:
		words_add(w, "not set");
		return;
	case REG_SCALAR:
		add_scalar(w, &r->var);
		return;
	case REG_CTX:
		words_add(w, "the context");
		break;
	case REG_MAP_PTR:
		add_map(w, r, "");
		break;
	case REG_MAP_VALUE:
		add_map(w, r, "a value of ");
		break;
	case REG_MAP_KEY:
		add_map(w, r, "a key of ");
		break;
	case REG_STACK:
		words_add(w, "the stack");
		break;
	case REG_PKT:
	case REG_PKT_META:
		words_add(w, r->type == REG_PKT ? "the packet" : "the packet's metadata");
		add_offset(w, r);
		if (r->range >= 0)
			words_add(w, ", of which %d byte%s %s known to be there", r->range, r->range == 1 ? "" : "s",
				  r->range == 1 ? "is" : "are");
		else
			words_add(w, ", beyond its end");
		return;
	case REG_PKT_END:
		words_add(w, "the packet's end");
		break;
	case REG_FLOW_KEYS:
		words_add(w, "the flow keys");
		break;
	case REG_SOCKET:
	case REG_SOCK_COMMON:
	case REG_TCP_SOCK:
	case REG_XDP_SOCK:
		words_add(w, "a socket");
		break;
	case REG_TP_BUFFER:
	case REG_BUF:
		words_add(w, "a buffer");
		break;
	case REG_BTF:
		words_add(w, "%sa struct %s",
			  r->type & PTR_UNTRUSTED ? "an untrusted pointer to "
			  : r->type & MEM_RCU     ? "an RCU-protected pointer to "
						  : "a pointer to ",
			  type_name(r->btf, r->btf_id));
		break;
	case REG_MEM:
		if (r->type & MEM_RINGBUF)
			words_add(w, "a ring buffer's record of %u bytes", r->mem_size);
		else if (r->dynptr_id)
			words_add(w, "%u of %s", r->mem_size, dynptr_of(r->type));
		else
			words_add(w, "memory of %u byte%s", r->mem_size, r->mem_size == 1 ? "" : "s");
		break;
	case REG_ARENA:
		words_add(w, "an arena's memory");
		break;
	case REG_FUNC:
		words_add(w, "the function %s()", sub_name(v, r->subprog));
		break;
	case REG_DYNPTR:
		words_add(w, "a dynptr");
		break;
	default:
		words_add(w, "a pointer");
		break;
	}
	add_offset(w, r);
	if (r->type & PTR_NULL)
		words_add(w, ", or NULL");
}

bool words_helper(void *arg, uint32_t id, char *buf, size_t size)
{
	const struct helper_desc *h = helper_find(id);

	(void)arg;
	if (h)
		snprintf(buf, size, "%s", h->name);
	return h != NULL;
}

const char *words_callee(const struct verifier *v, uint32_t at)
{
	const struct bpf_insn *insn = &v->insns[at];
	const struct helper_desc *h;
	int32_t sub;

	switch (v->aux[at].desc ? v->aux[at].desc->op : INSN_EXIT) {
	case INSN_CALL_HELPER:
		h = insn->imm > 0 ? helper_find((uint32_t)insn->imm) : NULL;
		return h ? h->name : "";
	case INSN_CALL_KFUNC:
		return insn->imm && (uint32_t)insn->off < v->in->n_btfs
			       ? type_name(v->in->btfs[insn->off], (uint32_t)insn->imm)
			       : "";
	case INSN_CALL_SUBPROG:
		sub = subprog_find(v, (uint32_t)((int64_t)at + insn->imm + 1));
		return sub < 0 ? "" : sub_name(v, (uint32_t)sub);
	default:
		return "";
	}
}

void words_condition(struct words *w, const struct verifier *v, const struct step *s)
{
	static const struct {
		uint8_t op;
		const char *yes, *no;
	} ops[] = {
		{BPF_JEQ, "==", "!="}, {BPF_JNE, "!=", "=="}, {BPF_JGT, ">", "<="},  {BPF_JGE, ">=", "<"},
		{BPF_JLT, "<", ">="},  {BPF_JLE, "<=", ">"},  {BPF_JSGT, ">", "<="}, {BPF_JSGE, ">=", "<"},
		{BPF_JSLT, "<", ">="}, {BPF_JSLE, "<=", ">"},
	};
	const struct bpf_insn *insn = &v->insns[s->insn];
	const char *sign = "&";
	bool is32 = BPF_CLASS(insn->code) == BPF_JMP32;
	char reg = is32 ? 'w' : 'r';

	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		if (ops[i].op == BPF_OP(insn->code))
			sign = s->taken ? ops[i].yes : ops[i].no;
	if (BPF_OP(insn->code) == BPF_JSET)
		words_add(w, "%s", s->taken ? "" : "not ");
	if (BPF_SRC(insn->code) == BPF_X)
		words_add(w, "%c%u %s %c%u", reg, insn->dst_reg, sign, reg, insn->src_reg);
	else
		words_add(w, "%c%u %s %d", reg, insn->dst_reg, sign, insn->imm);
}
