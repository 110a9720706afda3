/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the engine gets with an accepted program: lines "fact ..." of a case.
 *
 *	fact zext|probe|map SLOT 0|1	verify_insn of the instruction; map: known, the same on all paths
 *	fact key SLOT N|none		the constant key of a look-up
 *	fact left N FUNCTIONS		instructions and functions that stay when dead code is removed
 *	fact at SLOT TEXT		the instruction that stands there then
 *	fact func I SLOT, line I SLOT FROM	functions' and lines' places then; each instruction had a line of its own number
 */
#include "rules.h"

#include "insn/insn.h"
#include "insn/text.h"
#include "verify/fixup.h"

#include <stdlib.h>
#include <string.h>

struct after {
	struct fixup_code code;
	struct verify_insn *facts;
};

/* The program without its dead code, of copies. */
static bool remove_dead(const struct rule_prog *p, const struct verify_result *r, struct after *a)
{
	uint32_t n = p->in.n_insns, subs = p->in.n_subprogs;

	*a = (struct after){.code = {.insns = calloc(n, sizeof(struct bpf_insn)),
				     .n_insns = n,
				     .subprogs = calloc(subs, sizeof(uint32_t)),
				     .n_subprogs = subs,
				     .func_info = p->func_info ? calloc(subs, sizeof(struct bpf_func_info)) : NULL,
				     .line_info = calloc(n, sizeof(struct bpf_line_info))},
			    .facts = calloc(n, sizeof(struct verify_insn))};
	if (!a->code.insns || !a->code.subprogs || !a->code.line_info || !a->facts)
		abort();
	memcpy(a->code.insns, p->insns, n * sizeof(struct bpf_insn));
	memcpy(a->code.subprogs, p->subprogs, subs * sizeof(uint32_t));
	if (p->func_info)
		memcpy(a->code.func_info, p->func_info, subs * sizeof(struct bpf_func_info));
	memcpy(a->facts, r->insns, n * sizeof(*a->facts));
	for (uint32_t i = 0; i < n; i++) {
		a->code.line_info[a->code.n_line_info++] = (struct bpf_line_info){.insn_off = i, .line_col = i};
		if (insn_is_wide(&p->insns[i]))
			i++;
	}
	return !fixup_dead_code(&a->code, a->facts);
}

static void free_after(struct after *a)
{
	free(a->code.insns);
	free(a->code.subprogs);
	free(a->code.func_info);
	free(a->code.line_info);
	free(a->facts);
}

static bool one(const char *line, const struct rule_prog *p, const struct verify_result *r, const struct after *a,
		char *got, size_t size)
{
	char kind[16] = "", word[64] = "";
	uint32_t at = 0, n = 0, from = 0;
	int used = 0;
	const struct verify_insn *i;

	if (sscanf(line, "fact %15s %u %63s%n", kind, &at, word, &used) < 2)
		return false;
	n = (uint32_t)strtoul(word, NULL, 0);
	sscanf(line + used, "%u", &from);
	i = at < p->in.n_insns ? &r->insns[at] : &r->insns[0];
	if (!strcmp(kind, "zext"))
		return i->zext == n;
	if (!strcmp(kind, "probe"))
		return i->probe_mem == n;
	if (!strcmp(kind, "map"))
		return i->map_known == n;
	if (!strcmp(kind, "key"))
		return strcmp(word, "none") ? i->key_known && i->map_key == n : !i->key_known;
	if (!strcmp(kind, "left")) {
		snprintf(got, size, "%u left, %u functions", a->code.n_insns, a->code.n_subprogs);
		return a->code.n_insns == at && a->code.n_subprogs == n;
	}
	if (!strcmp(kind, "func"))
		return at < a->code.n_subprogs && a->code.subprogs[at] == n &&
		       (!a->code.func_info || a->code.func_info[at].insn_off == n);
	if (!strcmp(kind, "line")) {
		if (at >= a->code.n_line_info)
			return false;
		snprintf(got, size, "%u from %u", a->code.line_info[at].insn_off, a->code.line_info[at].line_col);
		return a->code.line_info[at].insn_off == n && a->code.line_info[at].line_col == from;
	}
	if (!strcmp(kind, "at") && at < a->code.n_insns) {
		const char *text = strstr(line, word);

		insn_text(a->code.insns, a->code.n_insns, at, NULL, got, size);
		return text && !strcmp(got, text);
	}
	return false;
}

bool rule_facts(const struct rule *rule, const struct rule_prog *p, const struct verify_result *r, char *why,
		size_t size)
{
	char *text = strdup(rule->text), *rest = text, *line, got[128] = "";
	struct after a;
	bool ok = true;

	if (!strstr(text, "fact ")) {
		free(text);
		return true;
	}
	if (!remove_dead(p, r, &a))
		abort();
	while ((line = strsep(&rest, "\n")) && ok) {
		if (strncmp(line, "fact ", 5) != 0)
			continue;
		got[0] = 0;
		ok = one(line, p, r, &a, got, sizeof(got));
		if (!ok)
			snprintf(why, size, "not so: %s (%s)", line, got);
	}
	free_after(&a);
	free(text);
	return ok;
}
