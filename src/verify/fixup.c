/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Dead code goes in two steps: branches whose one side was never walked are made to go the other way, then everything that was never walked is squeezed out
 * and distances follow. Distances only shrink, so they still fit.
 */
#include "verify/fixup.h"

#include "insn/insn.h"
#include "verify/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void export_facts(struct verifier *v)
{
	for (uint32_t i = 0; i < v->n; i++) {
		const struct insn_aux *a = &v->aux[i];
		struct verify_insn *out = &v->out->insns[i];

		out->ptr_type = (uint8_t)REG_BASE(a->ptr_type);
		out->probe_mem = REG_BASE(a->ptr_type) == REG_BTF ||
				 (REG_BASE(a->ptr_type) == REG_MEM && (a->ptr_type & PTR_UNTRUSTED));
		out->map_known = a->map && !a->map_many && !a->map_inner;
		out->map = a->map ? a->map - 1 : 0;
		out->key_known = a->key_seen && !a->key_many;
		out->map_key = a->key;
	}
}

static bool is_branch(const struct insn_desc *d)
{
	return d && d->off == FORM_JUMP && d->op != INSN_JA && d->op != INSN_MAY_GOTO;
}

/* Conditional branches with one dead side. */
static void wire_branches(struct fixup_code *code, const struct verify_insn *facts)
{
	for (uint32_t i = 0; i < code->n_insns; i++) {
		struct bpf_insn *insn = &code->insns[i];
		uint32_t target = (uint32_t)((int64_t)i + 1 + insn->off);

		if (facts[i].seen && is_branch(insn_decode(insn, NULL))) {
			if (!facts[i + 1].seen)
				*insn = (struct bpf_insn){.code = BPF_JMP | BPF_JA, .off = insn->off};
			else if (!facts[target].seen)
				*insn = (struct bpf_insn){.code = BPF_JMP | BPF_JA};
		}
		if (insn_is_wide(insn))
			i++;
	}
}

/* A jump over nothing but dead code. */
static bool leads_on(const struct fixup_code *code, const struct verify_insn *facts, uint32_t at)
{
	const struct bpf_insn *insn = &code->insns[at];

	if (insn->code != (BPF_JMP | BPF_JA) || insn->off < 0)
		return false;
	for (uint32_t i = at + 1; i < at + 1 + (uint32_t)insn->off; i++)
		if (facts[i].seen || (i && insn_is_wide(&code->insns[i - 1]) && facts[i - 1].seen))
			return false;
	return true;
}

/* new_at[i]: where slot i goes, or the next one that stays. A jump to the next instruction is none. */
static uint32_t place(const struct fixup_code *code, const struct verify_insn *facts, uint32_t *new_at)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < code->n_insns; i++) {
		const struct bpf_insn *insn = &code->insns[i];
		bool nop = facts[i].seen && leads_on(code, facts, i);

		new_at[i] = n;
		if (insn_is_wide(insn)) {
			n += facts[i].seen ? 2 : 0;
			new_at[++i] = n;
			continue;
		}
		n += facts[i].seen && !nop;
	}
	new_at[code->n_insns] = n;
	return n;
}

static void retarget(struct bpf_insn *insn, uint32_t at, const uint32_t *new_at)
{
	const struct insn_desc *d = insn_decode(insn, NULL);
	uint32_t from = new_at[at] + 1;
	int64_t to;

	if (!d)
		return;
	if (d->imm == FORM_JUMP || d->op == INSN_LD_FUNC) {
		to = new_at[(int64_t)at + 1 + insn->imm];
		insn->imm = (int32_t)(to - from);
	} else if (d->off == FORM_JUMP) {
		to = new_at[(int64_t)at + 1 + insn->off];
		insn->off = (int16_t)(to - from);
	}
}

int fixup_dead_code(struct fixup_code *code, struct verify_insn *facts)
{
	uint32_t *new_at, n_old = code->n_insns, n, k = 0;
	bool all = true;

	for (uint32_t i = 0; i < n_old && all; i++) {
		all = facts[i].seen;
		if (insn_is_wide(&code->insns[i]))
			i++;
	}
	if (all)
		return 0;
	new_at = malloc((n_old + 1) * sizeof(*new_at));
	if (!new_at)
		return -ENOMEM;
	wire_branches(code, facts);
	n = place(code, facts, new_at);
	for (uint32_t i = 0; i < n_old; i++) {
		bool wide = insn_is_wide(&code->insns[i]);
		uint32_t at = new_at[i];

		if (new_at[i + 1 + wide] != at) {
			struct bpf_insn insn = code->insns[i];

			retarget(&insn, i, new_at);
			code->insns[at] = insn;
			facts[at] = facts[i];
			if (wide) {
				code->insns[at + 1] = code->insns[i + 1];
				facts[at + 1] = facts[i + 1];
			}
		}
		i += wide;
	}
	code->n_insns = n;
	/* Functions that are empty now begin where the next one does. */
	for (uint32_t i = 0; i < code->n_subprogs; i++) {
		uint32_t start = new_at[code->subprogs[i]];
		uint32_t end = i + 1 < code->n_subprogs ? new_at[code->subprogs[i + 1]] : n;

		if (start == end)
			continue;
		if (code->func_info) {
			code->func_info[k] = code->func_info[i];
			code->func_info[k].insn_off = start;
		}
		code->subprogs[k++] = start;
	}
	code->n_subprogs = k;
	k = 0;
	for (uint32_t i = 0; i < code->n_line_info; i++) {
		uint32_t at = new_at[code->line_info[i].insn_off];

		if (at == n)
			continue;
		/* Of several lines that end up at one instruction the last is its own. */
		if (k && code->line_info[k - 1].insn_off == at)
			k--;
		code->line_info[k] = code->line_info[i];
		code->line_info[k++].insn_off = at;
	}
	code->n_line_info = k;
	free(new_at);
	return 0;
}
