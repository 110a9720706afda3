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
		out->probe_mem = a->probe;
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
		/* The address of a callback that is never called, such as that of bpf_loop() with no iterations. */
		if (facts[i].seen && insn_is_wide(insn) && insn->src_reg == BPF_PSEUDO_FUNC &&
		    !facts[(int64_t)i + 1 + insn->imm].seen)
			insn->src_reg = insn->imm = insn[1].imm = 0;
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

/* Look-ups of arrays */

enum { LOOKUP_MAX = 8 };

#define RAW(...) ((struct bpf_insn){__VA_ARGS__})

/* The instructions for one look-up; how many slots they take. */
static uint32_t write_lookup(const struct fixup_array *a, const struct verify_insn *f, struct bpf_insn out[LOOKUP_MAX])
{
	uint32_t n = 0;
	bool known = f->key_known && f->map_key < a->max_entries && f->map_key * a->stride <= INT32_MAX;

	out[n++] = RAW(.code = BPF_LD | BPF_IMM | BPF_DW, .dst_reg = known ? BPF_REG_0 : BPF_REG_1,
		       .src_reg = BPF_PSEUDO_MAP_VALUE, .imm = a->ref);
	out[n++] = RAW(.imm = known ? (int32_t)(f->map_key * a->stride) : 0);
	if (known)
		return n;
	out[n++] = RAW(.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_2);
	out[n++] =
		RAW(.code = BPF_JMP | BPF_JGE | BPF_K, .dst_reg = BPF_REG_0, .off = 3, .imm = (int32_t)a->max_entries);
	if (a->stride & (a->stride - 1))
		out[n++] = RAW(.code = BPF_ALU64 | BPF_MUL | BPF_K, .dst_reg = BPF_REG_0, .imm = (int32_t)a->stride);
	else
		out[n++] =
			RAW(.code = BPF_ALU64 | BPF_LSH | BPF_K, .dst_reg = BPF_REG_0, .imm = __builtin_ctz(a->stride));
	out[n++] = RAW(.code = BPF_ALU64 | BPF_ADD | BPF_X, .dst_reg = BPF_REG_0, .src_reg = BPF_REG_1);
	out[n++] = RAW(.code = BPF_JMP | BPF_JA, .off = 1);
	out[n++] = RAW(.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0);
	return n;
}

void fixup_probes(struct fixup_code *code, const struct verify_insn *facts)
{
	for (uint32_t i = 0; i < code->n_insns; i++) {
		struct bpf_insn *insn = &code->insns[i];
		const struct insn_desc *d = insn_decode_any(insn);

		if (facts[i].probe_mem && d->off == FORM_MEM && d->dst == FORM_WRITE)
			*insn = insn_probe(*insn);
		i += insn_is_wide(insn);
	}
}

static bool is_array_lookup(const struct bpf_insn *insn, const struct verify_insn *f, struct fixup_array *a,
			    bool (*array)(void *arg, uint32_t map, struct fixup_array *out), void *arg)
{
	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm == BPF_FUNC_map_lookup_elem &&
	       f->map_known && array(arg, f->map, a) && a->max_entries <= INT32_MAX && a->stride &&
	       a->stride <= INT32_MAX;
}

/* Does every jump still reach when instructions move to new_at? */
static bool jumps_fit(const struct fixup_code *code, const uint32_t *new_at)
{
	for (uint32_t i = 0; i < code->n_insns; i++) {
		const struct bpf_insn *insn = &code->insns[i];
		const struct insn_desc *d = insn_decode(insn, NULL);
		int64_t dist;

		if (d && d->off == FORM_JUMP) {
			dist = (int64_t)new_at[(int64_t)i + 1 + insn->off] - new_at[i] - 1;
			if (dist != (int16_t)dist)
				return false;
		}
		if (insn_is_wide(insn))
			i++;
	}
	return true;
}

int fixup_inline_lookups(struct fixup_code *code, const struct verify_insn *facts,
			 bool (*array)(void *arg, uint32_t map, struct fixup_array *out), void *arg)
{
	uint32_t *new_at = malloc((code->n_insns + 1) * sizeof(*new_at)), n = 0;
	struct bpf_insn lookup[LOOKUP_MAX], *insns;
	struct fixup_array a;

	if (!new_at)
		return -ENOMEM;
	for (uint32_t i = 0; i < code->n_insns; i++) {
		new_at[i] = n;
		n += is_array_lookup(&code->insns[i], &facts[i], &a, array, arg) ? write_lookup(&a, &facts[i], lookup)
										 : 1;
	}
	new_at[code->n_insns] = n;
	if (n == code->n_insns || n > SKEP_MAX_INSNS || !jumps_fit(code, new_at)) {
		free(new_at);
		return 0;
	}
	insns = malloc(n * sizeof(*insns));
	if (!insns) {
		free(new_at);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < code->n_insns; i++) {
		struct bpf_insn insn = code->insns[i];

		if (is_array_lookup(&insn, &facts[i], &a, array, arg)) {
			uint32_t slots = write_lookup(&a, &facts[i], lookup);

			memcpy(&insns[new_at[i]], lookup, slots * sizeof(insn));
			continue;
		}
		retarget(&insn, i, new_at); /* second halves are no instructions, and stay */
		insns[new_at[i]] = insn;
	}
	free(code->insns);
	code->insns = insns;
	code->n_insns = n;
	for (uint32_t i = 0; i < code->n_subprogs; i++) {
		code->subprogs[i] = new_at[code->subprogs[i]];
		if (code->func_info)
			code->func_info[i].insn_off = code->subprogs[i];
	}
	for (uint32_t i = 0; i < code->n_line_info; i++)
		code->line_info[i].insn_off = new_at[code->line_info[i].insn_off];
	free(new_at);
	return 0;
}
