/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a refusal to a report: what it is about, and which file says why it is refused (the table "sayings"; say_*.c have the sentences by what they speak
 * of, phrases.c what they share).
 */
#include "base/util.h"
#include "insn/text.h"
#include "verify/report_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
		ref = held_ref(s, false);
	else if (f->r->problem == PROBLEM_LOCK)
		ref = held_ref(s, true);
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
		.helper = words_helper, .kfunc = name_kfunc, .subprog = name_subprog, .ref = name_map, .arg = v};
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
		explain_depths(&f);
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
