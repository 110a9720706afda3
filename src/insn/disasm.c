/* SPDX-License-Identifier: BSD-2-Clause */
/* The disassembler: fills in the templates of template.c. */
#include "insn/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 256 };

/* Text that grows until its buffer is full; what does not fit is cut. */
struct out {
	char *buf;
	size_t size, len;
};

static __attribute__((format(printf, 2, 3))) void put(struct out *o, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(o->buf + o->len, o->size - o->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		o->len = o->len + (size_t)n < o->size ? o->len + (size_t)n : o->size - 1;
}

/* An instruction with all that its text depends on. */
struct item {
	const struct insn_desc *d;
	const struct bpf_insn *insn; /* two slots when has_second */
	bool has_second;
	uint32_t at;
	const struct insn_text_opts *opts;
};

static void put_atomic(struct out *o, const struct item *it)
{
	static const char prefix[] = "atomic_";
	const char *name = it->d->sym;

	if (!strncmp(name, prefix, sizeof(prefix) - 1))
		name += sizeof(prefix) - 1;
	put(o, "atomic%s_%s", insn_is_narrow(it->d) ? "" : "64", name);
}

static void put_wide(struct out *o, const struct item *it)
{
	struct bpf_insn two[2] = {it->insn[0], it->has_second ? it->insn[1] : (struct bpf_insn){}};
	const struct insn_text_opts *opts = it->opts;
	uint64_t value = (uint32_t)two[0].imm | (uint64_t)(uint32_t)two[1].imm << 32;
	char name[NAME_SIZE];

	if (it->d->op != INSN_LDIMM64 && opts->ref && opts->ref(opts->arg, two, name, sizeof(name))) {
		put(o, "%s", name);
		return;
	}
	switch (it->d->op) {
	case INSN_LD_MAP_FD:
		put(o, "map[id:%u]", (uint32_t)two[0].imm);
		break;
	case INSN_LD_MAP_VALUE:
		put(o, "map[id:%u][0]+%u", (uint32_t)two[0].imm, (uint32_t)two[1].imm);
		break;
	case INSN_LD_MAP_IDX:
		put(o, "map[idx:%u]", (uint32_t)two[0].imm);
		break;
	case INSN_LD_MAP_IDX_VALUE:
		put(o, "map[idx:%u]+%u", (uint32_t)two[0].imm, (uint32_t)two[1].imm);
		break;
	case INSN_LD_FUNC:
		put(o, "subprog[%+d]", two[0].imm);
		break;
	case INSN_LD_VAR:
		put(o, "var[id:%u]+%u", (uint32_t)two[0].imm, (uint32_t)two[1].imm);
		break;
	default:
		put(o, "0x%llx%s", (unsigned long long)value, opts->flags & INSN_TEXT_OPCODE ? "" : " ll");
	}
}

static void put_call(struct out *o, const struct item *it)
{
	const struct insn_text_opts *opts = it->opts;
	const struct bpf_insn *insn = it->insn;
	char name[NAME_SIZE];

	switch (it->d->op) {
	case INSN_CALL_HELPER:
		if (!opts->helper || !opts->helper(opts->arg, (uint32_t)insn->imm, name, sizeof(name)))
			snprintf(name, sizeof(name), "helper");
		put(o, "%s#%d", name, insn->imm);
		break;
	case INSN_CALL_KFUNC:
		if (opts->kfunc && opts->kfunc(opts->arg, insn, name, sizeof(name)))
			put(o, "%s#%d", name, insn->imm);
		else if (insn->off)
			put(o, "kernel-function#%d@%d", insn->imm, insn->off);
		else
			put(o, "kernel-function#%d", insn->imm);
		break;
	default:
		put(o, "pc%+d", insn->imm);
		if (opts->subprog && opts->subprog(opts->arg, it->at + 1 + (uint32_t)insn->imm, name, sizeof(name)))
			put(o, "#%s", name);
	}
}

/* put_field - what a template's %-letter stands for. */
static void put_field(struct out *o, const struct item *it, char letter)
{
	const struct bpf_insn *insn = it->insn;
	const char *wide = insn_is_narrow(it->d) ? "w" : "r";

	switch (letter) {
	case 'd':
	case 'e':
		put(o, "r%u", insn->dst_reg);
		break;
	case 's':
	case 'f':
		put(o, "r%u", insn->src_reg);
		break;
	case 'D':
		put(o, "%s%u", wide, insn->dst_reg);
		break;
	case 'S':
		put(o, "%s%u", wide, insn->src_reg);
		break;
	case 'o':
		put(o, "%s", it->d->sym);
		break;
	case 't':
		put(o, "%s", insn_mem_type(it->d));
		break;
	case 'i':
		put(o, "%d", insn->imm);
		break;
	case 'x':
		put(o, "0x%x", (uint32_t)insn->imm);
		break;
	case 'm':
		put(o, "%+d", insn->off);
		break;
	case 'j':
		put(o, "pc%+d", insn_jump_dist(it->d, insn));
		break;
	case 'a':
		put_atomic(o, it);
		break;
	case 'l':
		put_wide(o, it);
		break;
	default: /* h, k, p */
		put_call(o, it);
	}
}

int insn_text(const struct bpf_insn *insns, uint32_t n, uint32_t at, const struct insn_text_opts *opts, char *buf,
	      size_t size)
{
	static const struct insn_text_opts plain = {};
	struct item it = {.insn = &insns[at], .at = at, .opts = opts ? opts : &plain};
	struct out o = {.buf = buf, .size = size};

	if (at >= n || !size)
		return -EINVAL;
	*buf = 0;
	it.d = insn_decode(it.insn, NULL);
	it.has_second = insn_is_wide(it.insn) && at + 1 < n;
	if (it.opts->flags & INSN_TEXT_NUMBER)
		put(&o, "%4u: ", at);
	if (it.opts->flags & INSN_TEXT_OPCODE || !it.d)
		put(&o, "(%02x) ", it.insn->code);
	if (!it.d) {
		insn_explain(it.insn, o.buf + o.len, o.size - o.len);
		return -EINVAL;
	}
	for (const char *t = insn_template(it.d); *t; t++) {
		if (*t == '%')
			put_field(&o, &it, *++t);
		else
			put(&o, "%c", *t);
	}
	return insn_is_wide(it.insn) ? 2 : 1;
}
